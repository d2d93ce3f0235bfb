"""The JSON of client registration (RFC 7591 §2, §3.2.1, OIDC Registration §2, §3.2): reading and writing it.

Fields that are not known are ignored (RFC 7591 §2); fields whose meaning this server cannot keep are refused,
so that no client believes what is not so.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from typing import Any
from urllib.parse import urlsplit

from idp import clock
from idp.oauth.client_metadata import AUTHORIZATION_CODE, ClientMetadata, ClientMetadataRefused, metadata_of
from idp.oauth.models import Client, ClientProfile

SCOPES = ("openid", "profile", "email", "address", "phone", "offline_access")
"""What a client that registers itself may ask people for."""
LARGEST_DOCUMENT = 64 * 1024
DEEPEST = 20
"""Levels of objects and lists in a document; metadata has four."""
_OWN = frozenset({
    "sign_in_page", "act_as_supported", "act_as_permissions", "act_as_audiences", "profile", "first_party",
    "require_pkce", "resources", "allowed_resources", "secret", "client_id", "localized",
})  # fmt: skip
"""Fields of ours that no client gives itself; in a document they are as unknown as any other."""
_OPERATORS_WORD = _OWN - {"require_pkce", "secret", "client_id", "localized"}
_KNOWN = tuple(one for one in fields(ClientMetadata) if one.name not in _OWN)
_TAGGED = re.compile(
    r"(client_name|client_uri|logo_uri|policy_uri|tos_uri)#([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*)"
)
_ENCRYPTED = re.compile(r"[a-z_]+_encrypted_response_(alg|enc)|request_object_encryption_(alg|enc)")
_SERVERS_WORD = frozenset(
    {
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    }
)


class DocumentUnreadable(ClientMetadataRefused):
    """What was sent is no JSON object that could be read."""

    def __init__(self, reason: str) -> None:
        super().__init__("body", reason)


class SoftwareStatementUnapproved(ClientMetadataRefused):
    """A software statement (RFC 7591 §2.3): this server trusts nobody's."""

    def __init__(self) -> None:
        super().__init__("software_statement", "no issuer of software statements is approved; leave it out")


def read_document(raw: bytes) -> dict[str, Any]:
    """Return the JSON object of a request.

    :raises DocumentUnreadable: it is none, or holds what no database can.
    """
    try:
        document = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
        # Half characters, as in "\\ud800", and numbers that are infinite, as 1e999 is, are in no database.
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise DocumentUnreadable("must be one JSON object in UTF-8, no name twice") from error
    if not isinstance(document, dict):
        raise DocumentUnreadable("must be one JSON object")
    if not _is_shallow(document, DEEPEST):
        raise DocumentUnreadable("must not be nested deeper than any metadata is")
    if "\\u0000" in json.dumps(document):
        raise DocumentUnreadable("must not contain NUL")
    return document


