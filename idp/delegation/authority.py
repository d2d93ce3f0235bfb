"""What may this actor do for this owner now? One question, asked anew each time, from the live records.

``authority_for`` gathers what is known at this moment and hands it to the pure rule. The exchange, the
redemption of a ticket and every later use of an act-as session go through it, so that a revocation, a
suspension or a departure is felt at the very next request, wherever the token was signed.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp.accounts.models import BrowserSession, Member
from idp.accounts.rules import AccountStatus, AgencyStatus, MemberRole, session_is_alive
from idp.delegation.assignments.service import may_serve
from idp.delegation.exchange_rules import (
    ActorFacts,
    Allowed,
    AudienceFacts,
    ClientFacts,
    ExchangeRefusal,
    GrantFacts,
    decide_exchange,
)
from idp.delegation.models import ActAsSession, Grant
from idp.delegation.rules import GrantState


@dataclass(frozen=True)
class ActorClaim:
    """What a request says of the staff member who acts; everything else is read from the records."""

    account_id: uuid.UUID
    staff_session_id: uuid.UUID
    token_client_id: str
    token_may_act: bool


@dataclass(frozen=True)
class SystemClaim:
    """What a request says of an agency's own system, which acts with a token that it has for itself.

    Whose system it is stands in the client's registration (``ClientFacts.agency_id``), never in the token.
    """

    token_client_id: str
    token_may_act: bool


Claim = ActorClaim | SystemClaim


@dataclass(frozen=True)
class Authority:
    """The answer yes: this member, or system, acts for this owner, with this scope, until the term ends."""

    grant: Grant
    member: Member | None
    """None for an agency's own system."""
    staff_session_id: uuid.UUID | None
    client_id: str
    """The agency's client that asks."""
    scope: frozenset[str]
    system_name: str = ""
    """What the agency's system is called; empty for a person."""

    @property
    def actor_id(self) -> uuid.UUID | None:
        """The staff member's account; None for a system."""
        return self.member.account_id if self.member else None

    @property
    def actor_name(self) -> str:
        """Who acts, as the owner reads it."""
        return self.member.account.name if self.member else self.system_name


@dataclass(frozen=True)
class NoAuthority:
    """The answer no, with the reason for the audit log."""

    reason: str
    """An ``ExchangeRefusal``, or a condition that is not met (``conditions``)."""
    owner_id: uuid.UUID | None
    agency_id: uuid.UUID | None
    grant_id: uuid.UUID | None
    retry_after: timedelta | None = None
    """How long to wait, where waiting helps."""
    max_age: timedelta | None = None
    """How old the sign-in may be, where it is too old."""


def hold(session: Session, *, grant_id: uuid.UUID, staff_session_id: uuid.UUID | None) -> None:
    """Keep grant and sign-in as they are until this transaction ends, before asking on whose word to begin.

    An agency's system has no sign-in; its client is held by whoever knows clients.

    Whoever revokes, suspends or signs out meanwhile waits, and then finds what has begun and ends it.
    """
    session.execute(select(Grant.id).where(Grant.id == grant_id).with_for_update(key_share=True))
    if staff_session_id is None:
        return
    sign_in = select(BrowserSession.id).where(BrowserSession.id == staff_session_id)
    session.execute(sign_in.with_for_update(read=True))


