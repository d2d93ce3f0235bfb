"""Flask around the endpoints for machines: parse, call one function, turn its value into a response.

No cookie is read here, so no form token is asked for.
"""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Flask, Response, current_app, g, jsonify, make_response, url_for
from flask import request as flask_request

from idp.oauth.acting import apps_that_support_acting
from idp.oauth.algorithms import DPOP_PROOF
from idp.oauth.api_scopes import known_scopes
from idp.oauth.bearer import DPOP, check_presented_proof, find_token, identify
from idp.oauth.cors import add_cors_headers
from idp.oauth.device.authorization import authorize_device
from idp.oauth.discovery import metadata
from idp.oauth.dpop import current_nonce
from idp.oauth.grants.authorization_code import AuthorizationCodeGrant
from idp.oauth.grants.client_credentials import ClientCredentialsGrant
from idp.oauth.grants.device_code import DeviceCodeGrant
from idp.oauth.grants.refresh_token import RefreshTokenGrant
from idp.oauth.grants.token_exchange import TokenExchangeGrant
from idp.oauth.introspection import JWT_ANSWER, AnswerForm, introspect
from idp.oauth.keys import JWKS_KEPT, KeyRingCache
from idp.oauth.par import push
from idp.oauth.parameters import ParametersRefused, load_body_parameters, load_form_parameters
from idp.oauth.revocation import revoke
from idp.oauth.server import EndpointAnswer, ProtocolRequest, ProtocolServer, refuse_parameters
from idp.oauth.tokens import Mint
from idp.oauth.userinfo import answer_userinfo
from idp.unit_of_work import current_database, current_session, unit_of_work
from idp.web import BearerIdentity, ClientIdentity, TokenMissing, current_settings, require_scope

_PATH = "/:@!$&'()*+,;=~-._"
_USERINFO = "oauth.userinfo_endpoint"
GRANTS = (
    AuthorizationCodeGrant,
    RefreshTokenGrant,
    ClientCredentialsGrant,
    TokenExchangeGrant,
    DeviceCodeGrant,
)
PROTOCOL = Blueprint("oauth", __name__)
PROTOCOL.after_request(add_cors_headers)


def init_oauth(app: Flask) -> None:
    """Give the application its key ring and find out who calls with an access token."""
    app.extensions["key_ring"] = KeyRingCache()
    app.extensions["acting_apps"] = apps_that_support_acting
    app.extensions["dpop_algorithms"] = " ".join(DPOP_PROOF)

    def load_bearer() -> None:
        if flask_request.endpoint == _USERINFO or flask_request.path.startswith("/api/"):
            try:
                g.bearer = _identify_caller()
            except TokenMissing as refused:
                g.bearer_refusal = refused

    def supply_nonce(response: Response) -> Response:
        if flask_request.path.startswith(("/api/", "/oauth/")) and "DPoP" in flask_request.headers:
            give_nonce(response)
        return response

    app.before_request(load_bearer)
    app.after_request(supply_nonce)


def _identify_caller() -> BearerIdentity | ClientIdentity:
    """Return who calls a protected resource (RFC 6750 §2, RFC 9449 §7).

    :raises TokenMissing: there is no good access token.
    """
    in_body = None
    if flask_request.method == "POST" and flask_request.endpoint == _USERINFO:
        try:
            in_body = load_form_parameters(flask_request).get("access_token")
        except ParametersRefused as refused:
            raise TokenMissing("invalid_request", description=refused.reason) from refused
    headers = flask_request.headers
    presented = find_token(
        headers.get("Authorization"), in_body=in_body, in_query="access_token" in flask_request.args
    )
    jkt = None
    if presented.scheme == DPOP:
        # In a unit of work of its own, before this request's: a proof is used whatever becomes of the call.
        with unit_of_work(current_database()) as writing:
            jkt = check_presented_proof(
                writing, current_settings(), presented,
                proof=headers.get("DPoP"), method=flask_request.method, uri=called_uri(),
            )  # fmt: skip
    return identify(current_session(), current_mint(), presented, jkt=jkt)


def current_mint() -> Mint:
    """Return the settings and keys of the running application."""
    cache: KeyRingCache = current_app.extensions["key_ring"]
    return Mint(current_settings(), cache.ring(current_session()))


