"""Conditions of proxy logins, as pure rules: hours, networks, how many, a reason, a fresh sign-in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from idp.delegation.conditions.rules import (
    Circumstances,
    ConditionRefusal,
    Conditions,
    ConditionUnreadable,
    Unmet,
    check_max_age,
    check_per_hour,
    read_hours,
    read_networks,
    refuse,
    stricter,
)

NOON = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
"""In Japan."""
EVERYTHING = Conditions(
    reason_required=True, max_age=timedelta(minutes=5), hours=(read_hours("8:00-20:00"),),
    networks=(read_networks(["203.0.113.0/24", "2001:db8::/32"]),), per_hour=2,
)  # fmt: skip
FINE = Circumstances(NOON, "203.0.113.9", NOON - timedelta(minutes=5), "点検", (NOON - timedelta(minutes=9),))


def unmet(conditions: Conditions = EVERYTHING, **deviation: Any) -> Unmet | None:
    return refuse(conditions, replace(FINE, **deviation))


def test_who_meets_every_condition_may_begin() -> None:
    assert unmet() is None


@pytest.mark.parametrize(
    ("reason", "deviation"),
    [
        (ConditionRefusal.OUTSIDE_HOURS, {"now": datetime(2026, 11, 24, 22, 59, 59, tzinfo=UTC)}),
        (ConditionRefusal.OUTSIDE_HOURS, {"now": datetime(2026, 11, 24, 11, 0, tzinfo=UTC)}),
        (ConditionRefusal.OTHER_NETWORK, {"address": "203.0.114.1"}),
        (ConditionRefusal.OTHER_NETWORK, {"address": "2001:db9::1"}),
        (ConditionRefusal.OTHER_NETWORK, {"address": None}),
        (ConditionRefusal.OTHER_NETWORK, {"address": "unix"}),
        (ConditionRefusal.TOO_MANY_IN_HOUR,
         {"begun": (NOON - timedelta(minutes=50), NOON - timedelta(minutes=9))}),
        (ConditionRefusal.REASON_MISSING, {"reason": ""}),
        (ConditionRefusal.REASON_MISSING, {"reason": " \u3000 "}),
        (ConditionRefusal.SIGN_IN_TOO_OLD, {"authenticated_at": NOON - timedelta(seconds=301)}),
    ],
)  # fmt: skip
def test_one_condition_that_is_not_met_is_enough_to_refuse(
    reason: ConditionRefusal, deviation: dict[str, Any]
) -> None:
    found = unmet(**deviation)
    assert found is not None
    assert found.reason is reason


def test_each_condition_has_its_case_above() -> None:
    marks = test_one_condition_that_is_not_met_is_enough_to_refuse.pytestmark  # set by parametrize
    assert {reason for reason, _ in marks[0].args[1]} == set(ConditionRefusal)


def test_without_conditions_anything_may_begin() -> None:
    assert unmet(Conditions(), address=None, reason="", authenticated_at=NOON - timedelta(days=1)) is None


def test_an_address_that_stands_for_one_of_the_old_kind_counts_as_it() -> None:
    assert unmet(address="::ffff:203.0.113.9") is None


def test_a_system_has_no_sign_in_that_could_be_too_old() -> None:
    assert unmet(authenticated_at=None) is None


def test_what_was_asked_at_the_exchange_is_not_asked_of_the_ticket() -> None:
    assert unmet(reason=None, begun=()) is None


def test_whoever_begins_too_many_is_told_when_the_next_may_begin() -> None:
    begun = (NOON - timedelta(minutes=70), NOON - timedelta(minutes=50), NOON - timedelta(minutes=9))
    assert unmet(begun=begun) == Unmet(ConditionRefusal.TOO_MANY_IN_HOUR, retry_after=timedelta(minutes=10))


def test_hours_go_over_midnight() -> None:
    night = Conditions(hours=(read_hours("22:00-6:00"),))
    at = {
        hour: unmet(night, now=datetime(2026, 11, 24, hour, tzinfo=UTC)) is None for hour in (12, 13, 20, 21)
    }
    assert at == {12: False, 13: True, 20: True, 21: False}  # 21:00, 22:00, 5:00 and 6:00 in Japan


def test_neither_can_loosen_what_the_other_demands() -> None:
    agency = Conditions(reason_required=True, max_age=timedelta(minutes=10))
    operator = Conditions(max_age=timedelta(minutes=5), hours=EVERYTHING.hours, per_hour=3)
    both = Conditions(reason_required=True, max_age=timedelta(minutes=5), hours=EVERYTHING.hours, per_hour=3)
    assert stricter(agency, operator) == stricter(operator, agency) == both
    day, evening = (Conditions(hours=(read_hours(text),)) for text in ("8:00-18:00", "12:00-23:00"))
    at_nine = unmet(stricter(day, evening), now=datetime(2026, 11, 24, 0, tzinfo=UTC))
    assert at_nine is not None
    assert unmet(stricter(day, evening)) is None


@pytest.mark.parametrize(
    "text", ["", "8-20", "8:00", "8:00-8:00", "24:00-6:00", "8:60-9:00", "8:00-25:00", "８:00-20:00", "-"]
)
def test_hours_that_nobody_can_read_are_refused(text: str) -> None:
    with pytest.raises(ConditionUnreadable, match=r"8:00-20:00"):
        read_hours(text)


def test_a_day_may_end_at_midnight() -> None:
    assert str(read_hours(" 8:00 - 24:00")) == "8:00-24:00"


@pytest.mark.parametrize("word", ["203.0.113.9/24", "example.jp", "203.0.113", "::/129", "0x7f.1"])
def test_networks_that_nobody_can_read_are_refused(word: str) -> None:
    with pytest.raises(ConditionUnreadable, match="networks"):
        read_networks([word])


def test_a_list_of_networks_has_its_end() -> None:
    with pytest.raises(ConditionUnreadable, match="at most"):
        read_networks([f"10.0.{number}.0/24" for number in range(51)])


@pytest.mark.parametrize("seconds", [-1, 0, 59, 43201])
def test_a_sign_in_that_nobody_could_be_fresh_enough_with_is_refused(seconds: int) -> None:
    with pytest.raises(ConditionUnreadable, match="max_age"):
        check_max_age(seconds)


@pytest.mark.parametrize("count", [-1, 0, 10_001])
def test_a_number_in_an_hour_that_means_nothing_is_refused(count: int) -> None:
    with pytest.raises(ConditionUnreadable, match="per_hour"):
        check_per_hour(count)
