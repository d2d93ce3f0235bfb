"""One step in the life of a grant, or the same step of all grants of an agency or an owner.

Each is one conditional UPDATE from the state it was decided on, with an audit event and the end of running
proxy logins in the same transaction. Of two that race, one finds the state changed.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, CursorResult, select, update
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Account, Agency
from idp.accounts.rules import AccountStatus, AgencyStatus
from idp.audit.events import Event
from idp.audit.service import About, record_event, record_event_for_each
from idp.delegation import proxy_logins, search_index, system_notices
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
    system_notices.tell_of_step(
        session, [(grant.id, grant.agency_id)], transition, state=after, at=clock.now()
    )


@dataclass(frozen=True)
class Moved:
    """A grant that has made the same step as others, and who is told."""

    grant_id: uuid.UUID
    owner_id: uuid.UUID
    agency_id: uuid.UUID
    expires_at: datetime | None
    at: datetime
    """When it moved."""


def of_agency(agency_id: uuid.UUID) -> ColumnElement[bool]:
    """Return the condition that picks the grants of an agency."""
    return Grant.agency_id == agency_id


def of_owner(owner_id: uuid.UUID) -> ColumnElement[bool]:
    """Return the condition that picks the grants of an owner."""
    return Grant.owner_id == owner_id


def hold_all(session: Session, which: ColumnElement[bool]) -> None:
    """Lock what stands of these grants, so that what is decided on them next is decided on what they are.

    Two suspensions, or the lifting of two, at the same moment each see what the other has done: of an owner
    and an agency that both come back, the second brings the grant back.
    """
    standing = select(Grant.id).where(which, Grant.state.in_([one for one in GrantState if one.is_open]))
    session.execute(standing.order_by(Grant.id).with_for_update(key_share=True)).close()


def move_all(
    session: Session, which: ColumnElement[bool], transition: Transition, *, before: GrantState, party: Party
) -> list[Moved]:
    """Make the same transition of every one of these grants that is in this state; return which moved.

    A few statements, however many grants there are: a large agency must not keep everybody else waiting for
    the database. A grant whose term is over stays for the clock, so that nobody is told of it twice, unless
    this is its end. Nothing is active again unless owner and agency both are in good standing. Held before
    by ``hold_all``.

    :raises TransitionRefused: the rule says no.
    """
    after, now = next_state(before, transition, party), clock.now()
    statement = update(Grant).where(which, Grant.state == before)
    if after.is_open:
        statement = statement.where(Grant.expires_at > now).values(state=after)
    else:
        statement = statement.values(state=after, ended_at=now, ended_by=party, **search_index.NOTHING)
    if after is GrantState.ACTIVE:
        owners = select(Account.id).where(Account.status == AccountStatus.ACTIVE)
        agencies = select(Agency.id).where(Agency.status == AgencyStatus.ACTIVE)
        statement = statement.where(Grant.owner_id.in_(owners), Grant.agency_id.in_(agencies))
    rows = session.execute(
        statement.returning(Grant.id, Grant.owner_id, Grant.agency_id, Grant.expires_at),
        execution_options={"synchronize_session": False},
    ).all()
    moved = [Moved(*row, now) for row in rows]
    record_event_for_each(
        session, _EVENTS[transition],
        [About(owner_id=one.owner_id, agency_id=one.agency_id, grant_id=one.grant_id) for one in moved],
        before=before, by=party,
    )  # fmt: skip
    if after is not GrantState.ACTIVE:
        proxy_logins.end_all_of_grants(session, which, reason=SessionEnd.GRANT_ENDED)
    system_notices.tell_of_step(
        session, [(one.grant_id, one.agency_id) for one in moved], transition, state=after, at=now
    )
    return moved


def end_all(session: Session, which: ColumnElement[bool]) -> list[Moved]:
    """End what stands of these grants at the operator's word; return which ended.

    :raises TransitionRefused: never; the rules let the operator end whatever stands.
    """
    hold_all(session, which)
    return [
        moved
        for before, transition in (
            (GrantState.REQUESTED, Transition.WITHDRAW),
            (GrantState.ACTIVE, Transition.REVOKE),
            (GrantState.SUSPENDED, Transition.REVOKE),
        )
        for moved in move_all(session, which, transition, before=before, party=Party.OPERATOR)
    ]


def owners_to_tell(
    session: Session, which: ColumnElement[bool], moved: Sequence[Moved]
) -> list[tuple[Moved, str, str]]:
    """Return address and name of the owner for each of these grants that has moved, in one query."""
    rows = session.execute(
        select(Grant.id, Account.email, Account.name).join(Account, Account.id == Grant.owner_id).where(which)
    )
    by_grant = {one.grant_id: one for one in moved}
    return [
        (by_grant[grant_id], email, name)
        for grant_id, email, name in rows
        if grant_id in by_grant and email is not None
    ]
