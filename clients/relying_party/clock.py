"""The only reader of time in the relying parties, so that a test can move it and a rule can be handed it."""

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


def from_iso(text: str) -> datetime:
    """Return the UTC moment of an RFC 3339 text, as the server's API prints it.

    :raises ValueError: the text is no moment, or one without its offset from UTC.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without an offset means nothing")
    return moment.astimezone(UTC)
