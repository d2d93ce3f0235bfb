"""Flask around client registration (RFC 7591 §3) and its management (RFC 7592 §2): machines, no cookies."""

import re

from flask import Blueprint, Response, jsonify, make_response, request, url_for

from idp import credentials, unit_of_work
from idp.oauth.client_metadata import ClientMetadata, ClientMetadataRefused
from idp.oauth.client_rules import check_metadata
from idp.oauth.outgoing import CallFailed, fetch_json
from idp.oauth.registration import service
from idp.oauth.registration.document import (
    LARGEST_DOCUMENT,
    DocumentUnreadable,
    SoftwareStatementUnapproved,
    check_replacement,
    metadata_document,
    metadata_in,
    read_document,
    with_operators_word,
)
from idp.oauth.registration.service import Registered, RegistrationTokenRefused
from idp.unit_of_work import current_database, current_session
from idp.web import current_settings

REGISTRATION = Blueprint("oauth_registration", __name__)
_BEARER = re.compile(r"Bearer ([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


@REGISTRATION.errorhandler(ClientMetadataRefused)
def _refused(error: ClientMetadataRefused) -> Response:
    """Answer 400 with the field and the remedy (RFC 7591 §3.2.2); nothing is stored."""
    unit_of_work.discard()
    code = "invalid_client_metadata"
    if error.field_name == "redirect_uris":
        code = "invalid_redirect_uri"
    elif isinstance(error, SoftwareStatementUnapproved):
        code = "unapproved_software_statement"
    description = str(error).encode("ascii", "replace").decode()
    return _answer({"error": code, "error_description": description}, 400)


@REGISTRATION.errorhandler(RegistrationTokenRefused)
def _unauthorized(_error: RegistrationTokenRefused) -> Response:
    """Answer 401 (RFC 6750 §3.1), the same for every reason; who sent no token is not told of an error."""
    unit_of_work.discard()
    text = "a valid initial or registration access token is needed as Bearer token"
    answer = _answer({"error": "invalid_token", "error_description": text}, 401)
    told = ', error="invalid_token"' if request.headers.get("Authorization") else ""
    answer.headers["WWW-Authenticate"] = f'Bearer realm="registration"{told}'
    return answer


@REGISTRATION.post("/oauth/register")
def register() -> Response:
    """Serve client registration (RFC 7591 §3.1, OIDC Registration §3)."""
    secret = _bearer()
    with unit_of_work.unit_of_work(current_database(), writes=False) as reading:
        service.check_initial_token(reading, secret)
    metadata = metadata_in(_document(), client_id=str(credentials.new_id()))
    _check(metadata)
    return _information(service.register(current_session(), metadata, secret), 201)


@REGISTRATION.get("/oauth/register/<client_id>")
def registration(client_id: str) -> Response:
    """Say what a client has registered (RFC 7592 §2.1)."""
    secret = _bearer()
    client = service.managed_client(current_session(), client_id, secret)
    return _information(Registered(client, token=secret), 200)


@REGISTRATION.put("/oauth/register/<client_id>")
def replace(client_id: str) -> Response:
    """Replace what a client has registered (RFC 7592 §2.2); what is left out gets its default."""
    secret = _bearer()
    with unit_of_work.unit_of_work(current_database(), writes=False) as reading:
        client = service.managed_client(reading, client_id, secret)
    document = _document()
    check_replacement(document, client)
    metadata = with_operators_word(metadata_in(document, client_id=client_id), client)
    _check(metadata)
    return _information(service.replace(current_session(), metadata, secret), 200)


@REGISTRATION.delete("/oauth/register/<client_id>")
def delete(client_id: str) -> Response:
    """Delete a client with its tokens and consents (RFC 7592 §2.3)."""
    service.delete(current_session(), client_id, _bearer())
    answer = make_response("", 204)
    answer.headers["Cache-Control"], answer.headers["Pragma"] = "no-store", "no-cache"
    return answer


def _bearer() -> str:
    """Return the token of the Authorization header (RFC 6750 §2.1)."""
    match = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    if match is None or len(match[1]) > 128:
        raise RegistrationTokenRefused
    return match[1]


def _document() -> dict[str, object]:
    if request.mimetype != "application/json":
        raise DocumentUnreadable("must come as Content-Type application/json")
    request.max_content_length = LARGEST_DOCUMENT
    return read_document(request.get_data(cache=True))


def _check(metadata: ClientMetadata) -> None:
    """Check the metadata, and the sector's document with no unit of work open: its host may be slow."""
    check_metadata(metadata, dynamic=True)
    uri = metadata.sector_identifier_uri
    if uri is None:
        return
    try:
        listed = fetch_json(current_settings(), uri)
    except CallFailed as failed:
        raise ClientMetadataRefused("sector_identifier_uri", failed.reason) from failed
    if not isinstance(listed, list) or not set(metadata.redirect_uris) <= {
        one for one in listed if isinstance(one, str)
    }:  # OIDC Registration §5
        raise ClientMetadataRefused(
            "sector_identifier_uri", "must list every one of redirect_uris in a JSON array"
        )


def _information(registered: Registered, status: int) -> Response:
    """Return the client information response (RFC 7591 §3.2.1, RFC 7592 §3)."""
    client = registered.client
    path = url_for("oauth_registration.registration", client_id=client.client_id)
    body = {
        **metadata_document(client), "registration_access_token": registered.token,
        "registration_client_uri": f"{current_settings().issuer_origin}{path}",
    }  # fmt: skip
    if client.secret_digest is not None:
        body["client_secret_expires_at"] = 0
    if registered.secret is not None:
        body["client_secret"] = registered.secret
    return _answer(body, status)


def _answer(body: dict[str, object], status: int) -> Response:
    answer = jsonify(body)
    answer.status_code = status
    answer.headers["Cache-Control"], answer.headers["Pragma"] = "no-store", "no-cache"
    return answer
