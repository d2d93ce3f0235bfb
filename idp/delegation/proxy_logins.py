"""Proxy logins (代理ログイン): how an act-as session begins, is found and ends.

No sign-in session for the owner ever exists: an act-as session belongs to a staff member's own sign-in
and to a grant, and is alive only while both are.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import BrowserSession, Member
from idp.audit.events import Event
from idp.audit.service import About, record_event, record_event_for_each
from idp.delegation import notices
from idp.delegation.authority import Authority, NoAuthority
from idp.delegation.disclosures.rules import Occasion
from idp.delegation.disclosures.service import record_disclosure
from idp.delegation.exchange_rules import ExchangeRefusal, TicketRefusal, TicketUnusable
from idp.delegation.models import ActAsSession, Grant
from idp.delegation.permissions.service import items_of
from idp.delegation.rules import GrantState, ProxyLoginUnknown, SessionEnd, SessionKind
from idp.mail.models import Topic
from idp.mail.outbox import enqueue_delivery
from idp.web import request_origin

REASON_LENGTH = 200


def start_session(
    session: Session,
    authority: Authority,
    *,
    audience: str,
    app_name: str,
    kind: SessionKind,
    reason: str,
    life: timedelta,
) -> ActAsSession | NoAuthority:
    """Record that a proxy login begins, and tell the owner if they want to be told.

    The authority was asked for while grant and sign-in were held (``authority.hold``), so that whoever ends
    either comes later, finds this session and ends it. Should the grant have changed all the same, the
    refusal says so with its reason.
    """
    now, grant = clock.now(), authority.grant
    if not _note_use(session, grant.id, now):
        return NoAuthority(
            ExchangeRefusal.GRANT_NOT_IN_FORCE, owner_id=grant.owner_id, agency_id=grant.agency_id,
            grant_id=grant.id,
        )  # fmt: skip
    owner_is_told = kind is SessionKind.BROWSER or not _used_api_today(session, authority, now)
    ends = min(now + life, grant.expires_at or now)
    act_as = ActAsSession(
        id=credentials.new_id(), grant_id=grant.id,
        member_id=authority.member.id if authority.member else None,
        staff_session_id=authority.staff_session_id, client_id=authority.client_id, audience=audience,
        kind=kind, system_name=authority.system_name,
        scope=" ".join(sorted(authority.scope)), reason=reason[:REASON_LENGTH],
        address=request_origin().address or "", started_at=now, expires_at=ends,
    )  # fmt: skip
    session.add(act_as)
    session.flush()
    record_event(
        session, Event.PROXY_LOGIN_STARTED, actor_id=authority.actor_id, owner_id=grant.owner_id,
        agency_id=grant.agency_id, grant_id=grant.id, session_id=act_as.id, client_id=audience, kind=kind,
    )  # fmt: skip
    occasion = Occasion.PROXY_LOGIN if kind is SessionKind.BROWSER else Occasion.SYSTEM
    items = items_of(session, authority.scope) or sorted(authority.scope)
    record_disclosure(session, grant, occasion=occasion, items=items)
    if owner_is_told:
        notices.tell_owner_of_proxy_login(
            session, act_as, grant, staff_name=authority.actor_name, app_name=app_name
        )
    return act_as


def _note_use(session: Session, grant_id: uuid.UUID, now: datetime) -> bool:
    """Note that the grant is used now, and tell whether it still allows that."""
    noted = session.execute(
        update(Grant)
        .where(Grant.id == grant_id, Grant.state == GrantState.ACTIVE, Grant.expires_at > now)
        .values(last_used_at=now)
        .returning(Grant.id)
    ).first()
    return noted is not None


def _used_api_today(session: Session, authority: Authority, now: datetime) -> bool:
    """Tell whether the same system, or the same member, has used the grant at an API since midnight in Japan.

    A system may exchange every few minutes, and a mail each time would teach the owner to read none. Asked
    after ``_note_use``, which makes two exchanges at once wait for each other.
    """
    midnight = now.astimezone(clock.JST).replace(hour=0, minute=0, second=0, microsecond=0)
    same = ActAsSession.member_id == (authority.member.id if authority.member else None)
    earlier = exists().where(
        ActAsSession.grant_id == authority.grant.id, ActAsSession.kind == SessionKind.API, same,
        ActAsSession.client_id == authority.client_id, ActAsSession.started_at >= midnight,
    )  # fmt: skip
    return bool(session.scalar(select(earlier)))


def find_live_session(session: Session, sid: uuid.UUID, now: datetime) -> ActAsSession | None:
    """Return an act-as session that has not ended; whether it is still allowed is asked separately."""
    act_as = session.get(ActAsSession, sid, populate_existing=True)
    if act_as is None or act_as.ended_at is not None or now >= act_as.expires_at:
        return None
    return act_as


def not_renewable(
    session: Session, sid: uuid.UUID, *, sign_in: BrowserSession, audience: str
) -> TicketUnusable:
    """Return why a proxy login is not shown once more, and whose it was, for the audit log."""
    act_as = session.get(ActAsSession, sid)
    if act_as is None:
        return TicketUnusable(TicketRefusal.UNKNOWN)
    reason = TicketRefusal.SESSION_OVER
    if act_as.staff_session_id != sign_in.id:
        reason = TicketRefusal.OTHER_SIGN_IN
    elif act_as.audience != audience:
        reason = TicketRefusal.OTHER_AUDIENCE
    return TicketUnusable(
        reason, owner_id=act_as.grant.owner_id, agency_id=act_as.grant.agency_id, grant_id=act_as.grant_id
    )


def end_session(session: Session, sid: uuid.UUID, *, reason: SessionEnd, tell_app: bool) -> bool:
    """End one proxy login; return whether this call did it."""
    act_as = session.get(ActAsSession, sid)
    if act_as is None:
        return False
    this, now = ActAsSession.id == sid, clock.now()
    if now >= act_as.expires_at:
        return _end(session, this, at=act_as.expires_at, reason=SessionEnd.TIME_OVER, tell_app=False) > 0
    return _end(session, this, at=now, reason=reason, tell_app=tell_app) > 0


def end_by_owner(session: Session, owner_id: uuid.UUID, sid: uuid.UUID) -> bool:
    """End a proxy login at the word of the owner it is for; return whether it was still running.

    :raises ProxyLoginUnknown: there is none, or it is another owner's.
    """
    act_as = session.get(ActAsSession, sid)
    if act_as is None or act_as.grant.owner_id != owner_id:
        raise ProxyLoginUnknown
    return act_as.expires_at > clock.now() and end_session(
        session, sid, reason=SessionEnd.OWNER, tell_app=True
    )


def end_by_operator(session: Session, sid: uuid.UUID) -> bool:
    """End a proxy login for an owner on the telephone; return whether it was still running.

    :raises ProxyLoginUnknown: there is none.
    """
    act_as = session.get(ActAsSession, sid)
    if act_as is None:
        raise ProxyLoginUnknown
    return act_as.expires_at > clock.now() and end_session(
        session, sid, reason=SessionEnd.OPERATOR, tell_app=True
    )


def end_all_of_grant(session: Session, grant_id: uuid.UUID, *, reason: SessionEnd) -> None:
    """End every running proxy login of a grant, and tell the relying parties."""
    _end_running(session, ActAsSession.grant_id == grant_id, reason=reason)


def end_all_of_grants(session: Session, which: ColumnElement[bool], *, reason: SessionEnd) -> None:
    """End every running proxy login under any of these grants, and tell the relying parties."""
    _end_running(session, ActAsSession.grant_id.in_(select(Grant.id).where(which)), reason=reason)


def end_all_of_member(session: Session, member_id: uuid.UUID, *, reason: SessionEnd) -> None:
    """End every running proxy login of a member of an agency, and tell the relying parties."""
    _end_running(session, ActAsSession.member_id == member_id, reason=reason)


def end_all_of(session: Session, sids: Collection[uuid.UUID], *, reason: SessionEnd) -> None:
    """End those of these proxy logins that run, and tell the relying parties."""
    if sids:
        _end_running(session, ActAsSession.id.in_(sids), reason=reason)


def end_all_of_system(session: Session, client_id: str) -> None:
    """End whatever an agency's own system has running: it was stopped, or taken away."""
    here = (ActAsSession.client_id == client_id) & ActAsSession.member_id.is_(None)
    _end_running(session, here, reason=SessionEnd.LEFT)


