"""Suspending an agency or a person, and lifting that: everything stops at once, only what was active returns.

A grant rests when its owner or its agency is suspended, and comes back when both are in good standing again.
Requests stay as they are, unanswered (``service.answer``); the clock goes on for both.
"""

import uuid

from sqlalchemy import update
from sqlalchemy.orm import Session

from idp.accounts.models import Account, Agency
from idp.accounts.rules import AccountStatus, AgencyStatus
from idp.accounts.sessions.service import end_all_sessions
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.delegation import lifecycle_notices, proxy_logins, search_index
from idp.delegation.rules import AgencyUnknown, GrantState, Party, Transition
from idp.delegation.transitions import hold_all, move_all, of_agency, of_owner, owners_to_tell


def set_agency_suspended(session: Session, agency_id: uuid.UUID, *, suspended: bool) -> int:
    """Suspend an agency with all its active grants, or lift that; return how many grants moved.

    :raises AgencyUnknown: there is no such agency, or it is in that standing already.
    """
    before, after = AgencyStatus.ACTIVE, AgencyStatus.SUSPENDED
    if not suspended:
        before, after = after, before
    agency = session.scalars(
        update(Agency).where(Agency.id == agency_id, Agency.status == before).values(status=after)
        .returning(Agency)
    ).one_or_none()  # fmt: skip
    if agency is None:
        raise AgencyUnknown
    record_event(
        session, Event.AGENCY_SUSPENDED if suspended else Event.AGENCY_REINSTATED, agency_id=agency_id
    )
    which = of_agency(agency_id)
    hold_all(session, which)
    moved = move_all(
        session, which, Transition.SUSPEND if suspended else Transition.REINSTATE,
        before=GrantState.ACTIVE if suspended else GrantState.SUSPENDED, party=Party.OPERATOR,
    )  # fmt: skip
    lifecycle_notices.tell_of_suspension(
        session, agency, owners_to_tell(session, which, moved), suspended=suspended
    )
    return len(moved)


def suspend_account(session: Session, account_id: uuid.UUID) -> bool:
    """Suspend an account: whoever signs in with it is signed out, and whoever acts for it, or as it, stops.

    Return whether this call did it; an account that is not active is left as it is.
    """
    if not _set_status(session, account_id, before=AccountStatus.ACTIVE, after=AccountStatus.SUSPENDED):
        return False
    record_event(session, Event.ACCOUNT_SUSPENDED, owner_id=account_id)
    # Whoever is beginning a proxy login holds its grant and its sign-in; once those are had here, what they
    # began can be seen. In the order of docs/decisions/0013-postgresql.md, so that nobody waits in a circle.
    which = of_owner(account_id)
    hold_all(session, which)
    end_all_sessions(session, account_id)
    proxy_logins.end_all_of_account(session, account_id)
    moved = move_all(session, which, Transition.SUSPEND, before=GrantState.ACTIVE, party=Party.OPERATOR)
    search_index.refresh_owner(session, account_id)
    lifecycle_notices.tell_of_owner_suspension(session, account_id, moved, suspended=True)
    return True


def reinstate_account(session: Session, account_id: uuid.UUID) -> bool:
    """Lift the suspension of an account; its grants come back whose agency is in good standing too.

    Return whether this call did it; whoever was signed in signs in again.
    """
    if not _set_status(session, account_id, before=AccountStatus.SUSPENDED, after=AccountStatus.ACTIVE):
        return False
    record_event(session, Event.ACCOUNT_REINSTATED, owner_id=account_id)
    which = of_owner(account_id)
    hold_all(session, which)
    moved = move_all(session, which, Transition.REINSTATE, before=GrantState.SUSPENDED, party=Party.OPERATOR)
    search_index.refresh_owner(session, account_id)
    lifecycle_notices.tell_of_owner_suspension(session, account_id, moved, suspended=False)
    return True


def _set_status(
    session: Session, account_id: uuid.UUID, *, before: AccountStatus, after: AccountStatus
) -> bool:
    changed = session.execute(
        update(Account)
        .where(Account.id == account_id, Account.status == before)
        .values(status=after)
        .returning(Account.id)
    ).first()
    return changed is not None
