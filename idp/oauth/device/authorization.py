"""The device authorization endpoint (RFC 8628 §3.1, §3.2).

A DPoP proof may come along, though no text asks for one here: the device code is then bound to its key, as a
pushed request is (RFC 9449 §10.1).
"""

from urllib.parse import urlencode

from authlib.oauth2.rfc6749 import InvalidScopeError
from authlib.oauth2.rfc6749.errors import UnauthorizedClientError

from idp.oauth.client_metadata import DEVICE_CODE
from idp.oauth.device.rules import TooManyDevices
from idp.oauth.device.service import Asked, begin
from idp.oauth.models import Client, ClientProfile, SignInPage
from idp.oauth.parameters import Parameters
from idp.oauth.resource_indicators import check_resources
from idp.oauth.scopes import grantable
from idp.oauth.server import NO_STORE, EndpointAnswer, ProtocolRequest, ProtocolServer


def authorize_device(
    server: ProtocolServer, request: ProtocolRequest, *, address: str, verification_uri: str
) -> EndpointAnswer:
    """Answer a device that asks to be let in, from a network address, with its two codes."""
    server.load_proof(request)
    client = server.authenticate_client(request)
    _check_client(client)
    asked = Asked(
        scope=_check_scope(client, request.parameters),
        resources=check_resources(
            client, request.parameters.get("resource"), issuer=server.mint.settings.issuer
        ),
        address=address,
        jkt=server.use_proof(client) if request.dpop is not None else None,
    )  # fmt: skip
    settings = server.mint.settings
    try:
        codes = begin(server.session, settings, client, asked=asked)
    except TooManyDevices as refused:
        return _wait(refused)
    complete = urlencode({"user_code": codes.user_code})
    body = {
        "device_code": codes.device_code, "user_code": codes.user_code,
        "verification_uri": verification_uri, "verification_uri_complete": f"{verification_uri}?{complete}",
        "expires_in": settings.device_code_lifetime, "interval": settings.device_poll_interval,
    }  # fmt: skip
    return EndpointAnswer(200, body)


def _check_client(client: Client) -> None:
    """Let in only what an owner can be asked about, and never a client of the profile without this grant."""
    if DEVICE_CODE not in client.grant_types:
        raise UnauthorizedClientError("The client is not registered for this grant_type")
    if client.profile == ClientProfile.FAPI2 or client.sign_in_page != SignInPage.OWNERS:
        raise UnauthorizedClientError("The device grant is for owners' clients outside of the fapi2 profile")


def _check_scope(client: Client, parameters: Parameters) -> frozenset[str]:
    """Without a scope the registered one is meant (RFC 6749 §3.3)."""
    scope = grantable(parameters.get("scope", client.scope), client)
    if not scope:
        raise InvalidScopeError("scope names nothing that is registered for this client")
    return scope


def _wait(refused: TooManyDevices) -> EndpointAnswer:
    seconds = int(refused.wait.total_seconds())
    description = "too many requests of this client wait for an answer; try again after Retry-After"
    return EndpointAnswer(
        refused.status, {"error": "temporarily_unavailable", "error_description": description},
        {**NO_STORE, "Retry-After": str(seconds)},
    )  # fmt: skip
