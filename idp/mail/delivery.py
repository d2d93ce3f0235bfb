"""Taking items out of the outbox: who may deliver one now, and what becomes of it afterwards.

An item is claimed by a conditional UPDATE, so that of several workers exactly one delivers it. A claim runs
out: the items of a worker that was killed are taken over. Whoever settles an item must still hold it, by the
number of its attempt; a worker that was held up for longer than its claim cannot undo what another one did.
"""

import json
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Select, and_, delete, not_, or_, select, update
from sqlalchemy.orm import Session

from idp.credentials import Sealer
from idp.mail.models import OutboxItem, Topic
from idp.mail.rules import next_attempt

LONGEST_DELIVERY = timedelta(seconds=30)
"""No deliverer may take longer: it holds one of the worker's few threads."""

CLAIM = 2 * LONGEST_DELIVERY
"""How long a worker keeps an item to itself, so that a delivery at its longest is still its own."""

KEPT = timedelta(days=90)
"""How long an item stays after it was delivered or given up: people ask who was told, and when."""

FIRST_WAIT = {topic: timedelta(seconds=5) for topic in Topic} | {
    # A relying party has to drop a revoked session within 5 seconds, so the second try cannot wait for that.
    Topic.BACKCHANNEL_LOGOUT: timedelta(seconds=1),
    Topic.SESSION_ENDED: timedelta(seconds=1),
    # An agency's system that reads for owners is to stop as quickly.
    Topic.GRANT_CHANGED: timedelta(seconds=1),
    Topic.SECURITY_EVENT: timedelta(seconds=1),
}


@dataclass(frozen=True)
class Lane:
    """Deliveries that go to the same place, and so are slow together: the SMTP server, or one client."""

    topic: Topic
    recipient: str

    @classmethod
    def of(cls, topic: str, recipient: str) -> "Lane":
        """Return the lane of an item: one for all mails, one for each recipient of anything else."""
        return cls(Topic(topic), "" if topic == Topic.MAIL else recipient)


@dataclass(frozen=True)
class Claimed:
    """An item that this worker holds. ``attempt`` counts from 1 and proves the claim when settling."""

    id: uuid.UUID
    topic: Topic
    name: str
    recipient: str
    sealed: str
    created_at: datetime
    expires_at: datetime | None
    reference: uuid.UUID | None
    attempt: int

    @property
    def lane(self) -> Lane:
        """Where it goes."""
        return Lane.of(self.topic, self.recipient)


@dataclass(frozen=True)
class Delivery:
    """What a deliverer is given. The id is the same in every attempt, so that a receiver can tell doubles."""

    id: uuid.UUID
    topic: Topic
    name: str
    recipient: str
    payload: Mapping[str, Any]
    created_at: datetime
    expires_at: datetime | None
    reference: uuid.UUID | None
    attempt: int


@dataclass(frozen=True)
class Delivered:
    """What a deliverer answers when the item has arrived.

    :ivar keep_payload: leave the content readable (with the key), for the mail page in development.
    :ivar store: called with the session that marks the item as delivered, for what must be stored with it.
    """

    keep_payload: bool = False
    store: Callable[[Session], None] | None = None


class DeliveryFailed(Exception):
    """The item did not arrive. ``reason`` is stored and shown: fixed words and codes, never personal data.

    :ivar for_good: trying again cannot help.
    """

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.for_good = for_good


class Deliverer(Protocol):
    """Delivers items of one topic, each within ``LONGEST_DELIVERY``; called from several threads at once."""

    def __call__(self, delivery: Delivery, /) -> Delivered:
        """Deliver one item.

        It can be asked for the same item again, after a worker was killed between delivering and settling.

        :raises DeliveryFailed: it did not arrive. Any other exception counts as a failure to be tried again.
        """


def find_due(
    session: Session,
    *,
    now: datetime,
    most: int,
    topics: Collection[Topic],
    full: Collection[Lane] = (),
    attempts: int,
) -> list[tuple[uuid.UUID, Lane]]:
    """Return items that could be claimed, the longest waiting first, leaving out lanes that are ``full``."""
    statement = (
        select(OutboxItem.id, OutboxItem.topic, OutboxItem.recipient)
        .where(_is_due(now, attempts), OutboxItem.topic.in_(sorted(topics)))
        .order_by(OutboxItem.next_attempt_at, OutboxItem.id)  # one order for all workers: no deadlock
        .limit(most)
    )
    for lane in full:
        same = OutboxItem.topic == lane.topic
        if lane.recipient:
            same = and_(same, OutboxItem.recipient == lane.recipient)
        statement = statement.where(not_(same))
    return [(row.id, Lane.of(row.topic, row.recipient)) for row in session.execute(statement)]


