"""Each transition with its state, audit event and mails; who may not; what the second of two gets."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import time_machine
from sqlalchemy import event, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Account, Agency
from idp.accounts.rules import AgencyStatus, MemberRole, RoleMayNot
from idp.delegation import service
from idp.delegation.models import Grant
from idp.delegation.rules import (
    READ,
    WRITE,
    AgencyUnknown,
    AlreadyOpen,
    GrantState,
    GrantUnknown,
    OwnRequest,
    Party,
    TransitionRefused,
    end_of_term,
)
from idp.delegation.service import Consent
from idp.demo import HANAKO, ICHIRO, MINORU, MIRAI, SAKURA, SETSUKO, TADASHI
from tests.delegation.steps import (
    age,
    answer,
    ask,
    end,
    end_term_at,
    let_time_pass,
    release,
    state_of,
    suspend,
)
from tests.world import APPROVER, BOTH, LOGIN_ONLY, MANAGER, RIVAL, VIEWER, World

BOTH_ARE_TOLD = [("delegation_ended_for_owner", MINORU.email), ("delegation_ended_for_agency", MIRAI.email)]
SUSPENSION_IS_TOLD = [
    ("delegation_suspended", HANAKO.email), ("delegation_suspended", MINORU.email),
    ("agency_suspended", MIRAI.email),
]  # fmt: skip
OWNER_APPROVED = [("delegation_approved", MINORU.email)]
OWNER_DENIED = [("delegation_denied", MINORU.email)]
Step = Callable[[World, UUID], object]


def approved(world: World) -> UUID:
    grant_id = ask(world)
    answer(world, grant_id)
    return grant_id


def lapse(world: World, grant_id: UUID) -> None:
    age(world, grant_id, by=timedelta(days=30))
    let_time_pass(world)


def expire(world: World, grant_id: UUID) -> None:
    end_term_at(world, grant_id, clock.now())
    let_time_pass(world)


STEPS: dict[str, tuple[Callable[[World], UUID], Step, str, str | None, list[tuple[str, str]], str | None]] = {
    "approve": (ask, answer, "active", "agency", OWNER_APPROVED, None),
    "deny": (ask, lambda w, g: answer(w, g, approve=False), "denied", "agency", OWNER_DENIED, "denied"),
    "withdraw": (ask, end, "withdrawn", "owner", BOTH_ARE_TOLD, "withdrawn"),
    "withdraw by telephone": (ask, lambda w, g: end(w, g, by=Party.OPERATOR), "withdrawn", "operator",
                              BOTH_ARE_TOLD, "cancelled"),
    "lapse": (ask, lapse, "lapsed", "clock", BOTH_ARE_TOLD, "lapsed"),
    "revoke": (approved, end, "revoked", "owner", BOTH_ARE_TOLD, "revoked"),
    "revoke by telephone": (approved, lambda w, g: end(w, g, by=Party.OPERATOR), "revoked", "operator",
                            BOTH_ARE_TOLD, "stopped"),
    "release": (approved, release, "revoked", "agency", BOTH_ARE_TOLD, "released"),
    "expire": (approved, expire, "expired", "clock", BOTH_ARE_TOLD, "expired"),
    "suspend": (approved, lambda w, _: suspend(w), "suspended", "operator", SUSPENSION_IS_TOLD, None),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_a_step_writes_the_state_one_event_and_its_mails(world: World, name: str) -> None:
    prepare, step, state, party, mails, how = STEPS[name]
    grant_id = prepare(world)
    before, events = world.letters(), world.events(grant_id=grant_id)
    step(world, grant_id)
    grant, written = state_of(world, grant_id), world.events(grant_id=grant_id)[len(events) :]
    sent = world.letters()[len(before) :]
    assert grant.state == state
    named = "approved" if state == "active" else state
    assert [(one.event, one.data["before"], one.data["by"]) for one in written] == [
        (f"delegation.{named}", "requested" if prepare is ask else "active", party)
    ]
    assert [(one.owner_id, one.agency_id) for one in written] == [(grant.owner_id, grant.agency_id)]
    assert sorted((mail.name, mail.to) for mail in sent) == sorted(mails)
    assert {mail.data["how"] for mail in sent if "how" in mail.data} == (
        {how} if mails is BOTH_ARE_TOLD else set()
    )
    assert (grant.ended_at is None) is GrantState(state).is_open
    assert grant.ended_by == (None if GrantState(state).is_open else party)


def test_a_request_keeps_what_the_owner_agreed_to_and_tells_the_agency(world: World) -> None:
    before = len(world.letters())
    grant_id = ask(world, ICHIRO, agency=SAKURA, permissions=[READ, WRITE], months=3)
    grant = state_of(world, grant_id)
    assert (grant.state, grant.permission_set, grant.term_months) == ("requested", {READ, WRITE}, 3)
    assert grant.lapses_at - grant.requested_at == timedelta(days=30)
    assert (grant.decided_at, grant.expires_at, grant.last_used_at) == (None, None, None)
    [letter] = world.letters()[before:]
    assert (letter.name, letter.to) == ("delegation_requested", SAKURA.email)
    assert letter.data["owner"]["email"] == ICHIRO.email
    assert [product["serial_number"] for product in letter.data["products"]] == list(ICHIRO.serials)
    [written] = world.events(grant_id=grant_id)
    assert (written.event, written.actor_id) == ("delegation.requested", world.account(ICHIRO).id)
    assert written.data == {"permissions": f"{READ} {WRITE}", "term_months": 3, "wording": grant.wording}


@pytest.mark.parametrize("months", [3, 12, 36])
def test_the_term_begins_with_the_approval(world: World, months: int) -> None:
    grant_id = ask(world, months=months)
    age(world, grant_id, by=timedelta(days=20))
    answer(world, grant_id, by=APPROVER)
    grant = state_of(world, grant_id)
    assert grant.decided_at is not None
    assert grant.expires_at == end_of_term(grant.decided_at, months)
    assert grant.decided_by == world.account(APPROVER).id


@pytest.mark.parametrize("state", ["requested", "active", "suspended"])
def test_a_second_request_is_refused_while_one_stands(world: World, state: str) -> None:
    grant_id = ask(world)
    if state != "requested":
        answer(world, grant_id)
    if state == "suspended":
        world.write(lambda session: setattr(session.get_one(Grant, grant_id), "state", state))
    before = world.digest()
    with pytest.raises(AlreadyOpen) as refused:
        ask(world, permissions=[READ, WRITE])
    assert refused.value.state == state
    assert world.digest() == before
    ask(world, agency=SAKURA)


@pytest.mark.parametrize("name", ["deny", "withdraw", "lapse", "revoke", "release", "expire"])
def test_an_owner_may_ask_again_once_it_is_over(world: World, name: str) -> None:
    prepare, step, *_ = STEPS[name]
    first = prepare(world)
    step(world, first)
    second = ask(world)
    answer(world, second)
    assert state_of(world, second).state == "active"
    assert not GrantState(state_of(world, first).state).is_open


def test_of_two_requests_at_once_the_database_keeps_one(world: World) -> None:
    owner_id, agency_id = world.account(MINORU).id, world.agency().id

    def ask_while_another_is_quicker(session: Session) -> None:
        @event.listens_for(session, "before_flush", once=True)
        def rival(flushing: Session, *_: object) -> None:
            now = clock.now()
            flushing.connection().execute(
                insert(Grant).values(
                    id=uuid4(), owner_id=owner_id, agency_id=agency_id, permissions=READ, term_months=3,
                    state="requested", wording="x", requested_at=now, lapses_at=now,
                )
            )  # fmt: skip

        owner = session.get_one(Account, owner_id)
        service.request_grant(session, owner, Consent(agency_id, frozenset({READ}), 12), answer_days=30)

    before = world.digest()
    with pytest.raises(AlreadyOpen):
        world.write(ask_while_another_is_quicker)
    assert world.digest() == before


def test_the_database_itself_keeps_two_grants_from_standing(world: World) -> None:
    grant_id = approved(world)
    end(world, grant_id)
    again = ask(world)
    with pytest.raises(IntegrityError, match=r"UNIQUE|UniqueViolation"):
        world.write(lambda session: setattr(session.get_one(Grant, grant_id), "state", "requested"))
    world.write(lambda session: setattr(session.get_one(Grant, again), "state", "denied"))
    world.write(lambda session: setattr(session.get_one(Grant, grant_id), "state", "requested"))


@pytest.mark.parametrize("state", ["active", "suspended"])
def test_the_database_itself_wants_a_term_for_a_grant_in_force(world: World, state: str) -> None:
    grant_id = ask(world)
    with pytest.raises(IntegrityError, match="term_begun"):
        world.write(lambda session: setattr(session.get_one(Grant, grant_id), "state", state))
    answer(world, grant_id)


@pytest.mark.parametrize("step", [answer, lambda w, g: answer(w, g, approve=False)], ids=["approve", "deny"])
def test_an_answer_that_comes_after_the_request_lapsed_is_refused(world: World, step: Step) -> None:
    grant_id = ask(world)
    lapses_at = state_of(world, grant_id).lapses_at
    with time_machine.travel(lapses_at, tick=False), pytest.raises(TransitionRefused) as refused:
        step(world, grant_id)
    assert refused.value.state is GrantState.LAPSED
    with time_machine.travel(lapses_at - timedelta(seconds=1), tick=False):
        step(world, grant_id)


@pytest.mark.parametrize("name", ["deny", "withdraw", "lapse", "revoke", "release", "expire"])
def test_nobody_can_do_anything_with_a_grant_that_ended(world: World, name: str) -> None:
    prepare, step, state, *_ = STEPS[name]
    grant_id = prepare(world)
    step(world, grant_id)
    before = world.digest()
    for again in (answer, release, end, lambda w, g: end(w, g, by=Party.OPERATOR),
                  lambda w, g: answer(w, g, approve=False)):  # fmt: skip
        with pytest.raises(TransitionRefused) as refused:
            again(world, grant_id)
        assert refused.value.state == state
    assert let_time_pass(world) == 0
    assert world.digest() == before


def test_a_step_and_all_that_belongs_to_it_is_stored_together_or_not_at_all(world: World) -> None:
    grant_id, member_id = ask(world), world.member().id
    before, events = world.digest(), len(world.events())

    def approve_and_fail(session: Session) -> None:
        from idp.accounts.models import Member

        service.answer(session, session.get_one(Member, member_id), grant_id, approve=True)
        raise ConnectionError("the power went out")

    with pytest.raises(ConnectionError):
        world.write(approve_and_fail)
    assert (world.digest(), len(world.events())) == (before, events)
    answer(world, grant_id)


@pytest.mark.parametrize(
    ("by", "may"),
    [(MANAGER, True), (APPROVER, True), (LOGIN_ONLY, False), (VIEWER, False)],
    ids=[role.value for role in MemberRole],
)
def test_only_managers_and_approvers_decide(world: World, by: object, may: bool) -> None:
    requested, active = ask(world), world.grant(HANAKO).id
    for step in (lambda: answer(world, requested, by=by), lambda: release(world, active, by=by)):  # type: ignore[arg-type]
        if may:
            step()
        else:
            with pytest.raises(RoleMayNot):
                step()
    assert state_of(world, requested).state == ("active" if may else "requested")
    assert state_of(world, active).state == ("revoked" if may else "active")


def test_nobody_answers_their_own_request(world: World) -> None:
    grant_id = ask(world, BOTH)
    for approve in (True, False):
        with pytest.raises(OwnRequest):
            answer(world, grant_id, approve=approve, by=BOTH)
    assert state_of(world, grant_id).state == "requested"
    answer(world, grant_id, by=APPROVER)
    answer(world, ask(world, MINORU), by=BOTH)


def test_a_member_of_another_agency_finds_nothing(world: World) -> None:
    requested, active, before = ask(world), world.grant(HANAKO).id, world.digest()
    with pytest.raises(GrantUnknown):
        answer(world, requested, by=RIVAL)
    with pytest.raises(GrantUnknown):
        release(world, active, by=RIVAL)
    with pytest.raises(GrantUnknown):
        answer(world, uuid4(), by=RIVAL)
    assert world.digest() == before


def test_an_owner_ends_no_grant_but_their_own(world: World) -> None:
    active, minoru, hanako = world.grant(HANAKO).id, world.account(MINORU).id, world.account(HANAKO).id
    for grant_id in (active, uuid4()):
        with pytest.raises(GrantUnknown):
            world.write(lambda session, one=grant_id: service.end_by_owner(session, minoru, one))
    with pytest.raises(GrantUnknown):
        world.write(lambda session: service.end_by_operator(session, uuid4()))
    world.write(lambda session: service.end_by_owner(session, hanako, active))


def test_a_suspended_agency_has_nothing_and_gets_back_exactly_what_it_had(world: World) -> None:
    active, requested, denied, expired = (
        world.grant(owner).id for owner in (HANAKO, ICHIRO, SETSUKO, TADASHI)
    )
    elsewhere = world.grant(SETSUKO, SAKURA).id
    more = approved(world)
    assert suspend(world) == 2
    states = [state_of(world, one).state for one in (active, more, requested, denied, expired, elsewhere)]
    assert states == ["suspended", "suspended", "requested", "denied", "expired", "active"]
    end(world, more)
    assert suspend(world, suspended=False) == 1
    states = [state_of(world, one).state for one in (active, more, requested, denied, expired, elsewhere)]
    assert states == ["active", "revoked", "requested", "denied", "expired", "active"]


def test_a_term_goes_on_running_while_the_agency_is_suspended(world: World) -> None:
    active = world.grant(HANAKO)
    suspend(world)
    assert active.expires_at is not None
    with time_machine.travel(active.expires_at, tick=False):
        assert let_time_pass(world) >= 1
    assert state_of(world, active.id).state == "expired"
    assert suspend(world, suspended=False) == 0


def test_an_agency_is_suspended_once_and_reinstated_once(world: World) -> None:
    with pytest.raises(AgencyUnknown):
        suspend(world, suspended=False)
    suspend(world)
    with pytest.raises(AgencyUnknown):
        suspend(world)


@pytest.mark.parametrize("status", [AgencyStatus.SUSPENDED, AgencyStatus.CLOSED])
def test_nobody_can_consent_to_an_agency_that_is_not_in_good_standing(
    world: World, status: AgencyStatus
) -> None:
    agency_id = world.agency().id
    assert world.read(lambda session: service.find_agency(session, MIRAI.email).id) == agency_id
    world.write(lambda session: setattr(session.get_one(Agency, agency_id), "status", status))
    with pytest.raises(AgencyUnknown):
        ask(world)
    with pytest.raises(AgencyUnknown):
        world.read(lambda session: service.find_agency(session, MIRAI.email))
    ask(world, agency=SAKURA)
