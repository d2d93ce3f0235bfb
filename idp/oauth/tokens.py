"""Minting and reading this server's own tokens with joserfc: one algorithm list for each purpose.

Access tokens are RFC 9068 JWTs (``typ: at+jwt``, ES256); ID tokens follow OIDC Core §2; logout tokens
OIDC Back-Channel Logout 1.0 §2.4. What a token says was true when it was signed, so whoever reads one
here asks the live records again (``bearer.py``).
"""

import base64
import hashlib
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt

from idp import clock, credentials
from idp.oauth.algorithms import ACCESS_TOKEN, SERVER_SIGNING, UNREADABLE, signatures
from idp.oauth.keys import KeyRing
from idp.settings import Settings

ACR_PASSWORD = "urn:ownersclub:acr:password"
AMR_PASSWORD = ["pwd"]
"""RFC 8176 §2."""
_BACKCHANNEL_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class TokenUnreadable(Exception):
    """A presented token is not one of ours, not of this kind, or over."""


@dataclass(frozen=True)
class Mint:
    """What minting needs: the settings and the keys."""

    settings: Settings
    ring: KeyRing


@dataclass(frozen=True)
class ActClaim:
    """Who acts: opaque ids only (RFC 8693 §4.1). The organisation stands beside ``sub``, because a nested
    ``act`` would mean a prior actor. DEVIATION docs/decisions/0004-act-claim.md
    """

    sub: str
    organization: uuid.UUID
    delegation: uuid.UUID
    profile: str
    """``user``, or ``service`` for an agency's own system."""
    products: tuple[int, ...] | None = None
    """Product IDs that the owner has limited it to; None for all."""

    def as_claims(self) -> dict[str, Any]:
        """Return the claims ``act`` and ``delegation``, and ``products`` where the owner has chosen some."""
        act = {"sub": self.sub, "sub_profile": self.profile, "org": {"id": str(self.organization)}}
        limited = {} if self.products is None else {"products": list(self.products)}
        return {"act": act, "delegation": str(self.delegation), **limited}


@dataclass(frozen=True)
class Subject:
    """Whom a token is about and how they signed in."""

    sub: str
    """As the client knows them (``subjects.subject_for``); a client that speaks for itself is its own."""
    client_id: str
    scope: frozenset[str]
    sid: uuid.UUID | None
    authenticated_at: datetime | None
    """None where nobody signed in: the client speaks for itself."""
    act: ActClaim | None = None
    jkt: str | None = None
    """Thumbprint of the DPoP key that the access token is bound to (RFC 9449 §6)."""


@dataclass(frozen=True)
class AccessClaims:
    """A verified access token, before the live check."""

    sub: str
    client_id: str
    audience: str
    scope: frozenset[str]
    sid: uuid.UUID | None
    """None where the client speaks for itself."""
    family_id: uuid.UUID | None
    has_act: bool
    jkt: str | None
    jti: str
    expires_at: datetime
    raw: dict[str, Any]
    """All claims, for introspection."""


def mint_access_token(
    mint: Mint, subject: Subject, *, audience: str, family_id: uuid.UUID | None,
    until: datetime | None = None, jti: str | None = None,
) -> tuple[str, int]:  # fmt: skip
    """Return an access token (RFC 9068 §2) and its life in seconds, at most until a given moment.

    ``jti`` names the token family before the dot, so that revoking the family reaches the token; whoever has
    to write it down gives it.
    """
    now = clock.now()
    end = now + timedelta(seconds=mint.settings.access_token_lifetime)
    if until is not None:
        end = min(end, until)
    life = max(clock.epoch(end) - clock.epoch(now), 0)
    prefix = f"{family_id.hex}." if family_id else ""
    claims: dict[str, Any] = {
        "iss": mint.settings.issuer, "sub": subject.sub, "aud": audience,
        "client_id": subject.client_id, "scope": " ".join(sorted(subject.scope)),
        "jti": prefix + (jti or credentials.mint_jti()),
        "iat": clock.epoch(now), "exp": clock.epoch(now) + life,
        **_authentication(subject),
    }  # fmt: skip
    if subject.act is not None:
        claims |= subject.act.as_claims()
    if subject.jkt is not None:
        claims["cnf"] = {"jkt": subject.jkt}
    return _sign(mint, claims, alg=ACCESS_TOKEN, typ="at+jwt"), life


def mint_id_token(
    mint: Mint, subject: Subject, *, alg: str, access_token: str, nonce: str | None,
    extra: dict[str, Any] | None = None,
) -> str:  # fmt: skip
    """Return an ID token (OIDC Core §2) with ``at_hash`` (§3.1.3.6) and, under act, the banner's names."""
    now = clock.now()
    claims: dict[str, Any] = {
        "iss": mint.settings.issuer, "sub": subject.sub, "aud": subject.client_id,
        "iat": clock.epoch(now), "exp": clock.epoch(now) + mint.settings.id_token_lifetime,
        "at_hash": left_half_hash(access_token, alg), **_authentication(subject),
    }  # fmt: skip
    if nonce is not None:
        claims["nonce"] = nonce
    if subject.act is not None:
        claims |= subject.act.as_claims()
    claims |= extra or {}
    return _sign(mint, claims, alg=alg, typ="JWT")


