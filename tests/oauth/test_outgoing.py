"""Calls to registered addresses: public ones alone, the very address that was checked, and never for long."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests.adapters

from idp.oauth.outgoing import (
    FETCH_SECONDS,
    LARGEST_ANSWER,
    AddressForbidden,
    CallFailed,
    fetch_json,
    is_public,
    post_form,
)
from idp.settings import Settings
from tests.operations.tls_proxy import make_certificate

STRICT, LAX = Settings(), Settings(INSECURE_internal_calls=True)
PUBLIC = "93.184.216.34"
OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"keys":[]}'
Answer = Callable[[socket.socket], None]


@dataclass
class Host:
    """A server on this machine that stands for one on the internet."""

    port: int
    asked: list[bytes] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    @property
    def uri(self) -> str:
        return f"http://localhost:{self.port}/keys"


def say(text: bytes) -> Answer:
    return lambda connection: connection.sendall(text)


def dribble(begin: bytes, *, each: bytes) -> Answer:
    def answer(connection: socket.socket) -> None:
        connection.sendall(begin)
        for _ in range(60):
            connection.sendall(each)
            time.sleep(0.2)

    return answer


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path).file


def serve(listener: socket.socket, host: Host, context: ssl.SSLContext | None) -> None:
    while True:
        try:
            raw, _ = listener.accept()
        except OSError:
            return
        with contextlib.suppress(OSError), raw:
            connection = context.wrap_socket(raw, server_side=True) if context else raw
            with connection:
                host.asked.append(connection.recv(65536))
                while host.asked[-1].startswith(b"POST") and host.asked[-1].endswith(b"\r\n"):
                    host.asked[-1] += connection.recv(65536)
                (host.answers.pop(0) if host.answers else say(OK))(connection)


def started(context: ssl.SSLContext | None = None) -> Iterator[Host]:
    listener = socket.create_server(("127.0.0.1", 0))
    host = Host(listener.getsockname()[1])
    thread = threading.Thread(target=serve, args=(listener, host, context), daemon=True)
    thread.start()
    yield host
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(15)


@pytest.fixture
def host() -> Iterator[Host]:
    yield from started()


@pytest.fixture
def secure_host(tmp_path: Path, certificate: Path) -> Iterator[Host]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    yield from started(context)


class Internet:
    """What names mean, and where connections to public addresses arrive: at a host of the test."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.connected: list[tuple[str, int]] = []
        self.arrive_at = 0
        connect = socket.socket.connect

        def look_up(name: str, port: int, *_: Any, **__: Any) -> list[Any]:
            answers = self.names.get(name, [])
            addresses = answers.pop(0) if len(answers) > 1 else (answers or [[name]])[0]
            family = [socket.AF_INET6 if ":" in one else socket.AF_INET for one in addresses]
            return [(kind, 1, 6, "", (one, port)) for kind, one in zip(family, addresses, strict=True)]

        def arrive(sock: socket.socket, address: Any) -> None:
            self.connected.append(address[:2])
            connect(sock, ("127.0.0.1", self.arrive_at))

        patch.setattr(socket, "getaddrinfo", look_up)
        patch.setattr(socket.socket, "connect", arrive)


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    return Internet(monkeypatch)


