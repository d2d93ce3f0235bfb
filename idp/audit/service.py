"""Recording, in the same transaction as what is recorded: one cannot be stored without the other."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from idp import clock
from idp.audit.events import Event
from idp.audit.models import AuditEvent
from idp.web import request_origin


@dataclass(frozen=True)
class About:
    """Whom one of many equal events concerns."""

    actor_id: uuid.UUID | None = None
    owner_id: uuid.UUID | None = None
    agency_id: uuid.UUID | None = None
    grant_id: uuid.UUID | None = None
    session_id: uuid.UUID | None = None
    client_id: str | None = None


def record_event(
    session: Session,
    event: Event,
    *,
    actor_id: uuid.UUID | None = None,
    owner_id: uuid.UUID | None = None,
    agency_id: uuid.UUID | None = None,
    grant_id: uuid.UUID | None = None,
    session_id: uuid.UUID | None = None,
    client_id: str | None = None,
    **data: Any,
) -> None:
    """Append one event; ``data`` holds plain JSON values and never a secret, a name or an address."""
    origin = request_origin()
    session.execute(
        insert(AuditEvent).values(
            at=clock.now(), event=event, actor_id=actor_id, owner_id=owner_id, agency_id=agency_id,
            grant_id=grant_id, session_id=session_id, client_id=client_id,
            address=origin.address, request_id=origin.request_id, data=data,
        )
    )  # fmt: skip


def record_event_for_each(session: Session, event: Event, abouts: Iterable[About], **data: Any) -> None:
    """Append the same event for each, in one statement however many they are."""
    origin, now = request_origin(), clock.now()
    rows = [
        {"at": now, "event": event, "address": origin.address, "request_id": origin.request_id, "data": data,
         **vars(about)}
        for about in abouts
    ]  # fmt: skip
    if rows:
        session.execute(insert(AuditEvent), rows)
