"""Initial access tokens, and the clients that register themselves with one (RFC 7591 §3, RFC 7592)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.credentials import SecretKind
from idp.db import is_storable
from idp.errors import Refusal
from idp.oauth.client_metadata import ClientMetadata
from idp.oauth.clients import change_client, delete_client, find_client, register_client
from idp.oauth.consent.service import forget_consents
from idp.oauth.models import Client
from idp.oauth.registration.document import with_operators_word
from idp.oauth.registration.models import InitialAccessToken


class RegistrationTokenRefused(Refusal):
    """The token that registration asks for is missing, unknown, used up, over or revoked: all look alike."""

    status = 401


@dataclass(frozen=True)
class Registered:
    """A client, and what is shown of its credentials this once."""

    client: Client
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    """The registration access token (RFC 7592 §3)."""


def issue_initial_token(
    session: Session, label: str, *, days: int, uses: int | None
) -> tuple[uuid.UUID, str]:
    """Return the id of a new initial access token, and the token, which is shown this once."""
    secret, now = credentials.mint_secret(SecretKind.INITIAL_ACCESS_TOKEN), clock.now()
    token = InitialAccessToken(
        id=credentials.new_id(), digest=credentials.digest(secret), label=label, created_at=now,
        expires_at=now + timedelta(days=days), uses_left=uses,
    )  # fmt: skip
    session.add(token)
    record_event(session, Event.REGISTRATION_TOKEN_ISSUED, token_id=str(token.id), label=label)
    session.flush()
    return token.id, secret


def list_initial_tokens(session: Session) -> Sequence[InitialAccessToken]:
    """Return all initial access tokens, the oldest first."""
    return session.scalars(select(InitialAccessToken).order_by(InitialAccessToken.created_at)).all()


def revoke_initial_token(session: Session, token_id: uuid.UUID) -> bool:
    """Revoke an initial access token; clients that it registered stay. Return whether it was in use."""
    found = session.execute(
        update(InitialAccessToken)
        .where(InitialAccessToken.id == token_id, InitialAccessToken.revoked_at.is_(None))
        .values(revoked_at=clock.now())
        .returning(InitialAccessToken.id)
    ).first()
    if found is not None:
        record_event(session, Event.REGISTRATION_TOKEN_REVOKED, token_id=str(token_id))
    return found is not None


def _usable(secret: str) -> tuple[ColumnElement[bool], ...]:
    token = InitialAccessToken
    return (
        token.digest == credentials.digest(secret), token.revoked_at.is_(None),
        token.expires_at > clock.now(), or_(token.uses_left.is_(None), token.uses_left > 0),
    )  # fmt: skip


def check_initial_token(session: Session, secret: str) -> None:
    """Look at an initial access token before anything else of the request is.

    :raises RegistrationTokenRefused: it permits nothing.
    """
    if session.scalars(select(InitialAccessToken.id).where(*_usable(secret))).first() is None:
        raise RegistrationTokenRefused


def register(session: Session, metadata: ClientMetadata, secret: str) -> Registered:
    """Register a client by one use of an initial access token; of parallel last uses one succeeds.

    :raises RegistrationTokenRefused: it has no use left.
    :raises ClientMetadataRefused: a field is wrong; that uses nothing up.
    """
    own = register_client(session, metadata, dynamic=True)
    used = session.execute(
        update(InitialAccessToken)
        .where(*_usable(secret))
        .values(uses_left=InitialAccessToken.uses_left - 1)
        .returning(InitialAccessToken.id)
    ).first()
    if used is None:
        raise RegistrationTokenRefused
    token = credentials.mint_secret(SecretKind.REGISTRATION_TOKEN)
    client = session.get_one(Client, metadata.client_id)
    client.registration_digest = credentials.digest(token)
    session.flush()
    return Registered(client, own, token)


def managed_client(session: Session, client_id: str, secret: str, *, to_change: bool = False) -> Client:
    """Return the client that a registration access token manages (RFC 7592 §2).

    :param to_change: nobody else changes or deletes it until the unit of work ends.
    :raises RegistrationTokenRefused: it manages no such client, whether there is one or not.
    """
    if to_change and is_storable(client_id):
        row = select(Client.client_id).where(Client.client_id == client_id)
        session.execute(row.with_for_update(key_share=True))
    client = find_client(session, client_id)
    digest = client.registration_digest if client is not None else None
    if client is None or digest is None or not credentials.equal(credentials.digest(secret), digest):
        raise RegistrationTokenRefused
    return client


def replace(session: Session, metadata: ClientMetadata, secret: str) -> Registered:
    """Replace everything that a client registered (RFC 7592 §2.2), but for what an operator says now.

    A client that is at home somewhere else from now on asks people again: what they allowed went to the
    places that they saw, and whoever found the token of the registration must not inherit it silently.
    """
    client = managed_client(session, metadata.client_id, secret, to_change=True)
    places = set(client.redirect_uris)
    change = change_client(session, with_operators_word(metadata, client), dynamic=True)
    if set(client.redirect_uris) - places:
        forget_consents(session, client.client_id)
    return Registered(client, change.secret, secret)


def delete(session: Session, client_id: str, secret: str) -> None:
    """Delete a client at its own word (RFC 7592 §2.3)."""
    delete_client(session, managed_client(session, client_id, secret, to_change=True))
