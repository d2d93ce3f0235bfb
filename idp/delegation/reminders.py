"""Reminding an agency of a request before it lapses, and owner and agency of a term before it is over.

Once each: whoever stores ``reminded_at`` first enqueues the mails in the same transaction, however many
workers run. An approval forgets the reminder of the request, so that the one of the term follows.
"""

import logging
import uuid
from datetime import timedelta
from itertools import islice

from sqlalchemy import and_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Account, Agency
from idp.accounts.rules import AccountStatus, AgencyStatus
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.delegation import lifecycle_notices
from idp.delegation.models import Grant
from idp.delegation.passing_time import FREE, overdue
from idp.delegation.rules import GrantState

log = logging.getLogger(__name__)


def send_reminders(
    session: Session, *, request_notice: timedelta, term_notice: timedelta, limit: int = 200
) -> int:
    """Send the reminders that are due, the most urgent first; return how many grants they were about.

    Nobody is reminded of what they cannot do anything about for now: where owner or agency is suspended, the
    reminder comes when that is lifted, if there is time left.
    """
    now = clock.now()
    concerned = and_(
        Grant.reminded_at.is_(None),
        Grant.owner_id.in_(select(Account.id).where(Account.status == AccountStatus.ACTIVE)),
        Grant.agency_id.in_(select(Agency.id).where(Agency.status == AgencyStatus.ACTIVE)),
    )
    waiting = and_(Grant.state == GrantState.REQUESTED, Grant.lapses_at > now)
    running = and_(Grant.state == GrantState.ACTIVE, Grant.expires_at > now)
    reminded = 0
    for condition, due in (
        (and_(concerned, waiting, Grant.lapses_at <= now + request_notice), Grant.lapses_at),
        (and_(concerned, running, Grant.expires_at <= now + term_notice), Grant.expires_at),
    ):
        reminded += sum(
            islice(
                (1 for grant_id in overdue(session, condition, due, batch=limit)
                 if _remind_one(session, grant_id)),
                limit,
            )
        )  # fmt: skip
    return reminded


def _remind_one(session: Session, grant_id: uuid.UUID) -> bool:
    """Remind of one grant; tell whether that was done, or it is left for another time."""
    try:
        with session.begin_nested():
            grant = session.get(Grant, grant_id, populate_existing=True, with_for_update=FREE)
            if grant is None or not _is_first(session, grant):
                return False  # somebody is changing it, or another worker was quicker
            record_event(
                session, Event.DELEGATION_REMINDED, owner_id=grant.owner_id, agency_id=grant.agency_id,
                grant_id=grant.id, of="request" if grant.state == GrantState.REQUESTED else "term",
            )  # fmt: skip
            lifecycle_notices.remind(session, grant)
    except OperationalError:
        raise  # it is the database that fails, and the next grant would fare no better
    except Exception:
        log.exception("grant passed over: reminding of %s failed", grant_id)
        return False
    return True


def _is_first(session: Session, grant: Grant) -> bool:
    noted = session.execute(
        update(Grant)
        .where(Grant.id == grant.id, Grant.reminded_at.is_(None), Grant.state == grant.state)
        .where(Grant.state.in_([GrantState.REQUESTED, GrantState.ACTIVE]))
        .values(reminded_at=clock.now())
        .returning(Grant.id),
        execution_options={"synchronize_session": False},
    ).first()
    return noted is not None
