"""One night: read for each owner who allows it, and forget whoever does not any more."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from clients.nightly_report.club import Club, Grant, NotAllowed, TryLater
from clients.nightly_report.folder import ReportFolder


class Outcome(StrEnum):
    """What became of one owner's report."""

    READ = "読み取りました"
    NOT_ALLOWED = "許可されていません（読み取らずに進みます）"
    LATER = "いまは読み取れません（次の回にもう一度試します）"
    FORGOTTEN = "許可が終わったので、保存していた記録を消しました"


@dataclass(frozen=True)
class Told:
    """What is said of one owner: by number, never by name."""

    who: str
    outcome: Outcome
    detail: str = ""


def run(club: Club, folder: ReportFolder, day: date) -> Iterator[Told]:
    """Write the report of a day, and say of each owner what became of it.

    :raises TryLater: not even the list can be had; nothing is deleted then.
    :raises ShutOut: the system itself is not welcome any more.
    """
    grants = club.grants()
    for grant in grants:
        yield _read(club, folder, grant, day)
    yield from forget(club, folder, standing={grant.id for grant in grants})


def forget(club: Club, folder: ReportFolder, *, standing: set[str]) -> Iterator[Told]:
    """Delete what is stored of grants that are over; one that only rests keeps it."""
    for delegation in folder.grants():
        if delegation not in standing and club.has_ended(delegation) and folder.drop(delegation):
            yield Told(delegation, Outcome.FORGOTTEN)


def _read(club: Club, folder: ReportFolder, grant: Grant, day: date) -> Told:
    who = f"{grant.user_id:08}"
    try:
        items = club.power(club.act_for(grant), day)
    except NotAllowed as refused:
        if club.has_ended(grant.id):
            folder.drop(grant.id)
            return Told(who, Outcome.FORGOTTEN)
        return Told(who, Outcome.NOT_ALLOWED, refused.error)
    except TryLater as later:
        return Told(who, Outcome.LATER, str(later))
    is_kept = folder.write(grant.id, user_id=grant.user_id, day=day, items=items)
    return Told(who, Outcome.READ if is_kept else Outcome.FORGOTTEN)
