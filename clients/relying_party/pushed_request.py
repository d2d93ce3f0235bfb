"""Pushes an authorization request, so that the browser carries a reference alone (RFC 9126)."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from clients.relying_party.client_authentication import ClientAuthentication
from clients.relying_party.errors import ProviderUnavailable, TokenRefused


def push(url: str, *, endpoint: str, authentication: ClientAuthentication, key_thumbprint: str) -> str:
    """Return the address to send the browser to, for a request that was to go to this one.

    :param key_thumbprint: the key that the code will be bound to (RFC 9449 §10.1).
    :raises TokenRefused: the server does not accept the request (§2.3).
    :raises ProviderUnavailable: no answer that makes sense.
    """
    if not endpoint:
        raise ProviderUnavailable("the server takes no pushed requests")
    parameters = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    try:
        with authentication.session() as session:
            response = session.post(
                endpoint,
                data=parameters | {"dpop_jkt": key_thumbprint},
                auth=session.client_auth(authentication.method),
                withhold_token=True,
                allow_redirects=False,
            )
        answer = response.json()
    except (requests.RequestException, ValueError) as error:
        raise ProviderUnavailable("no answer to a pushed request") from error
    if not isinstance(answer, dict):
        raise ProviderUnavailable("no answer to a pushed request")
    if "error" in answer:
        raise TokenRefused(str(answer["error"]))
    reference = answer.get("request_uri")
    if response.status_code != 201 or not isinstance(reference, str) or not reference:
        raise ProviderUnavailable("no answer to a pushed request")
    query = urlencode({"client_id": parameters["client_id"], "request_uri": reference})
    return f"{urlsplit(url)._replace(query='').geturl()}?{query}"
