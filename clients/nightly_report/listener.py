"""Receives the server's events (RFC 8935), so that who ends the permission is forgotten within seconds."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import structlog

from clients.nightly_report import night
from clients.nightly_report.club import Club, ShutOut, TryLater
from clients.nightly_report.folder import ReportFolder
from clients.relying_party import ProviderUnavailable
from clients.relying_party.errors import TokenNotGenuine
from clients.relying_party.security_event import SecurityEvent, verify_security_event

log = structlog.get_logger(__name__)
LONGEST = 16 * 1024
ERRORS = {"iss": "invalid_issuer", "aud": "invalid_audience"} | dict.fromkeys(
    ("signature", "kid", "alg"), "invalid_key"
)
"""RFC 8935 §2.4, by what was found wrong."""


class Listener(ThreadingHTTPServer):
    """Takes events at any path; a wrong one is refused with its reason, and nothing else is answered."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], club: Club, folder: ReportFolder) -> None:
        super().__init__(address, _Handler)
        self.club, self.folder = club, folder

    def take(self, token: str) -> SecurityEvent:
        """Verify an event. It may come twice: whatever is done with it can be done twice."""
        return verify_security_event(
            token, self.club.provider, issuer=self.club.issuer, client_id=self.club.client_id
        )

    def act_on(self, event: SecurityEvent) -> None:
        """Forget who has ended it. An end is final; anything else is left to the next night's list."""
        if event.kind == "ended":
            self.folder.drop(event.subject)
        elif event.kind == "many-changed":
            try:
                for told in night.forget(self.club, self.folder, standing=set()):
                    log.info("forgotten", grant=told.who)
            except (TryLater, ShutOut) as error:
                log.warning("list_not_read", reason=str(error))
        log.info("event_taken", kind=event.kind, subject=event.subject)


class _Handler(BaseHTTPRequestHandler):
    server: Listener
    timeout = 10

    def do_POST(self) -> None:
        """Take one event (RFC 8935 §2)."""
        length = self.headers.get("Content-Length", "")
        is_event = (
            self.headers.get("Content-Type", "").partition(";")[0].strip() == "application/secevent+jwt"
        )
        if not (length.isascii() and length.isdigit() and 0 < int(length) <= LONGEST and is_event):
            self._refuse("invalid_request")
            return
        try:
            event = self.server.take(self.rfile.read(int(length)).decode("ascii"))
            if event.kind == "ended":
                self.server.act_on(event)  # stored before it is confirmed (§2.2)
        except (TokenNotGenuine, UnicodeDecodeError, ValueError) as wrong:
            self._refuse(ERRORS.get(getattr(wrong, "reason", ""), "invalid_request"))
            return
        except ProviderUnavailable:
            self._answer(503, b"")
            return
        self._answer(202, b"")
        if event.kind != "ended":
            self.server.act_on(event)

    def _refuse(self, code: str) -> None:
        log.warning("event_refused", reason=code)
        body = {"err": code, "description": "The event is not one of this system's, or cannot be read."}
        self._answer(400, json.dumps(body).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if body:
            self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Leave the log to what is said above."""
