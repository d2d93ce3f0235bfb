"""Pushed authorization requests (RFC 9126): a client sends its request itself, the browser carries a name.

Everything that the authorization endpoint would check is checked here, where the client is authenticated and
hears of errors itself. The name is used up when the request is answered, not when a page is loaded
(FAPI 2.0 Security Profile §5.3.2.2, note 3): reloading the sign-in page must not end a sign-in.
"""

import json
from dataclasses import dataclass
from datetime import timedelta

from authlib.oauth2.rfc6749 import InvalidRequestError
from sqlalchemy import update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.credentials import SecretKind
from idp.db import sealer_of
from idp.oauth.authorization_request import (
    NoRedirect,
    RedirectError,
    check_redirect_uri,
    check_request,
)
from idp.oauth.dpop import INVALID_PROOF, ProofRefused
from idp.oauth.models import Client, ClientProfile, PushedRequest
from idp.oauth.parameters import Parameters
from idp.oauth.request_object import RequestObjectRefused, unfold
from idp.oauth.server import NO_STORE, DpopError, EndpointAnswer, ProtocolRequest, ProtocolServer

REQUEST_URI = "urn:ietf:params:oauth:request_uri:"
"""RFC 9126 §2.2."""
_AUTHENTICATION = ("client_secret", "client_assertion", "client_assertion_type")


@dataclass(frozen=True)
class Pushed:
    """A pushed request that may still be used."""

    parameters: Parameters
    digest: str


def must_push(client: Client) -> bool:
    """Tell whether a client's requests are accepted as pushed ones only (RFC 9126 §6, FAPI 2.0 §5.3.2.2)."""
    return client.require_pushed_authorization_requests or client.profile == ClientProfile.FAPI2


def push(server: ProtocolServer, request: ProtocolRequest) -> EndpointAnswer:
    """Check and store a request, and answer its name (§2.1, §2.2).

    :raises OAuth2Error: the client is not authenticated, or ``request_uri`` is among the parameters.
    """
    server.load_proof(request)
    client = server.authenticate_client(request, endpoint="par")
    if "request_uri" in request.parameters:
        raise InvalidRequestError("request_uri must not be pushed (RFC 9126 2.1)")
    sent = {name: value for name, value in request.parameters.items() if name not in _AUTHENTICATION}
    try:
        parameters = dict(unfold({**sent, "client_id": client.client_id}, client, server.mint.settings))
        parameters |= _proven_key(server, client, parameters)
        redirect_uri = check_redirect_uri(parameters, client)
        asked = check_request(server.mint, parameters, client, redirect_uri=redirect_uri)
    except NoRedirect as refused:
        return _refuse("invalid_request", f"{refused.field_name}: {refused.reason}")
    except (RequestObjectRefused, RedirectError) as error:
        return _refuse(error.error, error.description)
    return _store(server, client, parameters, jkt=asked.jkt)


def _proven_key(server: ProtocolServer, client: Client, parameters: Parameters) -> dict[str, str]:
    """Bind the request to the key of a DPoP proof as if ``dpop_jkt`` named it (RFC 9449 §10.1).

    :raises OAuth2Error: the proof was used before, or ``dpop_jkt`` names another key.
    """
    jkt = server.use_proof(client) if server.proof is not None else None
    if jkt is None:
        return {}
    if parameters.get("dpop_jkt", jkt) != jkt:
        raise DpopError(
            ProofRefused(INVALID_PROOF, "dpop_jkt must be the thumbprint of the key of the proof")
        )
    return {"dpop_jkt": jkt}


def _refuse(error: str, description: str) -> EndpointAnswer:
    return EndpointAnswer(400, {"error": error, "error_description": description})


def _store(
    server: ProtocolServer, client: Client, parameters: Parameters, *, jkt: str | None
) -> EndpointAnswer:
    session, life = server.session, server.mint.settings.pushed_request_lifetime
    secret = credentials.mint_secret(SecretKind.PUSHED_REQUEST)
    # Sealed, because a login_hint can be a person's address or a ticket for a proxy login.
    sealed = sealer_of(session).seal(json.dumps(dict(parameters)))
    session.add(
        PushedRequest(
            digest=credentials.digest(secret), client_id=client.client_id, parameters={"sealed": sealed},
            jkt=jkt, expires_at=clock.now() + timedelta(seconds=life),
        )
    )  # fmt: skip
    return EndpointAnswer(201, {"request_uri": REQUEST_URI + secret, "expires_in": life}, NO_STORE)


def find_pushed(session: Session, client: Client, request_uri: str) -> Pushed:
    """Return what a client pushed under this name.

    :raises NoRedirect: it is unknown, over, used, or another client's; all the same to whoever asks.
    """
    secret = request_uri.removeprefix(REQUEST_URI)
    stored = (
        session.get(PushedRequest, credentials.digest(secret))
        if credentials.is_kind(secret, SecretKind.PUSHED_REQUEST)
        else None
    )
    if (
        stored is None
        or stored.client_id != client.client_id
        or stored.used_at is not None
        or clock.now() >= stored.expires_at
    ):
        raise NoRedirect("request_uri", "unknown, too old, used, or pushed by another client (RFC 9126 2.2)")
    parameters = json.loads(sealer_of(session).unseal(stored.parameters["sealed"]))
    return Pushed(parameters, stored.digest)


def use_pushed(session: Session, digest: str) -> bool:
    """Use a name up, and tell whether this call did: of parallel ones exactly one."""
    used = session.execute(
        update(PushedRequest)
        .where(PushedRequest.digest == digest, PushedRequest.used_at.is_(None))
        .values(used_at=clock.now())
        .returning(PushedRequest.digest)
    ).first()
    return used is not None
