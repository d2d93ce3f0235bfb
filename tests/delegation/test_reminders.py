"""The agency is reminded before a request lapses, both are before a term ends: once each, with the date."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import time_machine

from idp import clock
from idp.delegation.reminders import send_reminders
from idp.demo import HANAKO, ICHIRO, MINORU, MIRAI
from tests.delegation.steps import answer, ask, end, end_term_at, operate, state_of, suspend
from tests.world import World

HOUR = timedelta(hours=1)


def remind(world: World, *, at: datetime | None = None, limit: int = 200) -> int:
    """Let the job run once, at a moment; return how many grants it reminded of."""
    with time_machine.travel(at or clock.now(), tick=False):
        return world.write(
            lambda session: send_reminders(
                session, request_notice=timedelta(days=7), term_notice=timedelta(days=30), limit=limit
            )
        )


@pytest.fixture(autouse=True)
def nobody_else_waits(world: World) -> None:
    """Let the request of the cast be over, so that nobody but the test's own is reminded of one."""
    end(world, world.grant(ICHIRO).id)


def test_the_agency_is_reminded_of_a_request_seven_days_before_it_lapses(world: World) -> None:
    grant_id = ask(world, MINORU)
    lapses_at, letters = state_of(world, grant_id).lapses_at, len(world.letters())
    assert remind(world, at=lapses_at - timedelta(days=7) - HOUR) == 0
    for expected in (1, 0):
        assert remind(world, at=lapses_at - timedelta(days=7)) == expected
    [letter] = world.letters()[letters:]
    assert (letter.name, letter.to) == ("delegation_request_waits", MIRAI.email)
    assert letter.data["lapses_at"] == lapses_at.isoformat()
    assert letter.data["owner_user_id"] == MINORU.user_id
    written = world.events(grant_id=grant_id)[-1]
    assert (written.event, written.data["of"]) == ("delegation.reminded", "request")


def test_owner_and_agency_are_reminded_of_the_end_of_a_term_thirty_days_before(world: World) -> None:
    grant_id = ask(world, MINORU, months=3)
    answer(world, grant_id)
    over, letters = state_of(world, grant_id).expires_at, len(world.letters())
    assert over is not None
    due = over - timedelta(days=30)
    assert MINORU.email not in reminded(world, letters, at=due - HOUR)
    assert reminded(world, letters, at=due)[MINORU.email] == "delegation_ends_soon"
    told = [letter for letter in world.letters()[letters:] if letter.data["expires_at"] == over.isoformat()]
    assert sorted(letter.name for letter in told) == [
        "delegation_ends_soon", "delegation_ends_soon_for_agency"
    ]  # fmt: skip
    sent = len(world.letters())
    remind(world, at=over - HOUR)
    assert MINORU.email not in [letter.to for letter in world.letters()[sent:]]


def reminded(world: World, letters: int, *, at: datetime) -> dict[str, str]:
    """Run the job; return who was mailed what since so many letters."""
    remind(world, at=at)
    return {letter.to: letter.name for letter in world.letters()[letters:]}


def test_a_reminder_that_comes_late_says_the_right_date(world: World) -> None:
    grant_id = ask(world, MINORU)
    lapses_at, letters = state_of(world, grant_id).lapses_at, len(world.letters())
    assert remind(world, at=lapses_at - HOUR) >= 1
    [letter] = [one for one in world.letters()[letters:] if one.name == "delegation_request_waits"]
    assert letter.data["lapses_at"] == lapses_at.isoformat()


def test_the_approval_of_a_request_that_was_reminded_of_leaves_room_for_the_reminder_of_the_term(
    world: World,
) -> None:
    grant_id = ask(world, MINORU)
    lapses_at = state_of(world, grant_id).lapses_at
    with time_machine.travel(lapses_at - HOUR, tick=False):
        remind(world)
        answer(world, grant_id)
        over = state_of(world, grant_id).expires_at
    assert state_of(world, grant_id).reminded_at is None
    assert over is not None
    assert reminded(world, len(world.letters()), at=over - HOUR)[MINORU.email] == "delegation_ends_soon"


def test_nobody_is_reminded_of_what_is_over_or_rests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = clock.now() + timedelta(days=3)
    ended, waits = world.grant(HANAKO).id, ask(world, MINORU)
    end_term_at(world, ended, soon)
    end(world, ended)
    assert remind(world) == 0
    lapses_at = state_of(world, waits).lapses_at
    suspend(world)
    letters = len(world.letters())
    assert MIRAI.email not in reminded(world, letters, at=lapses_at - HOUR)
    suspend(world, suspended=False)
    operate(world, monkeypatch, "account", "suspend", MINORU.email)
    letters = len(world.letters())
    assert MIRAI.email not in reminded(world, letters, at=lapses_at - HOUR)
    operate(world, monkeypatch, "account", "reinstate", MINORU.email)
    letters = len(world.letters())
    assert reminded(world, letters, at=lapses_at - HOUR)[MIRAI.email] == "delegation_request_waits"


def test_several_workers_send_each_reminder_once(world: World) -> None:
    for owner in (HANAKO, MINORU):
        grant_id = world.grant(HANAKO).id if owner is HANAKO else ask(world, MINORU)
        if owner is MINORU:
            answer(world, grant_id)
        end_term_at(world, grant_id, clock.now() + timedelta(days=3))
    letters = len(world.letters())
    with ThreadPoolExecutor(3) as pool:
        for _ in range(2):
            list(pool.map(lambda _: remind_now(world), range(3)))
    sent = [letter.to for letter in world.letters()[letters:] if letter.name == "delegation_ends_soon"]
    assert sorted(sent) == sorted([HANAKO.email, MINORU.email])


def remind_now(world: World) -> int:
    """Run the job without moving the clock, which all threads share."""
    return world.write(
        lambda session: send_reminders(
            session, request_notice=timedelta(days=7), term_notice=timedelta(days=30)
        )
    )


def test_a_grant_that_cannot_be_reminded_of_holds_up_no_other(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    from tests.delegation.test_passing_time import set_address

    broken, other = world.grant(HANAKO).id, ask(world, MINORU)
    answer(world, other)
    end_term_at(world, broken, clock.now() + timedelta(days=2))
    end_term_at(world, other, clock.now() + timedelta(days=3))
    set_address(world, world.account(HANAKO).id, "no address that a mail could be sent to")
    with caplog.at_level(logging.ERROR):
        assert remind(world, limit=1) == 1
    assert [str(broken) in record.getMessage() for record in caplog.records] == [True]
    assert (state_of(world, broken).reminded_at, state_of(world, other).reminded_at is None) == (None, False)
