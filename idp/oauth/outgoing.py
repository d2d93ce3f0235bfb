"""Calls to addresses that clients registered: ``jwks_uri``, ``sector_identifier_uri``, back-channel logout.

Whoever registers an address makes this server call it, so a call reaches public addresses alone (CWE-918):
the name is looked up once, every address of it must be public, and the connection goes to the very address
that was checked, so that a name which changes in between (DNS rebinding) gains nothing. TLS still verifies
the name. No redirects, no cookies, no proxies from the environment, 64 KiB, and one deadline for the whole
call, which a server that sends a byte now and then cannot stretch.
"""

import contextlib
import ipaddress
import json
import os
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from idp.settings import Settings

LARGEST_ANSWER = 64 * 1024
FETCH_SECONDS = 4.0
"""A request may wait for a fetch, so it is short."""
_READ_SECONDS = 2.0
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "ownersclub-idp"}
_TRANSLATED = tuple(
    ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)
"""IPv6 addresses that carry an IPv4 one, of any kind, to a translator (RFC 6052, RFC 3056, RFC 4380)."""


class CallFailed(Exception):
    """The address could not be called, or its answer cannot be used; ``reason`` is fixed ASCII."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AddressForbidden(CallFailed):
    """The address is not https, or not on the public internet."""


def fetch_json(settings: Settings, uri: str) -> Any:
    """Return the JSON document at an address.

    :raises CallFailed: it cannot be had.
    """
    with _Call(settings, uri, seconds=FETCH_SECONDS) as call:
        answer = call.send("GET", headers=_HEADERS)
        if answer.status_code != 200:
            raise CallFailed("did not answer 200 (redirects are not followed)")
        body = call.read(answer)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise CallFailed("did not answer JSON") from error


def post_form(settings: Settings, uri: str, form: Mapping[str, str], *, seconds: float) -> int:
    """Post a form to an address and return the status; the body of the answer is not read.

    :raises CallFailed: there was no answer in time.
    """
    with _Call(settings, uri, seconds=seconds) as call:
        return call.send("POST", headers=_HEADERS, body=form).status_code


def post_text(
    settings: Settings, uri: str, text: str, *, media_type: str, seconds: float
) -> tuple[int, bytes]:
    """Post a text to an address and return the status, and of a refusal (400) the body.

    :raises CallFailed: there was no answer in time, or it cannot be used.
    """
    with _Call(settings, uri, seconds=seconds) as call:
        answer = call.send("POST", headers={**_HEADERS, "Content-Type": media_type}, body=text.encode())
        return answer.status_code, call.read(answer) if answer.status_code == 400 else b""


@dataclass(frozen=True)
class _Target:
    """Where a call goes: the address that was checked, or None for whatever the name says now."""

    parts: SplitResult
    address: str | None


def find_target(settings: Settings, uri: str, *, seconds: float = FETCH_SECONDS) -> _Target:
    """Check an address and look its name up.

    :raises AddressForbidden: this server does not call it.
    :raises CallFailed: the name is unknown.
    """
    try:
        parts = urlsplit(uri)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError as error:
        raise AddressForbidden("is not an address") from error
    allowed = {"https", "http"} if settings.INSECURE_internal_calls else {"https"}
    if parts.scheme not in allowed or not parts.hostname or parts.username is not None:
        raise AddressForbidden("must be a plain https address")
    if settings.INSECURE_internal_calls:
        return _Target(parts, None)
    addresses = _look_up(parts.hostname, port, seconds=seconds)
    if not all(is_public(address) for address in addresses):
        raise AddressForbidden("must be on the public internet")
    return _Target(parts, addresses[0])


def _look_up(host: str, port: int, *, seconds: float) -> list[str]:
    """Return every address of a name; the system's resolver knows no deadline, so it gets one here."""
    found: list[str] = []

    def ask() -> None:
        with contextlib.suppress(OSError, UnicodeError):
            found.extend(str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise CallFailed("its host name cannot be resolved")
    return list(found)


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet, however it is written."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and (
        ip.ipv4_mapped or ip.scope_id or ip.is_site_local or any(ip in network for network in _TRANSLATED)
    ):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not ip.is_unspecified


