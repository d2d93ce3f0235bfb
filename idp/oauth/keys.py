"""Signing keys (RFC 7517, RFC 7518): kept sealed in the database, rotated next → active → retiring → gone.

A retiring key has lost its private half; it is published until nothing that it signed is shown any more.
Importing an RSA private key costs about 45 ms, so each process keeps its ring for a few seconds. What a
stale ring can do is bounded: a new key is published before it signs, and a withdrawn key is refused as
soon as the ring is read again.
"""

import json
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from joserfc.jwk import ECKey, JWKRegistry, Key, KeyParameters, KeySet, RSAKey
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.db import sealer_of
from idp.oauth.models import KeyState, SigningKey

SIGNING_ALGORITHMS = ("RS256", "ES256")
RING_SECONDS = 5.0
RETIRING_KEPT = timedelta(days=2)
"""Longer than any sign-in session: so long an ID token is sent back when somebody signs out."""
_PUBLISHED = (KeyState.NEXT, KeyState.ACTIVE, KeyState.RETIRING)


class NoSigningKey(Exception):
    """There is no active key for an algorithm; ``idp key rotate`` makes one."""


@dataclass(frozen=True)
class KeyRing:
    """The keys of this server as of one moment."""

    signing: dict[str, Key]
    """Active private key for each algorithm."""
    verifying: KeySet
    """Public keys that are accepted."""
    jwks: dict[str, Any]
    """The JWK Set document (RFC 7517 §5)."""

    def signer(self, alg: str) -> Key:
        """Return the active key for an algorithm.

        :raises NoSigningKey: none is active.
        """
        key = self.signing.get(alg)
        if key is None:
            raise NoSigningKey(alg)
        return key


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
                self._ring = load_ring(session)
                self._read_at = time.monotonic()
            return self._ring


def load_ring(session: Session) -> KeyRing:
    """Read all keys that are in use."""
    rows = session.scalars(
        select(SigningKey).where(SigningKey.state.in_(_PUBLISHED)).order_by(SigningKey.created_at)
    ).all()
    sealer = sealer_of(session)
    signing = {
        row.alg: _import(json.loads(sealer.unseal(row.private_jwk)))
        for row in rows
        if row.state == KeyState.ACTIVE and row.private_jwk
    }
    jwks = {"keys": [row.public_jwk for row in rows]}
    return KeyRing(signing, KeySet([_import(row.public_jwk) for row in rows]), jwks)


def _import(jwk: dict[str, Any]) -> Key:
    return JWKRegistry.import_key(jwk)


def ensure_keys(session: Session) -> None:
    """Make the keys that are missing: one active and one next for each algorithm."""
    for alg in SIGNING_ALGORITHMS:
        states = set(session.scalars(select(SigningKey.state).where(SigningKey.alg == alg)))
        for state in (KeyState.ACTIVE, KeyState.NEXT):
            if state not in states:
                _make_key(session, alg, state)
    session.flush()


def rotate(session: Session, alg: str) -> str:
    """Let the next key sign, retire the active one, publish a new next one; return the kid that signs now."""
    now = clock.now()
    session.execute(
        update(SigningKey)
        .where(SigningKey.alg == alg, SigningKey.state == KeyState.ACTIVE)
        .values(state=KeyState.RETIRING, retired_at=now, private_jwk=None)
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
    record_event(session, Event.KEY_ROTATED, kid=kid, alg=alg)
    return kid


def forget_retired(session: Session) -> int:
    """Take retiring keys out of the JWK Set once no ID token of theirs can come back as a hint."""
    gone = session.execute(
        update(SigningKey)
        .where(SigningKey.state == KeyState.RETIRING, SigningKey.retired_at < clock.now() - RETIRING_KEPT)
        .values(state=KeyState.GONE)
        .returning(SigningKey.kid)
    )
    return len(gone.all())


def withdraw(session: Session, kid: str) -> bool:
    """Take a key out of use at once and erase its private half; return whether there was one."""
    key = session.get(SigningKey, kid)
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
    key: Key = (
        RSAKey.generate_key(2048, parameters) if alg == "RS256" else ECKey.generate_key("P-256", parameters)
    )
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


def new_client_key() -> dict[str, Any]:
    """Return a new private P-256 key as JWK, for a client that authenticates with ``private_key_jwt``."""
    parameters: KeyParameters = {"kid": credentials.mint_jti()[:16], "use": "sig", "alg": "ES256"}
    return dict(ECKey.generate_key("P-256", parameters).as_dict(private=True))
