"""Sign-in sessions: beginning, finding, renewing and ending them."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Account, BrowserSession
from idp.accounts.rules import session_is_alive
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.credentials import SecretKind
from idp.mail.models import Topic
from idp.mail.outbox import enqueue_delivery

TOUCH_INTERVAL = timedelta(minutes=1)
"""How exactly ``last_seen_at`` is kept; finer would cost a write for every page."""


def start_session(
    session: Session, account: Account, *, address: str, lifetime: timedelta, now: datetime | None = None
) -> tuple[BrowserSession, str]:
    """Store a new sign-in of this account and return it with the secret for the cookie."""
    now = now or clock.now()
    secret = credentials.mint_secret(SecretKind.SESSION)
    started = BrowserSession(
        id=credentials.new_id(), digest=credentials.digest(secret), account_id=account.id,
        authenticated_at=now, last_seen_at=now, expires_at=now + lifetime, address=address,
    )  # fmt: skip
    session.add(started)
    session.flush()
    record_event(session, Event.SIGNED_IN, actor_id=account.id, session_id=started.id)
    return started, secret


def renew_session(
    session: Session, session_id: uuid.UUID, *, lifetime: timedelta, now: datetime | None = None
) -> str | None:
    """Return a new secret for a session whose person has just signed in again, or None if it has ended.

    The session keeps its id, so that relying parties do not see a sign-out where there was none, and the
    old secret is worth nothing from here on.
    """
    now = now or clock.now()
    secret = credentials.mint_secret(SecretKind.SESSION)
    renewed = session.execute(
        update(BrowserSession)
        .where(BrowserSession.id == session_id)
        .where(BrowserSession.ended_at.is_(None), BrowserSession.expires_at > now)
        .values(digest=credentials.digest(secret), authenticated_at=now)
        .values(last_seen_at=now, expires_at=now + lifetime)
        .returning(BrowserSession.account_id)
    ).scalar()
    if renewed is None:
        return None
    record_event(session, Event.SIGNED_IN, actor_id=renewed, session_id=session_id, again=True)
    return secret


def find_session(session: Session, secret: str, *, now: datetime, idle: timedelta) -> BrowserSession | None:
    """Return the living session that this cookie secret belongs to, or None."""
    if not credentials.is_kind(secret, SecretKind.SESSION):
        return None
    found = session.scalar(select(BrowserSession).where(BrowserSession.digest == credentials.digest(secret)))
    if found is None or not _alive(found, now=now, idle=idle):
        return None
    return found


def is_alive(session: Session, session_id: uuid.UUID, *, now: datetime, idle: timedelta) -> bool:
    """Tell whether this sign-in still stands; asked anew by ``oauth`` for each use of what came from it."""
    row = session.execute(
        select(
            BrowserSession.ended_at, BrowserSession.expires_at, BrowserSession.last_seen_at, Account.status
        )
        .join(Account, Account.id == BrowserSession.account_id)
        .where(BrowserSession.id == session_id)
    ).one_or_none()
    return row is not None and session_is_alive(
        ended_at=row.ended_at, expires_at=row.expires_at, last_seen_at=row.last_seen_at,
        account_status=row.status, now=now, idle=idle,
    )  # fmt: skip


def needs_touch(found: BrowserSession, *, now: datetime) -> bool:
    """Tell whether the session was last seen so long ago that this visit should be noted."""
    return now - found.last_seen_at >= TOUCH_INTERVAL


def touch(session: Session, session_id: uuid.UUID, *, now: datetime) -> None:
    """Note that the person is still there; never moves the time backwards, and never revives a session."""
    session.execute(
        update(BrowserSession)
        .where(BrowserSession.id == session_id)
        .where(BrowserSession.ended_at.is_(None), BrowserSession.last_seen_at < now)
        .values(last_seen_at=now)
    )


def end_session(session: Session, session_id: uuid.UUID, *, now: datetime | None = None) -> bool:
    """End a session and return whether it was this call that ended it.

    Everybody who relied on it is told by way of the outbox, so that a relying party that does not answer
    cannot keep anybody signed in here.
    """
    account_id = session.execute(
        update(BrowserSession)
        .where(BrowserSession.id == session_id, BrowserSession.ended_at.is_(None))
        .values(ended_at=now or clock.now())
        .returning(BrowserSession.account_id)
    ).scalar()
    if account_id is None:
        return False
    enqueue_delivery(
        session, Topic.SESSION_ENDED, name="session", recipient=str(session_id),
        payload={"session_id": str(session_id)}, reference=session_id,
    )  # fmt: skip
    record_event(session, Event.SIGNED_OUT, actor_id=account_id, session_id=session_id)
    return True


def end_all_sessions(session: Session, account_id: uuid.UUID, *, keep: uuid.UUID | None = None) -> int:
    """End every session of an account except ``keep``; return how many that were."""
    standing = session.scalars(
        select(BrowserSession.id)
        .where(BrowserSession.account_id == account_id)
        .where(BrowserSession.ended_at.is_(None))
        .order_by(BrowserSession.id)
    ).all()
    return sum(end_session(session, session_id) for session_id in standing if session_id != keep)


def _alive(found: BrowserSession, *, now: datetime, idle: timedelta) -> bool:
    return session_is_alive(
        ended_at=found.ended_at, expires_at=found.expires_at, last_seen_at=found.last_seen_at,
        account_status=found.account.status, now=now, idle=idle,
    )  # fmt: skip