def _json(answer: EndpointAnswer) -> Response:
    if answer.body is None or isinstance(answer.body, str):
        response = make_response(answer.body or "")
    else:
        response = jsonify(answer.body)
    response.status_code = answer.status
    for name, value in answer.headers.items():
        response.headers[name] = value
    return response


@PROTOCOL.get("/.well-known/openid-configuration")
@PROTOCOL.get("/.well-known/oauth-authorization-server")
def discovery() -> Response:
    """Serve the metadata (OIDC Discovery §4, RFC 8414 §3)."""
    origin = current_settings().issuer_origin
    body = metadata(
        current_settings(), scopes=known_scopes(current_session()),
        grant_types=[grant.GRANT_TYPE for grant in GRANTS],
        address_of=lambda endpoint: f"{origin}{url_for(endpoint)}",
    )  # fmt: skip
    return _cacheable(body)


@PROTOCOL.get("/oauth/jwks")
def jwks() -> Response:
    """Serve the public keys (RFC 7517 §5)."""
    return _cacheable(current_mint().ring.jwks)


def _cacheable(body: dict[str, Any]) -> Response:
    response = jsonify(body)
    response.headers["Cache-Control"] = f"public, max-age={JWKS_KEPT.seconds}"
    return response


@PROTOCOL.post("/oauth/token")
def token() -> Response:
    """Serve the token endpoint (RFC 6749 §3.2)."""
    return _back_channel(lambda server, request: server.create_token_response(request))


@PROTOCOL.post("/oauth/device_authorization")
def device_authorization() -> Response:
    """Serve the device authorization endpoint (RFC 8628 §3.1)."""
    endpoint = partial(
        authorize_device, address=flask_request.remote_addr or "",
        verification_uri=f"{current_settings().issuer_origin}{url_for('device_pages.enter')}",
    )  # fmt: skip
    return _back_channel(lambda server, request: server.answer(endpoint, request))


@PROTOCOL.post("/oauth/par")
def par() -> Response:
    """Serve pushed authorization requests (RFC 9126 §2)."""
    return _back_channel(lambda server, request: server.answer(push, request))


@PROTOCOL.post("/oauth/introspect")
def introspection() -> Response:
    """Serve token introspection (RFC 7662 §2, RFC 9701)."""
    accepted = flask_request.accept_mimetypes
    form = AnswerForm(
        accepted.quality("application/json") if accepted else 1.0,
        accepted.quality(JWT_ANSWER) if accepted else 1.0,
        names_jwt=any(name.lower() == JWT_ANSWER for name in accepted.values()),
    )
    return _back_channel(lambda server, request: server.answer(partial(introspect, form=form), request))


@PROTOCOL.post("/oauth/revoke")
def revocation() -> Response:
    """Serve token revocation (RFC 7009 §2)."""
    return _back_channel(lambda server, request: server.answer(revoke, request))


def _back_channel(respond: Callable[[ProtocolServer, ProtocolRequest], EndpointAnswer]) -> Response:
    """Parse a request to an endpoint where clients authenticate, and answer it."""
    try:
        parameters = load_body_parameters(flask_request)
    except ParametersRefused as refused:
        return _json(refuse_parameters(refused.reason))
    request = ProtocolRequest(
        parameters, dict(flask_request.headers), uri=called_uri(), dpop=flask_request.headers.get("DPoP")
    )
    server = ProtocolServer(current_session(), current_mint(), GRANTS)
    return _json(respond(server, request))


def called_uri() -> str:
    """Return the address of the running request as clients know it, from the issuer on, without query."""
    return current_settings().issuer + quote(flask_request.path, safe=_PATH)


def give_nonce(response: Response) -> None:
    """Supply the nonce for the next proof with an answer (RFC 9449 §8.2)."""
    settings = current_settings()
    if settings.dpop_nonce_required:
        response.headers["DPoP-Nonce"] = current_nonce(settings)


@PROTOCOL.route("/oauth/userinfo", methods=["GET", "POST"])
def userinfo_endpoint() -> Response:
    """Serve userinfo (OIDC Core §5.3); without a good token RFC 6750 §3 says what to answer."""
    identity = require_scope(own="openid", act="openid")
    answer = answer_userinfo(current_session(), current_mint(), identity)
    if answer.signed is None:
        response = jsonify(answer.claims)
    else:
        response = make_response(answer.signed)
        response.mimetype = "application/jwt"
    response.headers["Cache-Control"] = "no-store"
    return response
