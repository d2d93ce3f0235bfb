"""Token introspection (RFC 7662), as JSON or as a signed JWT (RFC 9701), asked of the live records.

Only the audience of a token, or the client that it was issued to, learns anything about it; for everybody
else, and for what is over, revoked or unreadable, the answer is the same ``{"active": false}`` (§2.2, §4).
"""

from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.credentials import SecretKind
from idp.oauth.issuing import (
    act_claim,
    find_live_client,
    live_act_as,
    live_scope,
    standing_of,
    standing_to_issue,
    token_type,
)
from idp.oauth.models import Client, ClientProfile, RefreshToken, TokenFamily
from idp.oauth.server import NO_STORE, ClientNotAuthenticated, EndpointAnswer, ProtocolRequest, ProtocolServer
from idp.oauth.subjects import subject_for
from idp.oauth.tokens import AccessClaims, Mint, TokenUnreadable, mint_introspection_token, read_access_token

JWT_ANSWER = "application/token-introspection+jwt"
INACTIVE: dict[str, Any] = {"active": False}


@dataclass(frozen=True)
class AnswerForm:
    """Which form of the answer the client's ``Accept`` header prefers (RFC 9701 §4, RFC 9110 §12.5.1)."""

    json: float
    """Quality of JSON; 0 where it is not accepted."""
    jwt: float
    """The same of the signed JWT."""
    names_jwt: bool
    """Whether the JWT is named, and not only allowed by a wildcard."""

    def is_jwt(self, client: Client) -> bool:
        """Tell whether the answer is signed: asked for, or registered for and not refused (RFC 9701 §6)."""
        if client.introspection_signed_response_alg is not None:
            return self.jwt > 0 and self.jwt >= self.json
        return self.names_jwt and self.jwt > 0 and self.jwt >= self.json


def introspect(server: ProtocolServer, request: ProtocolRequest, *, form: AnswerForm) -> EndpointAnswer:
    """Answer an introspection request (§2.1).

    :raises OAuth2Error: the client is not authenticated, is public, or sent no token.
    """
    client = server.authenticate_client(request, endpoint="introspection")
    if not client.is_confidential:
        raise ClientNotAuthenticated
    token = request.parameters.get("token")
    if token is None:
        raise InvalidRequestError("token is missing (RFC 7662 2.1)")
    body = _describe(server.session, server.mint, client, token) or INACTIVE
    if not form.is_jwt(client):
        return EndpointAnswer(200, body)
    signed = mint_introspection_token(
        server.mint, audience=client.client_id, body=body, alg=_signing_alg(client)
    )
    return EndpointAnswer(200, signed, {**NO_STORE, "Content-Type": JWT_ANSWER})


def _signing_alg(client: Client) -> str:
    """RS256 unless the client registered another (RFC 9701 §6); the fapi2 profile has no RS256."""
    default = "PS256" if client.profile == ClientProfile.FAPI2 else "RS256"
    return client.introspection_signed_response_alg or default


def _describe(session: Session, mint: Mint, client: Client, token: str) -> dict[str, Any] | None:
    if credentials.is_kind(token, SecretKind.REFRESH_TOKEN):
        return _describe_refresh_token(session, mint, client, token)
    try:
        claims = read_access_token(mint, token)
    except TokenUnreadable:
        return None
    may_know = client.client_id in {claims.client_id, claims.audience} or claims.audience in client.resources
    return _describe_access_token(session, mint, claims) if may_know else None


def _describe_refresh_token(
    session: Session, mint: Mint, client: Client, token: str
) -> dict[str, Any] | None:
    stored = session.get(RefreshToken, credentials.digest(token))
    if stored is None or stored.used_at is not None or clock.now() >= stored.expires_at:
        return None
    family = stored.family
    standing = standing_to_issue(session, family, settings=mint.settings)
    if family.client_id != client.client_id or standing is None:
        return None
    return {
        "active": True, "client_id": family.client_id, "scope": _words(live_scope(family)),
        "iss": mint.settings.issuer,
        "sub": subject_for(mint.settings, family.client, family.account_id),
        "exp": clock.epoch(stored.expires_at), "iat": clock.epoch(stored.created_at),
    }  # fmt: skip


def _describe_access_token(session: Session, mint: Mint, claims: AccessClaims) -> dict[str, Any] | None:
    scope = claims.scope
    if claims.family_id is not None:
        standing = standing_of(session, session.get(TokenFamily, claims.family_id), settings=mint.settings)
        if standing is None:
            return None
        scope &= live_scope(standing.family)
    elif not claims.has_act:
        client = find_live_client(session, claims)
        if client is None:
            return None
        scope &= client.scopes
    body = {"active": True, "token_type": token_type(claims.jkt), **claims.raw, "scope": _words(scope)}
    if not claims.has_act:
        return body
    act_as = live_act_as(session, claims.sid, settings=mint.settings) if claims.sid else None
    if act_as is None or act_as.audience != claims.audience:
        return None
    return {**body, **act_claim(session, act_as).as_claims()}


def _words(scope: frozenset[str]) -> str:
    return " ".join(sorted(scope))
