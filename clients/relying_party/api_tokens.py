"""``ApiTokens``: makes a Flask application an API that takes the server's access tokens."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, NoReturn, ParamSpec

import requests
import structlog
from flask import Flask, Response, g, json, request
from flask.typing import ResponseReturnValue

from clients.relying_party import clock, logs
from clients.relying_party.access_token import AcceptedTokens, AccessToken, verify_access_token
from clients.relying_party.dpop import send_with_token
from clients.relying_party.dpop_proof import ALGORITHMS, Proofs, ProvenRequest
from clients.relying_party.errors import ProofRefused, ProviderUnavailable, Refusal, TokenNotGenuine
from clients.relying_party.introspection import Introspection, check_is_active
from clients.relying_party.provider import Provider
from clients.relying_party.settings import origin_of

P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]
log = structlog.get_logger(__name__)
TIMEOUT = (3.0, 10.0)
SERVER_SIGNING = ("ES256",)
"""Algorithms of the club's access tokens."""


class CallRefused(Refusal):
    """A call that is not carried out, and what its sender hears (RFC 6750 §3, RFC 9449 §7.1).

    :ivar error: the code; empty where the call came without any token.
    :ivar detail: fixed words that name the remedy.
    """

    def __init__(self, status: int, error: str, *, detail: str, scope: str = "") -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error
        self.detail = detail
        self.scope = scope