def _is_shallow(value: object, levels: int) -> bool:
    """Tell whether a value ends within so many levels: whoever stores it goes through each of them again."""
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return members is None or (levels > 0 and all(_is_shallow(one, levels - 1) for one in members))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _refuse(_: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")


def metadata_in(document: Mapping[str, Any], *, client_id: str) -> ClientMetadata:
    """Return the metadata that a client registers, with defaults for what it leaves out (RFC 7591 §2).

    :raises ClientMetadataRefused: a field is wrong.
    """
    _check_refused(document)
    known = {one.name for one in _KNOWN}
    given = {name: value for name, value in document.items() if name in known and value is not None}
    given.setdefault("token_endpoint_auth_method", "client_secret_basic")
    given["grant_types"] = _grant_types(document)
    given["scope"] = _scope(document)
    given["localized"] = _localized(document)
    redirects = given.get("redirect_uris")
    given.setdefault("client_name", _name_from(redirects) or client_id)
    # A confidential client may do without PKCE, as OpenID Connect clients of before RFC 9700 do.
    is_public = given["token_endpoint_auth_method"] == "none"
    return metadata_of({**given, "client_id": client_id, "require_pkce": is_public})


def _check_refused(document: Mapping[str, Any]) -> None:
    if document.get("software_statement") is not None:
        raise SoftwareStatementUnapproved
    for name, value in document.items():
        if _ENCRYPTED.fullmatch(name) and value is not None:
            raise ClientMetadataRefused(name, "encryption is not supported; leave it out")


def _grant_types(document: Mapping[str, Any]) -> list[str]:
    """Return the grant types, which must fit the response types (RFC 7591 §2.1)."""
    grants = document.get("grant_types") or [AUTHORIZATION_CODE]
    if not isinstance(grants, list) or not all(isinstance(one, str) for one in grants):
        raise ClientMetadataRefused("grant_types", "must be a list of texts")
    fitting = ["code"] if AUTHORIZATION_CODE in grants else []
    responses = document.get("response_types")
    if responses is not None and responses != fitting:
        raise ClientMetadataRefused(
            "response_types", "must be code alone, together with grant type authorization_code"
        )
    return grants


def _scope(document: Mapping[str, Any]) -> str:
    """Return what the client may ask for: its wish as far as it goes (RFC 7591 §2)."""
    wish = document.get("scope")
    if wish is None:
        return " ".join(SCOPES)
    allowed = [one for one in SCOPES if isinstance(wish, str) and one in wish.split()]
    if not allowed:
        raise ClientMetadataRefused("scope", "must be some of " + " ".join(SCOPES))
    return " ".join(allowed)


def _localized(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields with a language tag (RFC 7591 §2.2)."""
    tagged = {name: value for name, value in document.items() if _TAGGED.fullmatch(name)}
    for name, value in tagged.items():
        if not isinstance(value, str):
            raise ClientMetadataRefused(name, "must be a text")
    return tagged


def _name_from(redirects: object) -> str | None:
    """Return the host that people are led to, as the name of a client that gives none."""
    first = redirects[0] if isinstance(redirects, list) and redirects else None
    try:
        return urlsplit(first).hostname if isinstance(first, str) else None
    except ValueError:
        return None


def check_replacement(document: Mapping[str, Any], client: Client) -> None:
    """Check what a replacement must say and must not (RFC 7592 §2.2).

    :raises ClientMetadataRefused: it is another client's, or speaks for the server.
    """
    if document.get("client_id") != client.client_id:
        raise ClientMetadataRefused("client_id", "must be the one of this client")
    for name in sorted(_SERVERS_WORD & set(document)):
        raise ClientMetadataRefused(name, "is the server's to say; leave it out")
    secret = document.get("client_secret")
    if secret is not None and not (isinstance(secret, str) and client.check_client_secret(secret)):
        raise ClientMetadataRefused("client_secret", "must be the present one; leave it out to keep it")


def with_operators_word(metadata: ClientMetadata, client: Client) -> ClientMetadata:
    """Return a replacement with what an operator gave the client, which is not the client's to take back.

    Else whoever has its registration access token could take it out of the fapi2 profile.
    """
    given = {name: getattr(client, name) for name in _OPERATORS_WORD}
    kept: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    is_strict = ClientProfile(client.profile) == ClientProfile.FAPI2
    return replace(metadata, **kept, require_pkce=metadata.require_pkce or is_strict)


def metadata_document(client: Client) -> dict[str, Any]:
    """Return everything that is registered, defaults too (RFC 7591 §3.2.1)."""
    values = {one.name: getattr(client, one.name) for one in _KNOWN}
    given = {name: value for name, value in values.items() if value not in (None, [])}
    required = {one.name for one in _KNOWN if one.default is MISSING}
    return {
        "client_id": client.client_id, "client_id_issued_at": clock.epoch(client.created_at),
        "response_types": ["code"] if AUTHORIZATION_CODE in client.grant_types else [],
        **{name: values[name] for name in required}, **given, **client.localized,
    }  # fmt: skip
