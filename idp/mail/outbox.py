"""Writing to the outbox, in the transaction of the caller: what is rolled back was never sent.

Nothing here commits, renders or connects. An item's content is sealed, and of an address only a digest is
kept in the open, so that a copy of the database gives away neither links nor readers.
"""

import json
import re
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.db import sealer_of
from idp.mail.models import OutboxItem, Topic

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*")
"""HTML's grammar of an address. It allows ``foo..bar@docomo.ne.jp``, which is real, and neither spaces, line
breaks, commas nor angle brackets, so that no address can become a second recipient or a header."""


@dataclass(frozen=True)
class Recipient:
    """Whom a mail goes to. ``name`` is empty when it is not known yet.

    :raises ValueError: the address is not of HTML's grammar; forms have refused such a one before.
    """

    email: str
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse an address that could write more than one recipient."""
        if len(self.email) > 254 or not _ADDRESS.fullmatch(self.email):
            raise ValueError("not a mail address")


def address_digest(email: str) -> str:
    """Return what is stored of an address: the digest of its folded form, equal for a@B.jp and A@b.jp."""
    return credentials.digest(unicodedata.normalize("NFKC", email).strip().casefold())


def enqueue_mail(
    session: Session,
    message: str,
    *,
    to: Recipient,
    data: Mapping[str, object],
    expires_at: datetime | None = None,
    reference: uuid.UUID | None = None,
) -> None:
    """Add a mail to the outbox; use the functions of ``messages.py``, which know what each mail needs.

    ``message`` is the mail's folder under templates/mail. At ``expires_at`` it is no longer sent.
    """
    _enqueue(
        session,
        Topic.MAIL,
        name=message,
        recipient=address_digest(to.email),
        payload={"to": to, "data": data},
        expires_at=expires_at,
        reference=reference,
    )


def enqueue_delivery(
    session: Session,
    topic: Topic,
    *,
    name: str,
    recipient: str,
    payload: Mapping[str, object],
    expires_at: datetime | None = None,
    reference: uuid.UUID | None = None,
) -> None:
    """Add something other than a mail to the outbox, for the deliverer of its topic.

    Items with the same ``recipient`` (a client id, for example) share at most a few deliveries at once, so
    that a slow one holds up nobody else.
    """
    if topic is Topic.MAIL:
        raise ValueError("a mail is enqueued by its function in messages.py")
    _enqueue(
        session,
        topic,
        name=name,
        recipient=recipient,
        payload=payload,
        expires_at=expires_at,
        reference=reference,
    )


def drop_waiting(session: Session, topic: Topic, recipient: str) -> None:
    """Forget what waits for a recipient that is to be told nothing any more; what was given up stays."""
    session.execute(
        delete(OutboxItem).where(
            OutboxItem.recipient == recipient, OutboxItem.topic == topic, OutboxItem.done_at.is_(None),
            OutboxItem.dead_at.is_(None),
        ),
        execution_options={"synchronize_session": False},
    )  # fmt: skip


def _enqueue(
    session: Session,
    topic: Topic,
    *,
    name: str,
    recipient: str,
    payload: Mapping[str, object],
    expires_at: datetime | None,
    reference: uuid.UUID | None,
) -> None:
    now = clock.now()
    text = json.dumps(payload, default=_plain, ensure_ascii=False)
    item = OutboxItem(
        id=credentials.new_id(), topic=topic, name=name, recipient=recipient,
        payload=sealer_of(session).seal(text), created_at=now, next_attempt_at=now,
        expires_at=expires_at, attempts=0, reference=reference,
    )  # fmt: skip
    session.add(item)


def _plain(value: object) -> object:
    """Turn our values into what JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be stored in the outbox")
