"""Reading mails out of the outbox, for the mail page of development."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp.credentials import Undecryptable
from idp.db import sealer_of
from idp.errors import NotFound
from idp.mail.delivery import Claimed, unseal_delivery
from idp.mail.models import OutboxItem, Topic
from idp.mail.outbox import address_digest
from idp.mail.rendering import Mail, Renderer


class MailUnknown(NotFound):
    """No mail has this id."""


class MailState(StrEnum):
    """What has become of a mail."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True)
class KeptMail:
    """A mail of the outbox. ``mail`` is None when its content is gone: it was sent, or it is over."""

    id: uuid.UUID
    name: str
    created_at: datetime
    state: MailState
    mail: Mail | None


def list_mails(session: Session, renderer: Renderer, *, to: str = "", most: int) -> list[KeptMail]:
    """Return the latest mails, newest first; ``to`` narrows them to one address."""
    statement = select(OutboxItem).where(OutboxItem.topic == Topic.MAIL)
    if to:
        statement = statement.where(OutboxItem.recipient == address_digest(to))
    items = session.scalars(statement.order_by(OutboxItem.created_at.desc()).limit(most))
    return [_read(session, item, renderer) for item in items]


def get_mail(session: Session, item_id: uuid.UUID, renderer: Renderer) -> KeptMail:
    """Return one mail.

    :raises MailUnknown: there is none of this id.
    """
    item = session.get(OutboxItem, item_id)
    if item is None or item.topic != Topic.MAIL:
        raise MailUnknown
    return _read(session, item, renderer)


def _read(session: Session, item: OutboxItem, renderer: Renderer) -> KeptMail:
    state = MailState.WAITING
    if item.done_at is not None:
        state = MailState.DELIVERED
    elif item.dead_at is not None:
        state = MailState.DEAD
    mail = None
    if item.payload is not None:
        claimed = Claimed(
            id=item.id, topic=Topic.MAIL, name=item.name, recipient=item.recipient, sealed=item.payload,
            created_at=item.created_at, expires_at=item.expires_at, reference=item.reference,
            attempt=item.attempts,
        )  # fmt: skip
        try:
            mail = renderer.render(unseal_delivery(claimed, sealer_of(session)))
        except Undecryptable:
            mail = None
    return KeptMail(id=item.id, name=item.name, created_at=item.created_at, state=state, mail=mail)
