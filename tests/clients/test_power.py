"""Power data is the same everywhere, physically possible, and opens when journeys say."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.mypage.chart import draw
from clients.mypage.power import (
    CHARGE_LIMIT,
    EFFICIENCY,
    Hour,
    compute_day,
    find_system,
    total,
)
from clients.mypage.rules import find_viewable_days, opens_at
from clients.relying_party.clock import JST

SERIAL = "HC-A10001WN1"
DAY = date(2026, 5, 14)
days = st.dates(date(2024, 1, 1), date(2030, 12, 31))
serials = st.from_regex(r"HC-[A-Z]\d{5}WN\d", fullmatch=True)


def test_the_same_serial_and_day_give_the_same_data_in_another_process() -> None:
    program = (
        "from datetime import date; from clients.mypage.power import compute_day;"
        f"print(compute_day({SERIAL!r}, {DAY!r}.__class__(2026, 5, 14)))"
    ).replace("datetime.date(2026, 5, 14).__class__", "date")
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == str(compute_day(SERIAL, DAY))


def test_another_serial_or_day_gives_other_data() -> None:
    here = compute_day(SERIAL, DAY)
    assert compute_day("HC-A10002WN1", DAY) != here
    assert compute_day(SERIAL, DAY + timedelta(days=1)) != here


@given(serial=serials, day=days)
def test_no_energy_is_lost_or_made(serial: str, day: date) -> None:
    for hour in compute_day(serial, day):
        came = hour.generation + hour.discharge + hour.bought
        assert came == pytest.approx(hour.use + hour.charge + hour.sold)
        assert min(hour.bought, hour.sold) == 0
        for energy in (hour.generation, hour.use, hour.charge, hour.discharge, hour.bought, hour.sold):
            assert energy >= 0


@given(serial=serials, day=days)
def test_the_battery_stays_within_its_limits_and_goes_on_over_midnight(serial: str, day: date) -> None:
    system = find_system(serial)
    stored = compute_day(serial, day - timedelta(days=1))[-1].stored
    for hour in compute_day(serial, day):
        assert hour.stored == pytest.approx(stored + hour.charge * EFFICIENCY - hour.discharge, abs=1e-6)
        assert -1e-9 <= hour.stored <= system.battery_kwh + 1e-9
        assert max(hour.charge, hour.discharge) <= CHARGE_LIMIT
        stored = hour.stored


@given(serial=serials, day=days)
def test_the_sun_shines_by_day_alone(serial: str, day: date) -> None:
    hours = compute_day(serial, day)
    assert len(hours) == 24
    assert all(hours[number].generation == 0 for number in (0, 1, 2, 3, 20, 21, 22, 23))
    assert 0 < hours[11].generation < find_system(serial).panel_kw


def test_a_household_uses_most_in_the_morning_and_in_the_evening() -> None:
    month = [compute_day(SERIAL, DAY + timedelta(days=number)) for number in range(30)]

    def mean(hour: int) -> float:
        return sum(day[hour].use for day in month) / len(month)

    assert mean(7) > 1.5 * mean(3)
    assert mean(19) > 1.5 * mean(15)
    assert 5 < sum(total(day).use for day in month) / 30 < 25


def test_summer_brings_more_sun_than_winter() -> None:
    def month(first: date) -> float:
        return sum(total(compute_day(SERIAL, first + timedelta(days=n))).generation for n in range(28))

    assert month(date(2026, 6, 1)) > month(date(2026, 12, 1))


JOINED = datetime(2026, 11, 23, 14, 59, tzinfo=UTC)
"""23:59 in Japan."""


def test_the_data_opens_at_seven_in_japan_on_the_day_after_joining() -> None:
    assert opens_at(JOINED, JST) == datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
    assert opens_at(JOINED + timedelta(minutes=1), JST) == datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
    assert opens_at(datetime(2026, 11, 22, 15, 0, tzinfo=UTC), JST) == opens_at(JOINED, JST)


def test_before_the_opening_no_day_can_be_seen_and_from_then_on_every_day_since_joining() -> None:
    opening = opens_at(JOINED, JST)
    assert find_viewable_days(JOINED, opening - timedelta(seconds=1), zone=JST) is None
    assert find_viewable_days(None, opening, zone=JST) is None
    opened = find_viewable_days(JOINED, opening, zone=JST)
    assert opened is not None
    assert (opened.first, opened.last) == (date(2026, 11, 23), date(2026, 11, 24))
    assert opened.nearest(date(2020, 1, 1)) == opened.first
    assert opened.nearest(date(2030, 1, 1)) == opened.last


def test_the_chart_keeps_every_point_inside_its_frame() -> None:
    hours = compute_day(SERIAL, DAY)
    chart = draw(hours)
    for line in (chart.generation, chart.storage, chart.use):
        points = [tuple(map(float, point.split(","))) for point in line.split()]
        assert len(points) == 24
        assert all(chart.left <= x <= chart.right and 0 < y <= chart.bottom for x, y in points)
    assert 3 <= len(chart.levels) <= 7
    assert chart.levels[0].position == chart.bottom


@pytest.mark.parametrize("highest", [0.0, 0.1, 0.9, 3.3, 12.0, 49.0])
def test_the_axis_reaches_over_the_highest_value(highest: float) -> None:
    flat = Hour(hour=0, generation=0, use=highest, charge=0, discharge=0, bought=highest, sold=0, stored=0)
    chart = draw((flat,))
    assert float(chart.levels[-1].label) >= highest
    assert draw(()).use == ""
