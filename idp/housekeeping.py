"""Deleting what has served its time, in batches, so that tables and backups do not grow without end.

Nothing that explains who did what is deleted here: grants, proxy logins and the audit log stay.
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from idp import clock
from idp.accounts.models import MailLink, SignInFailure
from idp.oauth.models import AuthorizationRequest, UsedAssertion

BATCH = 1000
LINKS_KEPT = timedelta(days=30)
"""So long a mailed link can still say what became of it."""
REQUESTS_KEPT = timedelta(days=1)


def sweep(session: Session) -> int:
    """Delete at most one batch of each kind; return how many rows went."""
    now = clock.now()
    return sum(
        (
            _delete(session, MailLink.digest, MailLink.expires_at < now - LINKS_KEPT),
            _delete(session, SignInFailure.id, SignInFailure.at < now - timedelta(days=2)),
            _delete(session, UsedAssertion.jti_digest, UsedAssertion.expires_at < now),
            _delete(session, AuthorizationRequest.id, AuthorizationRequest.expires_at < now - REQUESTS_KEPT),
        )
    )


def _delete(session: Session, key: InstrumentedAttribute[object], over: ColumnElement[bool]) -> int:
    chosen = select(key).where(over).limit(BATCH)
    gone = session.execute(delete(key.class_).where(key.in_(chosen)).returning(key))
    return len(gone.all())
