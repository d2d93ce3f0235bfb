"""Seals of the audit log: a chain that shows afterwards whether a row was changed, taken out or put in.

The worker seals what is a minute old, in the order of the rows, so that no writer ever waits for another. A
seal is an HMAC over its rows and the seal before it, under a key that is not in the database: whoever can
write there cannot make another. What the newest seal says is worth noting outside, because rows cut off
together with their seals at the end leave no gap.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.audit.models import AuditEvent, AuditSeal
from idp.db import lock_named

SETTLED = timedelta(minutes=1)
"""A transaction is stored, or given up, within this time: no row can come in before a sealed one later."""
MOST_ROWS = 2000


@dataclass(frozen=True)
class Broken:
    """The first seal that does not fit its rows."""

    first_number: int
    last_number: int


def seal(session: Session, key: str) -> AuditSeal | None:
    """Seal the next rows and return the seal, or None where nothing is settled yet."""
    lock_named(session, "audit seal")
    last = session.scalars(select(AuditSeal).order_by(AuditSeal.last_number.desc()).limit(1)).first()
    rows = session.scalars(
        select(AuditEvent)
        .where(AuditEvent.number > (last.last_number if last else 0), AuditEvent.at < clock.now() - SETTLED)
        .order_by(AuditEvent.number)
        .limit(MOST_ROWS)
    ).all()
    if not rows:
        return None
    digest = _digest(key, last.digest if last else "", rows)
    made = AuditSeal(last_number=rows[-1].number, sealed_at=clock.now(), digest=digest)
    session.add(made)
    session.flush()
    return made


def find_break(session: Session, key: str) -> Broken | None:
    """Return the first seal that does not fit its rows and the seal before it, or None if all do."""
    number, before = 0, ""
    for made in session.scalars(select(AuditSeal).order_by(AuditSeal.last_number)):
        rows = session.scalars(
            select(AuditEvent)
            .where(AuditEvent.number > number, AuditEvent.number <= made.last_number)
            .order_by(AuditEvent.number)
        ).all()
        if not credentials.equal(made.digest, _digest(key, before, rows)):
            return Broken(number + 1, made.last_number)
        number, before = made.last_number, made.digest
    return None


def _digest(key: str, before: str, rows: Sequence[AuditEvent]) -> str:
    names = [column.key for column in AuditEvent.__table__.columns]
    told = [[_plain(getattr(row, name)) for name in names] for row in rows]
    return credentials.keyed_digest(f"audit seal:{key}", json.dumps([before, told], sort_keys=True))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, dict | int) or value is None else str(value)
