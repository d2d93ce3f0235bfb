"""Registered clients: finding, registering, and whether one is in good standing."""

import uuid
from dataclasses import fields

from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.credentials import SecretKind
from idp.db import is_storable
from idp.oauth.client_metadata import ClientMetadata, ClientMetadataRefused, check_metadata
from idp.oauth.models import Client, ClientStatus


def find_client(session: Session, client_id: str | None) -> Client | None:
    """Return the client if it is registered and in good standing: a disabled one is as unknown."""
    client = session.get(Client, client_id) if client_id and is_storable(client_id) else None
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
