"""Two managers at the same moment: an agency is never without one, and one invitation gives one place."""

import itertools
import uuid
from dataclasses import dataclass
from functools import partial

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Account, Member
from idp.accounts.rules import MemberRole, NotAMember, RoleMayNot
from idp.accounts.staff.rules import InvitationOver, LastManager
from idp.accounts.staff.service import NewPerson, accept
from idp.delegation.assignments.assigning import assign
from idp.delegation.assignments.rules import Assignee, AssigneeUnknown
from idp.delegation.rules import READ
from idp.delegation.service import Consent, request_grant
from idp.delegation.staff import service
from idp.demo import MINORU, AgencyPart, MemberPart, make_agency
from tests.accounts.visitor import forms_of
from tests.races.arena import Arena, in_browser
from tests.races.test_decided_together import at_once
from tests.world import MANAGER, World

ROUNDS = 5
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Pair:
    """The two managers of an agency that no other test knows."""

    world: World
    parts: tuple[MemberPart, MemberPart]

    @property
    def members(self) -> tuple[Member, Member]:
        one, other = (self.world.member(part) for part in self.parts)
        return one, other

    def restore(self) -> None:
        """Let both be managers again."""
        ids = [member.id for member in self.members]
        both = update(Member).where(Member.id.in_(ids)).values(role=MemberRole.MANAGER, left_at=None)
        self.world.write(lambda session: session.execute(both).close())

    def count(self) -> int:
        """Return how many managers are there."""
        there = select(Member.id).where(
            Member.agency_id == self.members[0].agency_id, Member.role == MemberRole.MANAGER,
            Member.left_at.is_(None),
        )  # fmt: skip
        return len(self.world.read(lambda session: session.scalars(there).all()))


@pytest.fixture
def pair(world: World) -> Pair:
    number = next(_numbers)
    one, other = (
        MemberPart(f"{name}{number}@pair.example", "岡田 誠", "オカダ マコト", MemberRole.MANAGER)
        for name in ("one", "other")
    )
    agency = AgencyPart(
        "ふたり設備", f"pair{number}@pair.example", "1500002", "東京都", "渋谷区", "渋谷2-21-1", "0337650000",
        (one, other),
    )  # fmt: skip
    hashed = world.account(MANAGER).password_hash or ""
    world.write(lambda session: make_agency(session, agency, hashed) and None)
    return Pair(world, (one, other))


@pytest.mark.parametrize("how", ["remove", "demote", "leave"])
def test_of_two_managers_who_go_at_the_same_moment_one_stays(pair: Pair, how: str) -> None:
    def go(by: Member, whom: Member) -> object:
        def work(session: Session) -> object:
            if how == "demote":
                return service.change_role(session, by.account_id, whom.id, role=MemberRole.VIEWER).id
            if how == "leave":
                return service.leave(session, whom.account_id, now=clock.now()).id
            return service.remove(session, by.account_id, whom.id, now=clock.now()).id

        return pair.world.write(work)

    one, other = pair.members
    for _ in range(ROUNDS):
        outcomes = at_once(partial(go, one, other), partial(go, other, one))
        assert pair.count() == 1, outcomes
        (refused,) = (outcome for outcome in outcomes if isinstance(outcome, Exception))
        assert isinstance(refused, NotAMember | RoleMayNot | LastManager), outcomes
        pair.restore()


def test_two_managers_who_remove_each_other_in_two_processes_leave_one(pair: Pair, arena: Arena) -> None:
    shots = []
    for part, whom in zip(pair.parts, reversed(pair.members), strict=True):
        browser, path = pair.world.browser(part), f"/agency/staff/{whom.id}/remove"
        form = next(form for form in forms_of(browser.get(path)) if not form.action)
        shots.append(in_browser(browser, path, dict(form.fields)))
    statuses = sorted(answer.status for answer in arena.at_once(shots))
    assert pair.count() == 1
    assert statuses[0] == 303
    assert statuses[1] < 500


def test_an_invitation_that_two_accept_at_once_gives_one_place(pair: Pair) -> None:
    world, manager, person = (
        pair.world,
        pair.world.browser(pair.parts[0]),
        NewPerson("上田 学", "ウエダ", "x"),
    )
    for number in range(ROUNDS):
        email = f"new{number}.{pair.parts[0].email}"
        assert manager.submit("/agency/staff/invite", email=email, role="viewer").status_code == 303
        token = str(world.letters()[-1].data["token"])

        def take(token: str = token) -> object:
            return world.write(
                lambda session: accept(session, token, signed_in=None, person=person, now=clock.now()).id
            )

        outcomes = at_once(take, take)
        assert {type(outcome) for outcome in outcomes} == {uuid.UUID, InvitationOver}, outcomes


def test_an_owner_is_not_assigned_to_somebody_who_is_leaving_at_that_moment(pair: Pair) -> None:
    world, (manager, leaver) = pair.world, pair.members
    owner = world.account(MINORU).id
    consent = Consent(manager.agency_id, frozenset({READ}), 12)
    grant = world.write(
        lambda session: request_grant(session, session.get_one(Account, owner), consent, answer_days=30).id
    )

    def give() -> object:
        to = Assignee(member_id=leaver.id)
        return world.write(
            lambda session: assign(session, session.get_one(Member, manager.id), [grant], to=to)
        )

    def leave() -> object:
        return world.write(lambda session: service.leave(session, leaver.account_id, now=clock.now()).id)

    for _ in range(ROUNDS):
        given, left = at_once(give, leave)
        assert isinstance(left, uuid.UUID), left
        assert isinstance(given, list | AssigneeUnknown), given
        with pytest.raises(AssigneeUnknown):
            give()
        pair.restore()
