"""What an operator can see and do about the outbox: what waits, what was given up, try again.

Shows kinds, times and causes; addresses and contents stay sealed.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from idp import clock
from idp.mail.models import OutboxItem, Topic
from idp.mail.rules import DeadLetterExpired, DeadLetterUnknown


@dataclass(frozen=True)
class DeadLetter:
    """An item that was given up."""

    id: uuid.UUID
    topic: Topic
    name: str
    attempts: int
    created_at: datetime
    dead_at: datetime
    expires_at: datetime | None
    last_error: str

    def can_be_retried(self, now: datetime) -> bool:
        """Whether there is still a reason to deliver it."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True)
class OutboxState:
    """How the outbox stands. ``oldest_due_at`` grows old when no worker runs."""

    waiting: int
    oldest_due_at: datetime | None
    dead: int


def outbox_state(session: Session) -> OutboxState:
    """Return how many items wait, since when the longest-due one is due, and how many were given up."""
    waiting = and_(OutboxItem.done_at.is_(None), OutboxItem.dead_at.is_(None))
    count, oldest = session.execute(
        select(func.count(), func.min(OutboxItem.next_attempt_at)).where(waiting)
    ).one()
    dead = session.scalar(select(func.count()).select_from(OutboxItem).where(_is_dead()))
    return OutboxState(waiting=count, oldest_due_at=oldest, dead=dead or 0)


@dataclass(frozen=True)
class Trouble:
    """Deliveries to one place that have failed and are being tried again."""

    topic: Topic
    name: str
    """The client of a logout call or event, the message of a mail."""
    waiting: int
    since: datetime
    last_error: str


def list_troubles(session: Session) -> list[Trouble]:
    """Return where deliveries fail at present, the oldest first; long before anything is given up."""
    items = session.execute(
        select(OutboxItem.topic, OutboxItem.name, OutboxItem.created_at, OutboxItem.last_error)
        .where(OutboxItem.done_at.is_(None), OutboxItem.dead_at.is_(None), OutboxItem.last_error.is_not(None))
        .order_by(OutboxItem.created_at)
    ).all()
    found: dict[tuple[str, str], Trouble] = {}
    for topic, name, created_at, last_error in items:
        before = found.get((topic, name))
        found[topic, name] = Trouble(
            Topic(topic), name, waiting=before.waiting + 1 if before else 1,
            since=before.since if before else created_at, last_error=last_error or "",
        )  # fmt: skip
    return list(found.values())


def list_dead_letters(session: Session, *, most: int = 100) -> list[DeadLetter]:
    """Return what was given up, the latest first."""
    items = session.scalars(
        select(OutboxItem).where(_is_dead()).order_by(OutboxItem.dead_at.desc()).limit(most)
    )
    return [
        DeadLetter(
            id=item.id, topic=Topic(item.topic), name=item.name, attempts=item.attempts,
            created_at=item.created_at, dead_at=item.dead_at, expires_at=item.expires_at,
            last_error=item.last_error or "",
        )
        for item in items
        if item.dead_at is not None
    ]  # fmt: skip


def retry_dead_letter(session: Session, item_id: uuid.UUID) -> None:
    """Put one dead letter back, with all its attempts before it.

    :raises DeadLetterUnknown: there is none of this id.
    :raises DeadLetterExpired: what it carried is over.
    """
    if _revive(session, item_id=item_id):
        return
    dead = session.scalar(select(OutboxItem.id).where(OutboxItem.id == item_id, _is_dead()))
    raise DeadLetterUnknown if dead is None else DeadLetterExpired


def retry_dead_letters(session: Session) -> int:
    """Put every dead letter back that is not over; return how many."""
    return _revive(session)


def _revive(session: Session, *, item_id: uuid.UUID | None = None) -> int:
    now = clock.now()
    statement = update(OutboxItem).where(
        _is_dead(),
        OutboxItem.payload.is_not(None),
        or_(OutboxItem.expires_at.is_(None), OutboxItem.expires_at > now),
    )
    if item_id is not None:
        statement = statement.where(OutboxItem.id == item_id)
    revived = session.execute(
        statement.values(dead_at=None, attempts=0, next_attempt_at=now).returning(OutboxItem.id)
    )
    return len(revived.all())


def _is_dead() -> ColumnElement[bool]:
    return and_(OutboxItem.done_at.is_(None), OutboxItem.dead_at.is_not(None))
