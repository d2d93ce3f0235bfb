"""What a relying party may report of a proxy login: shape and bounds, as pure functions."""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from idp.errors import Refusal

MOST_IN_A_CALL = 100
MOST_OF_A_LOGIN = 500
"""More than the owner could read; a relying party that reports each click would hide what matters."""
CLOCK_SKEW = timedelta(minutes=1)
REPORTED_UNTIL = timedelta(days=1)
"""So long after its end: a relying party, or this server, may have been down."""
ITEM_LENGTH = 40
DESCRIPTION_LENGTH = 200
_REFERENCE = re.compile(r"[\x21-\x7e]{1,64}\Z")
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSEEN = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_FIELDS = frozenset({"id", "at", "action", "item", "description", "description_en"})


class Action(StrEnum):
    """What was done with the owner's data."""

    VIEWED = "viewed"
    CHANGED = "changed"
    EXPORTED = "exported"


@dataclass(frozen=True)
class Report:
    """One thing that a relying party says was done."""

    reference: str
    """The relying party's own id of it."""
    at: datetime
    action: Action
    item: str
    description: str
    description_en: str


@dataclass(frozen=True)
class Fault:
    """What is wrong with one report, for the developer: where, and how to do better."""

    index: int
    field: str
    remedy: str


@dataclass(eq=False)
class ReportsRefused(Refusal):
    """Nothing of this call is stored; says of each report what is wrong with it."""

    faults: tuple[Fault, ...]
    status = 400


@dataclass(eq=False)
class ReportsTooLate(Refusal):
    """The proxy login ended too long ago for anything to be added to its record."""

    until: datetime
    status = 409


class ReportsTooMany(Refusal):
    """The record of this proxy login is full."""

    status = 409


def read_reports(body: bytes) -> list[Report]:
    """Read the body of a call.

    :raises ReportsRefused: it, or one of the reports in it, has not the documented shape.
    """
    try:
        given = json.loads(body)
        found = given["activities"] if isinstance(given, dict) else None
    except (ValueError, KeyError, RecursionError):
        found = None
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_IN_A_CALL:
        remedy = f'send {{"activities": [...]}} as JSON, with 1 to {MOST_IN_A_CALL} of them'
        raise ReportsRefused((Fault(0, "activities", remedy),))
    read = [_read(index, one) for index, one in enumerate(found)]
    reports = [one for one in read if isinstance(one, Report)]
    if faults := tuple(one for one in read if isinstance(one, Fault)):
        raise ReportsRefused(faults)
    return reports


def check_times(
    reports: Mapping[int, Report], *, started_at: datetime, ends_at: datetime, now: datetime
) -> None:
    """Check that everything was done within the proxy login, give or take the skew of two clocks.

    ``reports`` by their place in the call, which the refusal names. ``ends_at`` is when it ended, or will end
    at the latest.

    :raises ReportsRefused: it was not.
    """
    earliest, latest = started_at - CLOCK_SKEW, min(ends_at, now) + CLOCK_SKEW
    remedy = f"say when it was done, from {started_at:%Y-%m-%dT%H:%M:%SZ} to {min(ends_at, now):%H:%M:%SZ}"
    faults = [
        Fault(index, "at", remedy) for index, report in reports.items() if not earliest <= report.at <= latest
    ]
    if faults:
        raise ReportsRefused(tuple(faults))


def one_line(text: str) -> str:
    """Return a text as one line: no controls, half characters or marks that turn the direction of others."""
    shown = "".join(
        " " if character in _DIRECTION or unicodedata.category(character) in _UNSEEN else character
        for character in text
    )
    return " ".join(shown.split())


def _read(index: int, given: Any) -> Report | Fault:
    if not isinstance(given, dict) or not set(given) <= _FIELDS:
        return Fault(index, "", f"an object with {', '.join(sorted(_FIELDS))} and nothing else")
    reference, action = given.get("id"), given.get("action")
    if not isinstance(reference, str) or not _REFERENCE.match(reference):
        return Fault(index, "id", "1 to 64 visible ASCII characters, another for each activity")
    at = _moment(given.get("at"))
    if at is None:
        return Fault(index, "at", "a moment with its offset, such as 2026-11-24T06:04:00Z")
    if not isinstance(action, str) or action not in set(Action):
        return Fault(index, "action", f"one of {', '.join(Action)}")
    item = _text(given, "item", longest=ITEM_LENGTH, required=True)
    if item is None:
        return Fault(index, "item", f"the kind of data, 1 to {ITEM_LENGTH} characters, such as 電力データ")
    description = _text(given, "description", longest=DESCRIPTION_LENGTH, required=True)
    if description is None:
        return Fault(index, "description", f"1 to {DESCRIPTION_LENGTH} characters that the owner understands")
    english = _text(given, "description_en", longest=DESCRIPTION_LENGTH, required=False)
    if english is None:
        return Fault(index, "description_en", f"the same in English, up to {DESCRIPTION_LENGTH} characters")
    return Report(reference, at, Action(action), item, description, english)


def _text(given: Mapping[str, Any], field: str, *, longest: int, required: bool) -> str | None:
    value = given.get(field, "")
    if not isinstance(value, str) or len(value) > longest:
        return None
    line = one_line(value)
    return line if line or not required else None


def _moment(given: Any) -> datetime | None:
    if not isinstance(given, str) or len(given) > 40:
        return None
    try:
        moment = datetime.fromisoformat(given)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
