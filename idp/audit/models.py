"""Table of the audit slice."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base

REFUSED_ATTEMPTS = text(
    "event IN ('delegation.exchange.refused', 'delegation.exchange.limited', 'proxy_login.refused')"
)
"""What an agency's manager reads of attempts that came to nothing; few among all that happens."""


class AuditEvent(Base):
    """One thing that happened. Identifiers only: names and addresses are looked up while they exist."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_owner_at", "owner_id", "at"),
        Index("ix_audit_events_agency_at", "agency_id", "at"),
        Index("ix_audit_events_actor_at", "actor_id", "at"),
        Index("ix_audit_events_client_at", "client_id", "at"),
        Index("ix_audit_events_agency_refused", "agency_id", "number", sqlite_where=REFUSED_ATTEMPTS,
              postgresql_where=REFUSED_ATTEMPTS),
    )  # fmt: skip

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    event: Mapped[str]
    actor_id: Mapped[uuid.UUID | None]
    """Who did it; empty for the clock and for people who are not signed in."""
    owner_id: Mapped[uuid.UUID | None]
    agency_id: Mapped[uuid.UUID | None]
    grant_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    session_id: Mapped[uuid.UUID | None]
    client_id: Mapped[str | None]
    address: Mapped[str | None]
    request_id: Mapped[str | None]
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class AuditSeal(Base):
    """A seal over the rows since the seal before, up to ``last_number`` (``seals``)."""

    __tablename__ = "audit_seals"

    last_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed_at: Mapped[datetime]
    digest: Mapped[str]
