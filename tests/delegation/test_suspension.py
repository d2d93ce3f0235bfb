"""Suspending agencies and accounts: who is told, what stops, and that it stays quick for a large agency."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner
from sqlalchemy import event, select

from idp import clock, credentials
from idp.accounts.models import Account
from idp.cli import cli
from idp.delegation.models import ActAsSession, Grant
from idp.delegation.rules import OwnerNotActive, Party
from idp.demo import HANAKO, ICHIRO, MINORU, MIRAI, SAKURA, OwnerPart, make_owner
from tests.delegation.steps import (
    answer,
    ask,
    end,
    end_term_at,
    let_time_pass,
    operate,
    release,
    state_of,
    suspend,
)
from tests.oauth.desk import Desk, Parties
from tests.oauth.relying_party import RelyingParty
from tests.world import MANAGER, RIVAL, VIEWER, World


@pytest.fixture
def desk(world: World, parties: Parties) -> Desk:
    return Desk(world, parties)


def reasons(world: World) -> list[str | None]:
    """Return why each proxy login ended, the oldest first."""
    query = select(ActAsSession.end_reason).order_by(ActAsSession.started_at)
    return list(world.read(lambda session: session.scalars(query).all()))


# --- an agency ------------------------------------------------------------------------------------------


def test_owners_and_once_the_agency_are_told_of_suspension_and_reinstatement(world: World) -> None:
    answer(world, ask(world, MINORU))
    for suspended, word in ((True, "suspended"), (False, "reinstated")):
        before = len(world.letters())
        assert suspend(world, suspended=suspended) == 2
        sent = world.letters()[before:]
        assert sorted((letter.name, letter.to) for letter in sent) == sorted(
            [(f"delegation_{word}", HANAKO.email), (f"delegation_{word}", MINORU.email),
             (f"agency_{word}", MIRAI.email)]
        )  # fmt: skip
        for letter in sent:
            if letter.name.startswith("agency"):
                assert letter.data == {"grants": 2}
            else:
                assert letter.data["agency"] == {"name": MIRAI.name, "email": MIRAI.email}


def test_a_grant_whose_term_is_over_is_left_to_the_clock(world: World) -> None:
    """Neither suspended nor given back: its owner is told once, that the term is over."""
    over = world.grant(HANAKO).id
    end_term_at(world, over, clock.now())
    before = len(world.letters())
    assert suspend(world) == 0
    assert state_of(world, over).state == "active"
    assert [letter.name for letter in world.letters()[before:]] == ["agency_suspended"]


def test_a_term_that_ran_out_during_the_suspension_does_not_come_back(world: World) -> None:
    grant = world.grant(HANAKO)
    suspend(world)
    assert grant.expires_at is not None
    with time_machine.travel(grant.expires_at, tick=False):
        assert suspend(world, suspended=False) == 0
    assert state_of(world, grant.id).state == "suspended"


def test_a_suspension_ends_what_runs_and_leaves_what_is_over(
    world: World, parties: Parties, desk: Desk
) -> None:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        desk.act()
        traveller.shift(1801)
        running = Desk(world, parties).act()
        suspend(world)
    assert reasons(world) == [None, "grant_ended"]
    assert world.logout_calls() == [("mypage", running.claims["sid"])]
    assert [one.event for one in world.events()].count("proxy_login.ended") == 1


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    """Collect the statements that reach the database."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    event.listen(world.database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(world.database.engine, "before_cursor_execute", note)


def test_a_large_agency_is_suspended_with_as_many_statements_as_a_small_one(world: World) -> None:
    with statements(world) as few:
        assert suspend(world) == 1
    suspend(world, suspended=False)
    add_owners(world, 40)
    with statements(world) as many:
        assert suspend(world) == 41
    assert len(many) == len(few)
    assert [one.event for one in world.events()].count("delegation.suspended") == 42


def add_owners(world: World, number: int) -> None:
    """Add owners, each with an active grant like Hanako's."""
    like = world.grant(HANAKO)

    def add(session: Any) -> None:
        password_hash = session.scalars(select(Account.password_hash)).first()
        for index in range(number):
            part = OwnerPart(
                f"owner{index}@owner.example", f"名前{index}", "ナマエ", 20000000 + index, "6008216",
                "京都府", "京都市", "1", "0757777777", (), "",
            )  # fmt: skip
            owner = make_owner(session, part, password_hash)
            session.add(
                Grant(
                    id=credentials.new_id(), owner_id=owner.id, agency_id=like.agency_id, state="active",
                    permissions=like.permissions, term_months=12, wording=like.wording,
                    requested_at=like.requested_at, lapses_at=like.lapses_at, expires_at=like.expires_at,
                )
            )  # fmt: skip

    world.write(add)


# --- an account -----------------------------------------------------------------------------------------


