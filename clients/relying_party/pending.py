"""A sign-in on its way: what must be remembered between the authorization request and the callback.

It travels in a sealed cookie of its own for each sign-in, so that only the browser that began can finish,
several tabs can sign in at once, and nobody fills a table by asking for sign-ins.
"""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from flask import Request, Response

from clients.relying_party.credentials import SealBroken, digest, mint_secret
from clients.relying_party.errors import SignInFailed
from clients.relying_party.parts import Parts

LIFETIME = 3600
"""Seconds for signing in at the server: as long as the server itself waits."""


class Purpose(StrEnum):
    """Why the browser was sent to the server."""

    SIGN_IN = "sign_in"
    """The person asked for it here."""
    INITIATED = "initiated"
    """Another party asked for it (OIDC Core §4): in this club, a proxy login."""
    RENEW = "renew"
    """An act-as access token had run out."""


@dataclass(frozen=True, kw_only=True)
class PendingSignIn:
    """One sign-in on its way."""

    purpose: Purpose
    return_to: str
    """Own path to go to afterwards."""
    session_key: str = ""
    """The session being renewed."""
    state: str = field(default_factory=mint_secret, repr=False)
    nonce: str = field(default_factory=mint_secret, repr=False)
    code_verifier: str = field(default_factory=mint_secret, repr=False)


def remember(parts: Parts, response: Response, pending: PendingSignIn) -> None:
    """Put the sign-in into the browser that began it."""
    response.set_cookie(
        _cookie_name(parts, pending.state),
        parts.sign_in_vault.seal(json.dumps(asdict(pending))),
        max_age=LIFETIME,
        path="/",
        secure=parts.settings.cookies_are_secure,
        httponly=True,
        samesite="Lax",
    )


def recall(parts: Parts, request: Request, *, state: str) -> PendingSignIn:
    """Return the sign-in that this browser began with this state.

    :raises SignInFailed: it began none, or too long ago.
    """
    sealed = request.cookies.get(_cookie_name(parts, state), "")
    try:
        fields = json.loads(parts.sign_in_vault.open(sealed, max_age=LIFETIME))
    except SealBroken as error:
        raise SignInFailed("state") from error
    pending = PendingSignIn(**fields | {"purpose": Purpose(fields["purpose"])})
    if pending.state != state:
        raise SignInFailed("state")
    return pending


def forget(parts: Parts, response: Response, *, state: str) -> None:
    """Take the sign-in out of the browser: a state is good for one answer."""
    response.delete_cookie(
        _cookie_name(parts, state),
        path="/",
        secure=parts.settings.cookies_are_secure,
        httponly=True,
        samesite="Lax",
    )


def _cookie_name(parts: Parts, state: str) -> str:
    return parts.cookie(f"sign_in_{digest(state)[:16]}")
