"""What an owner can read of proxy logins: when, who, which company, why, what was changed, when it ended."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from idp.accounts.products.service import list_products
from idp.accounts.rules import Service
from idp.audit.events import Event
from idp.audit.models import AuditEvent
from idp.delegation.cursors import read_cursor, read_moment, write_cursor
from idp.delegation.models import ActAsSession, Grant
from idp.delegation.rules import SessionKind

LARGEST_PAGE = 200
_ORDER = "-started_at"


@dataclass(frozen=True)
class Change:
    """What was changed of one product, in one go."""

    at: datetime
    product_id: int
    model: str
    joined: tuple[Service, ...]
    left: tuple[Service, ...]


@dataclass(frozen=True)
class ProxyLogin:
    """One proxy login, with what was changed under it, the earliest first."""

    session: ActAsSession
    changes: tuple[Change, ...]

    @property
    def is_by_system(self) -> bool:
        """Whether an agency's system acted through the API, and nobody in a browser."""
        return self.session.kind == SessionKind.API

    def ended_at(self, now: datetime) -> datetime | None:
        """Return when it ended, or None while it runs: its time may have run out without anybody's doing."""
        if self.session.ended_at is not None:
            return self.session.ended_at
        return self.session.expires_at if self.session.expires_at <= now else None


@dataclass(frozen=True)
class Page:
    """One page, and the cursor of the next if there is one."""

    logins: list[ProxyLogin]
    next_cursor: str | None


def page_of_proxy_logins(session: Session, owner_id: uuid.UUID, *, cursor: str = "", limit: int = 30) -> Page:
    """Return one page of the owner's proxy logins, in browsers and by systems, the newest first.

    :raises CursorUnreadable: the cursor cannot be continued from.
    """
    started, limit = ActAsSession.started_at, max(1, min(limit, LARGEST_PAGE))
    query = (
        select(ActAsSession)
        .join(Grant, Grant.id == ActAsSession.grant_id)
        .where(Grant.owner_id == owner_id)
        .order_by(started.desc(), ActAsSession.id.desc())
        .limit(limit + 1)
    )
    if cursor:
        value, last_id = read_cursor(cursor, order=_ORDER)
        last = read_moment(value)
        query = query.where(or_(started < last, and_(started == last, ActAsSession.id < last_id)))
    rows = list(session.scalars(query))
    found, more = rows[:limit], len(rows) > limit
    changes = _changes_under(session, owner_id, found)
    return Page(
        [ProxyLogin(act_as, tuple(changes.get(act_as.id, ()))) for act_as in found],
        write_cursor(_ORDER, found[-1].started_at.isoformat(), found[-1].id) if more else None,
    )


def _changes_under(
    session: Session, owner_id: uuid.UUID, logins: Sequence[ActAsSession]
) -> Mapping[uuid.UUID, list[Change]]:
    """Return the changes of the owner's products that the audit log has for each of these proxy logins."""
    changes: dict[uuid.UUID, list[Change]] = defaultdict(list)
    if not logins:
        return changes
    models = {product.product_id: product.model for product in list_products(session, owner_id)}
    events = session.scalars(
        select(AuditEvent)
        .where(AuditEvent.owner_id == owner_id, AuditEvent.event == Event.PRODUCT_CHANGED)
        .where(AuditEvent.at >= logins[-1].started_at)
        .where(AuditEvent.session_id.in_([act_as.id for act_as in logins]))
        .order_by(AuditEvent.number)
    )
    for event in events:
        if event.session_id is not None:
            number = event.data["product_id"]
            changes[event.session_id].append(
                Change(
                    event.at, number, models.get(number, ""), _services(event.data["joined"]),
                    _services(event.data["left"]),
                )
            )  # fmt: skip
    return changes


def _services(names: Sequence[str]) -> tuple[Service, ...]:
    """Return services in the order in which every page lists them."""
    return tuple(service for service in Service if service in names)
