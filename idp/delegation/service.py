"""What owners, agencies and operators do with delegation grants.

Each transition (``transitions``) writes in one transaction the new state, an audit event, the end of running
proxy logins, and here the mails. It is decided while the grant is locked: of two that race, one decides on
what the other has left, or gets ``TransitionRefused`` with the state as it is now.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Account, Agency, Member
from idp.accounts.rules import (
    AccountStatus,
    AgencyNotActive,
    AgencyStatus,
    MemberRole,
    NotAnOwner,
    RoleMayNot,
)
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.delegation import notices, search_index, system_notices
from idp.delegation.disclosures.rules import PAGE_ITEMS, Occasion
from idp.delegation.disclosures.service import record_disclosure
from idp.delegation.models import Grant
from idp.delegation.permissions.products import limit_to, visible_products
from idp.delegation.rules import (
    WORDING,
    AgencyUnknown,
    AlreadyOpen,
    GrantState,
    GrantUnknown,
    OwnerNotActive,
    OwnRequest,
    Party,
    Transition,
    TransitionRefused,
    end_of_term,
    lapse_moment,
)
from idp.delegation.transitions import move


@dataclass(frozen=True)
class Consent:
    """What an owner has seen and agrees to."""

    agency_id: uuid.UUID
    permissions: frozenset[str]
    term_months: int
    wording: str = WORDING
    products: frozenset[uuid.UUID] | None = None
    """Ids of those of the owner's products that it is limited to; None for all."""
    invitation_id: uuid.UUID | None = None
    """The agency's leaflet that brought the owner here."""


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
    :raises NoSuchProduct: a product is not (any longer) the owner's.
    :raises NotAnOwner: the owner's account has just been deleted or suspended.
    """
    # Held until this is stored: whoever deletes or closes either meanwhile finds the request and ends it.
    if not _hold_owner(session, owner.id):
        raise NotAnOwner
    if not _hold_agency(session, consent.agency_id):
        raise AgencyUnknown
    agency = session.get_one(Agency, consent.agency_id)
    standing = find_open_grant(session, owner.id, agency.id)
    if standing is not None:
        raise AlreadyOpen(GrantState(standing.state))
    now = clock.now()
    grant = Grant(
        id=credentials.new_id(), owner_id=owner.id, agency_id=agency.id,
        permissions=" ".join(sorted(consent.permissions)), term_months=consent.term_months,
        state=GrantState.REQUESTED, wording=consent.wording, requested_at=now,
        lapses_at=lapse_moment(now, answer_days), invitation_id=consent.invitation_id,
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(grant)
    except IntegrityError as error:  # asked twice at once: the database keeps one open grant per pair
        raise AlreadyOpen(GrantState.REQUESTED) from error
    limited: dict[str, Any] = {}
    if consent.products is not None:
        limited["products"] = sorted(limit_to(session, grant, consent.products))
    search_index.index_new(session, grant)
    record_event(
        session, Event.DELEGATION_REQUESTED, actor_id=owner.id, owner_id=owner.id, agency_id=agency.id,
        grant_id=grant.id, permissions=grant.permissions, term_months=grant.term_months,
        wording=grant.wording, **limited,
    )  # fmt: skip
    record_disclosure(session, grant, occasion=Occasion.REQUEST, items=PAGE_ITEMS)
    notices.tell_agency_of_request(session, grant, products=visible_products(session, grant))
    system_notices.tell_of_request(session, agency.id, grant.id, at=now)
    return grant


def answer(session: Session, member: Member, grant_id: uuid.UUID, *, approve: bool) -> Grant:
    """Approve or refuse an owner's request, as a member of the agency it was made to.

    :raises GrantUnknown: it is not this agency's.
    :raises RoleMayNot: the member's role does not decide.
    :raises OwnRequest: the member is the owner.
    :raises TransitionRefused: it is no longer open to an answer.
    :raises AgencyNotActive: the agency is being suspended, with what it has; nothing is added to that.
    :raises OwnerNotActive: the owner's account is suspended; the request waits, and lapses in its time.
    """
    owner_id = get_grant_of_agency(session, member.agency_id, grant_id).owner_id
    owner_is_active = _hold_owner(session, owner_id)
    if not _hold_agency(session, member.agency_id):
        raise AgencyNotActive
    grant = get_grant_of_agency(session, member.agency_id, grant_id, to_change=True)
    _check_may_decide(member)
    if grant.owner_id == member.account_id:
        raise OwnRequest
    if grant.state == GrantState.REQUESTED and not owner_is_active:
        raise OwnerNotActive
    now = clock.now()
    transition = Transition.APPROVE if approve else Transition.DENY
    if grant.state == GrantState.REQUESTED and now >= grant.lapses_at:
        raise TransitionRefused(GrantState.LAPSED, transition)
    changes: dict[str, object] = {"decided_at": now, "decided_by": member.account_id}
    if approve:
        changes |= {"expires_at": end_of_term(now, grant.term_months), "reminded_at": None}
    move(session, grant, transition, party=Party.AGENCY, actor_id=member.account_id, **changes)
    if approve:
        record_disclosure(session, grant, occasion=Occasion.APPROVAL, items=PAGE_ITEMS)
    notices.tell_owner_of_answer(session, grant)
    return grant


def release(session: Session, member: Member, grant_id: uuid.UUID) -> Grant:
    """End an active grant from the agency's side.

    :raises GrantUnknown: it is not this agency's.
    :raises RoleMayNot: the member's role does not decide.
    :raises TransitionRefused: it is not active.
    """
    grant = get_grant_of_agency(session, member.agency_id, grant_id, to_change=True)
    _check_may_decide(member)
    move(session, grant, Transition.REVOKE, party=Party.AGENCY, actor_id=member.account_id)
    notices.tell_both_of_end(session, grant, party=Party.AGENCY)
    return grant


def end_by_owner(session: Session, owner_id: uuid.UUID, grant_id: uuid.UUID) -> Grant:
    """Withdraw the request or revoke the grant, whichever it is; it takes effect with this transaction.

    :raises GrantUnknown: it is not this owner's.
    :raises TransitionRefused: it has ended already.
    """
    grant = get_grant_of_owner(session, owner_id, grant_id, to_change=True)
    transition = Transition.WITHDRAW if grant.state == GrantState.REQUESTED else Transition.REVOKE
    move(session, grant, transition, party=Party.OWNER, actor_id=owner_id)
    notices.tell_both_of_end(session, grant, party=Party.OWNER)
    return grant


def end_by_operator(session: Session, grant_id: uuid.UUID) -> Grant:
    """End a grant at the owner's word on the telephone.

    :raises GrantUnknown: there is none.
    :raises TransitionRefused: it has ended already.
    """
    grant = _find_grant(session, grant_id, to_change=True)
    if grant is None:
        raise GrantUnknown
    transition = Transition.WITHDRAW if grant.state == GrantState.REQUESTED else Transition.REVOKE
    move(session, grant, transition, party=Party.OPERATOR, actor_id=None)
    notices.tell_both_of_end(session, grant, party=Party.OPERATOR)
    return grant


def get_grant_of_agency(
    session: Session, agency_id: uuid.UUID, grant_id: uuid.UUID, *, to_change: bool = False
) -> Grant:
    """Return a grant to this agency; ``to_change``: as it is once it is locked.

    :raises GrantUnknown: there is none, or it is another agency's: the two look the same.
    """
    grant = _find_grant(session, grant_id, to_change=to_change)
    if grant is None or grant.agency_id != agency_id:
        raise GrantUnknown
    return grant


def get_grant_of_owner(
    session: Session, owner_id: uuid.UUID, grant_id: uuid.UUID, *, to_change: bool = False
) -> Grant:
    """Return a grant of this owner; ``to_change``: as it is once it is locked.

    :raises GrantUnknown: there is none, or it is another owner's: the two look the same.
    """
    grant = _find_grant(session, grant_id, to_change=to_change)
    if grant is None or grant.owner_id != owner_id:
        raise GrantUnknown
    return grant


def grants_of_owner(session: Session, owner_id: uuid.UUID) -> list[Grant]:
    """Return all grants of an owner, those that stand first, then the newest."""
    grants = session.scalars(
        select(Grant).where(Grant.owner_id == owner_id).order_by(Grant.requested_at.desc())
    ).all()
    return sorted(grants, key=lambda grant: not GrantState(grant.state).is_open)


def _find_grant(session: Session, grant_id: uuid.UUID, *, to_change: bool) -> Grant | None:
    if not to_change:
        return session.get(Grant, grant_id)
    lock: dict[str, object] = {"of": Grant, "key_share": True}
    return session.get(Grant, grant_id, populate_existing=True, with_for_update=lock)


def _hold_owner(session: Session, owner_id: uuid.UUID) -> bool:
    """Keep the owner as they are until this is stored, and tell whether they are in good standing."""
    query = select(Account.status).where(Account.id == owner_id).with_for_update(read=True)
    return session.scalar(query) == AccountStatus.ACTIVE


def hold_owners(session: Session, agency_id: uuid.UUID, grant_ids: Collection[uuid.UUID]) -> None:
    """Keep the owners of many grants as they are, before any is decided: accounts come before grants."""
    theirs = select(Grant.owner_id).where(Grant.agency_id == agency_id, Grant.id.in_(grant_ids))
    owners = select(Account.id).where(Account.id.in_(theirs)).order_by(Account.id)
    session.execute(owners.with_for_update(read=True)).close()


def _hold_agency(session: Session, agency_id: uuid.UUID) -> bool:
    """Keep the agency in business until this is stored; a suspension takes along what is active by then.

    Tell whether it is in business.
    """
    query = select(Agency.status).where(Agency.id == agency_id).with_for_update(read=True)
    return session.scalar(query) == AgencyStatus.ACTIVE


def _check_may_decide(member: Member) -> None:
    if not MemberRole(member.role).can_decide:
        raise RoleMayNot


def is_over(grant: Grant, now: datetime) -> bool:
    """Tell whether an open grant's time has passed although the clock job has not written it yet."""
    if grant.state == GrantState.REQUESTED:
        return now >= grant.lapses_at
    return grant.expires_at is not None and now >= grant.expires_at


def owner_is_visible(grant: Grant, now: datetime) -> bool:
    """Tell whether the agency sees whose grant it is: the request waits, or what it allows is in force."""
    return grant.state in {GrantState.REQUESTED, GrantState.ACTIVE} and not is_over(grant, now)


def owners_visible(now: datetime) -> ColumnElement[bool]:
    """Return the condition on ``Grant`` that says the same of many."""
    return or_(
        and_(Grant.state == GrantState.REQUESTED, Grant.lapses_at > now),
        and_(Grant.state == GrantState.ACTIVE, Grant.expires_at > now),
    )
