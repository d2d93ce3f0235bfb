"""Deleting what has served its time, in batches, so that tables and backups do not grow without end.

Nothing that explains who did what is deleted here: grants, proxy logins and the audit log stay, and the
sign-ins that they name.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from idp import clock
from idp.accounts.models import BrowserSession, MailLink, SignInFailure
from idp.accounts.staff.models import StaffInvitation
from idp.db import Database
from idp.delegation.bulk.models import IdempotencyKey
from idp.delegation.models import ActAsSession, ActAsTicket
from idp.oauth import keys
from idp.oauth.device.models import DeviceRequest
from idp.oauth.models import (
    AuthorizationCode,
    AuthorizationRequest,
    PushedRequest,
    RefreshToken,
    RevokedToken,
    TokenFamily,
    UsedAssertion,
    UsedProof,
)
from idp.unit_of_work import unit_of_work

BATCH = 1000
LONGEST_SWEEP = 20.0
"""Seconds; what is left waits for the next time."""
LINKS_KEPT = timedelta(days=30)
"""So long a mailed link can still say what became of it."""
FAILURES_KEPT = timedelta(days=2)
PROTOCOL_KEPT = timedelta(days=1)
"""So long the second use of a code or refresh token is still known for what it is."""
SIGN_INS_KEPT = timedelta(days=90)

Step = Callable[[Session], int]


def sweep(database: Database) -> int:
    """Delete everything that is due, each batch in a unit of work of its own; return how many rows went."""
    begun, gone = time.monotonic(), 0
    for step in _steps():
        moved = BATCH
        while moved == BATCH and time.monotonic() - begun < LONGEST_SWEEP:
            with unit_of_work(database) as session:
                moved = step(session)
            gone += moved
    return gone


def _steps() -> Iterator[Step]:
    yield _empty_drafts
    yield lambda session: _delete(session, MailLink.digest, MailLink.expires_at < clock.now() - LINKS_KEPT)
    yield lambda session: _delete(
        session, StaffInvitation.id, StaffInvitation.expires_at < clock.now() - LINKS_KEPT
    )
    yield lambda session: _delete(session, SignInFailure.id, SignInFailure.at < clock.now() - FAILURES_KEPT)
    yield lambda session: _delete(session, UsedProof.proof_digest, UsedProof.expires_at < clock.now())
    yield lambda session: _delete(session, RevokedToken.jti_digest, RevokedToken.expires_at < clock.now())
    for key, ends in (
        (AuthorizationRequest.id, AuthorizationRequest.expires_at),
        (PushedRequest.digest, PushedRequest.expires_at),
        (AuthorizationCode.digest, AuthorizationCode.expires_at),
        (RefreshToken.digest, RefreshToken.expires_at),
        (DeviceRequest.id, DeviceRequest.expires_at),
        (ActAsTicket.digest, ActAsTicket.expires_at),
    ):
        yield lambda session, key=key, ends=ends: _delete(session, key, ends < clock.now() - PROTOCOL_KEPT)  # type: ignore[misc]
    yield lambda session: _delete(session, IdempotencyKey.key_digest, IdempotencyKey.expires_at < clock.now())
    yield _forget_assertions
    yield _delete_families
    yield _delete_sign_ins
    yield keys.forget_retired


def _empty_drafts(session: Session) -> int:
    """Forget what people typed into a registration that they did not finish in time."""
    chosen = select(MailLink.digest).where(MailLink.draft.is_not(None), MailLink.expires_at < clock.now())
    emptied = session.execute(
        update(MailLink)
        .where(MailLink.digest.in_(chosen.limit(BATCH).with_for_update(skip_locked=True)))
        .values(draft=None)
        .returning(MailLink.digest)
    )
    return len(emptied.all())


def _forget_assertions(session: Session) -> int:
    """Forget client assertions that are over: nobody would believe them a second time anyway."""
    over = UsedAssertion.expires_at < clock.now()
    chosen = select(UsedAssertion.jti_digest).where(over).limit(BATCH).with_for_update(skip_locked=True)
    gone = session.execute(
        delete(UsedAssertion).where(UsedAssertion.jti_digest.in_(chosen), over)
        .returning(UsedAssertion.jti_digest),
        execution_options={"synchronize_session": False},
    )  # fmt: skip
    return len(gone.all())


def _delete_families(session: Session) -> int:
    used = or_(
        exists().where(AuthorizationCode.family_id == TokenFamily.id),
        exists().where(RefreshToken.family_id == TokenFamily.id),
        exists().where(DeviceRequest.family_id == TokenFamily.id),
    )
    return _delete(session, TokenFamily.id, TokenFamily.expires_at < clock.now() - PROTOCOL_KEPT, ~used)


def _delete_sign_ins(session: Session) -> int:
    """Sign-ins hold a network address; one that a proxy login names is part of the owner's record."""
    used = or_(
        exists().where(ActAsSession.staff_session_id == BrowserSession.id),
        exists().where(ActAsTicket.staff_session_id == BrowserSession.id),
        exists().where(TokenFamily.session_id == BrowserSession.id),
    )
    over = BrowserSession.expires_at < clock.now() - SIGN_INS_KEPT
    return _delete(session, BrowserSession.id, over, ~used)


def _delete(session: Session, key: InstrumentedAttribute[object], *over: ColumnElement[bool]) -> int:
    chosen = select(key).where(*over).limit(BATCH).with_for_update(skip_locked=True)
    gone = session.execute(
        delete(key.class_).where(key.in_(chosen)).returning(key),
        execution_options={"synchronize_session": False},
    )
    return len(gone.all())
