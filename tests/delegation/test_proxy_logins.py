"""Beginning a proxy login: what is written down of a refusal, what it replaces, and who is quicker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from sqlalchemy import event

from idp import clock
from idp.audit.models import AuditEvent
from idp.delegation.models import ActAsSession
from idp.demo import HANAKO
from idp.oauth.models import Client, ClientStatus
from tests.delegation.steps import end, end_term_at
from tests.oauth.desk import Desk, Parties
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import World


@pytest.fixture
def desk(world: World, parties: Parties) -> Desk:
    return Desk(world, parties)


# --- what is written down of a refusal ------------------------------------------------------------------


def last_refusal(world: World) -> AuditEvent:
    """Return the newest event, which is a refused proxy login."""
    newest = world.events()[-1]
    assert newest.event == "proxy_login.refused"
    return newest


def revoke(world: World) -> None:
    end(world, world.grant().id)


def term_over(world: World) -> None:
    end_term_at(world, world.grant().id, clock.now())


def portal_disabled(world: World) -> None:
    disabled = ClientStatus.DISABLED
    world.write(lambda session: setattr(session.get_one(Client, "agency-portal"), "status", disabled))


@pytest.mark.parametrize(
    ("happens", "reason"),
    [(revoke, "grant_not_in_force"), (term_over, "grant_not_in_force"),
     (portal_disabled, "client_may_not_act")],
    ids=["revoked", "over", "portal disabled"],
)  # fmt: skip
def test_a_ticket_that_is_no_longer_allowed_is_refused_with_its_reason_in_the_log(
    world: World, desk: Desk, happens: Callable[[World], object], reason: str
) -> None:
    ticket, grant = desk.ticket(), world.grant()
    happens(world)
    desk.mypage.authorize(desk.browser, login_hint=ticket).expect_error("login_required")
    refused = last_refusal(world)
    assert refused.data == {"reason": reason}
    assert (refused.grant_id, refused.owner_id, refused.agency_id, refused.actor_id, refused.client_id) == (
        grant.id, grant.owner_id, grant.agency_id, world.member().account_id, "mypage",
    )  # fmt: skip


def test_what_is_wrong_with_a_ticket_is_in_the_log(world: World, parties: Parties, desk: Desk) -> None:
    used, ticket, other = desk.ticket(), desk.ticket(), Desk(world, parties)
    desk.act(used)
    acting = desk.act()

    def refused(party: RelyingParty, at: Desk, **asked: Any) -> str:
        party.authorize(at.browser, **asked).expect_error("login_required")
        event = last_refusal(world)
        if event.data["reason"] != "ticket_unknown":
            assert event.grant_id == world.grant().id
        return str(event.data["reason"])

    assert refused(desk.mypage, desk, login_hint=used) == "ticket_used"
    assert refused(desk.mypage, other, login_hint=ticket) == "ticket_of_other_sign_in"
    assert refused(parties["shop"], desk, login_hint=ticket) == "ticket_of_other_audience"
    assert refused(desk.mypage, desk, login_hint="oct_" + "x" * 43) == "ticket_unknown"
    renewal = {"prompt": "none", "id_token_hint": acting.hint}
    assert refused(desk.mypage, other, **renewal) == "ticket_of_other_sign_in"
    with time_machine.travel(clock.now() + timedelta(minutes=2), tick=False):
        assert refused(desk.mypage, desk, login_hint=ticket) == "ticket_over"
    revoke(world)
    assert refused(desk.mypage, desk, **renewal) == "session_over"


# --- one browser shows one proxy login ------------------------------------------------------------------


def stored(world: World, acting: Tokens) -> ActAsSession:
    """Return a proxy login as it is now."""
    return world.read(lambda session: session.get_one(ActAsSession, UUID(acting.claims["sid"])))


def test_a_second_proxy_login_in_one_browser_ends_the_first_at_both_sides(
    world: World, parties: Parties, desk: Desk
) -> None:
    elsewhere = Desk(world, parties).act()
    desk.portal.exchange(desk.staff.access_token, world.grant().id).tokens()
    first = desk.act()
    assert world.logout_calls() == []
    second = desk.act()
    assert stored(world, first).end_reason == "staff"
    assert world.logout_calls() == [("mypage", first.claims["sid"])]
    assert world.api("GET", "/api/me/profile", first.access_token).status_code == 401
    for still in (second, elsewhere):
        assert world.api("GET", "/api/me/profile", still.access_token).status_code == 200
    assert world.count(ActAsSession) == 4
    ended = [one for one in world.events() if one.event == "proxy_login.ended"]
    assert [str(one.session_id) for one in ended] == [first.claims["sid"]]


def test_a_ticket_that_is_refused_ends_nothing(world: World, desk: Desk) -> None:
    ticket = desk.ticket()
    first = desk.act(ticket)
    desk.mypage.authorize(desk.browser, login_hint=ticket).expect_error("login_required")
    assert stored(world, first).ended_at is None


# --- a revocation in between ----------------------------------------------------------------------------


@contextmanager
def meanwhile(world: World, change: str) -> Iterator[None]:
    """Let the grant change after it was found to be good, just before its use is noted.

    On SQLite no second writer gets in between, so the change is made on the same connection, as what another
    one had stored would look.
    """
    changed = f"UPDATE delegation_grants SET {change} WHERE id = '{world.grant().id.hex}'"  # noqa: S608
    done: list[str] = []

    def step_in(connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.startswith("UPDATE delegation_grants SET last_used_at") and not done:
            done.append(statement)
            connection.exec_driver_sql(changed)

    event.listen(world.database.engine, "before_cursor_execute", step_in)
    yield
    event.remove(world.database.engine, "before_cursor_execute", step_in)
    assert done


CHANGES = ["state = 'revoked'", "state = 'suspended'", "expires_at = '2026-01-01 00:00:00.000000'"]


@pytest.mark.parametrize("change", CHANGES)
def test_an_exchange_that_was_overtaken_by_a_revocation_is_refused(
    world: World, desk: Desk, change: str
) -> None:
    with meanwhile(world, change):
        answer = desk.portal.exchange(desk.staff.access_token, world.grant().id)
    answer.expect_error("invalid_request")
    assert world.count(ActAsSession) == 0
    assert world.grant().last_used_at is None
    newest = world.events()[-1]
    assert (newest.event, newest.data["reason"], newest.owner_id) == (
        "delegation.exchange.refused", "grant_not_in_force", world.account(HANAKO).id,
    )  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_ticket_that_was_overtaken_by_a_revocation_is_refused(
    world: World, desk: Desk, change: str
) -> None:
    running, ticket = desk.act(), desk.ticket()
    with meanwhile(world, change):
        answer = desk.mypage.authorize(desk.browser, login_hint=ticket)
    answer.expect_error("login_required")
    assert world.count(ActAsSession) == 1
    assert last_refusal(world).data == {"reason": "grant_not_in_force"}
    assert stored(world, running).end_reason is None


def test_what_nobody_overtakes_is_noted_as_the_last_use(world: World, desk: Desk) -> None:
    assert world.grant().last_used_at is None
    desk.act()
    assert world.grant().last_used_at is not None
