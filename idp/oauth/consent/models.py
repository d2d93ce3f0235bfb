"""The table of remembered consents."""

import uuid
from datetime import datetime

from sqlalchemy import JSON, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from idp.db import Base
from idp.oauth.models import Client


class ClientConsent(Base):
    """What a person allowed a client; remembered until the person takes it back under 連携中のアプリ."""

    __tablename__ = "client_consents"
    __table_args__ = (UniqueConstraint("account_id", "client_id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id"), index=True)
    scope: Mapped[str]
    claims: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Names asked for by the ``claims`` parameter beyond what the scopes open."""
    granted_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    client: Mapped[Client] = relationship(lazy="joined")
