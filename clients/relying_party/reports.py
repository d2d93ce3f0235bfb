"""What was done under proxy logins, kept in this application's own database until the server has it.

The owner reads it there. A page only adds a row and goes on; sending is another thread's work, which a server
that is down, slow or wrong holds up and nothing else.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from clients.relying_party.clock import epoch, from_epoch
from clients.relying_party.credentials import digest, mint_secret
from clients.relying_party.schema import activity, open_database

MOST_AT_ONCE = 100
"""What the server takes in one call."""
LEASE = timedelta(minutes=1)
"""Whoever took reports to send them and has not said what became of them by then will not come back."""
FORGOTTEN = timedelta(hours=30)
"""The server takes reports until a day after the end of a proxy login, which lasts half an hour."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """One thing that was done; ``item`` is the kind of the owner's data, the rest is what the owner reads."""

    action: str
    item: str
    description: str
    description_en: str = ""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A report on its way, with the id by which the server knows it when it comes again."""

    reference: str
    at: datetime
    report: Report
    attempts: int


class ReportQueue:
    """Reports that wait, shared by all processes of the application."""

    def __init__(self, database_url: str) -> None:
        self._engine = open_database(database_url)

    def add(self, sid: str, report: Report, *, once: bool, now: datetime) -> bool:
        """Keep a report; return whether it is new.

        :param once: the same of the same proxy login is kept once, however often it is done.
        """
        words = "\n".join((sid, report.action, report.item, report.description))
        reference = digest(words) if once else mint_secret()
        if once and self._is_known(reference):
            return False
        row = vars(report) | {
            "id": reference,
            "sid": sid,
            "at": epoch(now),
            "due_at": epoch(now),
            "attempts": 0,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(activity).values(row))
        except IntegrityError:
            return False  # two pages at once
        return True

    def take(self, now: datetime) -> tuple[str, Sequence[Waiting]]:
        """Take what is due of one proxy login, to send it; another process will not take the same."""
        columns, due = activity.c, self._is_due(now)
        with self._engine.begin() as connection:
            connection.execute(delete(activity).where(columns.at <= epoch(now - FORGOTTEN)))
            sid = connection.scalar(select(columns.sid).where(due).order_by(columns.at).limit(1))
            if sid is None:
                return "", ()
            first = select(columns.id).where(due, columns.sid == sid).order_by(columns.at).limit(MOST_AT_ONCE)
            rows = connection.execute(
                update(activity)
                .where(columns.id.in_(first), due)
                .values(due_at=epoch(now + LEASE), attempts=columns.attempts + 1)
                .returning(activity)
            ).all()
        waiting = [
            Waiting(
                reference=row.id,
                at=from_epoch(row.at),
                attempts=row.attempts,
                report=Report(
                    action=row.action,
                    item=row.item,
                    description=row.description,
                    description_en=row.description_en,
                ),
            )
            for row in rows
        ]
        return sid, sorted(waiting, key=lambda one: (one.at, one.reference))

    def settle(self, references: Collection[str], *, now: datetime) -> None:
        """Note that the server has these, or will never take them. They stay, so that none comes twice."""
        self._set(references, done_at=epoch(now))

    def put_back(self, references: Collection[str], *, due_at: datetime) -> None:
        """Note that these are to be sent once more, then."""
        self._set(references, due_at=epoch(due_at))

    def next_due(self) -> datetime | None:
        """Return when something is to be sent; None where nothing waits."""
        waits = activity.c.done_at.is_(None)
        with self._engine.connect() as connection:
            moment = connection.scalar(select(func.min(activity.c.due_at)).where(waits))
        return None if moment is None else from_epoch(moment)

    def _is_known(self, reference: str) -> bool:
        with self._engine.connect() as connection:
            found = connection.scalar(select(activity.c.id).where(activity.c.id == reference))
        return found is not None

    def _is_due(self, now: datetime) -> ColumnElement[bool]:
        return activity.c.done_at.is_(None) & (activity.c.due_at <= epoch(now))

    def _set(self, references: Collection[str], **values: int) -> None:
        if references:
            with self._engine.begin() as connection:
                connection.execute(update(activity).where(activity.c.id.in_(references)).values(values))
