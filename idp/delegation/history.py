"""What an owner can read of proxy logins: who, which company, why, from where, which app, what was done."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from idp.accounts.models import Agency
from idp.accounts.products.service import list_products
from idp.accounts.rules import Service
from idp.audit.events import Event
from idp.audit.models import AuditEvent
from idp.delegation.activities.models import Activity
from idp.delegation.activities.rules import Action
from idp.delegation.activities.service import activities_of
from idp.delegation.apps import App, FindApps, app_of
from idp.delegation.confirmations import Answer, Confirmation, confirmations_of
from idp.delegation.cursors import read_cursor, read_moment, write_cursor
from idp.delegation.disclosures.rules import SERVICES
from idp.delegation.models import ActAsSession, Grant
from idp.delegation.permissions.service import (
    PermissionWords,
    goes_beyond_least,
    granted_words,
    words_by_name,
)
from idp.delegation.rules import ProxyLoginUnknown, SessionEnd, SessionKind

LARGEST_PAGE = 200
MOST_RUNNING = 20
MOST_TOLD = 1000
SAME_CHANGE = timedelta(minutes=2)
"""A relying party reports a change of services so soon after it made it with our API."""
JUST = timedelta(hours=1)
_BY_WORD = (SessionEnd.OWNER, SessionEnd.OPERATOR, SessionEnd.GRANT_ENDED)
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
    """One proxy login, with what was done under it, the earliest first."""

    session: ActAsSession
    app: App
    system: App
    """The agency's client that began it: its portal, or its own system."""
    changes: tuple[Change, ...]
    activities: tuple[Activity, ...]
    """What the app reports, without what stands among the changes already."""
    confirmation: Confirmation | None
    """What the app says to its end; None where it had not to be told."""
    allowed: tuple[PermissionWords, ...]
    """What it could do at most, as the app calls it."""
    may_change: bool
    """Whether that is more than the least that the app has."""

    @property
    def is_by_system(self) -> bool:
        """Whether an agency's system acted through the API, and nobody in a browser."""
        return self.session.kind == SessionKind.API

    @property
    def end_reason(self) -> SessionEnd | None:
        """How it ended, as far as it concerns the owner: who left an agency is the agency's business."""
        reason = self.session.end_reason
        if reason is None:
            return None
        return SessionEnd.SIGNED_OUT if reason == SessionEnd.LEFT else SessionEnd(reason)

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


def page_of_proxy_logins(
    session: Session,
    owner_id: uuid.UUID,
    *,
    find_apps: FindApps,
    agency_id: uuid.UUID | None = None,
    ended_by: datetime | None = None,
    cursor: str = "",
    limit: int = 20,
) -> Page:
    """Return one page of the owner's proxy logins, in browsers and by systems, the newest first.

    ``ended_by``: only those that were over at that moment.

    :raises CursorUnreadable: the cursor cannot be continued from.
    """
    started, limit = ActAsSession.started_at, max(1, min(limit, LARGEST_PAGE))
    query = _of_owner(owner_id).limit(limit + 1)
    if agency_id is not None:
        query = query.where(Grant.agency_id == agency_id)
    if ended_by is not None:
        query = query.where(~_runs(ended_by))
    if cursor:
        value, last_id = read_cursor(cursor, order=_ORDER)
        last = read_moment(value)
        query = query.where(or_(started < last, and_(started == last, ActAsSession.id < last_id)))
    rows = list(session.scalars(query))
    found, more = rows[:limit], len(rows) > limit
    return Page(
        _in_full(session, owner_id, found, find_apps=find_apps),
        write_cursor(_ORDER, found[-1].started_at.isoformat(), found[-1].id) if more else None,
    )


def all_proxy_logins(
    session: Session, owner_id: uuid.UUID, *, find_apps: FindApps, agency_id: uuid.UUID | None = None
) -> Iterator[ProxyLogin]:
    """Yield all of the owner's proxy logins, the newest first, page by page."""
    cursor: str | None = ""
    while cursor is not None:
        page = page_of_proxy_logins(
            session, owner_id, find_apps=find_apps, agency_id=agency_id, cursor=cursor, limit=LARGEST_PAGE
        )
        yield from page.logins
        cursor = page.next_cursor


def running_proxy_logins(
    session: Session, owner_id: uuid.UUID, *, find_apps: FindApps, now: datetime
) -> list[ProxyLogin]:
    """Return what runs for the owner at this moment: people before systems, which may come in any number."""
    query = _of_owner(owner_id).order_by(None).where(_runs(now))
    people_first = query.order_by(ActAsSession.kind.desc(), ActAsSession.started_at.desc(), ActAsSession.id)
    rows = session.scalars(people_first.limit(MOST_RUNNING)).all()
    return _in_full(session, owner_id, rows, find_apps=find_apps)


