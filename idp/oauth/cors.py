"""Which pages of other origins may read our answers (Fetch, "CORS protocol").

Metadata and keys are for everybody. The endpoints that a client in a browser needs answer to the origins of
the registered redirect URIs of public clients, because such a client lives there and nowhere else. Nobody may
send our cookies along, and what is for servers alone, introspection and registration, answers to no page.
"""

from urllib.parse import urlsplit

from flask import Response, request
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from idp.oauth.models import Client, ClientStatus
from idp.unit_of_work import current_database, unit_of_work

FOR_EVERYBODY = frozenset({"oauth.discovery", "oauth.jwks"})
FOR_PUBLIC_CLIENTS = frozenset({"oauth.token", "oauth.userinfo_endpoint", "oauth.revocation", "oauth.par"})
"""Endpoints by name; one that is in neither set answers to no page."""
REQUEST_HEADERS = "Authorization, Content-Type, DPoP"
READABLE_HEADERS = "DPoP-Nonce, WWW-Authenticate"
"""What the page may read beside the body (RFC 9449 §8, RFC 6750 §3)."""
REMEMBERED = 600
"""Seconds for which a browser need not ask again."""


def add_cors_headers(response: Response) -> Response:
    """Let the page read this answer, or let its request come, if its origin may."""
    if request.endpoint in FOR_EVERYBODY:
        response.headers["Access-Control-Allow-Origin"] = "*"
        return _answer_preflight(response)
    if request.endpoint not in FOR_PUBLIC_CLIENTS:
        return response
    response.vary.add("Origin")  # RFC 9110 §12.5.5: no cache may show one origin's answer to another
    origin = request.headers.get("Origin", "")
    if not _is_allowed(origin):
        return response
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = READABLE_HEADERS
    return _answer_preflight(response)


def _answer_preflight(response: Response) -> Response:
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        response.headers["Access-Control-Allow-Methods"] = ", ".join(sorted(response.allow))
        response.headers["Access-Control-Allow-Headers"] = REQUEST_HEADERS
        response.headers["Access-Control-Max-Age"] = str(REMEMBERED)
    return response


def _is_allowed(origin: str) -> bool:
    if not origin.startswith(("https://", "http://")):  # none, `null`, or of an extension
        return False
    try:
        with unit_of_work(current_database(), writes=False) as reading:
            return is_origin_of_public_client(reading, origin)
    except SQLAlchemyError:  # the answer says already that something is wrong
        return False


def is_origin_of_public_client(session: Session, origin: str) -> bool:
    """Tell whether a public client in good standing has a redirect URI with exactly this origin."""
    query = select(Client.redirect_uris).where(
        Client.token_endpoint_auth_method == "none", Client.status == ClientStatus.ACTIVE
    )
    return any(origin == origin_of(uri) for uris in session.scalars(query) for uri in uris)


def origin_of(uri: str) -> str:
    """Return the origin of a redirect URI as browsers write it (RFC 6454 §6.2); empty where it has none."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        return ""
    default = {"https": 443, "http": 80}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, default} else "")
