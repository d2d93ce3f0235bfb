"""The server as real processes, and many requests sent to it at the same moment."""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.accounts.visitor import Visitor
from tests.oauth.relying_party import FORM, RelyingParty
from tests.world import World

PATIENCE = 30
FAILURE_MARKS = ("status=5", '"status": 5', "Traceback", "request failed", "level=ERROR", "level=CRITICAL")


@dataclass(frozen=True)
class Message:
    """A request that is ready to be sent."""

    method: str
    path: str
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds after the others."""


@dataclass(frozen=True)
class Answer:
    """What came back, and when."""

    status: int
    location: str
    body: str
    sent_at: float
    answered_at: float
    retry_after: str = ""

    @property
    def parameters(self) -> dict[str, str]:
        """What a redirect brings to the client."""
        return dict(parse_qsl(urlsplit(self.location).query))


class Arena:
    """Two worker processes with four threads each, on the database of a world.

    Races exchange tokens more often than people may; who tries that limit says which one holds.
    """

    def __init__(self, world: World, folder: Path, *, exchanges_per_minute: int = 100_000) -> None:
        self.world, self.host = world, urlsplit(world.settings.issuer).netloc
        self.log = folder / "server.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._stream: IO[bytes] = self.log.open("wb")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "idp", "serve", "--bind", f"127.0.0.1:{self.port}", "--workers", "2"],
            env={**kept, "IDP_DATABASE_URL": world.settings.database_url,
                 "IDP_ISSUER": world.settings.issuer,
                 "IDP_EXCHANGES_PER_MINUTE": str(exchanges_per_minute),
                 "IDP_AGENCY_EXCHANGES_PER_MINUTE": str(exchanges_per_minute * 30)},
            stdout=self._stream, stderr=self._stream, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    @property
    def process_id(self) -> int:
        """The process whose children answer."""
        return self._process.pid

    def await_start(self) -> None:
        """Wait until the server answers."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if self.send(Message("GET", "/oauth/jwks")).status == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(self.log.read_text(encoding="utf-8"))

    def close(self) -> None:
        """End the processes."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stream.close()

    def send(self, message: Message) -> Answer:
        """Send one request."""
        [answer] = self.at_once([message])
        return answer

    def at_once(self, messages: Sequence[Message]) -> list[Answer]:
        """Send all requests at the same moment, each on a connection that stands already."""
        barrier, answers = threading.Barrier(len(messages)), dict[int, Answer]()
        failures: list[Exception] = []

        def run(index: int, message: Message) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            try:
                connection.connect()
                barrier.wait(PATIENCE)
                answers[index] = self._exchange(connection, message)
            except Exception as error:  # told below, in the thread of the test
                barrier.abort()
                failures.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=pair) for pair in enumerate(messages)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE * 2)
        if failures:
            raise failures[0]
        return [answers[index] for index in range(len(messages))]

    def _exchange(self, connection: http.client.HTTPConnection, message: Message) -> Answer:
        time.sleep(message.delay)
        sent_at = time.monotonic()
        headers = {"Host": self.host, "Content-Type": FORM, **message.headers}
        connection.request(message.method, message.path, message.body or None, headers)
        response = connection.getresponse()
        body = response.read().decode()
        location, retry = (response.headers.get(name, "") for name in ("Location", "Retry-After"))
        return Answer(response.status, location, body, sent_at, time.monotonic(), retry)

    def failures(self) -> list[str]:
        """Return every line of the log that tells of an error."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        assert any("request_answered" in line for line in lines), "the log does not say what it should"
        return [line for line in lines if any(mark in line for mark in FAILURE_MARKS)]


def to_token_endpoint(party: RelyingParty, parameters: dict[str, object], *, delay: float = 0.0) -> Message:
    """Return a request to the token endpoint with a proof of its own."""
    body, headers = party.message(parameters)
    return Message("POST", "/oauth/token", body, headers, delay)


def in_browser(
    browser: Visitor, path: str, form: dict[str, object] | None = None, *, delay: float = 0.0
) -> Message:
    """Return what a browser would send: a page to open, or a form, with its cookie."""
    cookie = browser.client.get_cookie("idp_session", domain="localhost")
    assert cookie is not None
    headers = {"Cookie": f"idp_session={cookie.value}"}
    if form is None:
        return Message("GET", path, "", headers, delay)
    return Message("POST", path, urlencode(form, doseq=True), headers, delay)


def with_token(token: str, path: str, *, method: str = "POST", delay: float = 0.0) -> Message:
    """Return a call to an API."""
    return Message(method, path, "", {"Authorization": f"Bearer {token}"}, delay)