class ApiTokens:
    """Verifies the access token of each call: signature, issuer, audience, type, time, scope and key.

    :param audience: this API as registered at the server (``resources`` of its clients): its own address.
    :param database_url: where used proofs are remembered; all processes of the API share it.
    :param act_as_supported: whether its views ask for ``token.act``. Otherwise nobody can act here.
    :param introspection: as whom to ask the server, for ``requires(…, live=True)``.
    :param base_url: the API's public origin, where the audience is not its address.
    :param nonce_secret: 32 characters or more, shared by all processes; proofs then need our nonce.
    """

    def __init__(
        self,
        app: Flask,
        *,
        issuer: str,
        audience: str,
        database_url: str = "sqlite:///api-tokens.sqlite3",
        act_as_supported: bool = False,
        introspection: Introspection | None = None,
        base_url: str = "",
        nonce_secret: str = "",
        algorithms: Sequence[str] = SERVER_SIGNING,
    ) -> None:
        self._accepted = AcceptedTokens(
            issuer=issuer, audience=audience, algorithms=tuple(algorithms), act_as_supported=act_as_supported
        )
        self._origin = origin_of(base_url or audience)
        if not self._origin.startswith(("https://", "http://")):
            # Proofs name the address that they are for. The Host header must not have a say in it.
            raise ValueError("audience is no address: give base_url")
        if nonce_secret and len(nonce_secret) < 32:
            raise ValueError("nonce_secret must have at least 32 characters")
        self._provider = Provider(issuer, timeout=TIMEOUT)
        self._introspection = introspection
        self._proofs = Proofs(database_url, nonce_secret=nonce_secret)
        logs.configure()
        app.register_error_handler(CallRefused, self._refused)

    @property
    def token(self) -> AccessToken:
        """The access token of the present call, in a view that requires one."""
        token: AccessToken = g.api_token
        return token

    def requires(self, scope: str, *, live: bool = False) -> Callable[[View[P]], View[P]]:
        """Let only calls in whose token every one of these scopes is.

        :param scope: one or more, separated by spaces.
        :param live: ask the server whether the token is still good: for what cannot be taken back.
        """
        if live and self._introspection is None:
            raise ValueError("a live check needs introspection")

        def decorate(view: View[P]) -> View[P]:
            @wraps(view)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
                g.api_token = self._verified(scope, live=live)
                return view(*args, **kwargs)

            return guarded

        return decorate

    def forbidden_under_act(self, view: View[P]) -> View[P]:
        """Refuse the call to somebody who acts for an owner. It stands below ``requires``."""

        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            if self.token.act is not None:
                raise CallRefused(403, "insufficient_scope", detail="Nobody can act for the owner here.")
            return view(*args, **kwargs)

        return guarded

    def ask_server(self, path: str) -> Mapping[str, Any]:
        """Return what the server's API says to the token of the present call; it asks the live records.

        :param path: from the issuer, such as ``/api/me/products``.
        :raises CallRefused: the server does not take the token (any longer), or does not answer.
        """
        if self.token.key_thumbprint:  # only its holder can prove the key to the server
            raise CallRefused(
                401, "invalid_token", detail="This call needs a token that is not bound to a key."
            )
        try:
            answer = send_with_token(
                None, "GET", f"{self._accepted.issuer}{path}", access_token=self.token.value, timeout=TIMEOUT
            )
            body = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise CallRefused(503, "", detail="The server does not answer now.") from error
        if answer.status_code == 401:
            raise CallRefused(401, "invalid_token", detail="The access token is not good any more.")
        if answer.status_code == 403:
            raise CallRefused(403, "insufficient_scope", detail="The access token does not reach so far.")
        if answer.status_code != 200 or not isinstance(body, dict):
            raise CallRefused(503, "", detail="The server does not answer now.")
        return body

    def _verified(self, scope: str, *, live: bool) -> AccessToken:
        try:
            scheme, value = _credentials()
            token = verify_access_token(value, self._provider, accepted=self._accepted, now=clock.now())
            self._check_key(token, scheme)
            held = token.scope
            if live and self._introspection is not None:
                held = check_is_active(token, self._provider, asking=self._introspection, timeout=TIMEOUT)
        except TokenNotGenuine as refusal:
            log.info("access_refused", reason=refusal.reason)
            raise CallRefused(
                401, "invalid_token", detail="The access token is not good here, or not any more."
            ) from refusal
        except ProofRefused as refusal:
            log.info("access_refused", reason=refusal.reason)
            raise CallRefused(
                401, refusal.error, detail="Send a fresh DPoP proof for this call."
            ) from refusal
        except ProviderUnavailable as refusal:
            log.warning("access_not_verified")
            raise CallRefused(503, "", detail="The access token cannot be verified now.") from refusal
        if not frozenset(scope.split()) <= held:
            raise CallRefused(
                403, "insufficient_scope", detail="The access token lacks a scope.", scope=scope
            )
        return token

    def _check_key(self, token: AccessToken, scheme: str) -> None:
        """Check that the scheme is the token's, and the key the sender's (RFC 9449 §7.1, §7.2)."""
        if (scheme == "dpop") != bool(token.key_thumbprint):
            # A bound token taken as Bearer would be what binding is there to prevent.
            raise TokenNotGenuine("scheme")
        if not token.key_thumbprint:
            return
        proofs = request.headers.getlist("DPoP")
        if len(proofs) != 1 or "," in proofs[0]:
            raise ProofRefused("invalid_dpop_proof", "number of proofs")
        asked = ProvenRequest(
            method=request.method,
            url=f"{self._origin}{request.root_path}{request.path}",
            access_token=token.value,
            key_thumbprint=token.key_thumbprint,
        )
        self._proofs.check(proofs[0], asked, now=clock.now())

    def _refused(self, refusal: CallRefused) -> Response:
        """Return problem details (RFC 9457) with the challenges of both schemes."""
        title = refusal.error or {401: "token_missing"}.get(refusal.status, "unavailable")
        body = {"type": "about:blank", "title": title, "status": refusal.status, "detail": refusal.detail}
        response = Response(json.dumps(body), status=refusal.status, content_type="application/problem+json")
        response.headers["Cache-Control"] = "no-store"
        if refusal.status == 503:
            response.headers["Retry-After"] = "5"
            return response
        told = f', error="{refusal.error}", error_description="{refusal.detail}"' if refusal.error else ""
        told += f', scope="{refusal.scope}"' if refusal.scope else ""
        used_dpop = request.headers.get("Authorization", "").lower().startswith("dpop ")
        response.headers.add("WWW-Authenticate", 'Bearer realm="api"' + ("" if used_dpop else told))
        proof = f'DPoP realm="api", algs="{" ".join(ALGORITHMS)}"' + (told if used_dpop else "")
        response.headers.add("WWW-Authenticate", proof)
        if used_dpop and (nonce := self._proofs.new_nonce()):
            response.headers["DPoP-Nonce"] = nonce
        return response


def _credentials() -> tuple[str, str]:
    """Return scheme and token of the Authorization header, the only place where this API takes one."""
    given = request.headers.getlist("Authorization")
    if not given:
        if "access_token" in request.args:
            _malformed("Send the access token in the Authorization header (RFC 6750 section 2.1).")
        raise CallRefused(401, "", detail="Send an access token in the Authorization header.")
    scheme, _, token = given[0].partition(" ")
    scheme = scheme.lower()
    if len(given) > 1 or "access_token" in request.args:
        _malformed("Send one access token, in one way (RFC 6750 section 2).")
    if scheme not in {"bearer", "dpop"}:
        raise CallRefused(401, "", detail="Send an access token in the Authorization header.")
    if not token or not token.isascii() or " " in token or "," in token:
        _malformed("The Authorization header holds no access token.")
    return scheme, token


def _malformed(detail: str) -> NoReturn:
    raise CallRefused(400, "invalid_request", detail=detail)
