"""Answering a request to the authorization endpoint (RFC 6749 §4.1.2, RFC 9207), as a query or as a form.

``state`` comes back as it came, ``iss`` stands in every answer, errors included, and what the registered
redirect URI has in its own query is kept.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

QUERY, FORM_POST = "query", "form_post"
RESPONSE_MODES = (QUERY, FORM_POST)


@dataclass(frozen=True)
class ReplyTo:
    """Where an answer goes, and how."""

    redirect_uri: str
    state: str | None
    mode: str = QUERY


@dataclass(frozen=True)
class SendTo:
    """Send the browser to this address (303)."""

    location: str


@dataclass(frozen=True)
class PostTo:
    """Show a form that posts these values (OAuth 2.0 Form Post Response Mode §2)."""

    action: str
    values: dict[str, str]


Response = SendTo | PostTo


def respond(to: ReplyTo, values: dict[str, str], *, issuer: str) -> Response:
    """Return the authorization response with these values."""
    full = {**values, **({} if to.state is None else {"state": to.state}), "iss": issuer}
    if to.mode == FORM_POST:
        return PostTo(to.redirect_uri, full)
    parts = urlsplit(to.redirect_uri)
    kept = parse_qsl(parts.query, keep_blank_values=True)
    return SendTo(urlunsplit(parts._replace(query=urlencode([*kept, *full.items()]))))


def respond_error(to: ReplyTo, error: str, description: str, *, issuer: str) -> Response:
    """Return the authorization response for an error (RFC 6749 §4.1.2.1)."""
    return respond(to, {"error": error, "error_description": description}, issuer=issuer)


def form_source(uri: str) -> str:
    """Return what Content-Security-Policy calls the place of a URI, for ``form-action`` (CSP 3 §2.3.1).

    The grammar knows neither addresses of IPv6 nor the authority of a custom scheme: there only the scheme
    can be named.
    """
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"} or "[" in parts.netloc:
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc}"
