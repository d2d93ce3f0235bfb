"""The table of devices that wait to be let in."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from idp.accounts.models import one_of
from idp.db import Base
from idp.oauth.models import Client, TokenFamily


class DeviceAnswer(StrEnum):
    """What became of a device's request (RFC 8628 §3.5)."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"


class DeviceRequest(Base):
    """A device's request to be let in by a person on another screen (RFC 8628)."""

    __tablename__ = "device_requests"
    __table_args__ = (CheckConstraint(one_of("answer", DeviceAnswer), name="answer"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    device_code_digest: Mapped[str] = mapped_column(unique=True)
    user_code_digest: Mapped[str] = mapped_column(unique=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id"), index=True)
    scope: Mapped[str]
    resources: Mapped[list[str]] = mapped_column(JSON, default=list)
    jkt: Mapped[str | None]
    address: Mapped[str] = mapped_column(default="")
    """Network address of the device, shown to the person."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    interval: Mapped[int]
    """Seconds between two polls; grows by 5 at each slow_down (§3.5)."""
    polled_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(default=DeviceAnswer.PENDING)
    answered_at: Mapped[datetime | None]
    family_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("token_families.id"), index=True)
    used_at: Mapped[datetime | None]

    client: Mapped[Client] = relationship(lazy="joined")
    family: Mapped[TokenFamily | None] = relationship(lazy="joined")
