"""Table of the mail slice."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class Topic(StrEnum):
    """What kind of delivery an outbox item is."""

    MAIL = "mail"
    BACKCHANNEL_LOGOUT = "backchannel_logout"
    """A logout token to one relying party (OIDC Back-Channel Logout 1.0)."""
    SESSION_ENDED = "session_ended"
    """A sign-in session ended; ``oauth`` turns it into a logout token for each of its relying parties."""
    GRANT_CHANGED = "grant_changed"
    """A grant began, rests or ended; ``oauth`` turns it into an event for each system of the agency."""
    SECURITY_EVENT = "security_event"
    """A Security Event Token to one system of an agency (RFC 8935)."""


class OutboxItem(Base):
    """Something to deliver once the transaction that wrote it is stored.

    The payload is sealed: a registration link in a waiting mail would otherwise be a usable secret in
    every copy of the database. It is emptied when an SMTP server has taken the mail.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_due", "done_at", "dead_at", "next_attempt_at"),
        Index("ix_outbox_recipient_created_at", "recipient", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    topic: Mapped[str]
    name: Mapped[str]
    """The message (its folder under templates/mail) or the client that is called."""
    recipient: Mapped[str]
    """Digest of the mail address, or the client id: enough to count by, useless to a reader."""
    payload: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    """Not delivered after this moment: a mail whose link is over helps nobody."""
    attempts: Mapped[int] = mapped_column(default=0)
    claimed_until: Mapped[datetime | None]
    """A worker holds it until then; if the worker dies, another takes it over."""
    done_at: Mapped[datetime | None]
    dead_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    reference: Mapped[uuid.UUID | None] = mapped_column(index=True)
    """The act-as session or account that this is about, so that its progress can be shown."""
