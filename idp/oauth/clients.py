"""Registered clients: finding, registering, and whether one is in good standing."""

import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.credentials import SecretKind
from idp.errors import Refusal
from idp.oauth.models import Client, ClientStatus, SignInPage

AUTHORIZATION_CODE = "authorization_code"
REFRESH_TOKEN = "refresh_token"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
GRANT_TYPES = (AUTHORIZATION_CODE, REFRESH_TOKEN, TOKEN_EXCHANGE)
AUTH_METHODS = ("private_key_jwt", "client_secret_basic", "client_secret_post", "none")


@dataclass(eq=False)
class ClientMetadataRefused(Refusal):
    """The metadata of a client cannot be accepted (RFC 7591 §3.2.2): which field, and why."""

    field_name: str
    reason: str
    status = 400

    def __str__(self) -> str:
        """Name the field and the remedy."""
        return f"{self.field_name}: {self.reason}"


@dataclass(frozen=True)
class ClientMetadata:
    """What an operator registers; names are those of RFC 7591 §2 and OIDC Registration §2."""

    client_id: str
    client_name: str
    token_endpoint_auth_method: str
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = (AUTHORIZATION_CODE,)
    scope: str = "openid"
    client_uri: str | None = None
    jwks: dict[str, Any] | None = None
    id_token_signed_response_alg: str = "RS256"
    initiate_login_uri: str | None = None
    backchannel_logout_uri: str | None = None
    sign_in_page: SignInPage = SignInPage.OWNERS
    act_as_supported: bool = False
    act_as_permissions: tuple[str, ...] = ()
    act_as_audiences: tuple[str, ...] = ()
    secret: str | None = field(default=None, repr=False)
    """A secret that exists already; otherwise one is made where the method needs it."""


def find_client(session: Session, client_id: str | None) -> Client | None:
    """Return the client if it is registered and in good standing: a disabled one is as unknown."""
    client = session.get(Client, client_id) if client_id else None
    return client if client is not None and client.status == ClientStatus.ACTIVE else None


def secret_matches(client: Client, secret: str) -> bool:
    """Tell whether a presented secret is the client's, in constant time."""
    return client.secret_digest is not None and credentials.equal(
        credentials.digest(secret), client.secret_digest
    )


def register_client(session: Session, metadata: ClientMetadata) -> str | None:
    """Store a client and return its secret, which is shown this once, or None if it has none.

    :raises ClientMetadataRefused: a field is wrong.
    """
    check_metadata(metadata)
    secret = metadata.secret
    if secret is None and metadata.token_endpoint_auth_method.startswith("client_secret"):
        secret = credentials.mint_secret(SecretKind.CLIENT_SECRET)
    session.add(
        Client(
            client_id=metadata.client_id, client_name=metadata.client_name, client_uri=metadata.client_uri,
            created_at=clock.now(), token_endpoint_auth_method=metadata.token_endpoint_auth_method,
            secret_digest=credentials.digest(secret) if secret else None, jwks=metadata.jwks,
            redirect_uris=list(metadata.redirect_uris),
            post_logout_redirect_uris=list(metadata.post_logout_redirect_uris),
            grant_types=list(metadata.grant_types), scope=metadata.scope,
            id_token_signed_response_alg=metadata.id_token_signed_response_alg,
            initiate_login_uri=metadata.initiate_login_uri,
            backchannel_logout_uri=metadata.backchannel_logout_uri, sign_in_page=metadata.sign_in_page,
            act_as_supported=metadata.act_as_supported,
            act_as_permissions=list(metadata.act_as_permissions),
            act_as_audiences=list(metadata.act_as_audiences),
        )
    )  # fmt: skip
    record_event(session, Event.CLIENT_REGISTERED, client_id=metadata.client_id)
    session.flush()
    return secret


def check_metadata(metadata: ClientMetadata) -> None:
    """Refuse metadata that could not be served safely.

    :raises ClientMetadataRefused: names the first field that is wrong.
    """
    if not metadata.client_id or not metadata.client_id.isascii() or len(metadata.client_id) > 128:
        raise ClientMetadataRefused("client_id", "1 to 128 ASCII characters")
    if metadata.token_endpoint_auth_method not in AUTH_METHODS:
        raise ClientMetadataRefused("token_endpoint_auth_method", "one of " + ", ".join(AUTH_METHODS))
    if metadata.token_endpoint_auth_method == "private_key_jwt" and not (metadata.jwks or {}).get("keys"):
        raise ClientMetadataRefused("jwks", "private_key_jwt needs the client's public keys")
    if unknown := set(metadata.grant_types) - set(GRANT_TYPES):
        raise ClientMetadataRefused("grant_types", "not supported: " + " ".join(sorted(unknown)))
    if AUTHORIZATION_CODE in metadata.grant_types and not metadata.redirect_uris:
        raise ClientMetadataRefused("redirect_uris", "authorization_code needs at least one")
    if TOKEN_EXCHANGE in metadata.grant_types and metadata.token_endpoint_auth_method == "none":
        raise ClientMetadataRefused("grant_types", "token exchange is for confidential clients")
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        for uri in getattr(metadata, name):
            _check_uri(name, uri)
    for name in ("initiate_login_uri", "backchannel_logout_uri", "client_uri"):
        if uri := getattr(metadata, name):
            _check_uri(name, uri)


def _check_uri(name: str, uri: str) -> None:
    """Accept https everywhere and http on the loopback host only (RFC 9700 §2.1, RFC 8252 §7.3)."""
    parts = urlsplit(uri)
    if parts.fragment or "#" in uri:
        raise ClientMetadataRefused(name, "must have no fragment (RFC 6749 section 3.1.2)")
    if parts.username is not None or not parts.hostname or not uri.isascii() or " " in uri:
        raise ClientMetadataRefused(name, "must be a plain absolute URI without user information")
    loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise ClientMetadataRefused(name, "must be https, or http on the loopback host")


def family_client_ids(session: Session, session_id: uuid.UUID) -> list[str]:
    """Return the clients that were given tokens in a sign-in session, without proxy logins."""
    from sqlalchemy import select

    from idp.oauth.models import TokenFamily

    query = (
        select(TokenFamily.client_id)
        .where(TokenFamily.session_id == session_id, TokenFamily.act_as_session_id.is_(None))
        .distinct()
    )
    return list(session.scalars(query))
