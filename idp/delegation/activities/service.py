"""Storing what relying parties report of proxy logins, and reading it for the owner."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.db import insert_once
from idp.delegation.activities.models import Activity
from idp.delegation.activities.rules import (
    MOST_OF_A_LOGIN,
    REPORTED_UNTIL,
    Action,
    Report,
    ReportsTooLate,
    ReportsTooMany,
    check_times,
)
from idp.delegation.disclosures.rules import Occasion
from idp.delegation.disclosures.service import record_disclosure
from idp.delegation.models import ActAsSession
from idp.delegation.rules import ProxyLoginUnknown, SessionKind


def report_activities(
    session: Session, client_id: str, sid: uuid.UUID, *, reports: list[Report]
) -> tuple[dict[str, datetime], int]:
    """Store what is new of a relying party's reports of a proxy login at itself.

    A report is known by the relying party's own id: what comes again, with whatever words, is answered as
    the first time and not stored again. Return when each was stored first, and how many were now.

    :raises ProxyLoginUnknown: there is none at this relying party.
    :raises ReportsTooLate: it ended more than a day ago.
    :raises ReportsTooMany: its record is full.
    :raises ReportsRefused: something was done at another time.
    """
    act_as = session.get(ActAsSession, sid)
    if act_as is None or act_as.audience != client_id:
        raise ProxyLoginUnknown
    now, ends_at = clock.now(), act_as.ended_at or act_as.expires_at
    known = _known(session, sid, {report.reference for report in reports})
    new = {report.reference: report for report in reversed(reports) if report.reference not in known}
    if not new:
        return known, 0
    if now > ends_at + REPORTED_UNTIL:
        raise ReportsTooLate(ends_at + REPORTED_UNTIL)
    to_check = {index: one for index, one in enumerate(reports) if new.get(one.reference) is one}
    check_times(to_check, started_at=act_as.started_at, ends_at=ends_at, now=now)
    if _count(session, sid) + len(new) > MOST_OF_A_LOGIN:
        raise ReportsTooMany
    # In one order, so that two calls with the same reports do not wait for each other in a circle.
    stored = [one for _id, one in sorted(new.items()) if _store(session, act_as, one, now=now)]
    if stored:
        record_event(
            session, Event.ACTIVITY_REPORTED, owner_id=act_as.grant.owner_id,
            agency_id=act_as.grant.agency_id, grant_id=act_as.grant_id, session_id=sid, client_id=client_id,
            count=len(stored),
        )  # fmt: skip
        _record_disclosure(session, act_as, stored)
    return known | _known(session, sid, set(new)), len(stored)


def activities_of(session: Session, sids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, list[Activity]]:
    """Return what was reported of each of these proxy logins, the earliest first."""
    found: dict[uuid.UUID, list[Activity]] = defaultdict(list)
    if sids:
        query = select(Activity).where(Activity.session_id.in_(sids))
        for activity in session.scalars(query.order_by(Activity.at, Activity.id)):
            found[activity.session_id].append(activity)
    return found


def _record_disclosure(session: Session, act_as: ActAsSession, reports: list[Report]) -> None:
    """Record which kinds of data the agency has seen: the relying party knows more than what was allowed."""
    occasion = Occasion.SYSTEM if act_as.kind == SessionKind.API else Occasion.PROXY_LOGIN
    seen = {report.item for report in reports if report.action is not Action.CHANGED}
    record_disclosure(session, act_as.grant, occasion=occasion, items=sorted(seen))


def _known(session: Session, sid: uuid.UUID, references: Collection[str]) -> dict[str, datetime]:
    rows = session.execute(
        select(Activity.reference, Activity.reported_at)
        .where(Activity.session_id == sid, Activity.reference.in_(sorted(references)))
    )  # fmt: skip
    return {row.reference: row.reported_at for row in rows}


def _count(session: Session, sid: uuid.UUID) -> int:
    return session.scalar(select(func.count()).where(Activity.session_id == sid)) or 0


def _store(session: Session, act_as: ActAsSession, report: Report, *, now: datetime) -> bool:
    return insert_once(
        session, Activity,
        {
            "id": credentials.new_id(), "session_id": act_as.id, "reference": report.reference,
            "client_id": act_as.audience, "at": report.at, "reported_at": now, "action": report.action,
            "item": report.item, "description": report.description, "description_en": report.description_en,
        },
    )  # fmt: skip
