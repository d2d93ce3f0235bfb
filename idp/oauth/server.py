"""The token endpoint (RFC 6749 §3.2) on Authlib: it authenticates clients, dispatches grants, formats errors.

What Authlib 1.9 leaves open is closed here once for all grants: parameters are parsed strictly before
Authlib sees them, exactly one way of authenticating is accepted, and a refused client gets 401.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote_plus

from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer, InvalidClientError, InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc6749.errors import UnauthorizedClientError, UnsupportedGrantTypeError
from authlib.oauth2.rfc6749.grants.base import BaseGrant, TokenEndpointMixin
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from sqlalchemy.orm import Session

from idp.oauth.client_assertion import find_asserted_client
from idp.oauth.clients import find_client
from idp.oauth.dpop import Proof, ProofRefused, read_proof, use_proof
from idp.oauth.models import Client
from idp.oauth.parameters import Parameters
from idp.oauth.tokens import Mint

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True)
class EndpointAnswer:
    """What a back-channel endpoint answers: JSON, text, or nothing; never cached (RFC 6749 §5.1)."""

    status: int
    body: Mapping[str, Any] | str | None
    headers: Mapping[str, str] = field(default_factory=lambda: dict(NO_STORE))


class ProtocolRequest(OAuth2Request):  # type: ignore[misc]  # Authlib is untyped
    """A parsed request as Authlib wants it; ``form`` and ``payload`` are the strictly parsed parameters."""

    def __init__(
        self, parameters: Parameters, headers: Mapping[str, str], *, uri: str, dpop: str | None = None
    ) -> None:
        # RFC 9110 §5.5: white space around a value means nothing; not every server takes it away.
        super().__init__("POST", uri, headers={name: value.strip() for name, value in headers.items()})
        self.parameters = parameters
        self.dpop = dpop
        """The DPoP header, if there is one."""
        self.payload = BasicOAuth2Payload(dict(parameters))

    @property
    def form(self) -> Parameters:
        """The body parameters."""
        return self.parameters


class ProtocolServer(AuthorizationServer):  # type: ignore[misc]  # Authlib is untyped
    """One server for one request: it carries the session and the keys, so that nothing is global."""

    def __init__(self, session: Session, mint: Mint, grants: tuple[type["Grant"], ...]) -> None:
        super().__init__()
        self.session = session
        self.mint = mint
        self.proof: Proof | None = None
        self.register_client_auth_method("private_key_jwt", self._authenticate_assertion)
        for grant in grants:
            self.register_grant(grant)

    def query_client(self, client_id: str) -> Client | None:
        """Return the client in good standing, for Authlib's client authentication."""
        return find_client(self.session, client_id)

    def create_oauth2_request(self, request: ProtocolRequest) -> ProtocolRequest:
        """Requests come parsed already."""
        return request

    def handle_response(self, status: int, body: Mapping[str, Any], headers: object) -> EndpointAnswer:
        """Turn Authlib's triple into an answer."""
        extra = {
            name: value for name, value in headers if name in {"WWW-Authenticate", "Retry-After"}
        } if isinstance(headers, list) else {}  # fmt: skip
        return EndpointAnswer(status, body, {**NO_STORE, **extra})

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """We use no signals."""

    def create_token_response(self, request: ProtocolRequest) -> EndpointAnswer:
        """Answer each refusal; Authlib itself lets one that is raised while it looks for the grant pass."""
        try:
            self.load_proof(request)
            answer: EndpointAnswer = super().create_token_response(request)
        except OAuth2Error as error:
            answer = self.handle_error_response(request, error)
        return answer

    def load_proof(self, request: ProtocolRequest) -> None:
        """Read the proof before all else: whoever only lacks a nonce has used nothing up (RFC 9449 §8).

        :raises OAuth2Error: there is one, and it is not in order.
        """
        settings = self.mint.settings
        if request.dpop is None:
            return
        try:
            self.proof = read_proof(
                settings, proof=request.dpop, method="POST", uri=request.uri,
                nonce_required=settings.dpop_nonce_required,
            )  # fmt: skip
        except ProofRefused as refused:
            raise DpopError(refused) from refused

    def use_proof(self, client: Client) -> str | None:
        """Return the key that tokens will be bound to, and use its proof up; None for bearer tokens.

        :raises OAuth2Error: the proof was used before, or this client needs one (RFC 9449 §5).
        """
        if self.proof is None:
            if client.needs_dpop:
                raise InvalidRequestError("DPoP header is missing; this client's tokens are bound to a key")
            return None
        try:
            use_proof(self.session, self.proof)
        except ProofRefused as refused:
            raise DpopError(refused) from refused
        return self.proof.jkt

    def answer(
        self,
        endpoint: Callable[["ProtocolServer", ProtocolRequest], EndpointAnswer],
        request: ProtocolRequest,
    ) -> EndpointAnswer:
        """Answer a request to another endpoint where clients authenticate; a refusal is formatted alike."""
        try:
            return endpoint(self, request)
        except OAuth2Error as error:
            refused: EndpointAnswer = self.handle_error_response(request, error)
            return refused

    def get_token_grant(self, request: ProtocolRequest) -> "Grant":
        """Find the grant; the description never repeats what the request said."""
        if request.payload.grant_type is None:
            raise InvalidRequestError("grant_type is missing")
        try:
            grant: Grant = super().get_token_grant(request)
        except UnsupportedGrantTypeError as error:
            raise _UnsupportedGrantType from error
        return grant

    def authenticate_client(
        self, request: ProtocolRequest, methods: object = None, endpoint: str = "token"
    ) -> Client:
        """Authenticate the client by exactly one method (RFC 6749 §2.3).

        :raises InvalidRequestError: two methods at once.
        :raises InvalidClientError: 401, one answer for unknown, disabled and wrong.
        """
        method = _shown_method(request)
        try:
            client: Client = super().authenticate_client(request, [method], endpoint)
        except InvalidClientError as error:
            raise ClientNotAuthenticated from error
        if request.parameters.get("client_id", client.client_id) != client.client_id:
            raise ClientNotAuthenticated
        request.client = client
        return client

    def _authenticate_assertion(self, _query: object, request: ProtocolRequest) -> Client | None:
        return find_asserted_client(self.session, request.parameters, issuer=self.mint.settings.issuer)