def test_suspending_an_owner_ends_the_proxy_logins_for_them_and_tells_the_relying_party(
    world: World, desk: Desk, mypage: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = desk.act()
    own = mypage.sign_in(HANAKO)
    operate(world, monkeypatch, "account", "suspend", HANAKO.email)
    assert reasons(world) == ["grant_ended"]
    assert world.logout_calls() == [("mypage", acting.claims["sid"])]
    for token in (acting.access_token, own.access_token):
        assert world.api("GET", "/api/me/profile", token).status_code == 401
    assert world.api("GET", "/api/agency", desk.staff.access_token).status_code == 200


def names(world: World, *, after: int) -> list[tuple[str, str]]:
    """Return what was mailed to whom since so many letters."""
    return sorted((letter.name, letter.to) for letter in world.letters()[after:])


def test_an_owners_suspension_rests_what_is_active_and_tells_owner_and_agency_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    active, asked = world.grant(HANAKO).id, ask(world, HANAKO, agency=SAKURA)
    for command, state, word in (
        ("suspend", "suspended", "suspended"),
        ("reinstate", "active", "reinstated"),
    ):
        before, events = len(world.letters()), len(world.events(grant_id=active))
        operate(world, monkeypatch, "account", command, HANAKO.email)
        assert [state_of(world, one).state for one in (active, asked)] == [state, "requested"]
        assert names(world, after=before) == sorted(
            [(f"owner_{word}", MIRAI.email), (f"account_{word}", HANAKO.email)]
        )
        [written] = world.events(grant_id=active)[events:]
        assert (written.event, written.data["by"]) == (f"delegation.{word}", "operator")


def test_what_both_are_suspended_for_returns_when_both_are_welcome_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant_id = world.grant(HANAKO).id

    def agency(suspended: bool) -> None:
        suspend(world, suspended=suspended)

    def owner(suspended: bool) -> None:
        operate(world, monkeypatch, "account", "suspend" if suspended else "reinstate", HANAKO.email)

    for first, second in ((agency, owner), (owner, agency)):
        for lifted, last in ((first, second), (second, first)):
            for party in (first, second):
                party(True)
            lifted(False)
            assert state_of(world, grant_id).state == "suspended"
            last(False)
            assert state_of(world, grant_id).state == "active"


def test_lifting_brings_back_nothing_that_ended_or_was_asked_for_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoked, over, waits = world.grant(HANAKO).id, ask(world, HANAKO, agency=SAKURA), ask(world, MINORU)
    answer(world, over, by=RIVAL)
    for owner in (HANAKO, MINORU):
        operate(world, monkeypatch, "account", "suspend", owner.email)
    end(world, revoked)
    end_term_at(world, over, clock.now())
    for owner in (HANAKO, MINORU):
        operate(world, monkeypatch, "account", "reinstate", owner.email)
    assert [state_of(world, one).state for one in (revoked, over, waits)] == [
        "revoked", "suspended", "requested"
    ]  # fmt: skip
    let_time_pass(world)
    assert state_of(world, over).state == "expired"


@pytest.mark.parametrize("approve", [True, False])
def test_the_request_of_a_suspended_owner_waits_for_its_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, approve: bool
) -> None:
    grant_id = ask(world, MINORU)
    operate(world, monkeypatch, "account", "suspend", MINORU.email)
    with pytest.raises(OwnerNotActive):
        answer(world, grant_id, approve=approve)
    assert state_of(world, grant_id).state == "requested"
    operate(world, monkeypatch, "account", "reinstate", MINORU.email)
    answer(world, grant_id, approve=approve)
    assert state_of(world, grant_id).state == ("active" if approve else "denied")


@pytest.mark.parametrize("by", [Party.OWNER, Party.AGENCY, Party.OPERATOR])
def test_what_rests_can_be_ended_by_each_party(
    world: World, monkeypatch: pytest.MonkeyPatch, by: Party
) -> None:
    grant_id = world.grant(HANAKO).id
    operate(world, monkeypatch, "account", "suspend", HANAKO.email)
    if by is Party.AGENCY:
        release(world, grant_id)
    else:
        end(world, grant_id, by=by)
    assert (state_of(world, grant_id).state, state_of(world, grant_id).ended_by) == ("revoked", by)


def test_suspending_a_member_of_staff_ends_what_they_do_and_nobody_elses(
    world: World, parties: Parties, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = desk.act()
    operate(world, monkeypatch, "account", "suspend", VIEWER.email)
    assert reasons(world) == [None]
    operate(world, monkeypatch, "account", "suspend", MANAGER.email)
    assert reasons(world) == ["signed_out"]
    assert world.logout_calls() == [("mypage", acting.claims["sid"])]
    assert world.grant(HANAKO).state == "active"


def test_an_account_is_suspended_once_and_reinstated_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDP_DATABASE_URL", world.settings.database_url)
    for command, codes in (("reinstate", [1]), ("suspend", [0, 1]), ("reinstate", [0, 1])):
        for code in codes:
            result = CliRunner().invoke(cli, ["account", command, ICHIRO.email])
            assert result.exit_code == code, result.output
    written = [one.event for one in world.events() if one.event.startswith("account.")]
    assert written == ["account.suspended", "account.reinstated"]