def just_ended(
    session: Session, owner_id: uuid.UUID, *, find_apps: FindApps, now: datetime
) -> list[ProxyLogin]:
    """Return what somebody's word has ended within the last hour, with what the apps say to it."""
    query = (
        _of_owner(owner_id)
        .where(ActAsSession.ended_at > now - JUST, ActAsSession.end_reason.in_(_BY_WORD))
        .limit(MOST_RUNNING)
    )
    found = _in_full(session, owner_id, session.scalars(query).all(), find_apps=find_apps)
    return [login for login in found if login.confirmation is not None]


def proxy_logins_between(
    session: Session, owner_id: uuid.UUID, *, find_apps: FindApps, since: datetime, until: datetime
) -> list[ProxyLogin]:
    """Return what began from ``since`` to before ``until``: people, then systems, the earliest first."""
    started = ActAsSession.started_at
    query = _of_owner(owner_id).order_by(None).where(started >= since, started < until)
    ordered = query.order_by(ActAsSession.kind.desc(), started, ActAsSession.id)
    return _in_full(session, owner_id, session.scalars(ordered.limit(MOST_TOLD)).all(), find_apps=find_apps)


def get_proxy_login(
    session: Session, owner_id: uuid.UUID, sid: uuid.UUID, *, find_apps: FindApps
) -> ProxyLogin:
    """Return one of the owner's proxy logins.

    :raises ProxyLoginUnknown: there is none, or it is another owner's.
    """
    found = session.scalars(_of_owner(owner_id).where(ActAsSession.id == sid)).all()
    if not found:
        raise ProxyLoginUnknown
    return _in_full(session, owner_id, found, find_apps=find_apps)[0]


def agencies_of_owner(session: Session, owner_id: uuid.UUID) -> Sequence[Agency]:
    """Return the agencies that have signed in for an owner, for choosing one of them."""
    acted = select(Grant.agency_id).where(Grant.owner_id == owner_id, Grant.last_used_at.is_not(None))
    return session.scalars(select(Agency).where(Agency.id.in_(acted)).order_by(Agency.name, Agency.id)).all()


def _of_owner(owner_id: uuid.UUID) -> Select[ActAsSession]:
    return (
        select(ActAsSession)
        .join(Grant, Grant.id == ActAsSession.grant_id)
        .where(Grant.owner_id == owner_id)
        .order_by(ActAsSession.started_at.desc(), ActAsSession.id.desc())
    )


def _runs(now: datetime) -> ColumnElement[bool]:
    return and_(ActAsSession.ended_at.is_(None), ActAsSession.expires_at > now)


def _in_full(
    session: Session, owner_id: uuid.UUID, found: Sequence[ActAsSession], *, find_apps: FindApps
) -> list[ProxyLogin]:
    """Return proxy logins with all that is known of each, in as many queries for many as for one."""
    if not found:
        return []
    sids = [act_as.id for act_as in found]
    changes = _changes_under(session, owner_id, found)
    activities, confirmations = activities_of(session, sids), confirmations_of(session, sids)
    apps = find_apps(session, {name for act_as in found for name in (act_as.audience, act_as.client_id)})
    logins, words = [], words_by_name(session)
    for act_as in found:
        app, known = app_of(apps, act_as.audience), tuple(changes.get(act_as.id, ()))
        new = tuple(one for one in activities.get(act_as.id, ()) if not _is_known(one, known))
        confirmation = confirmations.get(act_as.id)
        if confirmation is not None and not app.confirms_logout:
            confirmation = replace(confirmation, answer=Answer.NOT_ASKED)
        scope = act_as.scope.split()
        logins.append(
            ProxyLogin(
                act_as, app, app_of(apps, act_as.client_id), known, new, confirmation,
                allowed=tuple(granted_words(words, scope)), may_change=goes_beyond_least(words, scope),
            )
        )  # fmt: skip
    return logins


def _is_known(activity: Activity, changes: Sequence[Change]) -> bool:
    """Tell whether this server saw itself, at its API, what a relying party reports of services."""
    if activity.action != Action.CHANGED or activity.item != SERVICES:
        return False
    return any(abs(change.at - activity.at) <= SAME_CHANGE for change in changes)


def _changes_under(
    session: Session, owner_id: uuid.UUID, logins: Sequence[ActAsSession]
) -> Mapping[uuid.UUID, list[Change]]:
    """Return the changes of the owner's products that the audit log has for each of these proxy logins."""
    changes: dict[uuid.UUID, list[Change]] = defaultdict(list)
    models = {product.product_id: product.model for product in list_products(session, owner_id)}
    events = session.scalars(
        select(AuditEvent)
        .where(AuditEvent.owner_id == owner_id, AuditEvent.event == Event.PRODUCT_CHANGED)
        .where(AuditEvent.at >= min(act_as.started_at for act_as in logins))
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
