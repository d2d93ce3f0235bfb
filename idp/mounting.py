"""The path of the issuer: everything is served under it, and nothing beside it but what belongs to the host.

The proxy passes each address on as the browser sent it. Scheme and host of whatever we write come from the
settings and from no header; "An issuer under a path" in docs/operating.md has the reasons.
"""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from idp.settings import Settings

METADATA = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
"""Documents that clients also look for at the host, with the issuer's path behind (RFC 8414 §3.1, §5)."""
OF_THE_HOST = ("/.well-known/change-password", "/.well-known/security.txt", "/robots.txt")
"""What is looked for at the root of a host and nowhere else (RFC 8615 §3, RFC 9116 §3, RFC 9309 §2.3)."""
PROBES = ("/healthz", "/readyz")
"""What machines beside us ask at the root of our network address, under whatever name they know it by."""


class Mounted:
    """A WSGI application that lives under the issuer's path."""

    def __init__(self, application: WSGIApplication, settings: Settings) -> None:
        self._application = application
        self._prefix = settings.issuer_path
        self._scheme, _, self._host = settings.issuer_origin.partition("://")
        self._beside = {path: path for path in (*OF_THE_HOST, *PROBES)}
        self._beside |= {f"{path}{self._prefix}": path for path in METADATA}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Divide the path where the issuer's ends; what is neither below nor known beside it is not there."""
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        inside = self._find_inside(path)
        if inside is None:
            start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [b"Not Found\n"]
        if inside in PROBES:
            environ["HTTP_HOST"] = self._host
        environ.update({"SCRIPT_NAME": self._prefix, "PATH_INFO": inside, "wsgi.url_scheme": self._scheme})
        return self._application(environ, start_response)

    def _find_inside(self, path: str) -> str | None:
        if path == self._prefix or path.startswith(f"{self._prefix}/"):
            return path.removeprefix(self._prefix) or "/"
        return self._beside.get(path)