def test_the_connection_goes_to_the_address_that_was_checked_though_the_name_changes(
    internet: Internet, secure_host: Host, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the second answer would be this machine."""
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate))
    internet.names = {"localhost": [[PUBLIC], ["127.0.0.1"]]}
    internet.arrive_at = secure_host.port
    assert fetch_json(STRICT, "https://localhost/keys") == {"keys": []}
    assert internet.connected == [(PUBLIC, 443)]
    assert b"\r\nHost: localhost\r\n" in secure_host.asked[0]
    with pytest.raises(AddressForbidden):
        fetch_json(STRICT, "https://localhost/keys")


def test_tls_verifies_the_name_and_not_the_address(
    internet: Internet, secure_host: Host, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    internet.names = {"localhost": [[PUBLIC]], "rp.example": [[PUBLIC]]}
    internet.arrive_at = secure_host.port
    with pytest.raises(CallFailed, match="SSLError"):
        fetch_json(STRICT, "https://localhost/keys")  # an authority that nobody knows
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate))
    with pytest.raises(CallFailed, match="SSLError"):
        fetch_json(STRICT, "https://rp.example/keys")
    assert fetch_json(STRICT, "https://localhost/keys") == {"keys": []}


def test_an_operator_may_name_other_authorities(
    internet: Internet, secure_host: Host, certificate: Path, tmp_path: Path
) -> None:
    internet.names = {"localhost": [[PUBLIC]], "rp.example": [[PUBLIC]]}
    internet.arrive_at = secure_host.port
    own = STRICT.model_copy(update={"outgoing_authorities": str(certificate)})
    assert fetch_json(own, "https://localhost/keys") == {"keys": []}
    with pytest.raises(CallFailed, match="SSLError"):
        fetch_json(own, "https://rp.example/keys")
    for path in (tmp_path / "none.pem", tmp_path):
        with pytest.raises(ValueError, match="IDP_OUTGOING_AUTHORITIES"):
            Settings(outgoing_authorities=str(path))


@pytest.mark.parametrize(
    "uri",
    ["http://rp.example/", "ftp://rp.example/", "file:///etc/passwd", "https://", "https://a@rp.example/",
     "https://rp.example:99999/", "https://rp.example:x/", "//rp.example/", "https://[::1/", "", "data:,{}"],
)  # fmt: skip
def test_only_plain_https_addresses_are_called(internet: Internet, uri: str) -> None:
    internet.names = {"rp.example": [[PUBLIC]]}
    with pytest.raises(AddressForbidden):
        fetch_json(STRICT, uri)
    assert internet.connected == []


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.1"], ["172.16.9.9"], ["192.168.1.1"], ["169.254.169.254"], ["100.64.0.1"],
     ["0.0.0.0"], ["224.0.0.1"], ["255.255.255.255"], ["240.0.0.1"], ["198.18.0.1"], ["192.0.2.1"], ["::1"],  # noqa: S104
     ["::"], ["fe80::1"], ["fe80::1%eth0"], ["fc00::1"], ["fd00:ec2::254"], ["fec0::1"], ["ff02::1"],
     ["::ffff:127.0.0.1"], ["::ffff:93.184.216.34"], ["64:ff9b::7f00:1"], ["2002:7f00:1::"], ["2001::1"],
     ["2001:db8::1"], [PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], ["not an address"]],
    ids=str,
)  # fmt: skip
def test_a_name_with_any_address_that_is_not_public_is_not_called(
    internet: Internet, addresses: list[str]
) -> None:
    internet.names = {"rp.example": [addresses]}
    for call in (
        lambda: fetch_json(STRICT, "https://rp.example/"),
        lambda: post_form(STRICT, "https://rp.example/", {"a": "b"}, seconds=2),
    ):
        with pytest.raises(AddressForbidden):
            call()
    assert internet.connected == []


@pytest.mark.parametrize("literal", ["127.0.0.1", "[::1]", "[::ffff:7f00:1]", "169.254.169.254"])
def test_an_address_in_place_of_a_name_is_checked_alike(internet: Internet, literal: str) -> None:
    with pytest.raises(AddressForbidden):
        fetch_json(STRICT, f"https://{literal}/")
    assert internet.connected == []


def test_public_addresses_are_public() -> None:
    assert all(is_public(one) for one in (PUBLIC, "8.8.8.8", "2606:4700:4700::1111", "2400:8500::1"))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (say(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"), "200"),
        (say(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "200"),
        (say(OK.replace(b"Type: application/json", b"Encoding: gzip")), "encoding"),
        (say(OK.replace(b'{"keys":[]}', b"{'keys':[]}")), "JSON"),
        (say(OK.replace(b": 11", b": 99999") + b" " * 99_999), "64 KiB"),
        (say(OK.replace(b"Content-Length: 11\r\n", b"") + b" " * LARGEST_ANSWER), "64 KiB"),
        (say(OK.replace(b": 11", b": 99")), "broke off"), (say(b""), "not reached"),
        (say(b"nonsense\r\n\r\n"), "not reached"),
        (say(OK.replace(b": 11", b": 40000").replace(b'{"keys":[]}', b"[" * 40_000)), "JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_answer_that_cannot_be_used_is_refused(host: Host, answer: Answer, reason: str) -> None:
    host.answers = [answer]
    with pytest.raises(CallFailed, match=reason):
        fetch_json(LAX, host.uri)
    assert len(host.asked) == 1
    assert fetch_json(LAX, host.uri) == {"keys": []}


@pytest.mark.parametrize(
    "answer",
    [dribble(b"", each=b"H"), dribble(b"HTTP/1.1 200 OK\r\n", each=b"X: y\r\n"),
     dribble(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", each=b" "),
     lambda connection: time.sleep(5)],
    ids=["status line", "headers", "body", "silence"],
)  # fmt: skip
def test_a_server_that_takes_its_time_is_hung_up_on(host: Host, answer: Answer) -> None:
    host.answers, begun = [answer], time.monotonic()
    with pytest.raises(CallFailed):
        fetch_json(LAX, host.uri)
    assert time.monotonic() - begun < FETCH_SECONDS + 1


def test_nothing_of_ours_goes_along(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://localhost:1")
    monkeypatch.setenv("http_proxy", "http://localhost:1")
    host.answers = [say(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n", 1)), say(OK)]
    fetch_json(LAX, host.uri)
    fetch_json(LAX, host.uri)
    assert b"cookie" not in b"".join(host.asked).lower()
    assert b"authorization" not in b"".join(host.asked).lower()


def test_a_form_is_posted_and_the_answer_not_read(host: Host) -> None:
    host.answers = [dribble(b"HTTP/1.1 204 No Content\r\n\r\n", each=b"x")]
    assert post_form(LAX, host.uri, {"logout_token": "t"}, seconds=2) == 204
    assert host.asked[0].startswith(b"POST /keys HTTP/1.1\r\n")
    assert b"application/x-www-form-urlencoded" in host.asked[0]
    assert host.asked[0].endswith(b"logout_token=t")
