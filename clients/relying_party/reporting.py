"""Sends the reports of proxy logins to the server, in a thread of its own, until it has them."""

from collections.abc import Sequence
from datetime import timedelta
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import quote

import requests
import structlog
from sqlalchemy.exc import SQLAlchemyError

from clients.relying_party import clock
from clients.relying_party.dpop import send_with_token
from clients.relying_party.errors import ProviderUnavailable, TokenRefused
from clients.relying_party.reports import Report, ReportQueue, Waiting
from clients.relying_party.settings import RelyingPartySettings
from clients.relying_party.token_endpoint import TokenEndpoint, TokenResponse

log = structlog.get_logger(__name__)
SCOPE = "proxy_logins.report"
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=10)
LONGEST_SLEEP = 60.0
FOR_GOOD = frozenset({404, 409, 410, 413, 422})
"""The server will never take these: another's proxy login, too late, too many."""


class Reporter:
    """Keeps reports and sends them. One for each application; safe to use from several threads."""

    def __init__(self, settings: RelyingPartySettings, tokens: TokenEndpoint) -> None:
        self._settings = settings
        self._tokens = tokens
        self._queue = ReportQueue(settings.database_url)
        self._token: TokenResponse | None = None
        self._lock = Lock()
        self._wake = Event()
        self._thread: Thread | None = None
        self._has_looked = False

    def report(self, sid: str, report: Report, *, once: bool) -> None:
        """Keep a report and see to it that it is sent. The page goes on whatever happens here."""
        try:
            if self._queue.add(sid, report, once=once, now=clock.now()):
                self.wake()
        except SQLAlchemyError as error:
            log.error("report_not_kept", error=type(error).__name__)

    def look(self) -> None:
        """Send what another process left behind; asked at every request, done at the first."""
        if not self._has_looked:
            self._has_looked = True
            self.wake()

    def wake(self) -> None:
        """Let the thread look now; it is started where there is none."""
        if not self._settings.reports_by_thread:
            return
        with self._lock:
            self._wake.set()
            if self._thread is None:
                self._thread = Thread(target=self._run, name="reports", daemon=True)
                self._thread.start()

    def send_due(self) -> None:
        """Send everything that is due."""
        while True:
            sid, waiting = self._queue.take(clock.now())
            if not waiting:
                return
            self._send(sid, waiting)

    def _run(self) -> None:
        while True:
            self._wake.clear()
            pause = LONGEST_SLEEP
            try:
                self.send_due()
                due_at = self._queue.next_due()
                with self._lock:
                    if due_at is None and not self._wake.is_set():
                        self._thread = None  # the next report starts another
                        return
                if due_at is not None:
                    pause = min((due_at - clock.now()).total_seconds(), LONGEST_SLEEP)
            except Exception as error:
                log.error("reports_not_sent", error=type(error).__name__)
            self._wake.wait(max(pause, 0.2))

    def _send(self, sid: str, waiting: Sequence[Waiting]) -> None:
        references = [one.reference for one in waiting]
        try:
            answer = self._post(sid, waiting)
        except (ProviderUnavailable, TokenRefused, requests.RequestException) as error:
            self._try_later(waiting, reason=type(error).__name__)
            return
        if answer.status_code in {200, 201}:
            self._queue.settle(references, now=clock.now())
            log.info("reports_sent", count=len(references))
        elif answer.status_code == 400:
            self._drop_faulty(waiting, answer)
        elif answer.status_code in FOR_GOOD:
            self._queue.settle(references, now=clock.now())
            log.warning("reports_refused", status=answer.status_code, count=len(references))
        else:
            self._token = None  # perhaps it is no longer good
            self._try_later(waiting, reason=str(answer.status_code))

    def _post(self, sid: str, waiting: Sequence[Waiting]) -> requests.Response:
        activities = [{"id": one.reference, "at": one.at.isoformat(), **vars(one.report)} for one in waiting]
        return send_with_token(
            self._tokens.prover,
            "POST",
            f"{self._settings.issuer}/api/proxy-logins/{quote(sid, safe='')}/activities",
            access_token=self._own_token(),
            json={"activities": activities},
            timeout=self._settings.timeouts,
        )

    def _own_token(self) -> str:
        token = self._token
        if token is None or token.access_expires_at <= clock.now() + timedelta(seconds=20):
            token = self._token = self._tokens.own_token(SCOPE)
        return token.access_token

    def _try_later(self, waiting: Sequence[Waiting], *, reason: str) -> None:
        attempts = max(one.attempts for one in waiting)
        wait = min(FIRST_WAIT * 2 ** min(attempts - 1, 10), LONGEST_WAIT)
        self._queue.put_back([one.reference for one in waiting], due_at=clock.now() + wait)
        log.warning("reports_wait", reason=reason, count=len(waiting), seconds=int(wait.total_seconds()))

    def _drop_faulty(self, waiting: Sequence[Waiting], answer: requests.Response) -> None:
        """Give up those that the server names as wrong, and send the others again."""
        faulty = {waiting[index].reference for index in _faults(answer) if 0 <= index < len(waiting)}
        dropped = faulty or {one.reference for one in waiting}
        self._queue.settle(dropped, now=clock.now())
        others = [one.reference for one in waiting if one.reference not in dropped]
        self._queue.put_back(others, due_at=clock.now())
        log.error("reports_faulty", count=len(dropped))


def _faults(answer: requests.Response) -> list[int]:
    try:
        found: Any = answer.json()
        return [int(fault["index"]) for fault in found["errors"]]
    except (ValueError, KeyError, TypeError):
        return []
