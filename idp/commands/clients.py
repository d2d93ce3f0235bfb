"""Commands of the operator: clients, and the initial access tokens with which clients register themselves."""

import json
import uuid
from typing import TextIO

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Agency
from idp.credentials import Sealer
from idp.db import Database, make_engine
from idp.delegation.permissions.service import PermissionWords
from idp.oauth.client_metadata import ClientMetadataRefused, metadata_of
from idp.oauth.clients import delete_client, is_deleted, register_client, rotate_secret, set_client_status
from idp.oauth.models import Client, ClientStatus
from idp.oauth.permission_words import FIELD, permission_documents, permissions_of, put_permission
from idp.oauth.registration.document import metadata_document
from idp.oauth.registration.service import issue_initial_token, list_initial_tokens, revoke_initial_token
from idp.settings import Settings
from idp.unit_of_work import unit_of_work


def _database() -> Database:
    settings = Settings.from_environment()
    return Database(make_engine(settings.database_url), Sealer(settings.encryption_key))


def _client(session: Session, client_id: str) -> Client:
    row = session.get(Client, client_id)
    if row is None or is_deleted(row):
        raise click.ClickException(f"There is no client {client_id}. `idp client list` lists them.")
    return row


@click.group()
def client() -> None:
    """Registered clients."""


@client.command("list")
def client_list() -> None:
    """List clients; of an agency's own system the agency too."""
    with unit_of_work(_database(), writes=False) as session:
        listed = select(Client, Agency.name).outerjoin(Agency, Agency.id == Client.agency_id)
        for row, agency in session.execute(listed.order_by(Client.client_id)):
            status = "deleted" if is_deleted(row) else "stopped" if row.paused_at else row.status
            whose = f" ({agency})" if agency else ""
            click.echo(
                f"{row.client_id:44} {status:8} {row.token_endpoint_auth_method:20} {row.client_name}{whose}"
            )


@client.command("register")
@click.argument("file", type=click.File(encoding="utf-8"))
def client_register(file: TextIO) -> None:
    """Register the client that a JSON file describes (RFC 7591 names); prints its secret, this once.

    A relying party that supports acting has its ``permissions`` there, with the words that owners read.
    """
    try:
        document = json.load(file)
        permissions: tuple[PermissionWords, ...] = ()
        if isinstance(document, dict) and FIELD in document:
            permissions = permissions_of(document.pop(FIELD))
            document.setdefault("act_as_permissions", [words.name for words in permissions])
        metadata = metadata_of(document)
        with unit_of_work(_database()) as session:
            for words in permissions:
                put_permission(session, words)
            secret = register_client(session, metadata)
    except json.JSONDecodeError as error:
        raise click.ClickException(f"{file.name} is not JSON: {error}") from error
    except ClientMetadataRefused as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{metadata.client_id} is registered." + (f" Its secret: {secret}" if secret else ""))


@client.command("show")
@click.argument("client_id")
def client_show(client_id: str) -> None:
    """Print what is registered for a client, as JSON; there are no secrets in it."""
    with unit_of_work(_database(), writes=False) as session:
        row = _client(session, client_id)
        own = {name: getattr(row, name) for name in (
            "status", "sign_in_page", "profile", "first_party", "require_pkce", "act_as_supported",
            "act_as_permissions", "act_as_audiences", "resources", "allowed_resources", "sector",
        )}  # fmt: skip
        registered_itself = {"registered_itself": row.registration_digest is not None}
        permissions = {FIELD: permission_documents(session, row)} if row.act_as_permissions else {}
        shown = {**metadata_document(row), **own, **registered_itself, **permissions}
    click.echo(json.dumps(shown, ensure_ascii=False, indent=2))


@client.command("disable")
@click.argument("client_id")
def client_disable(client_id: str) -> None:
    """Disable a client: it is as unknown, with everything it was given, until it is enabled again."""
    _set_status(client_id, ClientStatus.DISABLED)


@client.command("enable")
@click.argument("client_id")
def client_enable(client_id: str) -> None:
    """Enable a client again."""
    _set_status(client_id, ClientStatus.ACTIVE)


def _set_status(client_id: str, status: ClientStatus) -> None:
    with unit_of_work(_database()) as session:
        if not set_client_status(session, _client(session, client_id), status):
            raise click.ClickException(f"{client_id} is {status} already.")
    click.echo(f"{client_id} is {status}.")


@client.command("delete")
@click.argument("client_id")
@click.confirmation_option(prompt="Its tokens, consents and credentials end for good. Delete it?")
def client_delete(client_id: str) -> None:
    """Delete a client for good; `disable` is the reversible way."""
    with unit_of_work(_database()) as session:
        delete_client(session, _client(session, client_id))
    click.echo(f"{client_id} is deleted.")


@client.command("rotate-secret")
@click.argument("client_id")
def client_rotate_secret(client_id: str) -> None:
    """Give a client a new secret and print it, this once; the old one is out at once."""
    with unit_of_work(_database()) as session:
        secret = rotate_secret(session, _client(session, client_id))
    if secret is None:
        raise click.ClickException(f"{client_id} has no secret.")
    click.echo(f"The new secret of {client_id}: {secret}")


@click.group("registration-token")
def registration_token() -> None:
    """Initial access tokens, with which clients register themselves (RFC 7591 §3)."""


@registration_token.command("create")
@click.option("--label", required=True, help="Whom it is for.")
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 3650), help="Its life.")
@click.option("--uses", type=click.IntRange(1), help="How many clients it may register; default: any number.")
def registration_token_create(label: str, days: int, uses: int | None) -> None:
    """Make an initial access token and print it, this once."""
    with unit_of_work(_database()) as session:
        token_id, token = issue_initial_token(session, label, days=days, uses=uses)
    click.echo(f"{token_id}\n{token}")


@registration_token.command("list")
def registration_token_list() -> None:
    """List initial access tokens."""
    with unit_of_work(_database(), writes=False) as session:
        for one in list_initial_tokens(session):
            left = "any number" if one.uses_left is None else one.uses_left
            state = "revoked" if one.revoked_at else "over" if one.expires_at <= clock.now() else "good"
            click.echo(
                f"{one.id}  {state:7} until {clock.iso(one.expires_at)}  uses left: {left}  {one.label}"
            )


@registration_token.command("revoke")
@click.argument("token_id", type=click.UUID)
def registration_token_revoke(token_id: uuid.UUID) -> None:
    """Revoke an initial access token; the clients that it registered stay."""
    with unit_of_work(_database()) as session:
        if not revoke_initial_token(session, token_id):
            raise click.ClickException("There is no such token, or it is revoked already.")
    click.echo("It is revoked.")


GROUPS = (client, registration_token)
