"""Reading on after a request that was refused for its size, so that its sender hears why.

A server that closes a connection while bytes are still coming makes TCP reset it, and the reset can reach
the client before the answer does (RFC 9112 §9.6). Only bytes are read here, none is kept.
"""

import time
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wsgi import ClosingIterator

MOST_BYTES = 32 * 1024 * 1024
LONGEST = 5.0
"""Seconds that a thread is lent to a sender who does not come to an end."""
_PATIENCE = 1.0
"""Seconds to wait for the next bytes."""
_PIECE = 64 * 1024


class Lingering:
    """A WSGI application that, served by gunicorn, reads what is left of a request once it has answered."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, and look at the rest of the body afterwards if the request has one."""
        answer = self._application(environ, start_response)
        if environ["REQUEST_METHOD"] in {"GET", "HEAD"} or "gunicorn.socket" not in environ:
            return answer
        return ClosingIterator(answer, lambda: _read_on(environ))


def _read_on(environ: WSGIEnvironment) -> None:
    connection, body = environ["gunicorn.socket"], environ["wsgi.input"]
    before, deadline, left = connection.gettimeout(), time.monotonic() + LONGEST, MOST_BYTES
    try:
        connection.settimeout(_PATIENCE)
        while left > 0 and time.monotonic() < deadline:
            piece = len(body.read(_PIECE))
            if piece == 0:
                break
            left -= piece
        connection.settimeout(before)
    except Exception:  # noqa: S110 - the answer is sent; gunicorn's reader raises as many kinds as HTTP has faults
        pass