def hold_grants_of(session: Session, owner_id: uuid.UUID) -> Sequence[uuid.UUID]:
    """Lock an owner's grants, so that nobody is beginning a proxy login meanwhile; return their ids."""
    owned = select(Grant.id).where(Grant.owner_id == owner_id).order_by(Grant.id)
    return session.scalars(owned.with_for_update(key_share=True)).all()


def end_all_of_account(session: Session, account_id: uuid.UUID) -> None:
    """End every running proxy login for this person as an owner, and by this person as staff."""
    owned = hold_grants_of(session, account_id)
    _end_running(session, ActAsSession.grant_id.in_(owned), reason=SessionEnd.GRANT_ENDED)
    places = select(Member.id).where(Member.account_id == account_id)
    _end_running(session, ActAsSession.member_id.in_(places), reason=SessionEnd.SIGNED_OUT)


def end_all_of_sign_in(session: Session, browser_session_id: uuid.UUID) -> None:
    """End every proxy login that hangs on a staff member's sign-in."""
    here = ActAsSession.staff_session_id == browser_session_id
    _end_running(session, here, reason=SessionEnd.SIGNED_OUT)


def end_all_replaced_by(session: Session, started: ActAsSession) -> None:
    """End what the staff member had running in this browser, at this relying party, before this began."""
    replaced = and_(
        ActAsSession.staff_session_id == started.staff_session_id,
        ActAsSession.audience == started.audience,
        ActAsSession.kind == SessionKind.BROWSER,
        ActAsSession.id != started.id,
    )
    _end_running(session, replaced, reason=SessionEnd.STAFF)


