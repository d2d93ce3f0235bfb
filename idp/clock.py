"""The only reader of time, so that a test can move it and a rule can be handed it."""

from datetime import UTC, datetime, timedelta, timezone

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


def iso(moment: datetime) -> str:
    """Return RFC 3339 text in UTC with whole seconds, as the APIs print it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
