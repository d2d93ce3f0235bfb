"""What owners, agencies and operators do with delegation grants.

Each transition is one conditional UPDATE from the state it was decided on, and writes in the same
transaction the new state, an audit event, the end of running proxy logins, and the mails. Of two that
race, one finds the state changed and gets ``TransitionRefused`` with the state as it is now.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Account, Agency, Member, Product
from idp.accounts.rules import AgencyStatus, MemberRole, RoleMayNot
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.delegation import notices, proxy_logins
from idp.delegation.models import Grant
from idp.delegation.rules import (
    WORDING,
    AgencyUnknown,
    AlreadyOpen,
    GrantState,
    GrantUnknown,
    OwnRequest,
    Party,
    SessionEnd,
    Transition,
    TransitionRefused,
    end_of_term,
    lapse_moment,
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


@dataclass(frozen=True)
class Consent:
    """What an owner has seen and agrees to."""

    agency_id: uuid.UUID
    permissions: frozenset[str]
    term_months: int
    wording: str = WORDING


def find_agency(session: Session, email: str) -> Agency:
    """Return the registered agency with this (folded) address, for the owner to look at before consenting.

    :raises AgencyUnknown: no agency in good standing has it.
    """
    agency = session.scalars(
        select(Agency).where(Agency.email == email, Agency.status == AgencyStatus.ACTIVE)
    ).first()
    if agency is None:
        raise AgencyUnknown
    return agency


def find_open_grant(session: Session, owner_id: uuid.UUID, agency_id: uuid.UUID) -> Grant | None:
    """Return the grant that stands between an owner and an agency, if one does."""
    return session.scalars(
        select(Grant).where(
            Grant.owner_id == owner_id,
            Grant.agency_id == agency_id,
            Grant.state.in_([state for state in GrantState if state.is_open]),
        )
    ).first()


def request_grant(session: Session, owner: Account, consent: Consent, *, answer_days: int) -> Grant:
    """Store the owner's consent as a requested grant, and tell the agency by mail.

    :raises AgencyUnknown: the agency is not (any longer) there.
    :raises AlreadyOpen: a grant between the two stands already.
    """
    agency = session.get(Agency, consent.agency_id)
    if agency is None or agency.status != AgencyStatus.ACTIVE:
        raise AgencyUnknown
    standing = find_open_grant(session, owner.id, agency.id)
    if standing is not None:
        raise AlreadyOpen(GrantState(standing.state))
    now = clock.now()
    grant = Grant(
        id=credentials.new_id(), owner_id=owner.id, agency_id=agency.id,
        permissions=" ".join(sorted(consent.permissions)), term_months=consent.term_months,
        state=GrantState.REQUESTED, wording=consent.wording, requested_at=now,
        lapses_at=lapse_moment(now, answer_days),
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(grant)
    except IntegrityError as error:  # asked twice at once: the database keeps one open grant per pair
        raise AlreadyOpen(GrantState.REQUESTED) from error
    record_event(
        session, Event.DELEGATION_REQUESTED, actor_id=owner.id, owner_id=owner.id, agency_id=agency.id,
        grant_id=grant.id, permissions=grant.permissions, term_months=grant.term_months,
        wording=grant.wording,
    )  # fmt: skip
    notices.tell_agency_of_request(session, grant, products=products_of(session, owner.id))
    return grant


def answer(session: Session, member: Member, grant_id: uuid.UUID, *, approve: bool) -> Grant:
    """Approve or refuse an owner's request, as a member of the agency it was made to.

    :raises GrantUnknown: it is not this agency's.
    :raises RoleMayNot: the member's role does not decide.
    :raises OwnRequest: the member is the owner.
    :raises TransitionRefused: it is no longer open to an answer.
    """
    grant = get_grant_of_agency(session, member.agency_id, grant_id)
    _check_may_decide(member)
    if grant.owner_id == member.account_id:
        raise OwnRequest
    now = clock.now()
    transition = Transition.APPROVE if approve else Transition.DENY
    if grant.state == GrantState.REQUESTED and now >= grant.lapses_at:
        raise TransitionRefused(GrantState.LAPSED, transition)
    changes: dict[str, object] = {"decided_at": now, "decided_by": member.account_id}
    if approve:
        changes["expires_at"] = end_of_term(now, grant.term_months)
    _move(session, grant, transition, party=Party.AGENCY, actor_id=member.account_id, **changes)
    notices.tell_owner_of_answer(session, grant)
    return grant


def release(session: Session, member: Member, grant_id: uuid.UUID) -> Grant:
    """End an active grant from the agency's side.

    :raises GrantUnknown: it is not this agency's.
    :raises RoleMayNot: the member's role does not decide.
    :raises TransitionRefused: it is not active.
    """
    grant = get_grant_of_agency(session, member.agency_id, grant_id)
    _check_may_decide(member)
    _move(session, grant, Transition.REVOKE, party=Party.AGENCY, actor_id=member.account_id)
    notices.tell_both_of_end(session, grant, party=Party.AGENCY)
    return grant


def end_by_owner(session: Session, owner_id: uuid.UUID, grant_id: uuid.UUID) -> Grant:
    """Withdraw the request or revoke the grant, whichever it is; it takes effect with this transaction.

    :raises GrantUnknown: it is not this owner's.
    :raises TransitionRefused: it has ended already.
    """
    grant = get_grant_of_owner(session, owner_id, grant_id)
    transition = Transition.WITHDRAW if grant.state == GrantState.REQUESTED else Transition.REVOKE
    _move(session, grant, transition, party=Party.OWNER, actor_id=owner_id)
    notices.tell_both_of_end(session, grant, party=Party.OWNER)
    return grant


def end_by_operator(session: Session, grant_id: uuid.UUID) -> Grant:
    """End a grant at the owner's word on the telephone.

    :raises GrantUnknown: there is none.
    :raises TransitionRefused: it has ended already.
    """
    grant = session.get(Grant, grant_id)
    if grant is None:
        raise GrantUnknown
    transition = Transition.WITHDRAW if grant.state == GrantState.REQUESTED else Transition.REVOKE
    _move(session, grant, transition, party=Party.OPERATOR, actor_id=None)
    notices.tell_both_of_end(session, grant, party=Party.OPERATOR)
    return grant


def set_agency_suspended(session: Session, agency_id: uuid.UUID, *, suspended: bool) -> int:
    """Suspend an agency with all its active grants, or reinstate exactly those; return how many.

    :raises AgencyUnknown: there is no such agency, or it is in that standing already.
    """
    before, after = AgencyStatus.ACTIVE, AgencyStatus.SUSPENDED
    if not suspended:
        before, after = after, before
    result = session.execute(
        update(Agency).where(Agency.id == agency_id, Agency.status == before).values(status=after)
    )
    if _rows(result) != 1:
        raise AgencyUnknown
    record_event(
        session, Event.AGENCY_SUSPENDED if suspended else Event.AGENCY_REINSTATED, agency_id=agency_id
    )
    state = GrantState.ACTIVE if suspended else GrantState.SUSPENDED
    transition = Transition.SUSPEND if suspended else Transition.REINSTATE
    grants = session.scalars(select(Grant).where(Grant.agency_id == agency_id, Grant.state == state)).all()
    for grant in grants:
        _move(session, grant, transition, party=Party.OPERATOR, actor_id=None)
    return len(grants)


def let_time_pass(session: Session, *, limit: int = 200) -> int:
    """Lapse requests that nobody answered and expire grants whose term is over; return how many moved.

    Exchange and introspection do not wait for this: they look at the clock themselves.
    """
    now = clock.now()
    unanswered = select(Grant).where(Grant.state == GrantState.REQUESTED, Grant.lapses_at <= now)
    over = select(Grant).where(
        Grant.state.in_([GrantState.ACTIVE, GrantState.SUSPENDED]), Grant.expires_at <= now
    )
    moved = 0
    for query, transition in ((unanswered, Transition.LAPSE), (over, Transition.EXPIRE)):
        for grant in session.scalars(query.limit(limit)).all():
            _move(session, grant, transition, party=Party.CLOCK, actor_id=None)
            notices.tell_both_of_end(session, grant, party=Party.CLOCK)
            moved += 1
    return moved


def get_grant_of_agency(session: Session, agency_id: uuid.UUID, grant_id: uuid.UUID) -> Grant:
    """Return a grant to this agency.

    :raises GrantUnknown: there is none, or it is another agency's: the two look the same.
    """
    grant = session.get(Grant, grant_id)
    if grant is None or grant.agency_id != agency_id:
        raise GrantUnknown
    return grant


def get_grant_of_owner(session: Session, owner_id: uuid.UUID, grant_id: uuid.UUID) -> Grant:
    """Return a grant of this owner.

    :raises GrantUnknown: there is none, or it is another owner's: the two look the same.
    """
    grant = session.get(Grant, grant_id)
    if grant is None or grant.owner_id != owner_id:
        raise GrantUnknown
    return grant


def grants_of_owner(session: Session, owner_id: uuid.UUID) -> list[Grant]:
    """Return all grants of an owner, those that stand first, then the newest."""
    grants = session.scalars(
        select(Grant).where(Grant.owner_id == owner_id).order_by(Grant.requested_at.desc())
    ).all()
    return sorted(grants, key=lambda grant: not GrantState(grant.state).is_open)


def products_of(session: Session, owner_id: uuid.UUID) -> list[Product]:
    """Return the owner's products in the order of their product ids."""
    return list(
        session.scalars(select(Product).where(Product.owner_id == owner_id).order_by(Product.product_id))
    )


