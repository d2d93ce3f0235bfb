"""What may be registered (RFC 7591 §2, OIDC Registration §2, RFC 9700 §2.1): each field by a rule of its own.

Whoever registers itself may have less than whoever an operator registers: https alone for a website, no
token exchange, never the trust of the maker's own apps.
"""

import re
from dataclasses import fields
from urllib.parse import SplitResult, urlsplit

from idp.oauth.algorithms import CLIENT_ASSERTION, FAPI2, REQUEST_OBJECT, SERVER_SIGNING
from idp.oauth.client_keys import MOST_KEYS, KeyUnusable, import_public
from idp.oauth.client_metadata import (
    AUTH_METHODS,
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    DEVICE_CODE,
    GRANT_TYPES,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
    ClientMetadata,
    ClientMetadataRefused,
)
from idp.oauth.models import ApplicationType, ClientProfile, SubjectType

LONGEST_TEXT = 2048
MOST_VALUES = 50
_BLANK = " \u3000\u115f\u1160\u2800\u3164\uffa0"
"""Characters that count as printable and show nothing: a name must not be made of them alone."""
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?")
"""Name or address, and port. Other marks mean something in a Content-Security-Policy, or to a person."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
FOR_DYNAMIC_CLIENTS = (AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE)
"""Grant types that a client may give itself. ``client_credentials`` would open nothing to it."""
_LISTS = {
    "id_token_signed_response_alg": SERVER_SIGNING, "userinfo_signed_response_alg": SERVER_SIGNING,
    "introspection_signed_response_alg": SERVER_SIGNING, "request_object_signing_alg": REQUEST_OBJECT,
    "token_endpoint_auth_signing_alg": CLIENT_ASSERTION,
}  # fmt: skip
_SHOWN = ("client_uri", "logo_uri", "policy_uri", "tos_uri")
_CALLED = ("jwks_uri", "sector_identifier_uri", "backchannel_logout_uri", "initiate_login_uri")
_CUSTOM_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
"""RFC 8252 §7.1: the reversed name of a domain that the maker of the app owns, so it has a dot."""


def check_metadata(metadata: ClientMetadata, *, dynamic: bool = False) -> None:
    """Refuse metadata that could not be served safely.

    :param dynamic: the client registers itself.
    :raises ClientMetadataRefused: names the first field that is wrong.
    """
    _check_sizes(metadata)
    _check_authentication(metadata)
    _check_grant_types(metadata, dynamic=dynamic)
    for uri in metadata.redirect_uris:
        _check_redirect("redirect_uris", uri, metadata, dynamic=dynamic)
    for uri in metadata.post_logout_redirect_uris:
        _check_redirect("post_logout_redirect_uris", uri, metadata, dynamic=dynamic)
    for name in _CALLED:
        if uri := getattr(metadata, name):
            check_called(name, uri, loopback=not dynamic)
    _check_shown(metadata)
    _check_algorithms(metadata)
    sector_of(metadata)
    if dynamic and metadata.subject_type == SubjectType.PAIRWISE and DEVICE_CODE in metadata.grant_types:
        # A device never comes to a redirect URI, so nothing proves that the sector is this client's.
        raise ClientMetadataRefused("subject_type", "must be public together with grant type device_code")
    if metadata.profile == ClientProfile.FAPI2:
        _check_fapi2(metadata)


def sector_of(metadata: ClientMetadata) -> str | None:
    """Return the host whose clients see the same pairwise ``sub`` (OIDC Core §8.1).

    :raises ClientMetadataRefused: several could be meant, or none.
    """
    if metadata.sector_identifier_uri:
        return _split("sector_identifier_uri", metadata.sector_identifier_uri).hostname
    parts = [_split("redirect_uris", uri) for uri in metadata.redirect_uris]
    hosts = {one.hostname for one in parts}
    if len(hosts) == 1 and None not in hosts:
        # Only https proves whose the host is: com.evil.app://victim.example/cb names it too, and everybody
        # has a 127.0.0.1. Such a client is a sector of its own.
        return hosts.pop() if all(one.scheme == "https" for one in parts) else None
    if metadata.subject_type == SubjectType.PAIRWISE:
        raise ClientMetadataRefused(
            "sector_identifier_uri", "pairwise subjects need it unless all redirect_uris have one host"
        )
    return None


def _check_sizes(metadata: ClientMetadata) -> None:
    if not 0 < len(metadata.client_id) <= 128 or not _is_plain(metadata.client_id):
        raise ClientMetadataRefused("client_id", "must be 1 to 128 printable ASCII characters")
    for one in fields(metadata):
        value = getattr(metadata, one.name)
        texts = [value] if isinstance(value, str) else value if isinstance(value, tuple) else ()
        if isinstance(value, dict) and one.name == "localized":
            texts = tuple(value.values())
        if len(texts) > MOST_VALUES:
            raise ClientMetadataRefused(one.name, f"must hold at most {MOST_VALUES} values")
        for text in texts:
            if (
                len(text) > LONGEST_TEXT
                or not (one.name == "scope" or text.strip(_BLANK))
                or not text.replace("\u3000", " ").isprintable()  # the space of Japanese names
            ):
                raise ClientMetadataRefused(
                    one.name, f"must be 1 to {LONGEST_TEXT} characters without control characters"
                )
        if isinstance(value, tuple) and len(set(value)) != len(value):
            raise ClientMetadataRefused(one.name, "must not hold a value twice")
    if metadata.default_max_age is not None and not 0 <= metadata.default_max_age < 2**31:
        raise ClientMetadataRefused("default_max_age", "must be a number of seconds, 0 or more")


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _check_authentication(metadata: ClientMetadata) -> None:
    method = metadata.token_endpoint_auth_method
    if method not in AUTH_METHODS:
        raise ClientMetadataRefused("token_endpoint_auth_method", "must be one of " + ", ".join(AUTH_METHODS))
    if metadata.jwks is not None and metadata.jwks_uri is not None:
        raise ClientMetadataRefused("jwks", "must not be used together with jwks_uri")
    if metadata.jwks is not None:
        _check_jwks(metadata.jwks)
    needs_keys = method == "private_key_jwt" or metadata.require_signed_request_object
    if needs_keys and not metadata.jwks and not metadata.jwks_uri:
        raise ClientMetadataRefused(
            "jwks", "private_key_jwt and signed requests need jwks or jwks_uri with the client's public keys"
        )


def _check_jwks(jwks: dict[str, object]) -> None:
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not 0 < len(keys) <= MOST_KEYS:
        raise ClientMetadataRefused("jwks", f"must be an object whose keys are a list of 1 to {MOST_KEYS}")
    for number, key in enumerate(keys):
        if not isinstance(key, dict):
            raise ClientMetadataRefused("jwks", f"keys[{number}] must be an object")
        try:
            import_public(key)
        except KeyUnusable as unusable:
            raise ClientMetadataRefused("jwks", f"keys[{number}] {unusable}") from unusable


def _check_grant_types(metadata: ClientMetadata, *, dynamic: bool) -> None:
    known = [one for one in GRANT_TYPES if not dynamic or one in FOR_DYNAMIC_CLIENTS]
    is_api_alone = not dynamic and bool(metadata.resources)  # it only asks what tokens are worth
    if set(metadata.grant_types) - set(known) or not (metadata.grant_types or is_api_alone):
        raise ClientMetadataRefused("grant_types", "must be some of " + " ".join(known))
    if AUTHORIZATION_CODE in metadata.grant_types and not metadata.redirect_uris:
        raise ClientMetadataRefused("redirect_uris", "authorization_code needs at least one")
    if dynamic and set(metadata.grant_types) == {REFRESH_TOKEN}:
        raise ClientMetadataRefused("grant_types", "refresh_token needs a grant type that issues one")
    confidential = {TOKEN_EXCHANGE, CLIENT_CREDENTIALS} & set(metadata.grant_types)
    if confidential and metadata.token_endpoint_auth_method == "none":
        raise ClientMetadataRefused(
            "grant_types", "token exchange and client_credentials are for confidential clients"
        )


def _check_redirect(name: str, uri: str, metadata: ClientMetadata, *, dynamic: bool) -> None:
    """Accept https, http on the loopback host, and for apps a scheme of their own (RFC 8252 §7)."""
    parts = _split(name, uri)
    is_native = metadata.application_type == ApplicationType.NATIVE
    if is_native and _CUSTOM_SCHEME.fullmatch(parts.scheme):
        return
    if parts.scheme not in {"https", "http"}:
        raise ClientMetadataRefused(
            name, "must be https, or for application_type native a scheme like com.example.app"
        )
    check_called(name, uri, loopback=is_native or not dynamic)


def check_called(name: str, uri: str, *, loopback: bool) -> None:
    """Accept https everywhere, and http on the loopback host where that may be (RFC 9700 §2.1).

    :raises ClientMetadataRefused: it is neither, or no plain absolute URI.
    """
    parts = _split(name, uri)
    _check_host(name, parts)
    if parts.scheme == "https" or (parts.scheme == "http" and loopback and parts.hostname in LOOPBACK):
        return
    raise ClientMetadataRefused(
        name, "must be https" + (", or http on the loopback host" if loopback else "")
    )


def _check_host(name: str, parts: SplitResult) -> None:
    if not _HOST.fullmatch(parts.netloc) or "\\" in parts.geturl():
        raise ClientMetadataRefused(name, "must be a plain absolute URI without user information")


def _split(name: str, uri: str) -> SplitResult:
    """Return the parts of an absolute URI without fragment (RFC 6749 §3.1.2, RFC 3986 §4.3)."""
    if not _is_plain(uri) or any(mark in uri for mark in '<>"{}|^`'):
        raise ClientMetadataRefused(name, "must be a URI of printable ASCII characters")
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError as error:
        raise ClientMetadataRefused(name, "must be a valid URI") from error
    if "#" in uri:
        raise ClientMetadataRefused(name, "must have no fragment (RFC 6749 section 3.1.2)")
    if uri.partition(":")[0] != parts.scheme:  # upper case, or none at all
        raise ClientMetadataRefused(name, "must begin with a scheme in small letters")
    return parts


def _check_shown(metadata: ClientMetadata) -> None:
    """Accept http too for what people only look at (OIDC Registration §2)."""
    given = {name: getattr(metadata, name) for name in _SHOWN} | {
        name: uri for name, uri in metadata.localized.items() if not name.startswith("client_name#")
    }
    for name, uri in given.items():
        if uri:
            parts = _split(name, uri)
            _check_host(name, parts)
            if parts.scheme not in {"https", "http"}:
                raise ClientMetadataRefused(name, "must be an http or https address")


def _check_algorithms(metadata: ClientMetadata) -> None:
    for name, allowed in _LISTS.items():
        value = getattr(metadata, name)
        if value is not None and value not in allowed:
            raise ClientMetadataRefused(name, "must be one of " + ", ".join(allowed))


def _check_fapi2(metadata: ClientMetadata) -> None:
    """FAPI 2.0 Security Profile §5.3, §5.4; PAR and DPoP need no registration, they are enforced."""
    if metadata.token_endpoint_auth_method != "private_key_jwt":
        raise ClientMetadataRefused("token_endpoint_auth_method", "profile fapi2 needs private_key_jwt")
    if not metadata.require_pkce:
        raise ClientMetadataRefused("require_pkce", "profile fapi2 needs PKCE")
    for name in _LISTS:
        value = getattr(metadata, name)
        if value is not None and value not in FAPI2:
            raise ClientMetadataRefused(name, "profile fapi2 needs one of " + ", ".join(FAPI2))
