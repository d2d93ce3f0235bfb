"""One step in the life of a grant, or the same step of all grants of an agency.

Each is one conditional UPDATE from the state it was decided on, with an audit event and the end of running
proxy logins in the same transaction. Of two that race, one finds the state changed.
"""

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Account
from idp.audit.events import Event
from idp.audit.service import About, record_event, record_event_for_each
from idp.delegation import proxy_logins, search_index
from idp.delegation.models import Grant
from idp.delegation.rules import (
    GrantState,
    Party,
    SessionEnd,
    Transition,
    TransitionRefused,
    next_state,
)

_EVENTS = {
    Transition.APPROVE: Event.DELEGATION_APPROVED,
    Transition.DENY: Event.DELEGATION_DENIED,
    Transition.WITHDRAW: Event.DELEGATION_WITHDRAWN,
    Transition.LAPSE: Event.DELEGATION_LAPSED,
    Transition.REVOKE: Event.DELEGATION_REVOKED,
    Transition.EXPIRE: Event.DELEGATION_EXPIRED,
    Transition.SUSPEND: Event.DELEGATION_SUSPENDED,
    Transition.REINSTATE: Event.DELEGATION_REINSTATED,
}


def move(
    session: Session,
    grant: Grant,
    transition: Transition,
    *,
    party: Party,
    actor_id: uuid.UUID | None,
    **changes: object,
) -> None:
    """Make one transition; whoever comes second finds the state changed.

    :raises TransitionRefused: the rule, or somebody who was quicker, says no.
    """
    before = GrantState(grant.state)
    after = next_state(before, transition, party)
    values: dict[str, object] = {"state": after, **changes}
    if not after.is_open:
        values |= {"ended_at": clock.now(), "ended_by": party, **search_index.NOTHING}
    result = session.execute(
        update(Grant).where(Grant.id == grant.id, Grant.state == before).values(**values),
        execution_options={"synchronize_session": False},
    )
    if not isinstance(result, CursorResult) or result.rowcount != 1:
        session.refresh(grant)
        raise TransitionRefused(GrantState(grant.state), transition)
    session.refresh(grant)
    record_event(
        session, _EVENTS[transition], actor_id=actor_id, owner_id=grant.owner_id,
        agency_id=grant.agency_id, grant_id=grant.id, before=before, by=party,
    )  # fmt: skip
    if after is not GrantState.ACTIVE:
        proxy_logins.end_all_of_grant(session, grant.id, reason=SessionEnd.GRANT_ENDED)


def move_all_of_agency(
    session: Session, agency_id: uuid.UUID, transition: Transition, *, before: GrantState, party: Party
) -> list[uuid.UUID]:
    """Make the same transition of every grant of an agency that is in this state; return which moved.

    A few statements, however many grants there are: a large agency must not keep everybody else waiting for
    the database. A grant whose term is over stays for the clock, so that nobody is told of it twice.

    :raises TransitionRefused: the rule says no.
    """
    after = next_state(before, transition, party)
    moved = session.execute(
        update(Grant)
        .where(Grant.agency_id == agency_id, Grant.state == before, Grant.expires_at > clock.now())
        .values(state=after)
        .returning(Grant.id, Grant.owner_id),
        execution_options={"synchronize_session": False},
    ).all()
    record_event_for_each(
        session, _EVENTS[transition],
        [About(owner_id=owner_id, agency_id=agency_id, grant_id=grant_id) for grant_id, owner_id in moved],
        before=before, by=party,
    )  # fmt: skip
    if after is not GrantState.ACTIVE:
        proxy_logins.end_all_of_agency(session, agency_id, reason=SessionEnd.GRANT_ENDED)
    return [grant_id for grant_id, _owner in moved]


def owners_to_tell(
    session: Session, agency_id: uuid.UUID, grant_ids: Collection[uuid.UUID]
) -> list[tuple[str, str, datetime]]:
    """Return address, name and end of term for the grants of an agency that have moved, in one query."""
    rows = session.execute(
        select(Grant.id, Account.email, Account.name, Grant.expires_at)
        .join(Account, Account.id == Grant.owner_id)
        .where(Grant.agency_id == agency_id, Grant.state.in_([GrantState.ACTIVE, GrantState.SUSPENDED]))
    )
    moved = set(grant_ids)
    return [
        (email, name, expires_at)
        for grant_id, email, name, expires_at in rows
        if grant_id in moved and email is not None and expires_at is not None
    ]
