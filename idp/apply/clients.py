"""The clients of the file, in the names of RFC 7591 §2 and our own."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy.orm import Session

from idp.apply.changes import Change, Kind, compared
from idp.apply.reading import Node
from idp.delegation.permissions.service import PermissionWords
from idp.oauth.api_scopes import known_scopes
from idp.oauth.client_metadata import ClientMetadata, ClientMetadataRefused, metadata_of
from idp.oauth.client_rules import check_metadata
from idp.oauth.clients import change_client, is_deleted, register_client, set_client_status
from idp.oauth.models import Client, ClientStatus
from idp.oauth.permission_words import FIELD, permissions_of, put_permission

_REFERENCES = ("secret_file", "secret_env")
_FIELDS = tuple(one.name for one in fields(ClientMetadata) if one.name != "secret")
_SECRETS = frozenset({"jwks"})
"""Public keys are no secrets, but nobody compares them by eye."""


@dataclass(frozen=True)
class ReadClient:
    """A client as the file has it."""

    node: Node
    metadata: ClientMetadata
    status: ClientStatus
    permissions: tuple[PermissionWords, ...]


def read_client(node: Node) -> ReadClient | None:
    """Return a client of the file, or None if anything is wrong with it."""
    node.only((*_FIELDS, "status", FIELD, *_REFERENCES))
    status = node.text("status", default="active", check=lambda text: text in set(ClientStatus))
    secret = node.secret("secret")
    given = {name: value for name, value in node.values.items() if name in _FIELDS and value is not None}
    _join_scope(given)
    given.setdefault("token_endpoint_auth_method", "client_secret_basic")
    try:
        permissions = permissions_of(node.values[FIELD]) if FIELD in node.values else ()
        if permissions:
            given.setdefault("act_as_permissions", [words.name for words in permissions])
        metadata = metadata_of({**given, **({"secret": secret} if secret else {})})
        check_metadata(metadata)
    except ClientMetadataRefused as refused:
        node.problems.add(node.at(_place(refused, given)), refused.reason)
        return None
    return ReadClient(node, metadata, ClientStatus(status or "active"), permissions)


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


def apply_permissions(session: Session, read: ReadClient, others: dict[str, PermissionWords]) -> list[Change]:
    """Register a relying party's permissions, or change their words; ``others``: the file's so far."""
    changes = []
    for words in read.permissions:
        if others.setdefault(words.name, words) != words:
            read.node.problems.add(
                read.node.at(FIELD), f"has other words for {words.name} than a client above"
            )
            continue
        try:
            before = put_permission(session, words)
        except ClientMetadataRefused as refused:
            read.node.problems.add(read.node.at(refused.field_name), refused.reason)
            continue
        was = None if before is None else _listed(before)
        changes.append(compared(f"permission {words.name}", was, _listed(words)))
    return changes


def _listed(words: PermissionWords) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(words).items()}


def apply_client(session: Session, read: ReadClient) -> Change | None:
    """Register or change a client; None where something is wrong."""
    node, metadata, status = read.node, read.metadata, read.status
    try:
        return _apply_client(session, node, metadata, status=status)
    except ClientMetadataRefused as refused:
        node.problems.add(node.at(refused.field_name), refused.reason)
        return None


def _apply_client(
    session: Session, node: Node, metadata: ClientMetadata, *, status: ClientStatus
) -> Change | None:
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
