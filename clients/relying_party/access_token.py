"""Verifies an access token as an API does it (RFC 9068 §4), and reads whom and what it speaks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clients.relying_party import clock
from clients.relying_party.claims import LEEWAY, check_issuer, find_text, read_number, read_text
from clients.relying_party.errors import TokenNotGenuine
from clients.relying_party.provider import Provider
from clients.relying_party.signature import verify_signature
from clients.relying_party.values import Actor


@dataclass(frozen=True, kw_only=True)
class AccessToken:
    """What a verified access token says."""

    sub: str
    """Whose data it opens; for a client's own token the client."""
    client_id: str
    scope: frozenset[str]
    sid: str
    act: Actor | None
    """Who acts for ``sub``; an access token names them by id alone."""
    delegation: str
    """Id of the delegation grant under which somebody acts; empty otherwise."""
    products: frozenset[int] | None
    """Product IDs of those of the owner's products that whoever acts may see; None for all of them."""
    key_thumbprint: str
    """The key that its holder must prove (RFC 9449 §6.1); empty for a Bearer token."""
    expires_at: datetime
    value: str = field(repr=False)
    """The token itself, for introspection."""

    def sees(self, product_id: int) -> bool:
        """Whether a product of the owner's may be shown and changed: under act they may have chosen some."""
        return self.products is None or product_id in self.products


@dataclass(frozen=True, kw_only=True)
class AcceptedTokens:
    """Which access tokens an API takes."""

    issuer: str
    audience: str
    algorithms: Sequence[str]
    act_as_supported: bool


def verify_access_token(
    token: str, provider: Provider, *, accepted: AcceptedTokens, now: datetime
) -> AccessToken:
    """Verify everything that the token itself can tell.

    :raises TokenNotGenuine: ``reason`` names the first check that failed.
    :raises ProviderUnavailable: the server's keys cannot be fetched.
    """
    signed = verify_signature(token, provider, algorithms=accepted.algorithms)
    if signed.typ != "at+jwt":
        # An ID token is signed by the same server, for somebody who may sign in here (RFC 9068 §4).
        raise TokenNotGenuine("typ")
    claims = signed.claims
    check_issuer(claims, accepted.issuer)
    _check_audience(claims, accepted.audience)
    read_text(claims, "jti")
    expires, present = read_number(claims, "exp"), clock.epoch(now)
    if expires <= present - LEEWAY:
        raise TokenNotGenuine("exp")
    begins = read_number(claims, "nbf") if "nbf" in claims else 0
    if max(read_number(claims, "iat"), begins) > present + LEEWAY:
        raise TokenNotGenuine("iat")
    actor = _read_actor(claims, act_as_supported=accepted.act_as_supported)
    return AccessToken(
        sub=read_text(claims, "sub"),
        client_id=read_text(claims, "client_id"),
        scope=_read_scope(claims),
        sid=find_text(claims, "sid"),
        act=actor,
        delegation=read_text(claims, "delegation") if actor else "",
        products=_read_products(claims) if actor else None,
        key_thumbprint=_read_key(claims),
        expires_at=clock.from_epoch(expires),
        value=token,
    )


def _check_audience(claims: Mapping[str, Any], audience: str) -> None:
    """Check that the token is for this API, among others perhaps (RFC 9068 §4)."""
    given = claims.get("aud")
    if given != audience and not (isinstance(given, list) and audience in given):
        raise TokenNotGenuine("aud")


def _read_scope(claims: Mapping[str, Any]) -> frozenset[str]:
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise TokenNotGenuine("scope")
    return frozenset(scope.split())


def _read_products(claims: Mapping[str, Any]) -> frozenset[int] | None:
    """Read what a proxy login is limited to; what cannot be read is refused, not taken for no limit."""
    if "products" not in claims:
        return None
    products = claims["products"]
    if not isinstance(products, list) or not all(type(one) is int for one in products):
        raise TokenNotGenuine("products")
    return frozenset(products)


def _read_key(claims: Mapping[str, Any]) -> str:
    """Read the key that a token is bound to; one bound in a way that this kit cannot check is refused."""
    if "cnf" not in claims:
        return ""
    confirmation = claims["cnf"]
    if not isinstance(confirmation, dict) or set(confirmation) != {"jkt"}:
        raise TokenNotGenuine("cnf")
    return read_text(confirmation, "jkt")


def _read_actor(claims: Mapping[str, Any], *, act_as_supported: bool) -> Actor | None:
    """Read who acts (RFC 8693 §4.1). An API that never asks must not take a proxy for the owner."""
    if "act" not in claims:
        if "delegation" in claims:
            raise TokenNotGenuine("act")
        return None
    act = claims["act"]
    if not act_as_supported or not isinstance(act, dict) or "act" in act:
        raise TokenNotGenuine("act")
    organisation = act.get("org")
    if not isinstance(organisation, dict):
        raise TokenNotGenuine("org")
    return Actor(
        sub=read_text(act, "sub"),
        name=find_text(act, "name"),
        organisation_id=read_text(organisation, "id"),
        organisation_name=find_text(organisation, "name"),
    )
