"""Act-as tickets: what carries a proxy login from the portal's exchange into the staff member's browser."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import BrowserSession
from idp.credentials import SecretKind
from idp.delegation import proxy_logins
from idp.delegation.authority import ActorClaim, Authority, NoAuthority, authority_for, hold
from idp.delegation.conditions.service import check_conditions
from idp.delegation.exchange_rules import AudienceFacts, ClientFacts, TicketRefusal, TicketUnusable
from idp.delegation.models import ActAsSession, ActAsTicket, Grant
from idp.delegation.rules import SessionKind


@dataclass(frozen=True)
class Lifetimes:
    """How long things live, from the settings."""

    session: timedelta
    idle: timedelta


def mint_ticket(
    session: Session, authority: Authority, *, audience: str, reason: str, life: timedelta
) -> str:
    """Return a new act-as ticket, bound to grant, member, their sign-in session and the relying party."""
    if authority.member is None or authority.staff_session_id is None:
        raise ValueError("an agency's system has no browser that a ticket could be for")
    secret = credentials.mint_secret(SecretKind.ACT_AS_TICKET)
    now = clock.now()
    session.add(
        ActAsTicket(
            digest=credentials.digest(secret), grant_id=authority.grant.id, member_id=authority.member.id,
            staff_session_id=authority.staff_session_id, client_id=authority.client_id, audience=audience,
            scope=" ".join(sorted(authority.scope)), reason=reason[: proxy_logins.REASON_LENGTH],
            created_at=now, expires_at=now + life,
        )
    )  # fmt: skip
    return secret


def find_ticket(session: Session, secret: str) -> ActAsTicket | None:
    """Return the ticket that a secret belongs to, whatever has become of it."""
    return session.get(ActAsTicket, credentials.digest(secret))


def unusable(session: Session, ticket: ActAsTicket, reason: str) -> TicketUnusable:
    """Return the refusal of a ticket, with whose it would have been, for the audit log."""
    grant = session.get_one(Grant, ticket.grant_id)
    return TicketUnusable(reason, owner_id=grant.owner_id, agency_id=grant.agency_id, grant_id=grant.id)


def redeem_ticket(
    session: Session,
    ticket: ActAsTicket,
    *,
    sign_in: BrowserSession,
    client: ClientFacts,
    audience: AudienceFacts,
    app_name: str,
    lifetimes: Lifetimes,
) -> ActAsSession:
    """Turn a ticket into a running proxy login, once, in the very browser it was made for.

    One browser shows one proxy login at a time: what this sign-in had running at the relying party before
    ends here, at both sides.

    :raises TicketUnusable: over, used, of another sign-in session or relying party, or what allowed it is
        no longer true.
    """
    now = clock.now()
    hold(session, grant_id=ticket.grant_id, staff_session_id=sign_in.id)
    refusal = _refuse(ticket, sign_in, audience)
    if refusal is not None:
        raise unusable(session, ticket, refusal)
    authority = authority_for(
        session,
        ActorClaim(sign_in.account_id, sign_in.id, client.client_id, token_may_act=True),
        client=client, grant_id=ticket.grant_id, audience=audience, scope=frozenset(ticket.scope.split()),
        now=now, idle=lifetimes.idle,
    )  # fmt: skip
    if isinstance(authority, NoAuthority):
        raise unusable(session, ticket, authority.reason)
    unmet = check_conditions(session, authority, reason=None, now=now, at_browser=True)
    if unmet is not None:
        raise unusable(session, ticket, unmet.reason)
    if authority.member is None or authority.member.id != ticket.member_id:
        raise unusable(session, ticket, TicketRefusal.OTHER_MEMBER)
    used = session.execute(
        update(ActAsTicket)
        .where(ActAsTicket.digest == ticket.digest, ActAsTicket.used_at.is_(None))
        .values(used_at=now)
        .returning(ActAsTicket.digest)
    ).first()
    if used is None:
        raise unusable(session, ticket, TicketRefusal.USED)
    started = proxy_logins.start_session(
        session, authority, audience=audience.client_id, app_name=app_name, kind=SessionKind.BROWSER,
        reason=ticket.reason, life=lifetimes.session,
    )  # fmt: skip
    if isinstance(started, NoAuthority):
        raise unusable(session, ticket, started.reason)
    proxy_logins.end_all_replaced_by(session, started)
    return started


def _refuse(ticket: ActAsTicket, sign_in: BrowserSession, audience: AudienceFacts) -> TicketRefusal | None:
    if ticket.staff_session_id != sign_in.id:
        return TicketRefusal.OTHER_SIGN_IN
    if ticket.audience != audience.client_id:
        return TicketRefusal.OTHER_AUDIENCE
    if ticket.used_at is not None:
        return TicketRefusal.USED
    return TicketRefusal.OVER if clock.now() >= ticket.expires_at else None
