"""Which relying party has confirmed that a proxy login is over, and when."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp.mail.models import OutboxItem, Topic


class Answer(StrEnum):
    """What a relying party said when it was told that a proxy login is over."""

    CONFIRMED = "confirmed"
    WAITING = "waiting"
    """It is being told, and asked again until it answers."""
    FAILED = "failed"
    """It did not answer for so long that nobody tries any more."""
    NOT_ASKED = "not_asked"
    """It takes no such calls: what it holds of the proxy login is over within minutes."""


@dataclass(frozen=True)
class Confirmation:
    """Where a relying party stands; ``at`` is when it confirmed, or when it was given up."""

    answer: Answer
    at: datetime | None


def confirmations_of(session: Session, sids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Confirmation]:
    """Return what became of the calls about these proxy logins; one that needed none is left out."""
    if not sids:
        return {}
    rows = session.execute(
        select(OutboxItem.reference, OutboxItem.done_at, OutboxItem.dead_at)
        .where(OutboxItem.reference.in_(sids), OutboxItem.topic == Topic.BACKCHANNEL_LOGOUT)
        .order_by(OutboxItem.created_at)
    )  # fmt: skip
    return {sid: _confirmation(done_at, dead_at) for sid, done_at, dead_at in rows if sid is not None}


def _confirmation(done_at: datetime | None, dead_at: datetime | None) -> Confirmation:
    if done_at is not None:
        return Confirmation(Answer.CONFIRMED, done_at)
    return Confirmation(Answer.WAITING if dead_at is None else Answer.FAILED, dead_at)
