"""Table of idempotency keys."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class IdempotencyKey(Base):
    """A call that was carried out, and its answer (draft-ietf-httpapi-idempotency-key-header)."""

    __tablename__ = "idempotency_keys"

    caller_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    """Account of the member who called; another person's key is another key."""
    key_digest: Mapped[str] = mapped_column(primary_key=True)
    request_digest: Mapped[str]
    """Method, path and body; the same key with another request is a mistake of the caller's."""
    status: Mapped[int]
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
