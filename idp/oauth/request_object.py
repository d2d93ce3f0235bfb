"""Request objects by value (RFC 9101, OIDC Core §6.1): a request that the client signed.

Only what is inside counts (RFC 9101 §6.3): parameters beside it are ignored, but ``client_id`` and
``response_type`` must not contradict it. An unsigned one proves nothing and is not supported.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idp import clock
from idp.db import is_storable
from idp.oauth.algorithms import REQUEST_OBJECT
from idp.oauth.client_keys import HEADER, ClientSignatureInvalid, decode_by_client, peek
from idp.oauth.models import Client, ClientProfile
from idp.oauth.parameters import Parameters
from idp.settings import Settings

TYPES = ("oauth-authz-req+jwt", "jwt", None)
"""RFC 9101 §10.8.1; OIDC Core names no type, and libraries write ``JWT``."""
LONGEST_REQUEST = 32 * 1024
LEEWAY = 60
"""Seconds that a client's clock may be ahead."""
LONGEST_FAPI2_LIFE = 3600
"""Seconds: ``nbf`` at most so long ago, ``exp`` at most so long after it (FAPI 2.0 Message Signing)."""
PARAMETERS = frozenset(
    {"client_id", "response_type", "redirect_uri", "scope", "state", "nonce", "prompt", "max_age", "display",
     "ui_locales", "id_token_hint", "login_hint", "acr_values", "claims", "response_mode", "registration",
     "code_challenge", "code_challenge_method", "dpop_jkt", "resource", "audience"}
)  # fmt: skip
"""What is read of an object; anything else in it is ignored (OIDC Core §3.1.2.1)."""


@dataclass(eq=False)
class RequestObjectRefused(Exception):
    """The request object cannot be accepted."""

    description: str
    error: str = "invalid_request_object"


def unfold(parameters: Parameters, client: Client, settings: Settings) -> Parameters:
    """Return the parameters that count: those of the request object if there is one.

    :raises RequestObjectRefused: it is not signed by this client for this server, over, or contradictory;
        or there is none and the client registered that there always is.
    """
    text = parameters.get("request")
    if text is None:
        if client.require_signed_request_object:
            raise RequestObjectRefused("this client registered require_signed_request_object",
                                       "invalid_request")  # fmt: skip
        return parameters
    claims = _verified_claims(text, client)
    _check_claims(claims, client, settings)
    if {"request", "request_uri"} & set(claims):
        raise RequestObjectRefused("a request object must not hold request or request_uri (RFC 9101 4)")
    named = {name: _as_text(name, value) for name, value in claims.items() if name in PARAMETERS}
    inside = {name: value for name, value in named.items() if value}
    if inside.get("client_id") != client.client_id:
        raise RequestObjectRefused("client_id in the request object must be that of the client (RFC 9101 5)")
    if parameters.get("response_type", inside.get("response_type")) != inside.get("response_type"):
        raise RequestObjectRefused("response_type differs inside and outside (OIDC Core 6.1)")
    return inside


def _verified_claims(text: str, client: Client) -> dict[str, Any]:
    if len(text) > LONGEST_REQUEST:
        raise RequestObjectRefused("the request object is longer than 32 KiB")
    alg = (peek(text, HEADER) or {}).get("alg")
    if isinstance(alg, str) and alg.lower() == "none":
        raise RequestObjectRefused("an unsigned request object is not supported", "request_not_supported")
    wanted = client.request_object_signing_alg
    algorithms = REQUEST_OBJECT if wanted is None else tuple({wanted} & set(REQUEST_OBJECT))
    try:
        token = decode_by_client(client, text, algorithms=algorithms)
    except ClientSignatureInvalid as error:
        raise RequestObjectRefused("request is not signed with a registered key and alg") from error
    typ = token.header.get("typ")
    if (typ.lower() if isinstance(typ, str) else typ) not in TYPES:
        raise RequestObjectRefused("typ of the request object must be oauth-authz-req+jwt (RFC 9101 10.8)")
    return dict(token.claims)


def _check_claims(claims: Mapping[str, Any], client: Client, settings: Settings) -> None:
    """Check what the object says of itself (RFC 9101 §4, RFC 7519 §4.1)."""
    if claims.get("iss") != client.client_id:
        raise RequestObjectRefused("iss of the request object must be the client_id (RFC 9101 4)")
    if claims.get("sub") == client.client_id:
        raise RequestObjectRefused("a client assertion is no request object (RFC 9101 10.8)")
    audience = claims.get("aud")
    if settings.issuer not in (audience if isinstance(audience, list) else [audience]):
        raise RequestObjectRefused("aud of the request object must be the issuer (RFC 9101 4)")
    now, exp, nbf = clock.epoch(clock.now()), claims.get("exp"), claims.get("nbf")
    if not all(clock.is_epoch(moment) for moment in (exp, nbf, claims.get("iat")) if moment is not None):
        raise RequestObjectRefused("exp, nbf and iat of the request object must be numbers (RFC 7519 2)")
    if exp is not None and now >= exp:
        raise RequestObjectRefused("the request object is over: exp has passed")
    if nbf is not None and nbf > now + LEEWAY:
        raise RequestObjectRefused("the request object is not valid yet: nbf is to come")
    if client.profile == ClientProfile.FAPI2:
        if exp is None or nbf is None:
            raise RequestObjectRefused("exp or nbf is missing in the request object (FAPI 2.0)")
        if now - nbf > LONGEST_FAPI2_LIFE or exp - nbf > LONGEST_FAPI2_LIFE:
            raise RequestObjectRefused("nbf or exp of the request object is over an hour away (FAPI 2.0)")


def _as_text(name: str, value: object) -> str:
    """Return a parameter as a query would bring it: numbers in words, ``claims`` as JSON (RFC 9101 §4)."""
    if name == "claims" and isinstance(value, dict):
        return json.dumps(value)
    if name in {"resource", "audience"} and isinstance(value, list):
        if all(isinstance(one, str) and is_storable(one) for one in value):
            return " ".join(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    elif isinstance(value, str) and is_storable(value):
        return value
    raise RequestObjectRefused("a parameter in the request object has a value of the wrong type")
