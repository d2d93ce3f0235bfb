"""Registered clients: finding, registering, and whether one is in good standing."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Agency
from idp.accounts.rules import AgencyStatus
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.credentials import SecretKind
from idp.db import is_storable
from idp.delegation.apps import App
from idp.delegation.permissions.service import PermissionOfAnother, claim_permissions, known_permissions
from idp.oauth.api_scopes import known_scopes
from idp.oauth.client_metadata import ClientMetadata, ClientMetadataRefused
from idp.oauth.client_rules import check_metadata, sector_of
from idp.oauth.consent.models import ClientConsent
from idp.oauth.models import Client, ClientProfile, ClientStatus, TokenFamily

DELETED = "deleted"
"""In place of a way of authenticating."""


def find_client(session: Session, client_id: str | None) -> Client | None:
    """Return the client if it is registered and in good standing: a disabled one is as unknown.

    So is an agency's own system while its manager has stopped it, or its agency is out of business.
    """
    client = session.get(Client, client_id) if client_id and is_storable(client_id) else None
    if client is None or client.status != ClientStatus.ACTIVE or client.paused_at is not None:
        return None
    return client if client.agency_id is None or _is_in_business(session, client.agency_id) else None


def _is_in_business(session: Session, agency_id: uuid.UUID) -> bool:
    status = session.scalar(select(Agency.status).where(Agency.id == agency_id))
    return status == AgencyStatus.ACTIVE


def register_client(session: Session, metadata: ClientMetadata, *, dynamic: bool = False) -> str | None:
    """Store a client and return its secret, which is shown this once, or None if it has none.

    :param dynamic: it registers itself.
    :raises ClientMetadataRefused: a field is wrong.
    """
    check_metadata(metadata, dynamic=dynamic)
    _check_scope(session, metadata)
    _check_permissions(session, metadata)
    if session.get(Client, metadata.client_id) is not None:
        raise ClientMetadataRefused("client_id", "is registered already")
    client = Client(client_id=metadata.client_id, created_at=clock.now())
    _write(client, metadata)
    secret = _settle_secret(client, metadata)
    session.add(client)
    record_event(session, Event.CLIENT_REGISTERED, client_id=metadata.client_id)
    session.flush()
    return secret


@dataclass(frozen=True)
class ClientChange:
    """What became of a change."""

    changed: bool
    secret: str | None = field(default=None, repr=False)
    """A secret that was made because the client needs one now."""


def _check_scope(session: Session, metadata: ClientMetadata) -> None:
    known = known_scopes(session)
    if set(metadata.scope.split()) - known:
        raise ClientMetadataRefused("scope", "must be some of " + " ".join(sorted(known)))


def _check_permissions(session: Session, metadata: ClientMetadata) -> None:
    """Refuse permissions that have no words, which no owner could read, and those that are another's.

    An owner chooses at each relying party by itself. Were a permission two's, what is allowed at one would
    open the other, also under grants that are older than it; so whoever drops one keeps its name.
    """
    names = metadata.act_as_permissions
    unknown = set(names) - known_permissions(session)
    if unknown:
        raise ClientMetadataRefused(
            "act_as_permissions", f"{min(unknown)} is not registered; a permission needs the words that "
            "owners read (section permissions of idp apply)",
        )  # fmt: skip
    try:
        claim_permissions(session, names, client_id=metadata.client_id)
    except PermissionOfAnother as refused:
        raise ClientMetadataRefused(
            "act_as_permissions", f"{refused.name} is {refused.client_id}'s: what owners allowed there would "
            "open this one too; register a permission of another name",
        ) from refused  # fmt: skip
    if metadata.act_as_supported and not names:
        raise ClientMetadataRefused(
            "act_as_permissions", "must name at least one registered permission where act_as_supported is "
            "true, the least first",
        )  # fmt: skip


def change_client(session: Session, metadata: ClientMetadata, *, dynamic: bool = False) -> ClientChange:
    """Give a client other metadata; its secret stays where it still needs one.

    :raises ClientMetadataRefused: a field is wrong, or there is no such client.
    """
    check_metadata(metadata, dynamic=dynamic)
    _check_scope(session, metadata)
    _check_permissions(session, metadata)
    client = session.get(Client, metadata.client_id)
    if client is None:
        raise ClientMetadataRefused("client_id", "is not registered")
    _write(client, metadata)
    secret = _settle_secret(client, metadata)
    changed = session.is_modified(client)
    if changed:
        record_event(session, Event.CLIENT_CHANGED, client_id=metadata.client_id)
        session.flush()
    return ClientChange(changed, None if metadata.secret else secret)


def set_client_status(session: Session, client: Client, status: ClientStatus) -> bool:
    """Disable a client, which is then as unknown, or enable it again; return whether anything changed."""
    if client.status == status:
        return False
    client.status = status
    event = Event.CLIENT_ENABLED if status == ClientStatus.ACTIVE else Event.CLIENT_DISABLED
    record_event(session, event, client_id=client.client_id)
    session.flush()
    return True


def delete_client(session: Session, client: Client) -> None:
    """Delete a client for good: its credentials, addresses, tokens and consents.

    The row stays, because the history of proxy logins and the audit log speak of it.
    """
    now = clock.now()
    client.status = ClientStatus.DISABLED
    client.secret_digest = client.registration_digest = client.jwks = client.jwks_uri = None
    client.token_endpoint_auth_method = DELETED
    client.redirect_uris, client.post_logout_redirect_uris, client.grant_types = [], [], []
    client.backchannel_logout_uri = client.initiate_login_uri = None
    session.flush()
    for table in (TokenFamily, ClientConsent):
        session.execute(
            update(table)
            .where(table.client_id == client.client_id, table.revoked_at.is_(None))
            .values(revoked_at=now)
        )
    record_event(session, Event.CLIENT_DELETED, client_id=client.client_id)


def is_deleted(client: Client) -> bool:
    """Tell whether a client was deleted; its id is never given again."""
    return client.token_endpoint_auth_method == DELETED


def rotate_secret(session: Session, client: Client) -> str | None:
    """Give a client a new secret and return it, or None if it has none; the old one is out at once."""
    if client.secret_digest is None:
        return None
    secret = credentials.mint_secret(SecretKind.CLIENT_SECRET)
    client.secret_digest = credentials.digest(secret)
    record_event(session, Event.CLIENT_SECRET_ROTATED, client_id=client.client_id)
    session.flush()
    return secret


def _settle_secret(client: Client, metadata: ClientMetadata) -> str | None:
    """Leave the client with a secret if its method needs one, and return it if it is known."""
    if not metadata.token_endpoint_auth_method.startswith("client_secret"):
        client.secret_digest = None
        return None
    secret = metadata.secret
    if secret is None and client.secret_digest is None:
        secret = credentials.mint_secret(SecretKind.CLIENT_SECRET)
    if secret is not None:
        client.secret_digest = credentials.digest(secret)
    return secret


def _write(client: Client, metadata: ClientMetadata) -> None:
    for one in fields(metadata):
        if one.name != "secret":
            value = getattr(metadata, one.name)
            setattr(client, one.name, list(value) if isinstance(value, tuple) else value)
    if metadata.id_token_signed_response_alg is None:
        is_strict = metadata.profile == ClientProfile.FAPI2
        client.id_token_signed_response_alg = "ES256" if is_strict else "RS256"
    client.sector = sector_of(metadata)


def parties_of_sign_in(session: Session, session_id: uuid.UUID) -> list[tuple[str, uuid.UUID]]:
    """Return the clients that were given tokens in a sign-in session, without proxy logins, and for whom."""
    query = (
        select(TokenFamily.client_id, TokenFamily.account_id)
        .where(TokenFamily.session_id == session_id, TokenFamily.act_as_session_id.is_(None))
        .distinct()
    )
    return [(client_id, account_id) for client_id, account_id in session.execute(query)]


def find_apps(session: Session, client_ids: Collection[str]) -> Mapping[str, App]:
    """Return the clients with these ids as owners know them, in whatever standing they are now."""
    found = session.scalars(select(Client).where(Client.client_id.in_(sorted(client_ids))))
    return {
        client.client_id: App(
            client.client_name or client.client_id,
            client.localized.get("client_name#en") or client.client_name or client.client_id,
            confirms_logout=client.backchannel_logout_uri is not None,
        )
        for client in found
    }
