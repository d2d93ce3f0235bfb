"""Power data of one home battery system for one day: generation, storage and use, hour by hour.

The club's own telemetry is not part of this system. These pure functions stand for it: the same serial number
and day give the same data on every machine, without storage, and what they give is physically possible.
Energy is neither lost nor made, the battery stays within its limits, and the sun does not shine at night.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import cos, exp, pi, sin

WARM_UP_DAYS = 7
"""Days computed before the one asked for, so that it begins with what the day before left in the battery."""
CHARGE_LIMIT = 2.5
"""Largest energy in kWh that goes into or out of the battery within an hour."""
EFFICIENCY = 0.93
"""Part of the energy put into the battery that is stored."""


@dataclass(frozen=True, kw_only=True)
class System:
    """What is built into one home."""

    panel_kw: float
    battery_kwh: float
    reserve_kwh: float
    """Kept for a power cut, and charged at night when it is missing."""
    household: float
    """How much this household uses, compared with a middling one."""


@dataclass(frozen=True, kw_only=True)
class Hour:
    """One hour. All energies are in kWh."""

    hour: int
    generation: float
    use: float
    charge: float
    discharge: float
    bought: float
    sold: float
    stored: float
    """Energy in the battery at the end of the hour."""


@dataclass(frozen=True, kw_only=True)
class DayTotals:
    """Sums of the hours of a day, in kWh."""

    generation: float
    use: float
    charge: float
    discharge: float
    bought: float
    sold: float


def find_system(serial_number: str) -> System:
    """Return what the serial number stands for."""
    battery = (4.0, 7.2, 7.7, 9.7, 12.0, 16.6)[int(_chance(serial_number, "battery") * 6)]
    return System(
        panel_kw=round(3.5 + 3.5 * _chance(serial_number, "panel"), 1),
        battery_kwh=battery,
        reserve_kwh=round(battery * 0.2, 2),
        household=0.75 + 0.6 * _chance(serial_number, "household"),
    )


def compute_day(serial_number: str, day: date) -> tuple[Hour, ...]:
    """Return the 24 hours of a day, from midnight in Japan."""
    system = find_system(serial_number)
    stored = system.reserve_kwh
    hours: tuple[Hour, ...] = ()
    for back in range(WARM_UP_DAYS, -1, -1):
        hours = tuple(_run_day(system, serial_number, day - timedelta(days=back), stored=stored))
        stored = hours[-1].stored
    return hours


def total(hours: tuple[Hour, ...]) -> DayTotals:
    """Return the sums over some hours."""
    return DayTotals(
        generation=sum(hour.generation for hour in hours),
        use=sum(hour.use for hour in hours),
        charge=sum(hour.charge for hour in hours),
        discharge=sum(hour.discharge for hour in hours),
        bought=sum(hour.bought for hour in hours),
        sold=sum(hour.sold for hour in hours),
    )


def _run_day(system: System, serial_number: str, day: date, *, stored: float) -> Iterator[Hour]:
    """Let the battery take what the sun gives too much, and give what the household lacks."""
    for number in range(24):
        generation = _generation(system, day, number)
        use = _use(system, serial_number, day, number)
        surplus = generation - use
        room = (system.battery_kwh - stored) / EFFICIENCY
        charge = min(max(surplus, 0.0), CHARGE_LIMIT, room)
        discharge = min(max(-surplus, 0.0), CHARGE_LIMIT, max(stored - system.reserve_kwh, 0.0))
        if number < 5 and stored < system.reserve_kwh:
            charge = max(charge, min((system.reserve_kwh - stored) / EFFICIENCY, CHARGE_LIMIT))
        stored += charge * EFFICIENCY - discharge
        exchange = surplus - charge + discharge
        yield Hour(
            hour=number,
            generation=generation,
            use=use,
            charge=charge,
            discharge=discharge,
            bought=max(0.0, -exchange),
            sold=max(0.0, exchange),
            stored=stored,
        )


def _generation(system: System, day: date, hour: int) -> float:
    """A bell between sunrise and sunset, lowered by the weather of the day and the clouds of the hour."""
    season = cos(2 * pi * (day.timetuple().tm_yday - 172) / 365.25)
    daylight = 12.1 + 2.4 * season
    height = (hour + 0.5 - (11.9 - daylight / 2)) / daylight
    if not 0 < height < 1:
        return 0.0
    weather = _chance("weather", day.isoformat())
    clearness = 0.95 if weather < 0.55 else 0.5 if weather < 0.8 else 0.18
    clouds = 1 - (1 - clearness) * 0.7 * _chance("clouds", f"{day.isoformat()}T{hour:02}")
    bell = max(sin(pi * height), 0.0) ** 1.4
    return float(system.panel_kw * (0.62 + 0.12 * season) * clearness * clouds * bell)


def _use(system: System, serial_number: str, day: date, hour: int) -> float:
    """A base load with a morning and an evening peak, higher in summer, in winter and at weekend noons."""
    year = 2 * pi * (day.timetuple().tm_yday - 15) / 365.25
    season = 1 + 0.22 * cos(year) + 0.18 * cos(2 * year)
    morning = 0.75 * _peak(hour, at=7.0, width=1.3)
    evening = 1.35 * _peak(hour, at=19.5, width=2.2)
    noon = (0.55 if day.weekday() >= 5 else 0.25) * _peak(hour, at=12.5, width=1.5)
    habit = 0.8 + 0.4 * _chance(serial_number, f"{day.isoformat()}T{hour:02}")
    return system.household * (0.28 + (morning + evening + noon) * season) * habit


def _peak(hour: int, *, at: float, width: float) -> float:
    return exp(-(((hour + 0.5 - at) / width) ** 2) / 2)


def _chance(*labels: str) -> float:
    """Return a number from 0 up to 1 that depends on nothing but the labels."""
    hashed = hashlib.sha256("\x1f".join(labels).encode()).digest()
    return int.from_bytes(hashed[:7]) / (1 << 56)