def claim(session: Session, item_id: uuid.UUID, *, now: datetime, attempts: int) -> Claimed | None:
    """Take an item for ``CLAIM``, or return None because another worker was faster.

    The attempt is counted here and not when it fails, so that an item that kills its worker comes to an end.
    """
    due = select(OutboxItem.id).where(OutboxItem.id == item_id, _is_due(now, attempts))
    row = session.execute(
        update(OutboxItem)
        .where(OutboxItem.id.in_(_unlocked(due)), _is_due(now, attempts))
        .values(claimed_until=now + CLAIM, attempts=OutboxItem.attempts + 1)
        .returning(
            OutboxItem.id,
            OutboxItem.topic,
            OutboxItem.name,
            OutboxItem.recipient,
            OutboxItem.payload,
            OutboxItem.created_at,
            OutboxItem.expires_at,
            OutboxItem.reference,
            OutboxItem.attempts,
        )
    ).one_or_none()
    if row is None:
        return None
    return Claimed(
        id=row.id, topic=Topic(row.topic), name=row.name, recipient=row.recipient, sealed=row.payload or "",
        created_at=row.created_at, expires_at=row.expires_at, reference=row.reference, attempt=row.attempts,
    )  # fmt: skip


def unseal_delivery(claimed: Claimed, sealer: Sealer) -> Delivery:
    """Return the item with its content readable.

    :raises Undecryptable: it was sealed under another key.
    """
    return Delivery(
        id=claimed.id, topic=claimed.topic, name=claimed.name, recipient=claimed.recipient,
        payload=json.loads(sealer.unseal(claimed.sealed)), created_at=claimed.created_at,
        expires_at=claimed.expires_at, reference=claimed.reference, attempt=claimed.attempt,
    )  # fmt: skip


def settle_delivered(session: Session, claimed: Claimed, delivered: Delivered, *, now: datetime) -> bool:
    """Mark an item as delivered and empty it; tell whether it was still this worker's."""
    values: dict[str, Any] = {"done_at": now, "claimed_until": None, "last_error": None}
    if not delivered.keep_payload:
        values["payload"] = None
    mine = _settle(session, claimed, values)
    if mine and delivered.store is not None:
        delivered.store(session)
    return mine


def settle_failed(
    session: Session, claimed: Claimed, failure: DeliveryFailed, *, now: datetime, attempts: int
) -> bool:
    """Put an item back until its next attempt or make it a dead letter; tell if it was still ours."""
    moment = None
    if not failure.for_good:
        moment = next_attempt(
            claimed.attempt,
            first=FIRST_WAIT[claimed.topic],
            most=attempts,
            now=now,
            expires_at=claimed.expires_at,
        )
    values: dict[str, Any] = {"claimed_until": None, "last_error": failure.reason}
    values |= {"dead_at": now} if moment is None else {"next_attempt_at": moment}
    return _settle(session, claimed, values)


def bury_overdue(session: Session, *, now: datetime, attempts: int) -> int:
    """Make dead letters of items that can no longer be delivered; return how many.

    Those that are over are emptied as well. The others were tried for the last time by a worker that died.
    """
    unheld = or_(OutboxItem.claimed_until.is_(None), OutboxItem.claimed_until <= now)
    waiting = and_(OutboxItem.done_at.is_(None), OutboxItem.dead_at.is_(None), unheld)
    over = session.execute(
        update(OutboxItem)
        .where(
            OutboxItem.id.in_(_unlocked(select(OutboxItem.id).where(waiting, OutboxItem.expires_at <= now)))
        )
        .values(dead_at=now, payload=None, claimed_until=None, last_error="over before it could be delivered")
        .returning(OutboxItem.id)
    ).all()
    abandoned = session.execute(
        update(OutboxItem)
        .where(
            OutboxItem.id.in_(
                _unlocked(select(OutboxItem.id).where(waiting, OutboxItem.attempts >= attempts))
            )
        )
        .values(dead_at=now, claimed_until=None, last_error="the worker stopped during the last attempt")
        .returning(OutboxItem.id)
    ).all()
    return len(over) + len(abandoned)


def forget_settled(session: Session, *, now: datetime) -> None:
    """Delete what was delivered or given up longer ago than ``KEPT``."""
    delivered = OutboxItem.done_at <= now - KEPT
    given_up = and_(OutboxItem.done_at.is_(None), OutboxItem.dead_at <= now - KEPT)
    for over in (delivered, given_up):
        chosen = _unlocked(select(OutboxItem.id).where(over))
        session.execute(
            delete(OutboxItem).where(OutboxItem.id.in_(chosen)),
            execution_options={"synchronize_session": False},
        )


def _unlocked(chosen: Select[uuid.UUID]) -> Select[uuid.UUID]:
    """Leave out what another worker is busy with: no worker waits for another."""
    return chosen.with_for_update(skip_locked=True)


def _is_due(now: datetime, attempts: int) -> Any:
    """Return the condition under which an item may be claimed at this moment."""
    return and_(
        OutboxItem.done_at.is_(None),
        OutboxItem.dead_at.is_(None),
        OutboxItem.next_attempt_at <= now,
        OutboxItem.attempts < attempts,
        or_(OutboxItem.claimed_until.is_(None), OutboxItem.claimed_until <= now),
        or_(OutboxItem.expires_at.is_(None), OutboxItem.expires_at > now),
    )


def _settle(session: Session, claimed: Claimed, values: Mapping[str, Any]) -> bool:
    row = session.execute(
        update(OutboxItem)
        .where(
            OutboxItem.id == claimed.id,
            OutboxItem.attempts == claimed.attempt,
            OutboxItem.done_at.is_(None),
            OutboxItem.dead_at.is_(None),
        )
        .values(**values)
        .returning(OutboxItem.id)
    ).one_or_none()
    return row is not None
