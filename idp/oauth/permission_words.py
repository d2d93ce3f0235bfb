"""The permissions of a relying party's document: names and words that owners read, in both languages."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from idp.delegation.permissions.service import (
    PermissionWords,
    find_permissions,
    register_permission,
    words_of,
)
from idp.oauth.api_scopes import is_permission_free, is_scope_name
from idp.oauth.client_metadata import ClientMetadataRefused
from idp.oauth.models import Client

FIELD = "permissions"
MOST_PERMISSIONS, MOST_LINES, LONGEST_LINE = 10, 12, 120
_TEXTS = ("name", "title", "title_en")
_LISTS = ("can", "cannot", "items")
_NAMES = (*_TEXTS, *(name + suffix for name in _LISTS for suffix in ("", "_en")))


def permissions_of(document: object) -> tuple[PermissionWords, ...]:
    """Return the permissions that a document describes, the least first.

    :raises ClientMetadataRefused: names the value that is wrong, such as ``permissions[0].can_en``.
    """
    if not isinstance(document, list) or not 0 < len(document) <= MOST_PERMISSIONS:
        raise ClientMetadataRefused(FIELD, f"must be a list of 1 to {MOST_PERMISSIONS} permissions")
    found = tuple(_permission(one, f"{FIELD}[{number}]") for number, one in enumerate(document))
    if len({words.name for words in found}) != len(found):
        raise ClientMetadataRefused(FIELD, "must not name a permission twice")
    return found


def put_permission(session: Session, words: PermissionWords) -> PermissionWords | None:
    """Register a permission or change its words; return how it was before, or None if it is new.

    :raises ClientMetadataRefused: the server or an API has a scope of that name.
    """
    if not is_scope_name(words.name) or not is_permission_free(session, words.name):
        raise ClientMetadataRefused(
            f"{FIELD}.name", f"{words.name} must be visible ASCII (RFC 6749 3.3) and the name of no scope"
        )
    return register_permission(session, words)


def permission_documents(session: Session, client: Client) -> list[dict[str, Any]]:
    """Return what is registered of a client's permissions, as a document has it."""
    return [asdict(words_of(one)) for one in find_permissions(session, client.act_as_permissions)]


def _permission(value: object, place: str) -> PermissionWords:
    if not isinstance(value, dict):
        raise ClientMetadataRefused(place, "must be an object")
    for name in value:
        if name not in _NAMES:
            raise ClientMetadataRefused(f"{place}.{name}", "is not a field; known are " + ", ".join(_NAMES))
    texts = {name: _line(value.get(name), f"{place}.{name}") for name in _TEXTS}
    lines: dict[str, tuple[str, ...]] = {}
    for name in _LISTS:
        lines[name] = _lines(value, name, place)
        lines[name + "_en"] = _lines(value, name + "_en", place)
        if len(lines[name]) != len(lines[name + "_en"]):
            raise ClientMetadataRefused(f"{place}.{name}_en", f"must have as many lines as {name}")
        if not lines[name] and name != "cannot":
            raise ClientMetadataRefused(f"{place}.{name}", "must hold at least one line")
    return PermissionWords(**texts, **lines)  # type: ignore[arg-type]  # each name has its type


def _lines(value: Mapping[str, object], name: str, place: str) -> tuple[str, ...]:
    lines = value.get(name, [] if name.startswith("cannot") else None)
    if not isinstance(lines, list) or len(lines) > MOST_LINES:
        raise ClientMetadataRefused(f"{place}.{name}", f"must be a list of at most {MOST_LINES} texts")
    return tuple(_line(one, f"{place}.{name}[{number}]") for number, one in enumerate(lines))


def _line(value: object, place: str) -> str:
    if value is None:
        raise ClientMetadataRefused(place, "is missing; owners read it before they allow anything")
    if not isinstance(value, str) or not 0 < len(value.strip()) <= LONGEST_LINE or not value.isprintable():
        raise ClientMetadataRefused(place, f"must be a text of 1 to {LONGEST_LINE} characters in one line")
    return value.strip()