def _check_may_decide(member: Member) -> None:
    if not MemberRole(member.role).can_decide:
        raise RoleMayNot


def _move(
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
        values |= {"ended_at": clock.now(), "ended_by": party}
    result = session.execute(
        update(Grant).where(Grant.id == grant.id, Grant.state == before).values(**values),
        execution_options={"synchronize_session": False},
    )
    if _rows(result) != 1:
        session.refresh(grant)
        raise TransitionRefused(GrantState(grant.state), transition)
    session.refresh(grant)
    record_event(
        session, _EVENTS[transition], actor_id=actor_id, owner_id=grant.owner_id,
        agency_id=grant.agency_id, grant_id=grant.id, before=before, by=party,
    )  # fmt: skip
    if after is not GrantState.ACTIVE:
        proxy_logins.end_all_of_grant(session, grant.id, reason=SessionEnd.GRANT_ENDED)


def _rows(result: object) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0


def is_over(grant: Grant, now: datetime) -> bool:
    """Tell whether an open grant's time has passed although the clock job has not written it yet."""
    if grant.state == GrantState.REQUESTED:
        return now >= grant.lapses_at
    return grant.expires_at is not None and now >= grant.expires_at


def days_left(grant: Grant, now: datetime) -> int:
    """Return the whole days until the term is over, at least 0."""
    return max((grant.expires_at - now) // timedelta(days=1), 0) if grant.expires_at else 0
