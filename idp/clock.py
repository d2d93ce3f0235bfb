"""The only reader of time, so that a test can move it and a rule can be handed it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import TypeGuard

JST = timezone(timedelta(hours=9), "JST")
"""Japan Standard Time, the time zone of everything that a person reads. Japan has no summer time."""


def now() -> datetime:
    """Return the present moment, timezone-aware, in UTC."""
    return datetime.now(UTC)


def epoch(moment: datetime) -> int:
    """Return whole seconds since 1970-01-01 UTC, the NumericDate of RFC 7519 §2."""
    return int(moment.timestamp())


def from_epoch(seconds: int) -> datetime:
    """Return the UTC moment of a NumericDate."""
    return datetime.fromtimestamp(seconds, UTC)


def is_epoch(value: object) -> TypeGuard[int | float]:
    """Tell whether something read from JSON is a NumericDate (RFC 7519 §2) that can be reckoned with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53


def iso(moment: datetime) -> str:
    """Return RFC 3339 text in UTC with whole seconds, as the APIs print it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