class ClientNotAuthenticated(InvalidClientError):  # type: ignore[misc]  # Authlib is untyped
    """401 ``invalid_client``: one answer for unknown, disabled and wrong (RFC 6749 §5.2)."""

    status_code = 401

    def __init__(self) -> None:
        super().__init__(
            "Client authentication failed: check client_id, the registered method and its credential"
        )

    def get_headers(self) -> list[tuple[str, str]]:
        return [("WWW-Authenticate", 'Basic realm="oauth", error="invalid_client"')]


class DpopError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """400 ``invalid_dpop_proof`` or ``use_dpop_nonce`` (RFC 9449 §5, §8)."""

    def __init__(self, refused: ProofRefused) -> None:
        super().__init__(refused.description)
        self.error = refused.error


class _UnsupportedGrantType(UnsupportedGrantTypeError):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(None)
        self.description = "grant_type is not one of grant_types_supported in the metadata"


class Grant(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]  # Authlib is untyped
    """What all grants share, so that none forgets it: the client is authenticated and may use the grant."""

    request: ProtocolRequest
    server: ProtocolServer
    jkt: str | None = None
    """Thumbprint of the DPoP key that was proved in this request; tokens are bound to it (RFC 9449 §5)."""

    def validate_token_request(self) -> None:
        """Authenticate the client, check its registration and proof, then look at the grant itself."""
        client = self.server.authenticate_client(self.request)
        if self.GRANT_TYPE not in client.grant_types:
            raise UnauthorizedClientError("The client is not registered for this grant_type")
        self.jkt = self.server.use_proof(client)
        self.check_request(client, self.request.parameters)

    def check_request(self, client: Client, parameters: Parameters) -> None:
        """Look at the grant; raise an OAuth2Error to refuse it."""
        raise NotImplementedError

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Issue what ``check_request`` found to be due."""
        raise NotImplementedError


_BASIC = re.compile(r"Basic ([A-Za-z0-9+/]+=*)\Z", re.IGNORECASE)


def _shown_method(request: ProtocolRequest) -> str:
    """Return the one way in which the request authenticates; no other is tried (RFC 6749 §2.3, §2.3.1).

    So a wrong secret never passes because a ``client_id`` beside it would have been enough.
    """
    header = request.headers.get("Authorization", "")
    is_shown = {
        "client_secret_basic": header.partition(" ")[0].lower() == "basic",
        "client_secret_post": "client_secret" in request.parameters,
        "private_key_jwt": "client_assertion" in request.parameters,
    }
    shown = [method for method, one in is_shown.items() if one]
    if len(shown) > 1:
        raise InvalidRequestError("use exactly one client authentication method (RFC 6749 2.3)")
    if shown == ["client_secret_basic"]:
        request.headers = {**request.headers, "Authorization": _readable_basic(header)}
    return shown[0] if shown else "none"


def _readable_basic(header: str) -> str:
    """Return the header as Authlib reads it: form-encoded by the client, percent-encoded for Authlib."""
    from base64 import b64encode

    match = _BASIC.match(header.strip())
    try:
        text = b64decode(match[1], validate=True).decode("utf-8") if match else ""
    except (Base64Error, UnicodeDecodeError, ValueError) as error:
        raise ClientNotAuthenticated from error
    name, colon, secret = text.partition(":")
    if not colon or "\0" in text:
        raise ClientNotAuthenticated
    plain = f"{quote(unquote_plus(name), safe='')}:{quote(unquote_plus(secret), safe='')}"
    return "Basic " + b64encode(plain.encode()).decode()


def refuse_parameters(reason: str) -> EndpointAnswer:
    """Answer ``invalid_request`` for parameters that could not be read."""
    return EndpointAnswer(400, {"error": "invalid_request", "error_description": reason})
