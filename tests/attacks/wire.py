"""The way to a server that really runs: what a test client sends goes over a socket."""

import http.client
from collections.abc import Iterable
from typing import Any

from werkzeug.test import Client

PATIENCE = 30
_NOT_AS_HEADER = {"HTTP_CONNECTION"}


class Wire:
    """A WSGI application that hands each request to the server on a port of this machine.

    Werkzeug's client keeps its cookies and makes its requests as for an application in this process, so
    that everything written for that one speaks to the server.
    """

    def __init__(self, port: int) -> None:
        self.port = port

    def test_client(self, *, use_cookies: bool = True) -> Client:
        """Return a browser."""
        return Client(self, use_cookies=use_cookies)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Send one request and bring its answer back."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        method, query = environ["REQUEST_METHOD"], environ["QUERY_STRING"]
        target = environ["REQUEST_URI"].partition("?")[0] + (f"?{query}" if query else "")
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in _headers(environ):
                connection.putheader(name, value.encode("latin-1"))
            if body or method in {"POST", "PUT", "PATCH"}:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        start_response(f"{answer.status} {answer.reason}", answer.getheaders())
        return [content]


def _headers(environ: dict[str, Any]) -> Iterable[tuple[str, str]]:
    if environ.get("CONTENT_TYPE"):
        yield "Content-Type", environ["CONTENT_TYPE"]
    for name, value in environ.items():
        if name.startswith("HTTP_") and name not in _NOT_AS_HEADER:
            yield name.removeprefix("HTTP_").replace("_", "-").title(), value
