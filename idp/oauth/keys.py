"""Signing keys (RFC 7517, RFC 7518): kept sealed in the database, rotated next → active → retiring → gone.

A retiring key is published until nothing that it signed is shown any more. A new key signs once it has been
published for as long as anybody may keep our JWK Set (OIDC Core §10.1.1); until then its predecessor goes on,
and only then loses its private half. So rotations may follow each other as fast as they like: nobody, neither
a relying party nor another process of ours, meets a signature by a key that it cannot know.

Importing an RSA private key costs about 45 ms, so each process keeps its ring for a few seconds, and imports
each key once, when it first signs. What a stale ring can do is bounded: a withdrawn key is refused as soon as
the ring is read again.
"""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from joserfc.jwk import ECKey, JWKRegistry, Key, KeyParameters, KeySet, OKPKey, RSAKey
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.credentials import Sealer
from idp.db import lock_named, sealer_of
from idp.oauth.algorithms import SERVER_SIGNING
from idp.oauth.models import KeyState, SigningKey

RING_SECONDS = 5.0
JWKS_KEPT = timedelta(minutes=5)
"""So long anybody may keep the JWK Set before asking again (Cache-Control: max-age)."""
KNOWN_TO_ALL = JWKS_KEPT + timedelta(seconds=2 * RING_SECONDS)
"""So old a key is once nobody can have a JWK Set without it: a process of ours may show an older ring."""
RETIRING_KEPT = timedelta(days=2)
"""Longer than any sign-in session: so long an ID token is sent back when somebody signs out."""
_PUBLISHED = (KeyState.NEXT, KeyState.ACTIVE, KeyState.RETIRING)


_KEYS = "signing keys"
"""Held by whoever changes the set of keys: of two that rotate, one starts from what the other left."""


class NoSigningKey(Exception):
    """There is no active key for an algorithm; ``idp key rotate`` makes one."""


class SealedKey:
    """A private key that is unsealed and imported when it first signs."""

    def __init__(self, kid: str, private_jwk: str, sealer: Sealer) -> None:
        self.kid = kid
        self._private_jwk, self._sealer = private_jwk, sealer

    @cached_property
    def key(self) -> Key:
        """The key itself."""
        return _import(json.loads(self._sealer.unseal(self._private_jwk)))


@dataclass(frozen=True)
class KeyRing:
    """The keys of this server as of one moment."""

    signing: dict[str, SealedKey]
    """The key that signs for each algorithm."""
    verifying: KeySet
    """Public keys that are accepted."""
    jwks: dict[str, Any]
    """The JWK Set document (RFC 7517 §5)."""

    def signer(self, alg: str) -> Key:
        """Return the key that signs for an algorithm.

        :raises NoSigningKey: none does.
        """
        sealed = self.signing.get(alg)
        if sealed is None:
            raise NoSigningKey(alg)
        return sealed.key


