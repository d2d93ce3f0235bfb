"""A sign-in on its way: what must be remembered between the authorization request and the callback.

It travels in a sealed cookie of its own for each sign-in, so that only the browser that began can finish,
several tabs can sign in at once, and nobody fills a table by asking for sign-ins. Only the newest few stay:
a foreign page that sends a browser to sign-in again and again must not make its requests too large for us.
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
MOST_AT_ONCE = 5
"""Sign-ins of one browser that can be on their way at the same moment."""
COOKIE = "sign_in_"
"""How the cookies' names begin, after the application's own prefix."""


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


def remember(parts: Parts, request: Request, *, response: Response, begun: PendingSignIn) -> None:
    """Put the sign-in into the browser that began it, and take out what is one too many, oldest first."""
    for name in _earlier(parts, request)[MOST_AT_ONCE - 1 :]:
        _delete(parts, response, name)
    response.set_cookie(
        _cookie_name(parts, begun.state),
        parts.sign_in_vault.seal(json.dumps(asdict(begun))),
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
    _delete(parts, response, _cookie_name(parts, state))


def _earlier(parts: Parts, request: Request) -> list[str]:
    """Return the cookies of the browser's earlier sign-ins, newest first; what is none of ours comes last."""

    def sealed_at(name: str) -> float:
        try:
            return parts.sign_in_vault.sealed_at(request.cookies[name]).timestamp()
        except SealBroken:
            return 0.0

    names = [name for name in request.cookies if name.startswith(parts.cookie(COOKIE))]
    return sorted(names, key=sealed_at, reverse=True)


def _delete(parts: Parts, response: Response, name: str) -> None:
    response.delete_cookie(
        name,
        path="/",
        secure=parts.settings.cookies_are_secure,
        httponly=True,
        samesite="Lax",
    )


def _cookie_name(parts: Parts, state: str) -> str:
    return parts.cookie(f"{COOKIE}{digest(state)[:16]}")
