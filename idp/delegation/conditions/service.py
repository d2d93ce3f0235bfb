"""What agencies and the operator demand of proxy logins: stored, shown, and asked when one is to begin."""

import uuid
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_network

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import BrowserSession
from idp.audit.events import Event
from idp.audit.models import AuditEvent
from idp.audit.service import record_event
from idp.delegation.authority import Authority, NoAuthority
from idp.delegation.conditions.models import ProxyLoginConditions
from idp.delegation.conditions.rules import HOUR, Circumstances, Conditions, Hours, refuse, stricter
from idp.web import request_origin


class SetBy(StrEnum):
    """Whose demand it is."""

    AGENCY = "agency"
    OPERATOR = "operator"


def conditions_of(session: Session, agency_id: uuid.UUID, by: SetBy) -> Conditions:
    """Return what one of the two demands."""
    stored = session.get(ProxyLoginConditions, {"agency_id": agency_id, "set_by": by})
    return _conditions(stored) if stored else Conditions()


def find_conditions(session: Session, agency_id: uuid.UUID) -> Conditions:
    """Return what holds for an agency: what it demands and what the operator does, both at once."""
    rows = session.scalars(
        select(ProxyLoginConditions)
        .where(ProxyLoginConditions.agency_id == agency_id)
        .order_by(ProxyLoginConditions.set_by)
        .execution_options(populate_existing=True)
    )
    held = Conditions()
    for row in rows:
        held = stricter(held, _conditions(row))
    return held


def set_conditions(
    session: Session, agency_id: uuid.UUID, by: SetBy, wanted: Conditions, *, actor_id: uuid.UUID | None
) -> bool:
    """Store what one of the two demands from now on; return whether anything changed.

    It holds for what begins from now on. What runs ends by itself within half an hour.
    """
    key = {"agency_id": agency_id, "set_by": by}
    stored = session.get(ProxyLoginConditions, key, with_for_update={"key_share": True})
    if (_conditions(stored) if stored else Conditions()) == wanted:
        return False
    if stored is None:
        stored = ProxyLoginConditions(**key)
        session.add(stored)
    [hours] = wanted.hours or (None,)
    [networks] = wanted.networks or ((),)
    stored.reason_required, stored.per_hour = wanted.reason_required, wanted.per_hour
    stored.max_age = int(wanted.max_age.total_seconds()) if wanted.max_age else None
    stored.opens_at, stored.closes_at = (hours.opens_at, hours.closes_at) if hours else (None, None)
    stored.networks, stored.changed_at = [str(network) for network in networks], clock.now()
    record_event(
        session, Event.AGENCY_RULES_CHANGED, actor_id=actor_id, agency_id=agency_id, by=by,
        reason=wanted.reason_required, max_age=stored.max_age, hours=str(hours) if hours else None,
        networks=stored.networks, per_hour=wanted.per_hour,
    )  # fmt: skip
    session.flush()
    return True


def check_conditions(
    session: Session, authority: Authority, *, reason: str | None, now: datetime, at_browser: bool
) -> NoAuthority | None:
    """Return why a proxy login that everything else allows may not begin now, or None if it may.

    ``at_browser``: this very request comes from the staff member's browser. An exchange comes from the
    portal's machine, so that there the place of the sign-in counts; a system is where it calls from.
    ``reason`` None: it was given before, and so was the place in the hour's count.
    """
    grant = authority.grant
    held = find_conditions(session, grant.agency_id)
    if held == Conditions():
        return None
    sign_in = session.get(BrowserSession, authority.staff_session_id) if authority.staff_session_id else None
    is_here = at_browser or sign_in is None
    unmet = refuse(
        held,
        Circumstances(
            now=now,
            address=request_origin().address if is_here else sign_in.address if sign_in else None,
            authenticated_at=sign_in.authenticated_at if sign_in else None,
            reason=reason,
            begun=_begun_by(session, authority, now) if held.per_hour and not at_browser else (),
        ),
    )
    if unmet is None:
        return None
    return NoAuthority(
        unmet.reason, owner_id=grant.owner_id, agency_id=grant.agency_id, grant_id=grant.id,
        retry_after=unmet.retry_after, max_age=unmet.max_age,
    )  # fmt: skip


def _begun_by(session: Session, authority: Authority, now: datetime) -> tuple[datetime, ...]:
    """Return when the actor's exchanges of the last hour were; a ticket counts whether it is used or not.

    Asked while nobody else exchanges for the same actor (``exchange_limits``), so that none slips through.
    """
    actor = (
        AuditEvent.client_id == authority.client_id
        if authority.actor_id is None
        else AuditEvent.actor_id == authority.actor_id
    )
    return tuple(
        session.scalars(
            select(AuditEvent.at)
            .where(actor, AuditEvent.event == Event.EXCHANGE_ISSUED, AuditEvent.at > now - HOUR)
            .order_by(AuditEvent.at)
        )
    )


def _conditions(stored: ProxyLoginConditions) -> Conditions:
    opens, closes = stored.opens_at, stored.closes_at
    networks = tuple(ip_network(network) for network in stored.networks)
    return Conditions(
        reason_required=stored.reason_required,
        max_age=None if stored.max_age is None else timedelta(seconds=stored.max_age),
        hours=(Hours(opens, closes),) if opens is not None and closes is not None else (),
        networks=(networks,) if networks else (),
        per_hour=stored.per_hour,
    )
