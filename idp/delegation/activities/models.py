"""Table of reported activities."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class Activity(Base):
    """One thing that was done under a proxy login, in words that its owner can read."""

    __tablename__ = "proxy_login_activities"
    __table_args__ = (
        CheckConstraint("action IN ('viewed', 'changed', 'exported')", name="action"),
        UniqueConstraint("session_id", "reference"),
        Index("ix_proxy_login_activities_session_at", "session_id", "at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("act_as_sessions.id"))
    reference: Mapped[str]
    """The relying party's own id of it: a report that comes twice is stored once."""
    client_id: Mapped[str]
    at: Mapped[datetime]
    """When it was done, as the relying party says; within the proxy login."""
    reported_at: Mapped[datetime]
    action: Mapped[str]
    item: Mapped[str]
    """Kind of the owner's data, as the permissions name them, such as 電力データ."""
    description: Mapped[str]
    description_en: Mapped[str] = mapped_column(default="")
