"""Proxy logins (代理ログイン): tickets, act-as sessions, their end, and what the owner can see of them.

No sign-in session for the owner ever exists: an act-as session belongs to a staff member's own sign-in
and to a grant, and is alive only while both are.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import BrowserSession
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.credentials import SecretKind
from idp.delegation import notices
from idp.delegation.authority import ActorClaim, Authority, NoAuthority, authority_for
from idp.delegation.models import ActAsSession, ActAsTicket, Grant
from idp.delegation.rules import AudienceFacts, ClientFacts, SessionEnd, SessionKind, TicketUnusable
from idp.mail.models import Topic
from idp.mail.outbox import enqueue_delivery
from idp.web import request_origin

REASON_LENGTH = 200


@dataclass(frozen=True)
class Lifetimes:
    """How long things live, from the settings."""

    ticket: timedelta
    session: timedelta
    idle: timedelta


def mint_ticket(
    session: Session, authority: Authority, *, audience: str, reason: str, life: timedelta
) -> str:
    """Return a new act-as ticket, bound to grant, member, their sign-in session and the relying party."""
    secret = credentials.mint_secret(SecretKind.ACT_AS_TICKET)
    now = clock.now()
    session.add(
        ActAsTicket(
            digest=credentials.digest(secret), grant_id=authority.grant.id, member_id=authority.member.id,
            staff_session_id=authority.staff_session_id, client_id=authority.client_id, audience=audience,
            scope=" ".join(sorted(authority.scope)), reason=reason[:REASON_LENGTH], created_at=now,
            expires_at=now + life,
        )
    )  # fmt: skip
    return secret


def find_ticket(session: Session, secret: str) -> ActAsTicket | None:
    """Return the ticket that a secret belongs to, whatever has become of it."""
    return session.get(ActAsTicket, credentials.digest(secret))


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

    :raises TicketUnusable: over, used, of another sign-in session or relying party, or what allowed it is
        no longer true.
    """
    now = clock.now()
    if (
        ticket.staff_session_id != sign_in.id
        or ticket.audience != audience.client_id
        or ticket.used_at is not None
        or now >= ticket.expires_at
    ):
        raise TicketUnusable
    authority = authority_for(
        session,
        ActorClaim(sign_in.account_id, sign_in.id, client.client_id, token_may_act=True),
        client=client, grant_id=ticket.grant_id, audience=audience, scope=frozenset(ticket.scope.split()),
        now=now, idle=lifetimes.idle,
    )  # fmt: skip
    if isinstance(authority, NoAuthority) or authority.member.id != ticket.member_id:
        raise TicketUnusable
    used = session.execute(
        update(ActAsTicket)
        .where(ActAsTicket.digest == ticket.digest, ActAsTicket.used_at.is_(None))
        .values(used_at=now)
        .returning(ActAsTicket.digest)
    ).first()
    if used is None:
        raise TicketUnusable
    return start_session(
        session, authority, audience=audience.client_id, app_name=app_name, kind=SessionKind.BROWSER,
        reason=ticket.reason, life=lifetimes.session,
    )  # fmt: skip


def start_session(
    session: Session,
    authority: Authority,
    *,
    audience: str,
    app_name: str,
    kind: SessionKind,
    reason: str,
    life: timedelta,
) -> ActAsSession:
    """Record that a proxy login begins, and tell the owner if they want to be told."""
    now, grant = clock.now(), authority.grant
    ends = min(now + life, grant.expires_at or now)
    act_as = ActAsSession(
        id=credentials.new_id(), grant_id=grant.id, member_id=authority.member.id,
        staff_session_id=authority.staff_session_id, client_id=authority.client_id, audience=audience,
        kind=kind,
        scope=" ".join(sorted(authority.scope)), reason=reason[:REASON_LENGTH],
        address=request_origin().address or "", started_at=now, expires_at=ends,
    )  # fmt: skip
    session.add(act_as)
    session.flush()
    session.execute(update(Grant).where(Grant.id == grant.id).values(last_used_at=now))
    record_event(
        session, Event.PROXY_LOGIN_STARTED, actor_id=authority.member.account_id, owner_id=grant.owner_id,
        agency_id=grant.agency_id, grant_id=grant.id, session_id=act_as.id, client_id=audience, kind=kind,
    )  # fmt: skip
    if kind is SessionKind.BROWSER:
        notices.tell_owner_of_proxy_login(session, act_as, grant, authority.member, app_name=app_name)
    return act_as


