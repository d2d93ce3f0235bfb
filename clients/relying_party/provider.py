"""The authorization server as a stranger knows it: discovery document and keys, checked and cached."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import requests
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from clients.relying_party import clock
from clients.relying_party.errors import ProviderUnavailable

FRESH = timedelta(minutes=10)
"""How long a fetched document is used without asking again."""
STALE = timedelta(hours=1)
"""How long it is used while the server does not answer: an outage there need not become one here."""
PAUSE = timedelta(seconds=10)
"""Shortest time between two fetches: neither forged tokens nor an outage must make us a flood."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What the kit uses of the discovery document (OpenID Connect Discovery 1.0 §3).

    Empty is what a server does not offer; only those that ask for it miss it.
    """

    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str
    end_session_endpoint: str
    introspection_endpoint: str = ""
    pushed_authorization_request_endpoint: str = ""


T = TypeVar("T")


class _Cache(Generic[T]):
    """One document, fetched when it is too old, and kept while it cannot be fetched."""

    def __init__(self, fetch: Callable[[], T]) -> None:
        self._fetch = fetch
        self._value: T | None = None
        self._fetched_at = self._tried_at = datetime.min.replace(tzinfo=UTC)

    def get(self, *, max_age: timedelta) -> T:
        """Return the document, at most so old unless it cannot be had or was asked for a moment ago."""
        now = clock.now()
        known = self._value
        if known is not None and (self._fetched_at > now - max_age or self._tried_at > now - PAUSE):
            return known
        self._tried_at = now
        try:
            self._value = fetched = self._fetch()
        except ProviderUnavailable:
            if known is None or self._fetched_at <= now - STALE:
                raise
            return known
        self._fetched_at = now
        return fetched


class Provider:
    """Discovery and JWKS of one issuer, for all threads of a process."""

    def __init__(self, issuer: str, *, timeout: tuple[float, float]) -> None:
        self._issuer = issuer
        self._timeout = timeout
        self._lock = Lock()
        self._metadata = _Cache(self._fetch_metadata)
        self._keys = _Cache(self._fetch_keys)

    @property
    def metadata(self) -> Metadata:
        """The endpoints.

        :raises ProviderUnavailable: the server does not answer, or not as this issuer.
        """
        with self._lock:
            return self._metadata.get(max_age=FRESH)

    def find_keys(self, kid: str | None) -> list[Key]:
        """Return the keys with this id; all of them for a token without one (OIDC Core §10.1).

        An unknown id asks the server again, because it may have rotated its keys a moment ago.

        :raises ProviderUnavailable: the server does not answer.
        """
        with self._lock:
            found = _matching(self._keys.get(max_age=FRESH), kid)
            return found or _matching(self._keys.get(max_age=timedelta(0)), kid)

    def _fetch_metadata(self) -> Metadata:
        return _parse_metadata(self._fetch(f"{self._issuer}/.well-known/openid-configuration"), self._issuer)

    def _fetch_keys(self) -> KeySet:
        return _parse_keys(self._fetch(self._metadata.get(max_age=FRESH).jwks_uri))

    def _fetch(self, url: str) -> Mapping[str, Any]:
        try:
            response = requests.get(
                url, headers={"Accept": "application/json"}, timeout=self._timeout, allow_redirects=False
            )
            document = response.json()
        except (requests.RequestException, ValueError) as error:
            raise ProviderUnavailable(f"no document at {urlsplit(url).path}") from error
        if response.status_code != 200 or not isinstance(document, dict):
            raise ProviderUnavailable(f"no document at {urlsplit(url).path}")
        return document


def _matching(keys: KeySet, kid: str | None) -> list[Key]:
    return [key for key in keys.keys if kid is None or key.kid == kid]


def _parse_metadata(document: Mapping[str, Any], issuer: str) -> Metadata:
    """Read the document, which must be that of the issuer asked (Discovery §4.3)."""
    if document.get("issuer") != issuer:
        raise ProviderUnavailable("the discovery document names another issuer")
    endpoints = {
        name: document.get(name, field.default) for name, field in Metadata.__dataclass_fields__.items()
    }
    for name, url in endpoints.items():
        if url == "" and Metadata.__dataclass_fields__[name].default == "":
            continue
        # A server on https never sends us, our secret or the browser to an unprotected address.
        if not isinstance(url, str) or urlsplit(url).scheme not in {"https", urlsplit(issuer).scheme}:
            raise ProviderUnavailable(f"the discovery document has no usable {name}")
    return Metadata(**{name: str(url) for name, url in endpoints.items()})


def _parse_keys(document: Mapping[str, Any]) -> KeySet:
    usable = [
        key for key in document.get("keys", []) if isinstance(key, dict) and key.get("use", "sig") == "sig"
    ]
    try:
        return KeySet.import_key_set({"keys": usable})
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ProviderUnavailable("the key set cannot be read") from error
