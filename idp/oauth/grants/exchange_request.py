"""The parameters of a token exchange (RFC 8693 §2.1), read for their form; what they mean is delegation's."""

import uuid
from dataclasses import dataclass

from authlib.oauth2.rfc6749 import InvalidRequestError

from idp.delegation.authority import ActorClaim, Claim, SystemClaim
from idp.oauth.issuing import find_live_client, live_scope, standing_of
from idp.oauth.models import Client, TokenFamily
from idp.oauth.parameters import Parameters
from idp.oauth.resource_indicators import InvalidTargetError
from idp.oauth.scopes import ACT_AS
from idp.oauth.server import ProtocolServer
from idp.oauth.tokens import TokenUnreadable, read_access_token

ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"
GRANT_TOKEN_TYPE = "urn:ownersclub:params:oauth:token-type:delegation-grant"
TICKET_TOKEN_TYPE = "urn:ownersclub:params:oauth:token-type:act-as-ticket"


@dataclass(frozen=True)
class AskedExchange:
    """What is asked: for whom, where, how much, why, and as a token or a ticket."""

    ticket: bool
    audience: str
    scope: frozenset[str] | None
    reason: str
    grant_id: uuid.UUID | None


def read_actor(server: ProtocolServer, parameters: Parameters, jkt: str | None) -> Claim | None:
    """Return what the actor token says, if it and the subject token are of the right types."""
    return _claim(server, parameters.get("actor_token", ""), jkt) if _types_are_right(parameters) else None


def read_exchange(client: Client, parameters: Parameters) -> AskedExchange:
    """Return what is asked.

    :raises OAuth2Error: the request has not the form of an exchange.
    """
    requested = parameters.get("requested_token_type", ACCESS_TOKEN_TYPE)
    if requested not in {ACCESS_TOKEN_TYPE, TICKET_TOKEN_TYPE}:
        raise InvalidRequestError("requested_token_type must be access_token or act-as-ticket")
    if requested == TICKET_TOKEN_TYPE and client.agency_id is not None:
        raise InvalidRequestError("requested_token_type must be access_token: a system has no browser")
    if "resource" in parameters and "audience" in parameters:
        raise InvalidTargetError("name exactly one audience or resource")
    audience = parameters.get("audience") or parameters.get("resource")
    if audience is None:
        raise InvalidTargetError("audience is missing")
    return AskedExchange(
        ticket=requested == TICKET_TOKEN_TYPE, audience=audience,
        scope=frozenset(parameters["scope"].split()) if "scope" in parameters else None,
        reason=parameters.get("reason", ""),
        grant_id=_uuid(parameters.get("subject_token", "")) if _types_are_right(parameters) else None,
    )  # fmt: skip


def _types_are_right(parameters: Parameters) -> bool:
    return (
        parameters.get("subject_token_type") == GRANT_TOKEN_TYPE
        and parameters.get("actor_token_type") == ACCESS_TOKEN_TYPE
    )


def _claim(server: ProtocolServer, token: str, jkt: str | None) -> Claim | None:
    """Return what the actor token says, if it is a live access token of ours.

    One that is bound to a key is worth nothing without a proof of that key (RFC 9449 §7), and one for
    another API is not for this server (RFC 9068 §4): whoever serves that API holds it too. A token that a
    client has for itself stands in no family: only an agency's own system acts with such a one.
    """
    session, settings = server.session, server.mint.settings
    try:
        claims = read_access_token(server.mint, token)
    except TokenUnreadable:
        return None
    if claims.jkt not in {None, jkt} or claims.audience != settings.issuer:
        return None
    if claims.family_id is None:
        client = find_live_client(session, claims)
        may_act = client is not None and ACT_AS in claims.scope & client.scopes
        return SystemClaim(claims.client_id, token_may_act=may_act) if client else None
    standing = standing_of(session, session.get(TokenFamily, claims.family_id), settings=settings)
    if standing is None or standing.act_as is not None:
        return None
    family = standing.family
    return ActorClaim(
        family.account_id,
        family.session_id,
        claims.client_id,
        token_may_act=ACT_AS in claims.scope & live_scope(family) and not claims.has_act,
    )


def _uuid(text: str) -> uuid.UUID | None:
    try:
        value = uuid.UUID(text)
    except ValueError:
        return None
    return value if str(value) == text else None  # one spelling only: a reference has no aliases
