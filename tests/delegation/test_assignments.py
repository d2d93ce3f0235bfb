"""Owners are assigned to staff and groups; who is limited to theirs sees and serves no others."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Agency, Member
from idp.accounts.rules import RoleMayNot
from idp.accounts.staff.models import GroupMember, StaffGroup
from idp.delegation.assignments import handover, service
from idp.delegation.assignments.assigning import assign, running_unserved
from idp.delegation.assignments.rules import NOBODY, Assignee, AssigneeUnknown, Outcome
from idp.delegation.models import Grant
from idp.demo import HANAKO, ICHIRO, SAKURA, SETSUKO, MemberPart
from tests.delegation.steps import answer, release
from tests.oauth.desk import Desk, Parties
from tests.world import APPROVER, LOGIN_ONLY, MANAGER, RIVAL, VIEWER, World


def give(
    world: World, grant_ids: Sequence[uuid.UUID], to: Assignee, *, by: MemberPart = MANAGER
) -> list[Outcome]:
    member_id = world.member(by).id
    results = world.write(
        lambda session: assign(session, session.get_one(Member, member_id), grant_ids, to=to)
    )
    assert [grant_id for grant_id, _outcome in results] == list(grant_ids)
    return [outcome for _grant_id, outcome in results]


def assign_only(world: World) -> None:
    agency_id = world.agency().id
    world.write(lambda session: session.get_one(Agency, agency_id).__setattr__("assigned_only", True))


def make_group(world: World, *parts: MemberPart, name: str = "京都営業所") -> uuid.UUID:
    members = [world.member(part) for part in parts]

    def make(session: Session) -> uuid.UUID:
        group = StaffGroup(
            id=credentials.new_id(), agency_id=world.agency().id, name=name, created_at=clock.now()
        )
        session.add(group)
        session.flush()
        session.add_all(GroupMember(group_id=group.id, member_id=member.id) for member in members)
        return group.id

    return world.write(make)


def serves(world: World, part: MemberPart, grant_id: uuid.UUID) -> bool:
    """Ask both forms of the question, which must agree."""
    member = world.member(part)

    def ask(session: Session) -> bool:
        one = service.may_serve(session, grant_id, member)
        shown = session.scalars(select(Grant.id).where(Grant.id == grant_id, service.visible_to(member)))
        assert (shown.first() is not None) == one
        return one

    return world.read(ask)


def test_without_the_agencys_wish_assignments_hide_nothing(world: World) -> None:
    grant = world.grant().id
    give(world, [grant], Assignee(member_id=world.member(APPROVER).id))
    assert serves(world, LOGIN_ONLY, grant)
    assert serves(world, VIEWER, grant)


def test_staff_who_sign_in_or_look_serve_what_is_assigned_to_them_or_their_group(world: World) -> None:
    assign_only(world)
    grant = world.grant().id
    assert not serves(world, LOGIN_ONLY, grant)
    assert serves(world, MANAGER, grant)
    assert serves(world, APPROVER, grant)
    assert give(world, [grant], Assignee(member_id=world.member(LOGIN_ONLY).id)) == [Outcome.ASSIGNED]
    assert serves(world, LOGIN_ONLY, grant)
    assert not serves(world, VIEWER, grant)
    group = make_group(world, VIEWER)
    assert give(world, [grant], Assignee(group_id=group), by=APPROVER) == [Outcome.ASSIGNED]
    assert serves(world, VIEWER, grant)
    assert not serves(world, LOGIN_ONLY, grant)
    give(world, [grant], NOBODY)
    assert not serves(world, VIEWER, grant)
    assert [event.event for event in world.events(grant_id=grant)][-3:] == ["owner.assigned"] * 3


def test_whoever_has_left_looks_after_nobody(world: World) -> None:
    assign_only(world)
    grant, member = world.grant().id, world.member(LOGIN_ONLY)
    give(world, [grant], Assignee(member_id=member.id))
    world.write(lambda session: session.get_one(Member, member.id).__setattr__("left_at", clock.now()))
    assert not serves(world, LOGIN_ONLY, grant)


def test_the_same_again_is_no_event(world: World) -> None:
    grant, to = world.grant().id, Assignee(member_id=world.member(LOGIN_ONLY).id)
    give(world, [grant], to)
    before = world.digest()
    assert give(world, [grant], to) == [Outcome.ASSIGNED]
    assert world.digest() == before
    assert [event.event for event in world.events(grant_id=grant)].count("owner.assigned") == 1


def test_only_open_grants_of_the_own_agency_are_assigned_to_its_own_staff_and_groups(world: World) -> None:
    own, foreign = world.grant(HANAKO).id, world.grant(SETSUKO, SAKURA).id
    before = world.digest()
    to = Assignee(member_id=world.member(LOGIN_ONLY).id)
    assert give(world, [foreign, uuid.uuid4()], to) == [Outcome.UNKNOWN] * 2
    for stranger in (
        Assignee(member_id=world.member(RIVAL).id),
        Assignee(group_id=uuid.uuid4()),
        Assignee(member_id=world.member(LOGIN_ONLY).id, group_id=uuid.uuid4()),
    ):
        with pytest.raises(AssigneeUnknown):
            give(world, [own], stranger)
    for nobody in (LOGIN_ONLY, VIEWER):
        with pytest.raises(RoleMayNot):
            give(world, [own], to, by=nobody)
    assert world.digest() == before
    assert give(world, [own], to) == [Outcome.ASSIGNED]


def test_grants_that_are_over_are_not_counted_for_whoever_looked_after_them(world: World) -> None:
    member, group = world.member(LOGIN_ONLY), make_group(world)

    def counts() -> tuple[dict[uuid.UUID, int], dict[uuid.UUID, int]]:
        return world.read(
            lambda session: (
                handover.counts_by_member(session, member.agency_id),
                handover.counts_by_group(session, member.agency_id),
            )
        )

    assert counts() == ({}, {})
    give(world, [world.grant(HANAKO).id], Assignee(member_id=member.id))
    give(world, [world.grant(ICHIRO).id], Assignee(group_id=group))
    assert counts() == ({member.id: 1}, {group: 1})
    release(world, world.grant(HANAKO).id)
    answer(world, world.grant(ICHIRO).id, approve=False)
    assert counts() == ({}, {})
    assert world.read(lambda session: handover.count_of_member(session, member.id)) == 0


def test_a_grant_names_who_looks_after_it_also_after_they_left(world: World) -> None:
    grant, member = world.grant().id, world.member(LOGIN_ONLY)

    def named() -> tuple[str, str, bool] | None:
        found = world.read(lambda session: service.find_assignee(session, grant))
        return (found.kind, found.name, found.has_left) if found else None

    assert named() is None
    give(world, [grant], Assignee(member_id=member.id))
    assert named() == ("member", LOGIN_ONLY.name, False)
    world.write(lambda session: session.get_one(Member, member.id).__setattr__("left_at", clock.now()))
    assert named() == ("member", LOGIN_ONLY.name, True)
    give(world, [grant], Assignee(group_id=make_group(world)))
    assert named() == ("group", "京都営業所", False)


def test_only_what_runs_is_looked_through_for_owners_who_are_no_longer_served(
    world: World, parties: Parties
) -> None:
    """What ended by the clock alone keeps no end of its own, and there is more of it every day."""
    sid = uuid.UUID(Desk(world, parties).act().claims["sid"])
    member = world.member(MANAGER)
    world.write(lambda session: session.get_one(Member, member.id).__setattr__("role", "viewer"))

    def unserved(after: timedelta) -> list[uuid.UUID]:
        now = clock.now() + after
        return list(world.read(lambda session: running_unserved(session, member.agency_id, now)))

    assert unserved(timedelta()) == [sid]
    assert unserved(timedelta(hours=1)) == []
