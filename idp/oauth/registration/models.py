"""The table of initial access tokens."""

import uuid
from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class InitialAccessToken(Base):
    """An operator's permission to register clients (RFC 7591 §3); digest only."""

    __tablename__ = "initial_access_tokens"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    label: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    uses_left: Mapped[int | None]
    """None: as many as one likes until it is over."""
    revoked_at: Mapped[datetime | None]
