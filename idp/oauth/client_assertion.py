"""``private_key_jwt``: client authentication by a signed assertion (RFC 7523 §3, OIDC Core §9).

The audience must be our issuer as one string and nothing else: a list, or the token endpoint's address,
lets an assertion made for another server be used here (CVE-2025-27370).
DEVIATION docs/decisions/0019-the-issuer-is-the-audience.md
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.db import insert_once
from idp.oauth.algorithms import CLIENT_ASSERTION
from idp.oauth.client_keys import PAYLOAD, ClientSignatureInvalid, decode_by_client, peek
from idp.oauth.clients import find_client
from idp.oauth.models import Client, UsedAssertion

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TYPES = {"jwt", "client-authentication+jwt"}
LONGEST_ASSERTION = 8192
LONGEST_LIFE = 300
"""Seconds between now and ``exp``."""
LEEWAY = 60
"""Seconds that a client's clock may be ahead: FAPI 2.0 Security Profile §5.3.2.1 asks for 10 to 60."""


def find_asserted_client(session: Session, parameters: Mapping[str, str], *, issuer: str) -> Client | None:
    """Return the client that a valid, unused assertion speaks for, or None."""
    if parameters.get("client_assertion_type") != ASSERTION_TYPE:
        return None
    assertion = parameters.get("client_assertion", "")
    claimed = _unverified_subject(assertion)
    client = find_client(session, claimed)
    if client is None or client.token_endpoint_auth_method != "private_key_jwt":
        return None
    if parameters.get("client_id", client.client_id) != client.client_id:
        return None
    claims = _verified_claims(client, assertion)
    if claims is None or not _is_acceptable(claims, client_id=client.client_id, issuer=issuer):
        return None
    return client if _use_jti(session, client.client_id, claims) else None


def _unverified_subject(assertion: str) -> str | None:
    """Return whose keys to try."""
    claims = peek(assertion, PAYLOAD) if len(assertion) <= LONGEST_ASSERTION else None
    subject = claims.get("sub") if claims is not None else None
    # Client ids are printable ASCII; JSON can also hold NUL and half characters, which no database can.
    return subject if isinstance(subject, str) and subject.isascii() and subject.isprintable() else None


def _verified_claims(client: Client, assertion: str) -> dict[str, Any] | None:
    registered = client.token_endpoint_auth_signing_alg
    algorithms = [one for one in CLIENT_ASSERTION if registered in {None, one}]
    try:
        token = decode_by_client(client, assertion, algorithms=algorithms)
    except ClientSignatureInvalid:
        return None
    # Another kind of text that a client signs, a request object say, is no assertion (RFC 8725 §3.11).
    return dict(token.claims) if str(token.header.get("typ", "JWT")).lower() in _TYPES else None


def _is_acceptable(claims: dict[str, Any], *, client_id: str, issuer: str) -> bool:
    now = clock.epoch(clock.now())
    exp, iat, nbf, jti = (claims.get(name) for name in ("exp", "iat", "nbf", "jti"))
    return (
        claims.get("iss") == client_id
        and claims.get("sub") == client_id
        and claims.get("aud") == issuer
        and clock.is_epoch(exp)
        and now < exp <= now + LONGEST_LIFE + LEEWAY
        and (iat is None or (clock.is_epoch(iat) and iat <= now + LEEWAY))
        and (nbf is None or (clock.is_epoch(nbf) and nbf <= now + LEEWAY))
        and isinstance(jti, str)
        and 0 < len(jti) <= 256
    )


def _use_jti(session: Session, client_id: str, claims: dict[str, Any]) -> bool:
    """Remember the ``jti``; of any number of parallel uses one inserts the row and the others do not."""
    return insert_once(
        session, UsedAssertion,
        {
            "client_id": client_id,
            "jti_digest": credentials.digest(claims["jti"]),
            "expires_at": clock.from_epoch(int(claims["exp"]) + LEEWAY),
        },
    )  # fmt: skip
