"""The clients of the file, in the names of RFC 7591 §2 and our own."""

from dataclasses import fields
from typing import Any

from sqlalchemy.orm import Session

from idp.apply.changes import Change, Kind, compared
from idp.apply.reading import Node
from idp.oauth.api_scopes import known_scopes
from idp.oauth.client_metadata import ClientMetadata, ClientMetadataRefused, metadata_of
from idp.oauth.client_rules import check_metadata
from idp.oauth.clients import change_client, is_deleted, register_client, set_client_status
from idp.oauth.models import Client, ClientStatus

_REFERENCES = ("secret_file", "secret_env")
_FIELDS = tuple(one.name for one in fields(ClientMetadata) if one.name != "secret")
_SECRETS = frozenset({"jwks"})
"""Public keys are no secrets, but nobody compares them by eye."""


def read_client(node: Node) -> tuple[Node, ClientMetadata, ClientStatus] | None:
    """Return a client of the file, or None if anything is wrong with it."""
    node.only((*_FIELDS, "status", *_REFERENCES))
    status = node.text("status", default="active", check=lambda text: text in set(ClientStatus))
    secret = node.secret("secret")
    given = {name: value for name, value in node.values.items() if name in _FIELDS and value is not None}
    _join_scope(given)
    given.setdefault("token_endpoint_auth_method", "client_secret_basic")
    try:
        metadata = metadata_of({**given, **({"secret": secret} if secret else {})})
        check_metadata(metadata)
    except ClientMetadataRefused as refused:
        node.problems.add(node.at(_place(refused, given)), refused.reason)
        return None
    return node, metadata, ClientStatus(status or "active")


def _join_scope(given: dict[str, Any]) -> None:
    """Accept scopes as a list too."""
    scope = given.get("scope")
    if isinstance(scope, list) and all(isinstance(one, str) for one in scope):
        given["scope"] = " ".join(scope)


def _place(refused: ClientMetadataRefused, given: dict[str, Any]) -> str:
    """Name the very value of a list, where trying each alone finds it."""
    name, values = refused.field_name, given.get(refused.field_name)
    if not name.endswith("_uris") or not isinstance(values, list):
        return name
    for number, value in enumerate(values):
        try:
            check_metadata(metadata_of({**given, name: [value]}))
        except ClientMetadataRefused as alone:
            if alone.field_name == name:
                return f"{name}[{number}]"
    return name


def apply_client(
    session: Session, node: Node, metadata: ClientMetadata, status: ClientStatus
) -> Change | None:
    """Register or change a client; None where something is wrong."""
    what, client = f"client {metadata.client_id}", session.get(Client, metadata.client_id)
    known = known_scopes(session)
    if set(metadata.scope.split()) - known:
        node.problems.add(node.at("scope"), "must be some of " + " ".join(sorted(known)))
        return None
    if client is not None and is_deleted(client):
        node.problems.add(node.at("client_id"), "was deleted; its id is never given again")
        return None
    if client is None:
        secret = register_client(session, metadata)
        added = session.get_one(Client, metadata.client_id)
        set_client_status(session, added, status)
        return Change(Kind.ADDED, what, secret=None if metadata.secret else secret)
    before = _state(client)
    had_secret = metadata.secret is not None and client.check_client_secret(metadata.secret)
    outcome = change_client(session, metadata)
    set_client_status(session, client, status)
    after = _state(client)
    if metadata.secret is not None and not had_secret:
        before, after = {**before, "secret": "(old)"}, {**after, "secret": "(new)"}
    change = compared(what, before, after)
    return Change(change.kind, what, change.fields, outcome.secret)


def _state(client: Client) -> dict[str, Any]:
    state = {name: getattr(client, name) for name in _FIELDS if name not in _SECRETS}
    keys = (client.jwks or {}).get("keys", [])
    return {**state, "jwks": [str(key.get("kid") or key) for key in keys], "status": str(client.status)}