class KeyRingCache:
    """The ring of one process, read again from the database after ``RING_SECONDS``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ring: KeyRing | None = None
        self._read_at = 0.0

    def ring(self, session: Session) -> KeyRing:
        """Return the present ring."""
        with self._lock:
            if self._ring is None or time.monotonic() - self._read_at > RING_SECONDS:
                self._ring = load_ring(session, self._ring)
                self._read_at = time.monotonic()
            return self._ring


def load_ring(session: Session, before: KeyRing | None = None) -> KeyRing:
    """Read all keys that are in use; those that signed before need not be imported again."""
    rows = session.scalars(
        select(SigningKey).where(SigningKey.state.in_(_PUBLISHED)).order_by(SigningKey.created_at)
    ).all()
    sealer, now = sealer_of(session), clock.now()
    imported = {sealed.kid: sealed for sealed in before.signing.values()} if before else {}
    signing = {
        alg: imported.get(signer.kid) or SealedKey(signer.kid, signer.private_jwk or "", sealer)
        for alg in {row.alg for row in rows}
        if (signer := _signer(rows, alg, now)) is not None
    }
    jwks = {"keys": [row.public_jwk for row in rows]}
    return KeyRing(signing, KeySet([_import(row.public_jwk) for row in rows]), jwks)


def _signer(rows: Sequence[SigningKey], alg: str, now: datetime) -> SigningKey | None:
    """Return the newest key that has been published for long enough, or else the oldest that can sign."""
    able = [row for row in rows if row.alg == alg and row.private_jwk and row.activated_at is not None]
    able.sort(key=_activation)
    known = [row for row in able if row.created_at <= now - KNOWN_TO_ALL]
    return known[-1] if known else next(iter(able), None)


def _activation(row: SigningKey) -> datetime:
    return row.activated_at or row.created_at


def _import(jwk: dict[str, Any]) -> Key:
    return JWKRegistry.import_key(jwk)


def ensure_keys(session: Session) -> None:
    """Make the keys that are missing: one active and one next for each algorithm."""
    lock_named(session, _KEYS)
    for alg in SERVER_SIGNING:
        states = set(session.scalars(select(SigningKey.state).where(SigningKey.alg == alg)))
        for state in (KeyState.ACTIVE, KeyState.NEXT):
            if state not in states:
                _make_key(session, alg, state)
    session.flush()


def rotate(session: Session, alg: str) -> str:
    """Let the next key sign, retire the active one, publish a new next one; return the kid that is active.

    It signs at once or, if it is younger than ``KNOWN_TO_ALL``, from then on.
    """
    lock_named(session, _KEYS)
    now = clock.now()
    session.execute(
        update(SigningKey)
        .where(SigningKey.alg == alg, SigningKey.state == KeyState.ACTIVE)
        .values(state=KeyState.RETIRING, retired_at=now)
    )
    upcoming = session.scalars(
        select(SigningKey).where(SigningKey.alg == alg, SigningKey.state == KeyState.NEXT)
    ).first()
    if upcoming is None:
        kid = _make_key(session, alg, KeyState.ACTIVE)
    else:
        upcoming.state, upcoming.activated_at = KeyState.ACTIVE, now
        kid = upcoming.kid
    _make_key(session, alg, KeyState.NEXT)
    session.flush()
    _erase_past(session, alg)
    record_event(session, Event.KEY_ROTATED, kid=kid, alg=alg)
    return kid


def _erase_past(session: Session, alg: str) -> None:
    """Erase the private half of every retiring key that will not sign any more."""
    rows = session.scalars(
        select(SigningKey)
        .where(SigningKey.alg == alg, SigningKey.state.in_(_PUBLISHED))
        .execution_options(populate_existing=True)
    ).all()
    signer = _signer(rows, alg, clock.now())
    for row in rows:
        is_past = signer is not None and _activation(row) < _activation(signer)
        if row.state == KeyState.RETIRING and is_past:
            row.private_jwk = None
    session.flush()


def forget_retired(session: Session) -> int:
    """Take retiring keys out of the JWK Set once no ID token of theirs can come back as a hint."""
    lock_named(session, _KEYS)
    for alg in SERVER_SIGNING:
        _erase_past(session, alg)
    gone = session.execute(
        update(SigningKey)
        .where(SigningKey.state == KeyState.RETIRING, SigningKey.retired_at < clock.now() - RETIRING_KEPT)
        .values(state=KeyState.GONE, private_jwk=None)
        .returning(SigningKey.kid)
    )
    return len(gone.all())


def withdraw(session: Session, kid: str) -> bool:
    """Take a key out of use at once and erase its private half; return whether there was one."""
    lock_named(session, _KEYS)
    key = session.get(SigningKey, kid, populate_existing=True)
    if key is None or key.state == KeyState.GONE:
        return False
    was_active = key.state == KeyState.ACTIVE
    key.state, key.private_jwk, key.retired_at = KeyState.GONE, None, clock.now()
    session.flush()
    record_event(session, Event.KEY_WITHDRAWN, kid=kid, alg=key.alg)
    if was_active:
        rotate(session, key.alg)
    else:
        ensure_keys(session)
    return True


def _make_key(session: Session, alg: str, state: KeyState) -> str:
    kid = credentials.new_id().hex[:16]  # no dash in front, which a command line would take for an option
    parameters: KeyParameters = {"kid": kid, "use": "sig", "alg": alg}
    key = _generate(alg, parameters)
    now = clock.now()
    session.add(
        SigningKey(
            kid=kid, alg=alg, state=state, created_at=now,
            activated_at=now if state is KeyState.ACTIVE else None,
            public_jwk=dict(key.as_dict(private=False)),
            private_jwk=sealer_of(session).seal(json.dumps(key.as_dict(private=True))),
        )
    )  # fmt: skip
    session.flush()
    return kid


def _generate(alg: str, parameters: KeyParameters) -> Key:
    """Return a new key: RSA 2048, P-256 or Ed25519 (RFC 7518 §3.3-3.5, RFC 8037 §3.1)."""
    if alg == "ES256":
        return ECKey.generate_key("P-256", parameters)
    if alg == "EdDSA":
        return OKPKey.generate_key("Ed25519", parameters)
    return RSAKey.generate_key(2048, parameters)


def new_client_key() -> dict[str, Any]:
    """Return a new private P-256 key as JWK, for a client that authenticates with ``private_key_jwt``."""
    parameters: KeyParameters = {"kid": credentials.mint_jti()[:16], "use": "sig", "alg": "ES256"}
    return dict(ECKey.generate_key("P-256", parameters).as_dict(private=True))
