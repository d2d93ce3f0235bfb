"""The clock's job: what is overdue moves, the longest overdue first, and one bad grant holds up no other."""

import logging
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from idp import clock
from idp.accounts.models import Account
from idp.delegation.passing_time import let_time_pass
from idp.demo import HANAKO, ICHIRO, MINORU
from tests.delegation.steps import age, answer, ask, end_term_at, state_of
from tests.world import World


@pytest.fixture
def overdue(world: World) -> list[UUID]:
    """Two grants whose term is over, and a request that nobody answered; the owner of the first is broken."""
    first, second, request = world.grant(HANAKO).id, ask(world, MINORU), world.grant(ICHIRO).id
    answer(world, second)
    end_term_at(world, first, clock.now() - timedelta(days=2))
    end_term_at(world, second, clock.now() - timedelta(days=1))
    age(world, request, by=timedelta(days=31))
    set_address(world, world.account(HANAKO).id, "no address that a mail could be sent to")
    return [first, second, request]


def set_address(world: World, owner_id: UUID, address: str) -> None:
    """Store an owner's address, also one that no form would let pass."""
    changed = update(Account).where(Account.id == owner_id).values(email=address)
    world.write(lambda session: session.execute(changed).close())


def pass_time(world: World, *, limit: int) -> int:
    """Let the job run once, and store what it did."""
    return world.write(lambda session: let_time_pass(session, limit=limit))


@pytest.mark.parametrize("limit", [1, 200])
def test_a_grant_that_cannot_be_moved_is_logged_and_passed_over(
    world: World, overdue: list[UUID], limit: int, caplog: pytest.LogCaptureFixture
) -> None:
    first = overdue[0]
    letters = len(world.letters())
    with caplog.at_level(logging.ERROR):
        assert pass_time(world, limit=limit) == 2
    assert [state_of(world, one).state for one in overdue] == ["active", "expired", "lapsed"]
    assert [str(first) in record.getMessage() for record in caplog.records] == [True]
    assert "no address" not in caplog.records[0].getMessage()
    assert len(world.letters()) == letters + 4
    assert [one.event for one in world.events(grant_id=first)][-1] != "delegation.expired"
    assert pass_time(world, limit=limit) == 0


def test_it_is_moved_once_what_was_wrong_is_put_right(world: World, overdue: list[UUID]) -> None:
    pass_time(world, limit=200)
    set_address(world, state_of(world, overdue[0]).owner_id, HANAKO.email)
    assert pass_time(world, limit=200) == 1
    assert state_of(world, overdue[0]).state == "expired"


def test_the_longest_overdue_goes_first(world: World) -> None:
    late, later = world.grant(HANAKO).id, ask(world, MINORU)
    answer(world, later)
    end_term_at(world, late, clock.now() - timedelta(hours=1))
    end_term_at(world, later, clock.now() - timedelta(hours=2))
    assert pass_time(world, limit=1) == 1
    assert (state_of(world, late).state, state_of(world, later).state) == ("active", "expired")
    assert pass_time(world, limit=1) == 1
    assert state_of(world, late).state == "expired"
