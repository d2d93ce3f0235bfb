"""The state machine of a grant, its term, and when it is in force."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.delegation.rules import (
    DEFAULT_TERM_MONTHS,
    TERMS_MONTHS,
    GrantState,
    Party,
    Transition,
    TransitionRefused,
    end_of_term,
    is_in_force,
    lapse_moment,
    next_state,
)

EVERYTHING_THAT_CAN_HAPPEN = {
    ("requested", "approve"): ("active", "agency"),
    ("requested", "deny"): ("denied", "agency"),
    ("requested", "withdraw"): ("withdrawn", "owner operator"),
    ("requested", "lapse"): ("lapsed", "clock"),
    ("active", "revoke"): ("revoked", "owner agency operator"),
    ("active", "expire"): ("expired", "clock"),
    ("active", "suspend"): ("suspended", "operator"),
    ("suspended", "reinstate"): ("active", "operator"),
    ("suspended", "revoke"): ("revoked", "owner agency operator"),
    ("suspended", "expire"): ("expired", "clock"),
}
"""Written down a second time, from the protocol page, so that a slip in the rule's own table is seen."""
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize("state", GrantState)
@pytest.mark.parametrize("transition", Transition)
@pytest.mark.parametrize("party", Party)
def test_only_what_is_written_down_can_happen(
    state: GrantState, transition: Transition, party: Party
) -> None:
    after, parties = EVERYTHING_THAT_CAN_HAPPEN.get((state.value, transition.value), ("", ""))
    if party.value in parties.split():
        assert next_state(state, transition, party) == after
    else:
        with pytest.raises(TransitionRefused) as refused:
            next_state(state, transition, party)
        assert (refused.value.state, refused.value.transition) == (state, transition)


def outcomes(state: GrantState, party: Party) -> set[GrantState]:
    """Return every state that a party can bring a grant into from this one."""
    found = set()
    for transition in Transition:
        with suppress(TransitionRefused):
            found.add(next_state(state, transition, party))
    return found


def test_every_state_can_be_reached_from_a_request() -> None:
    reached = {GrantState.REQUESTED}
    for _ in GrantState:
        reached |= {after for before, party in product(reached, Party) for after in outcomes(before, party)}
    assert reached == set(GrantState)


def test_nobody_but_the_agency_can_make_a_request_active() -> None:
    assert {party for party in Party if GrantState.ACTIVE in outcomes(GrantState.REQUESTED, party)} == {
        Party.AGENCY
    }


@pytest.mark.parametrize("state", GrantState)
def test_a_grant_that_ended_never_begins_again(state: GrantState) -> None:
    assert any(outcomes(state, party) for party in Party) is state.is_open


@pytest.mark.parametrize("party", [Party.OWNER, Party.AGENCY, Party.OPERATOR])
def test_each_person_concerned_can_end_an_active_grant(party: Party) -> None:
    assert next_state(GrantState.ACTIVE, Transition.REVOKE, party) is GrantState.REVOKED


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-11-24T03:00:00+00:00", 3, "2027-02-24T03:00:00+00:00"),
        ("2026-11-24T03:00:00+00:00", 12, "2027-11-24T03:00:00+00:00"),
        ("2026-11-24T03:00:00+00:00", 36, "2029-11-24T03:00:00+00:00"),
        ("2026-11-30T00:00:00+00:00", 3, "2027-02-28T00:00:00+00:00"),
        ("2027-11-30T00:00:00+00:00", 3, "2028-02-29T00:00:00+00:00"),
        ("2027-08-31T23:59:59+00:00", 3, "2027-11-30T23:59:59+00:00"),
        ("2026-12-31T00:00:00+00:00", 3, "2027-03-31T00:00:00+00:00"),
        ("2028-02-29T12:00:00+00:00", 12, "2029-02-28T12:00:00+00:00"),
        ("2028-02-29T12:00:00+00:00", 36, "2031-02-28T12:00:00+00:00"),
        ("2027-02-28T12:00:00+00:00", 12, "2028-02-28T12:00:00+00:00"),
        ("2026-12-01T00:00:00+00:00", 12, "2027-12-01T00:00:00+00:00"),
    ],
)
def test_a_term_ends_on_the_same_day_or_the_last_of_a_shorter_month(
    start: str, months: int, end: str
) -> None:
    assert end_of_term(datetime.fromisoformat(start), months) == datetime.fromisoformat(end)


@given(
    start=st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive by definition
    months=st.sampled_from(TERMS_MONTHS),
)
def test_a_term_is_never_longer_than_its_months_nor_shorter_than_three_days_less(
    start: datetime, months: int
) -> None:
    end = end_of_term(start, months)
    elapsed = (end.year - start.year) * 12 + end.month - start.month
    assert elapsed == months
    assert 0 <= start.day - end.day <= 3
    assert end.timetz() == start.timetz()


def test_the_term_that_is_offered_first_is_one_of_those_that_exist() -> None:
    assert DEFAULT_TERM_MONTHS in TERMS_MONTHS


@pytest.mark.parametrize(
    ("remaining", "in_force"),
    [(timedelta(days=1), True), (TICK, True), (timedelta(0), False), (-TICK, False)],
)
def test_the_end_of_a_term_is_exclusive(remaining: timedelta, in_force: bool) -> None:
    assert is_in_force(GrantState.ACTIVE, NOW + remaining, NOW) is in_force


@pytest.mark.parametrize("state", GrantState)
def test_only_an_active_grant_is_in_force(state: GrantState) -> None:
    assert is_in_force(state, NOW + timedelta(days=1), NOW) is (state is GrantState.ACTIVE)


def test_a_grant_without_an_end_is_not_in_force() -> None:
    assert is_in_force(GrantState.ACTIVE, NOW + TICK, NOW)
    assert not is_in_force(GrantState.ACTIVE, None, NOW)


def test_a_request_lapses_after_so_many_days() -> None:
    assert lapse_moment(NOW, 30) == NOW + timedelta(days=30)
