"""Whose address a request comes from, when a proxy stands in between.

Anybody can write ``X-Forwarded-For``. It is believed from a peer that ``IDP_TRUSTED_PROXIES`` names, and only
as far back as each hop is named too. No other forwarding header is read at all: host and scheme of what we
write are the issuer's.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from idp.settings import Settings

FORWARDING = (
    "HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX", "HTTP_X_FORWARDED_PROTO", "HTTP_X_REAL_IP",
)  # fmt: skip


class BehindProxies:
    """A WSGI application whose ``REMOTE_ADDR`` is the visitor's and not the proxy's."""

    def __init__(self, application: WSGIApplication, settings: Settings) -> None:
        self._application = application
        self._networks = settings.proxy_networks
        self._trusts_sockets = settings.trusts_unix_sockets

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Replace the address of the peer, then hide the headers from everybody else."""
        environ["REMOTE_ADDR"] = self._find_visitor(
            environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", "")
        )
        for name in FORWARDING:
            environ.pop(name, None)
        return self._application(environ, start_response)

    def _find_visitor(self, peer: str, forwarded_for: str) -> str:
        """Walk back from the peer while each hop is one of ours, and stop at what cannot be read."""
        visitor, hops = peer, forwarded_for.split(",")
        while hops and self._is_ours(visitor):
            before = read_address(hops.pop())
            if before is None:
                break
            visitor = str(before)
        return visitor

    def _is_ours(self, address: str) -> bool:
        if not address:  # a Unix socket has no address
            return self._trusts_sockets
        known = read_address(address)
        return known is not None and any(known in network for network in self._networks)


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address as proxies write it, with or without a port; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
