"""Under which conditions a proxy login may begin. Pure: what an agency and the operator demand, and whether
a moment, a place and a reason are good enough for both.

They hold when a proxy login begins, at the exchange and once more when its ticket is used. What runs is not
measured again: it ends by itself within half an hour (docs/decisions/0022-conditions-of-proxy-logins.md).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeVar

from idp.errors import Refusal

HOUR = timedelta(hours=1)
JAPAN = timezone(timedelta(hours=9))
DAY_MINUTES = 24 * 60
MOST_NETWORKS = 50
MOST_PER_HOUR = 10_000
SHORTEST_MAX_AGE = 60
"""Seconds. Whoever has just given the password must get from there to the button."""
LONGEST_MAX_AGE = 12 * 3600
Network = IPv4Network | IPv6Network
LimitT = TypeVar("LimitT", int, timedelta)


class ConditionRefusal(StrEnum):
    """Which condition is not met. Owner and grant are in order, so the client is told."""

    OUTSIDE_HOURS = "outside_hours"
    OTHER_NETWORK = "other_network"
    TOO_MANY_IN_HOUR = "too_many_in_hour"
    REASON_MISSING = "reason_missing"
    SIGN_IN_TOO_OLD = "sign_in_too_old"


@dataclass(eq=False)
class ConditionUnreadable(Refusal):
    """A condition cannot be set so; ``what`` names it and says what to write instead."""

    what: str
    status = 400


@dataclass(frozen=True)
class Hours:
    """Part of each day in Japan, in minutes after midnight; the end is exclusive, or after midnight."""

    opens_at: int
    closes_at: int

    def include(self, moment: datetime) -> bool:
        """Tell whether a moment lies within them."""
        local = moment.astimezone(JAPAN)
        minute = local.hour * 60 + local.minute
        if self.opens_at <= self.closes_at:
            return self.opens_at <= minute < self.closes_at
        return minute >= self.opens_at or minute < self.closes_at

    def __str__(self) -> str:
        """Return 8:00-20:00."""
        return "-".join(f"{at // 60}:{at % 60:02}" for at in (self.opens_at, self.closes_at))


@dataclass(frozen=True)
class Conditions:
    """What is demanded, by one of the two or by both together."""

    reason_required: bool = False
    max_age: timedelta | None = None
    hours: tuple[Hours, ...] = ()
    """All of these at once; none: at any hour."""
    networks: tuple[tuple[Network, ...], ...] = ()
    """One of each of these lists; none: from anywhere."""
    per_hour: int | None = None


@dataclass(frozen=True)
class Circumstances:
    """How it stands with a proxy login that is to begin."""

    now: datetime
    address: str | None
    """Where the person's browser is, or the system."""
    authenticated_at: datetime | None
    """When the staff member last gave the password; None for a system, which has none."""
    reason: str | None
    """None where it is not looked at again."""
    begun: tuple[datetime, ...] = field(default=())
    """When this member or system began others, the earliest first."""


@dataclass(frozen=True)
class Unmet:
    """A condition that is not met, and what whoever asked can do."""

    reason: ConditionRefusal
    retry_after: timedelta | None = None
    max_age: timedelta | None = None


def stricter(one: Conditions, other: Conditions) -> Conditions:
    """Return what both demand: each of them holds, so that neither can loosen the other."""
    return Conditions(
        reason_required=one.reason_required or other.reason_required,
        max_age=_least(one.max_age, other.max_age),
        hours=(*one.hours, *other.hours),
        networks=(*one.networks, *other.networks),
        per_hour=_least(one.per_hour, other.per_hour),
    )


def refuse(conditions: Conditions, circumstances: Circumstances) -> Unmet | None:
    """Return the first condition that is not met, those first that nobody at the screen can change.

    Asked only after everything about grant, actor, audience and scope is in order, so that the answer tells
    nothing to anybody who may not act here anyway.
    """
    now = circumstances.now
    if not all(hours.include(now) for hours in conditions.hours):
        return Unmet(ConditionRefusal.OUTSIDE_HOURS)
    if not all(_is_within(circumstances.address, networks) for networks in conditions.networks):
        return Unmet(ConditionRefusal.OTHER_NETWORK)
    recent = [at for at in circumstances.begun if at > now - HOUR]
    if conditions.per_hour is not None and len(recent) >= conditions.per_hour:
        frees = recent[-conditions.per_hour] if conditions.per_hour else now
        return Unmet(ConditionRefusal.TOO_MANY_IN_HOUR, retry_after=frees + HOUR - now)
    if conditions.reason_required and circumstances.reason is not None and not circumstances.reason.strip():
        return Unmet(ConditionRefusal.REASON_MISSING)
    signed_in = circumstances.authenticated_at
    if conditions.max_age is not None and signed_in is not None and now - signed_in > conditions.max_age:
        return Unmet(ConditionRefusal.SIGN_IN_TOO_OLD, max_age=conditions.max_age)
    return None


def read_hours(text: str) -> Hours:
    """Return the hours of a text like 8:00-20:00; 22:00-6:00 goes over midnight.

    :raises ConditionUnreadable: it is none, or covers nothing.
    """
    match = re.fullmatch(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})", text.strip(), re.ASCII)
    parts = [int(part) for part in match.groups()] if match else [99] * 4
    opens, closes = parts[0] * 60 + parts[1], parts[2] * 60 + parts[3]
    if parts[1] > 59 or parts[3] > 59 or opens >= DAY_MINUTES or closes > DAY_MINUTES or opens == closes:
        raise ConditionUnreadable("hours must be like 8:00-20:00, or 22:00-6:00 over midnight")
    return Hours(opens, closes)


def read_networks(words: Iterable[str]) -> tuple[Network, ...]:
    """Return networks such as 203.0.113.0/24 or a single address.

    :raises ConditionUnreadable: one is none, or they are too many.
    """
    given = [word for word in words if word]
    if len(given) > MOST_NETWORKS:
        raise ConditionUnreadable(f"networks must be at most {MOST_NETWORKS}")
    try:
        return tuple(ip_network(word) for word in given)
    except ValueError as error:
        raise ConditionUnreadable(
            "networks must be like 203.0.113.0/24 or 2001:db8::/32, with nothing behind the mask"
        ) from error


def check_max_age(seconds: int | None) -> timedelta | None:
    """Return how old a sign-in may be.

    :raises ConditionUnreadable: nobody could meet it, or it means nothing.
    """
    if seconds is None:
        return None
    if not SHORTEST_MAX_AGE <= seconds <= LONGEST_MAX_AGE:
        raise ConditionUnreadable(f"max_age must be {SHORTEST_MAX_AGE} to {LONGEST_MAX_AGE} seconds")
    return timedelta(seconds=seconds)


def check_per_hour(count: int | None) -> int | None:
    """Return how many proxy logins one member or system may begin in an hour.

    :raises ConditionUnreadable: it is no such number; to forbid them altogether an agency is suspended.
    """
    if count is not None and not 1 <= count <= MOST_PER_HOUR:
        raise ConditionUnreadable(f"per_hour must be 1 to {MOST_PER_HOUR}")
    return count


def _least(one: LimitT | None, other: LimitT | None) -> LimitT | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _is_within(address: str | None, networks: tuple[Network, ...]) -> bool:
    try:
        place: IPv4Address | IPv6Address = ip_address(address or "")
    except ValueError:  # a Unix socket, or nothing: nowhere
        return False
    if isinstance(place, IPv6Address) and place.ipv4_mapped is not None:
        place = place.ipv4_mapped
    return any(place in network for network in networks)