def mint_logout_token(mint: Mint, *, client_id: str, sid: uuid.UUID, sub: str | None, alg: str) -> str:
    """Return a logout token (OIDC Back-Channel Logout 1.0 §2.4), valid for two minutes."""
    now = clock.epoch(clock.now())
    claims: dict[str, Any] = {
        "iss": mint.settings.issuer, "aud": client_id, "iat": now, "exp": now + 120,
        "jti": credentials.mint_jti(), "sid": str(sid), "events": {_BACKCHANNEL_EVENT: {}},
    }  # fmt: skip
    if sub is not None:
        claims["sub"] = sub
    return _sign(mint, claims, alg=alg, typ="logout+jwt")


@dataclass(frozen=True)
class SecurityEvent:
    """What happened, for a Security Event Token; times are seconds of the epoch."""

    jti: str
    """The same whenever the same event is sent again."""
    issued_at: int
    happened_at: int
    transaction: str | None
    """The same in all events of one change."""
    uri: str
    subject: str
    """Opaque id of what it happened to."""
    details: dict[str, Any]


def mint_security_event_token(mint: Mint, *, audience: str, event: SecurityEvent) -> str:
    """Return a Security Event Token (RFC 8417 §2.2) with the subject beside the events (RFC 9493 §4.1)."""
    claims: dict[str, Any] = {
        "iss": mint.settings.issuer, "aud": audience, "iat": event.issued_at, "jti": event.jti,
        "toe": event.happened_at, "sub_id": {"format": "opaque", "id": event.subject},
        "events": {event.uri: event.details},
    }  # fmt: skip
    if event.transaction is not None:
        claims["txn"] = event.transaction
    return _sign(mint, claims, alg=ACCESS_TOKEN, typ="secevent+jwt")


def mint_introspection_token(mint: Mint, *, audience: str, body: dict[str, Any], alg: str) -> str:
    """Return a signed introspection answer (RFC 9701 §5)."""
    claims = {"iss": mint.settings.issuer, "aud": audience, "iat": clock.epoch(clock.now()),
              "token_introspection": body}  # fmt: skip
    return _sign(mint, claims, alg=alg, typ="token-introspection+jwt")


def mint_userinfo_token(mint: Mint, *, audience: str, claims: dict[str, Any], alg: str) -> str:
    """Return a signed userinfo answer (OIDC Core §5.3.2)."""
    now = clock.epoch(clock.now())
    return _sign(
        mint, {**claims, "iss": mint.settings.issuer, "aud": audience, "iat": now}, alg=alg, typ="JWT"
    )


def read_access_token(mint: Mint, token: str) -> AccessClaims:
    """Verify an access token of this server (RFC 9068 §4): signature, ``typ``, issuer, expiry.

    :raises TokenUnreadable: it is none, or over.
    """
    claims = _verify(mint, token, algorithms=(ACCESS_TOKEN,), typ="at+jwt")
    try:
        family, dot, _ = claims["jti"].partition(".")
        act = claims.get("act")
        result = AccessClaims(
            sub=claims["sub"], client_id=claims["client_id"], audience=claims["aud"],
            scope=frozenset(claims["scope"].split()),
            sid=uuid.UUID(claims["sid"]) if "sid" in claims else None,
            family_id=uuid.UUID(family) if dot else None, has_act=act is not None,
            jkt=claims["cnf"]["jkt"] if "cnf" in claims else None, jti=claims["jti"],
            expires_at=clock.from_epoch(claims["exp"]), raw=claims,
        )  # fmt: skip
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise TokenUnreadable("claims are missing") from error
    if clock.now() >= result.expires_at:
        raise TokenUnreadable("over")
    return result


def read_id_token_hint(mint: Mint, token: str) -> dict[str, Any]:
    """Verify an ID token of this server that comes back as a hint; it may be over (OIDC Core §3.1.2.1).

    :raises TokenUnreadable: we did not sign it.
    """
    claims = _verify(mint, token, algorithms=SERVER_SIGNING, typ="JWT")
    if not isinstance(claims.get("aud"), str) or not isinstance(claims.get("sid"), str):
        raise TokenUnreadable("not an ID token")
    return claims


def left_half_hash(token: str, alg: str) -> str:
    """Return ``at_hash``: the left half of the hash that the ID token's algorithm uses (OIDC Core §3.1.3.6).

    Ed25519 hashes with SHA-512 (RFC 8032 §5.1), all other algorithms here with SHA-256.
    """
    whole = (hashlib.sha512 if alg == "EdDSA" else hashlib.sha256)(token.encode("ascii")).digest()
    return base64.urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()


def _authentication(subject: Subject) -> dict[str, Any]:
    claims: dict[str, Any] = {} if subject.sid is None else {"sid": str(subject.sid)}
    if subject.authenticated_at is not None:
        claims |= {"auth_time": clock.epoch(subject.authenticated_at)}
        claims |= {"acr": ACR_PASSWORD, "amr": AMR_PASSWORD}
    return claims


def _sign(mint: Mint, claims: dict[str, Any], *, alg: str, typ: str) -> str:
    key = mint.ring.signer(alg)
    header = {"alg": alg, "typ": typ, "kid": str(key.kid)}
    return jwt.encode(header, claims, key, registry=signatures([alg]))


def _verify(mint: Mint, token: str, *, algorithms: Collection[str], typ: str) -> dict[str, Any]:
    if len(token) > 8192:
        raise TokenUnreadable("longer than any token of ours")
    try:
        decoded = jwt.decode(token, mint.ring.verifying, registry=signatures(algorithms))
    except UNREADABLE as error:
        raise TokenUnreadable("signature") from error
    if decoded.header.get("typ") != typ or decoded.claims.get("iss") != mint.settings.issuer:
        raise TokenUnreadable("another kind of token")
    return dict(decoded.claims)
