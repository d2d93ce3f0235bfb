"""When power data can be seen. Pure: every function is given the moments and the time zone that it needs."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

OPENING_HOUR = time(7)
"""「電力データを見る」 opens at this hour, on the day after joining 見守りサービス."""


@dataclass(frozen=True, kw_only=True)
class ViewableDays:
    """The days whose power data can be seen, both included."""

    first: date
    last: date

    def nearest(self, day: date) -> date:
        """Return the day itself, or the viewable day that comes nearest to it."""
        return min(max(day, self.first), self.last)


def opens_at(joined_at: datetime, zone: tzinfo) -> datetime:
    """Return the moment from which power data can be seen, in the time zone of the home."""
    return datetime.combine(joined_at.astimezone(zone).date() + timedelta(days=1), OPENING_HOUR, zone)


def find_viewable_days(joined_at: datetime | None, now: datetime, *, zone: tzinfo) -> ViewableDays | None:
    """Return which days can be seen; None before the opening, and for who has not joined 見守りサービス."""
    if joined_at is None or now < opens_at(joined_at, zone):
        return None
    return ViewableDays(first=joined_at.astimezone(zone).date(), last=now.astimezone(zone).date())
