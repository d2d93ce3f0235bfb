"""Registered clients: finding, registering, and whether one is in good standing."""

import uuid
from dataclasses import dataclass, field, fields
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


def metadata_of(document: object) -> ClientMetadata:
    """Return the metadata that a JSON document describes.

    :raises ClientMetadataRefused: it is no object, or a field is unknown, missing or of another type.
    """
    if not isinstance(document, dict):
        raise ClientMetadataRefused("document", "must be one JSON object")
    known = {one.name: one for one in fields(ClientMetadata)}
    values: dict[str, Any] = {}
    for name, value in document.items():
        if name not in known:
            raise ClientMetadataRefused(name, "is not a field; known are " + ", ".join(known))
        values[name] = _typed(name, value, wanted=str(known[name].type))
    for name in ("client_id", "client_name", "token_endpoint_auth_method"):
        if name not in values:
            raise ClientMetadataRefused(name, "is missing")
    return ClientMetadata(**values)


def _typed(name: str, value: Any, *, wanted: str) -> Any:
    """Return a JSON value in the type that a field has."""
    if "tuple" in wanted:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ClientMetadataRefused(name, "must be a list of texts")
        return tuple(value)
    if name == "sign_in_page" and value in set(SignInPage):
        return SignInPage(value)
    if name == "jwks" and isinstance(value, dict):
        return value
    if name == "act_as_supported":
        if not isinstance(value, bool):
            raise ClientMetadataRefused(name, "must be true or false")
        return value
    if name in {"sign_in_page", "jwks"} or not isinstance(value, str):
        raise ClientMetadataRefused(name, "has a value of the wrong type")
    return value


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
    if session.get(Client, metadata.client_id) is not None:
        raise ClientMetadataRefused("client_id", "is registered already")
    secret = metadata.secret
    if secret is None and metadata.token_endpoint_auth_method.startswith("client_secret"):
        secret = credentials.mint_secret(SecretKind.CLIENT_SECRET)
    client = Client(client_id=metadata.client_id, created_at=clock.now())
    _write(client, metadata)
    client.secret_digest = credentials.digest(secret) if secret else None
    session.add(client)
    record_event(session, Event.CLIENT_REGISTERED, client_id=metadata.client_id)
    session.flush()
    return secret


def change_client(session: Session, metadata: ClientMetadata) -> bool:
    """Give a client other metadata; its secret stays. Return whether anything changed.

    :raises ClientMetadataRefused: a field is wrong, or there is no such client.
    """
    check_metadata(metadata)
    client = session.get(Client, metadata.client_id)
    if client is None:
        raise ClientMetadataRefused("client_id", "is not registered")
    _write(client, metadata)
    changed = session.is_modified(client)
    if changed:
        record_event(session, Event.CLIENT_CHANGED, client_id=metadata.client_id)
        session.flush()
    return changed


def _write(client: Client, metadata: ClientMetadata) -> None:
    for one in fields(metadata):
        if one.name != "secret":
            value = getattr(metadata, one.name)
            setattr(client, one.name, list(value) if isinstance(value, tuple) else value)


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
