"""Resource indicators (RFC 8707): for which API an access token is.

``resource`` names an API by its URI: at the authorization endpoint as many as are wanted, at the token
endpoint one of those that were granted, because each token has one audience. A client may name the resources
that it is registered for, and this server, whose own APIs a token is for when none is named.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from authlib.oauth2.base import OAuth2Error

from idp.oauth.models import Client, TokenFamily

MOST_RESOURCES = 10


class InvalidTargetError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """RFC 8707 §2, RFC 8693 §2.2.2."""

    error = "invalid_target"


def check_resources(client: Client, text: str | None, *, issuer: str) -> tuple[str, ...]:
    """Return the resources that a request names, each once, in its order (§2.1).

    :param text: the values of the parameter, joined by a space (``parameters.py``).
    :raises InvalidTargetError: one is no absolute URI, has a fragment, or is not this client's to ask for.
    """
    asked = tuple(dict.fromkeys((text or "").split()))
    if len(asked) > MOST_RESOURCES:
        raise InvalidTargetError("resource is given too often: name at most 10")
    for resource in asked:
        if not _is_absolute_uri(resource):
            raise InvalidTargetError("resource must be an absolute URI without a fragment (RFC 8707 2)")
        if not _is_allowed(client, resource, issuer=issuer):
            raise InvalidTargetError("resource is not one that this client is registered for")
    return asked


def audience_of(family: TokenFamily, text: str | None, *, issuer: str) -> str:
    """Return the audience of the next access token of an authorization (§2.2): one resource of those granted.

    Without a word of the client it is the first of them. What was granted is not enough: the client must
    still be registered for it.

    :raises InvalidTargetError: something else is asked for, or several at once.
    """
    if family.act_as_session_id is not None:  # a proxy login is at one relying party and nowhere else
        if text is not None:
            raise InvalidTargetError("resource must be left out: a proxy login is for this client alone")
        return family.client_id
    granted = family.resources or [issuer]
    return _one_of(family.client, granted, text, issuer=issuer)


def audience_for_client(client: Client, text: str | None, *, issuer: str) -> str:
    """Return the audience of a token with which a client speaks for itself; this server where none is named.

    :raises InvalidTargetError: it may not ask for that, or named several.
    """
    return _one_of(client, check_resources(client, text, issuer=issuer) or [issuer], text, issuer=issuer)


def _one_of(client: Client, granted: Sequence[str], text: str | None, *, issuer: str) -> str:
    asked = tuple(dict.fromkeys((text or "").split())) or (granted[0],)
    if len(asked) > 1:
        raise InvalidTargetError("name one resource at a time: each access token has one audience")
    [resource] = asked
    if resource not in granted:
        raise InvalidTargetError("resource was not granted: name one of the authorization request")
    if not _is_allowed(client, resource, issuer=issuer):
        raise InvalidTargetError("resource is not one that this client is registered for")
    return resource


def _is_allowed(client: Client, resource: str, *, issuer: str) -> bool:
    return resource == issuer or resource in client.allowed_resources


def _is_absolute_uri(text: str) -> bool:
    """RFC 3986 §4.3: a scheme and no fragment."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return text.isascii() and text.isprintable() and bool(parts.scheme) and "#" not in text