def find_live_session(session: Session, sid: uuid.UUID, now: datetime) -> ActAsSession | None:
    """Return an act-as session that has not ended; whether it is still allowed is asked separately."""
    act_as = session.get(ActAsSession, sid, populate_existing=True)
    if act_as is None or act_as.ended_at is not None or now >= act_as.expires_at:
        return None
    return act_as


def end_session(session: Session, sid: uuid.UUID, *, reason: SessionEnd, tell_app: bool) -> bool:
    """End one proxy login; return whether this call did it."""
    act_as = session.get(ActAsSession, sid)
    if act_as is None:
        return False
    return _end(session, act_as, reason=reason, tell_app=tell_app)


def end_all_of_grant(session: Session, grant_id: uuid.UUID, *, reason: SessionEnd) -> None:
    """End every running proxy login of a grant, and tell the relying parties."""
    running = select(ActAsSession).where(ActAsSession.grant_id == grant_id, ActAsSession.ended_at.is_(None))
    for act_as in session.scalars(running).all():
        _end(session, act_as, reason=reason, tell_app=True)


def end_all_of_sign_in(session: Session, browser_session_id: uuid.UUID) -> None:
    """End every proxy login that hangs on a staff member's sign-in."""
    running = select(ActAsSession).where(
        ActAsSession.staff_session_id == browser_session_id, ActAsSession.ended_at.is_(None)
    )
    for act_as in session.scalars(running).all():
        _end(session, act_as, reason=SessionEnd.SIGNED_OUT, tell_app=True)


def proxy_logins_of_owner(session: Session, owner_id: uuid.UUID, *, limit: int = 50) -> list[ActAsSession]:
    """Return the owner's proxy logins in browsers, newest first."""
    query = (
        select(ActAsSession)
        .join(Grant, Grant.id == ActAsSession.grant_id)
        .where(Grant.owner_id == owner_id, ActAsSession.kind == SessionKind.BROWSER)
        .order_by(ActAsSession.started_at.desc())
        .limit(limit)
    )
    return list(session.scalars(query))


def _end(session: Session, act_as: ActAsSession, *, reason: SessionEnd, tell_app: bool) -> bool:
    now = clock.now()
    over = now >= act_as.expires_at
    result = session.execute(
        update(ActAsSession)
        .where(ActAsSession.id == act_as.id, ActAsSession.ended_at.is_(None))
        .values(
            ended_at=act_as.expires_at if over else now,
            end_reason=SessionEnd.TIME_OVER if over else reason,
        )
    )
    if not isinstance(result, CursorResult) or result.rowcount != 1:
        return False
    session.refresh(act_as)
    record_event(
        session, Event.PROXY_LOGIN_ENDED, owner_id=act_as.grant.owner_id, agency_id=act_as.grant.agency_id,
        grant_id=act_as.grant_id, session_id=act_as.id, client_id=act_as.audience,
        reason=act_as.end_reason,
    )  # fmt: skip
    if tell_app and not over:
        enqueue_delivery(
            session, Topic.BACKCHANNEL_LOGOUT, name=act_as.audience, recipient=act_as.audience,
            payload={"client_id": act_as.audience, "sid": str(act_as.id), "sub": str(act_as.grant.owner_id)},
            reference=act_as.id,
        )  # fmt: skip
    return True
