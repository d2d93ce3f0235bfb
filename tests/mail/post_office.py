"""SMTP servers that a test can look into: a real one, and some that misbehave on the wire."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword


@dataclass(frozen=True)
class Letter:
    """What arrived: the envelope and the mail."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        """The parsed mail."""
        return message_from_bytes(self.raw, policy=policy.default)  # type: ignore[return-value]

    def part(self, kind: str) -> str:
        """Return the ``plain`` or ``html`` part as text."""
        body = self.mail.get_body((kind,))
        assert body is not None
        return str(body.get_content())


class _Clerk(SMTP):
    """aiosmtpd's server, which also notes what RCPT said before its own parser tidied it up."""

    async def smtp_RCPT(self, arg: str) -> None:  # noqa: N802
        """Note the argument as it came."""
        self.event_handler.rcpt_arguments.append(arg)
        await super().smtp_RCPT(arg)


class _Counter(Controller):
    def factory(self) -> SMTP:
        """Return a server for one connection."""
        return _Clerk(self.handler, **self.SMTP_kwargs)


class PostOffice:
    """A real SMTP server.

    ``answers`` maps RCPT or DATA to what it says instead of 250, from now on. ``hang_seconds`` is how long it
    keeps to itself that it has taken a mail.
    """

    def __init__(self, tls: ssl.SSLContext, *, username: str, password: str) -> None:
        self.letters: list[Letter] = []
        self.answers: dict[str, str] = {}
        self.signed_in_as: set[str] = set()
        self.hang_seconds = 0.0
        self.rcpt_arguments: list[str] = []
        self._login = (username.encode(), password.encode())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._controller = _Counter(
            self, hostname="127.0.0.1", port=self.port, tls_context=tls, require_starttls=True,
            auth_required=True, authenticator=self._authenticate,
        )  # fmt: skip

    def __enter__(self) -> "PostOffice":
        self._controller.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._controller.stop()

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _how: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == self._login
        if right:
            self.signed_in_as.add(data.login.decode())
        return AuthResult(success=right, handled=False)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take an address, or say what the test wants said."""
        if "RCPT" in self.answers:
            return self.answers["RCPT"]
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail, or say what the test wants said."""
        if "DATA" in self.answers:
            return self.answers["DATA"]
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.letters.append(Letter(envelope.mail_from or "", tuple(envelope.rcpt_tos), content))
        await asyncio.sleep(self.hang_seconds)
        return "250 OK"


Behaviour = Callable[[socket.socket], None]


@contextmanager
def misbehaving_server(behaviour: Behaviour) -> Iterator[int]:
    """Yield the port of a server that treats each connection as told, in a thread of its own."""
    closing = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)

    def serve() -> None:
        while not closing.is_set():
            with suppress(TimeoutError):
                connection, _peer = listener.accept()
                threading.Thread(target=_serve_one, args=(connection, behaviour), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        closing.set()
        thread.join()
        listener.close()


def _serve_one(connection: socket.socket, behaviour: Behaviour) -> None:
    with connection, suppress(OSError):
        connection.settimeout(30)
        behaviour(connection)


def say_nothing(connection: socket.socket) -> None:
    """Accept and never greet, until the other side gives up."""
    connection.recv(1)


def greet_a_byte_at_a_time(connection: socket.socket) -> None:
    """Send one byte a tenth of a second, so that no single read ever times out."""
    for _ in range(600):
        connection.sendall(b"2")
        time.sleep(0.1)


def greet_with(answer: bytes) -> Behaviour:
    """Return a server that greets so and hangs up."""
    return lambda connection: connection.sendall(answer + b"\r\n")


def offer_no_tls(connection: socket.socket) -> None:
    """Speak SMTP in the clear and take everything."""
    connection.sendall(b"220 clear.example\r\n")
    for line in connection.makefile("rb"):
        connection.sendall(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 clear.example\r\n")
