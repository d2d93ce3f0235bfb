"""When a delivery is tried again, and what an operator cannot ask for. Pure; takes the time."""

from datetime import datetime, timedelta

from idp.errors import NotFound, Refusal

LONGEST_WAIT = timedelta(hours=1)


class DeadLetterUnknown(NotFound):
    """No dead letter has this id."""


class DeadLetterExpired(Refusal):
    """What the item carried is over, so that delivering it now would help nobody."""

    status = 410


def wait_after(attempt: int, *, first: timedelta) -> timedelta:
    """Return how long to wait after the given failed attempt (1 is the first): doubling, at most an hour."""
    doublings: int = 2 ** min(attempt - 1, 20)
    return min(first * doublings, LONGEST_WAIT)


def next_attempt(
    attempt: int, *, first: timedelta, most: int, now: datetime, expires_at: datetime | None
) -> datetime | None:
    """Return when to try again, or None if this was the last time: tried often enough, or over by then."""
    if attempt >= most:
        return None
    moment = now + wait_after(attempt, first=first)
    return None if expires_at is not None and moment >= expires_at else moment