def authority_for(
    session: Session,
    claim: Claim | None,
    *,
    client: ClientFacts,
    grant_id: uuid.UUID | None,
    audience: AudienceFacts | None,
    scope: frozenset[str] | None,
    now: datetime,
    idle: timedelta,
) -> Authority | NoAuthority:
    """Answer what the actor may do for the grant's owner at the audience, now.

    ``scope`` None asks for the least there is. ``idle`` is how long a sign-in session may rest.
    """
    member = find_present_member(session, claim.account_id) if isinstance(claim, ActorClaim) else None
    grant = session.get(Grant, grant_id, populate_existing=True) if grant_id else None
    actor = _actor_facts(session, claim, member, client=client, now=now, idle=idle)
    if actor is not None and member is not None and grant is not None and member.agency_id == grant.agency_id:
        actor = replace(actor, may_serve=may_serve(session, grant.id, member))
    decision = decide_exchange(
        client,
        actor,
        grant=_grant_facts(grant) if grant else None,
        audience=audience,
        scope=scope,
        now=now,
    )
    if isinstance(decision, Allowed) and grant is not None:
        if isinstance(claim, SystemClaim):
            return Authority(grant, None, None, client.client_id, decision.scope, system_name=client.name)
        if claim is not None and member is not None:
            return Authority(grant, member, claim.staff_session_id, client.client_id, decision.scope)
    assert isinstance(decision, ExchangeRefusal)  # noqa: S101 - the rule allows only with grant and actor
    return NoAuthority(
        decision,
        owner_id=grant.owner_id if grant else None,
        agency_id=member.agency_id if member else client.agency_id,
        grant_id=grant.id if grant else None,
    )


def session_authority(
    session: Session,
    act_as: ActAsSession,
    *,
    client: ClientFacts,
    audience: AudienceFacts | None,
    now: datetime,
    idle: timedelta,
) -> Authority | NoAuthority:
    """Ask the same question for a proxy login that runs already: all of it must still be true."""
    claim: Claim = SystemClaim(act_as.client_id, token_may_act=True)
    if act_as.member is not None and act_as.staff_session_id is not None:
        claim = ActorClaim(
            account_id=act_as.member.account_id, staff_session_id=act_as.staff_session_id,
            token_client_id=act_as.client_id, token_may_act=True,
        )  # fmt: skip
    return authority_for(
        session, claim, client=client, grant_id=act_as.grant_id, audience=audience,
        scope=frozenset(act_as.scope.split()), now=now, idle=idle,
    )  # fmt: skip


def find_present_member(session: Session, account_id: uuid.UUID) -> Member | None:
    """Return the person's place in an agency if they have one now."""
    return session.scalars(
        select(Member)
        .where(Member.account_id == account_id, Member.left_at.is_(None))
        .execution_options(populate_existing=True)
    ).first()


def _actor_facts(
    session: Session, claim: Claim | None, member: Member | None, *, client: ClientFacts, now: datetime,
    idle: timedelta,
) -> ActorFacts | None:  # fmt: skip
    if claim is None:
        return None
    if isinstance(claim, SystemClaim):
        return ActorFacts(
            account_id=None, agency_id=client.agency_id, role_may_act=True, in_good_standing=client.may_act,
            token_client_id=claim.token_client_id, token_may_act=claim.token_may_act,
        )  # fmt: skip
    sign_in = session.get(BrowserSession, claim.staff_session_id, populate_existing=True)
    alive = (
        sign_in is not None
        and sign_in.account_id == claim.account_id
        and session_is_alive(
            ended_at=sign_in.ended_at, expires_at=sign_in.expires_at, last_seen_at=sign_in.last_seen_at,
            account_status=sign_in.account.status, now=now, idle=idle,
        )
    )  # fmt: skip
    return ActorFacts(
        account_id=claim.account_id,
        agency_id=member.agency_id if member else None,
        role_may_act=member is not None and MemberRole(member.role).can_proxy_login,
        in_good_standing=alive,
        token_client_id=claim.token_client_id,
        token_may_act=claim.token_may_act,
    )


def _grant_facts(grant: Grant) -> GrantFacts:
    return GrantFacts(
        owner_id=grant.owner_id,
        agency_id=grant.agency_id,
        state=GrantState(grant.state),
        permissions=grant.permission_set,
        expires_at=grant.expires_at,
        owner_in_good_standing=grant.owner.status == AccountStatus.ACTIVE and grant.owner.owner is not None,
        agency_in_good_standing=grant.agency.status == AgencyStatus.ACTIVE,
    )