class _Call:
    """One call, within its deadline."""

    def __init__(self, settings: Settings, uri: str, *, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
        self.target = find_target(settings, uri, seconds=seconds)
        self.uri, self.trusted = uri.partition("#")[0], settings.outgoing_authorities
        self.watch = _Watch(self.deadline)
        # Not a Session: it reads the body of a redirect, of any size, and the environment's proxies.
        self.adapter = _PinnedAdapter(self.target, self.watch)
        self.answer: requests.Response | None = None

    def __enter__(self) -> "_Call":
        return self

    def __exit__(self, *_: object) -> None:
        self.watch.end()
        if self.answer is not None:
            self.answer.close()
        self.adapter.close()

    def send(
        self, method: str, *, headers: Mapping[str, str], body: Mapping[str, str] | bytes | None = None
    ) -> requests.Response:
        """Send the request and return the answer, its body unread."""
        named = {**headers, "Host": self.target.parts.netloc}
        try:
            request = requests.Request(method, self.uri, headers=named, data=body).prepare()
            self.answer = self.adapter.send(
                request, stream=True, timeout=_READ_SECONDS, verify=self.trusted or True
            )
        except (requests.RequestException, OSError, ValueError) as error:
            raise CallFailed(f"not reached: {type(error).__name__}") from error
        return self.answer

    def read(self, answer: requests.Response) -> bytes:
        """Return the body, as it was sent: nothing is unpacked that could grow."""
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise CallFailed("answered in a content encoding that was not asked for")
        body = b""
        try:
            while chunk := answer.raw.read(8192, decode_content=False):
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise CallFailed("answered more than 64 KiB")
                if time.monotonic() > self.deadline:
                    raise CallFailed("did not answer in time")
        except CallFailed:
            raise
        except Exception as error:  # urllib3, http.client and ssl each have their own
            raise CallFailed(f"broke off: {type(error).__name__}") from error
        return body


class _Watch:
    """Hangs up at the deadline, whatever the other side is dribbling: handshake, headers or body."""

    def __init__(self, deadline: float) -> None:
        self._lock, self._is_over = threading.Lock(), False
        self._copies: list[socket.socket] = []
        self._timer = threading.Timer(max(deadline - time.monotonic(), 0), self._hang_up)
        self._timer.daemon = True
        self._timer.start()

    def over(self, sock: socket.socket) -> None:
        """Watch a connection. TLS takes the socket's descriptor away from it, so a copy is kept."""
        with self._lock:
            if self._is_over:
                raise TimeoutError
            self._copies.append(socket.socket(fileno=os.dup(sock.fileno())))

    def end(self) -> None:
        """Stop watching."""
        self._timer.cancel()
        with self._lock:
            for copy in self._copies:
                copy.close()
            self._copies.clear()

    def _hang_up(self) -> None:
        with self._lock:
            self._is_over = True
            for copy in self._copies:
                with contextlib.suppress(OSError):
                    copy.shutdown(socket.SHUT_RDWR)


class _WatchedHttp(HTTPConnection):
    watch: _Watch

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        self.watch.over(sock)
        return sock


class _WatchedHttps(HTTPSConnection):
    watch: _Watch

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        self.watch.over(sock)
        return sock


class _PinnedAdapter(HTTPAdapter):
    """Connects to the checked address; name and certificate stay those of the registered one."""

    def __init__(self, target: _Target, watch: _Watch) -> None:
        super().__init__(max_retries=0)
        self.target, self.watch = target, watch

    def get_connection_with_tls_context(self, *_: object, **__: object) -> HTTPConnectionPool:
        """Return a pool of one connection, made for this call alone."""
        parts, host = self.target.parts, str(self.target.parts.hostname)
        where = self.target.address or host
        if parts.scheme == "http":
            plain = HTTPConnectionPool(where, parts.port or 80, maxsize=1)
            plain.ConnectionCls = type("Watched", (_WatchedHttp,), {"watch": self.watch})
            return plain
        pool = HTTPSConnectionPool(
            where, parts.port or 443, maxsize=1, server_hostname=host, assert_hostname=host
        )
        pool.ConnectionCls = type("Watched", (_WatchedHttps,), {"watch": self.watch})
        return pool
