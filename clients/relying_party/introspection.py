"""Asks whether an access token is still good (RFC 7662): its signature only says that it once was."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from clients.relying_party.access_token import AccessToken
from clients.relying_party.errors import ProviderUnavailable, TokenNotGenuine
from clients.relying_party.provider import Provider


@dataclass(frozen=True, kw_only=True)
class Introspection:
    """As whom an API asks: a client of its own, registered with ``client_secret_basic``."""

    client_id: str
    client_secret: str = field(repr=False)


def check_is_active(
    token: AccessToken, provider: Provider, *, asking: Introspection, timeout: tuple[float, float]
) -> frozenset[str]:
    """Return the scope that the token has at this moment.

    :raises TokenNotGenuine: the server does not stand by it any more, or says something else about it.
    :raises ProviderUnavailable: no answer; the call must not go on as if there had been a good one.
    """
    endpoint = provider.metadata.introspection_endpoint
    if not endpoint:
        raise ProviderUnavailable("the server offers no introspection")
    try:
        response = requests.post(
            endpoint,
            data={"token": token.value, "token_type_hint": "access_token"},
            auth=(asking.client_id, asking.client_secret),
            headers={"Accept": "application/json"},
            timeout=timeout,
            allow_redirects=False,
        )
        answer = response.json()
    except (requests.RequestException, ValueError) as error:
        raise ProviderUnavailable("no introspection") from error
    if response.status_code != 200 or not isinstance(answer, dict):
        raise ProviderUnavailable("no introspection")
    if answer.get("active") is not True:
        raise TokenNotGenuine("active")
    return _scope(answer, token)


def _scope(answer: Mapping[str, Any], token: AccessToken) -> frozenset[str]:
    """Return what is left of the scope; an answer about anything else than this token is no answer."""
    if answer.get("sub") != token.sub or answer.get("client_id") != token.client_id:
        raise TokenNotGenuine("introspection")
    actor = answer.get("act")
    acting = actor.get("sub") if isinstance(actor, dict) else actor
    if acting != (token.act.sub if token.act else None):
        raise TokenNotGenuine("introspection act")
    return token.scope & frozenset(str(answer.get("scope", "")).split())