def _end_running(session: Session, which: ColumnElement[bool], *, reason: SessionEnd) -> None:
    """End what runs; what only waits to be forgotten ended by itself and is left as it is."""
    now = clock.now()
    _end(session, which & (ActAsSession.expires_at > now), at=now, reason=reason, tell_app=True)


def _end(
    session: Session, which: ColumnElement[bool], *, at: datetime, reason: SessionEnd, tell_app: bool
) -> int:
    """End sessions, each once, with an event and a logout call for each; return how many."""
    running = select(ActAsSession.id).where(which, ActAsSession.ended_at.is_(None)).order_by(ActAsSession.id)
    ended = session.scalars(
        update(ActAsSession)
        .where(ActAsSession.id.in_(running.with_for_update(key_share=True)), ActAsSession.ended_at.is_(None))
        .values(ended_at=at, end_reason=reason)
        .returning(ActAsSession),
        execution_options={"synchronize_session": False, "populate_existing": True},
    ).all()
    record_event_for_each(
        session, Event.PROXY_LOGIN_ENDED,
        [
            About(owner_id=act_as.grant.owner_id, agency_id=act_as.grant.agency_id, grant_id=act_as.grant_id,
                  session_id=act_as.id, client_id=act_as.audience)
            for act_as in ended
        ],
        reason=reason,
    )  # fmt: skip
    for act_as in ended if tell_app else ():
        enqueue_delivery(
            session, Topic.BACKCHANNEL_LOGOUT, name=act_as.audience, recipient=act_as.audience,
            payload={"client_id": act_as.audience, "sid": str(act_as.id), "sub": str(act_as.grant.owner_id)},
            reference=act_as.id,
        )  # fmt: skip
    return len(ended)
