"""Speaks with the token endpoint and userinfo: the only importer of Authlib's client classes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import requests
from authlib.integrations.base_client.errors import OAuthError
from urllib3.exceptions import NewConnectionError

from clients.relying_party import clock
from clients.relying_party.client_authentication import ClientAuthentication
from clients.relying_party.dpop import Prover, send_with_token
from clients.relying_party.errors import ExchangeRefused, ProviderUnavailable, TokenRefused
from clients.relying_party.provider import Provider
from clients.relying_party.pushed_request import push
from clients.relying_party.settings import RelyingPartySettings
from clients.relying_party.values import ActAsTicket

URN = "urn:ietf:params:oauth"
CLUB = "urn:ownersclub:params:oauth:token-type"
FORM = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}


class NeverSent(ProviderUnavailable):
    """The server was not reached at all, so that nothing it holds has changed."""


@dataclass(frozen=True, kw_only=True)
class TokenResponse:
    """A successful token response (RFC 6749 §5.1), with the moment from which its life is counted."""

    access_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_token: str = field(repr=False)
    id_token: str = field(repr=False)
    scope: frozenset[str] | None
    """None where the server did not say, which means: as requested."""


class TokenEndpoint:
    """Redeems codes and refresh tokens, exchanges tokens, asks userinfo."""

    def __init__(self, settings: RelyingPartySettings, provider: Provider) -> None:
        self._provider = provider
        self._timeout = settings.timeouts
        self._authentication = ClientAuthentication(settings)
        self.prover = Prover(settings.secret_key) if settings.is_fapi2 else None

    def authorization_url(
        self, *, redirect_uri: str, code_verifier: str, parameters: Mapping[str, str]
    ) -> str:
        """Return the address of an authorization request with PKCE S256 (RFC 7636).

        :raises TokenRefused: the request had to be pushed, and the server does not accept it.
        :raises ProviderUnavailable: no answer that makes sense.
        """
        url, _ = self._authentication.session().create_authorization_url(
            self._provider.metadata.authorization_endpoint,
            redirect_uri=redirect_uri,
            code_verifier=code_verifier,
            **parameters,
        )
        if self.prover is None:
            return str(url)
        return push(
            str(url),
            endpoint=self._provider.metadata.pushed_authorization_request_endpoint,
            authentication=self._authentication,
            key_thumbprint=self.prover.thumbprint,
        )

    def redeem_code(self, code: str, *, redirect_uri: str, code_verifier: str) -> TokenResponse:
        """Exchange an authorization code.

        :raises TokenRefused: the server does not accept the code.
        :raises ProviderUnavailable: no answer that makes sense.
        """
        return self._request(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": code_verifier,
            }
        )

    def refresh(self, refresh_token: str) -> TokenResponse:
        """Exchange a refresh token, which is used up by it.

        :raises TokenRefused: the server does not accept the token.
        :raises NeverSent: the token is still good.
        :raises ProviderUnavailable: it is not known whether the token was used up.
        """
        return self._request({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def exchange(
        self, delegation_id: str, *, actor_token: str, audience: str, scope: tuple[str, ...], reason: str
    ) -> ActAsTicket:
        """Exchange a member of staff's access token and a delegation grant for a ticket (RFC 8693 §2.1).

        :raises ExchangeRefused: the server says no.
        """
        parameters = {
            "grant_type": f"{URN}:grant-type:token-exchange",
            "subject_token": delegation_id,
            "subject_token_type": f"{CLUB}:delegation-grant",
            "actor_token": actor_token,
            "actor_token_type": f"{URN}:token-type:access_token",
            "audience": audience,
            "scope": " ".join(scope),
            "requested_token_type": f"{CLUB}:act-as-ticket",
        }
        try:
            token = self._fetch(parameters | ({"reason": reason} if reason else {}))
        except TokenRefused as refusal:
            raise ExchangeRefused(refusal.error, refusal.description) from refusal
        if token.get("issued_token_type") != f"{CLUB}:act-as-ticket" or token.get("token_type") != "N_A":
            raise ProviderUnavailable("the exchange answered with another kind of token")
        return ActAsTicket(value=_text(token, "access_token"), expires_in=_lifetime(token))

    def own_token(self, scope: str) -> TokenResponse:
        """Return an access token with which the application speaks for itself (RFC 6749 §4.4).

        :raises TokenRefused: it is not registered for that.
        :raises ProviderUnavailable: no answer that makes sense.
        """
        return self._request({"grant_type": "client_credentials", "scope": scope})

    def userinfo(self, access_token: str) -> Mapping[str, Any]:
        """Return the claims of userinfo (OIDC Core §5.3). The caller compares ``sub``.

        :raises ProviderUnavailable: no answer that makes sense.
        """
        try:
            response = send_with_token(
                self.prover,
                "GET",
                self._provider.metadata.userinfo_endpoint,
                access_token=access_token,
                timeout=self._timeout,
            )
            claims = response.json()
        except (requests.RequestException, ValueError) as error:
            raise ProviderUnavailable("no userinfo") from error
        if response.status_code != 200 or not isinstance(claims, dict):
            raise ProviderUnavailable("no userinfo")
        return claims

    def _request(self, parameters: Mapping[str, str]) -> TokenResponse:
        asked_at = clock.now()
        token = self._fetch(parameters)
        if str(token.get("token_type", "")).lower() != ("dpop" if self.prover else "bearer"):
            raise ProviderUnavailable("the token endpoint answered with another kind of token")
        scope = token.get("scope")
        return TokenResponse(
            access_token=_text(token, "access_token"),
            access_expires_at=asked_at + timedelta(seconds=_lifetime(token)),
            refresh_token=_text(token, "refresh_token", required=False),
            id_token=_text(token, "id_token", required=False),
            scope=None if scope is None else frozenset(str(scope).split()),
        )

    def _fetch(self, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            return self._fetch_once(parameters)
        except TokenRefused as refusal:
            if self.prover is None or refusal.error != "use_dpop_nonce":
                raise
            # The server wants its nonce in the proof; it has done nothing yet (RFC 9449 §8).
            return self._fetch_once(parameters)

    def _fetch_once(self, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        fields = dict(parameters)
        endpoint, prover = self._provider.metadata.token_endpoint, self.prover
        proof = {"DPoP": prover.prove("POST", endpoint)} if prover else {}

        def learn(response: requests.Response) -> requests.Response:
            if prover is not None:
                prover.learn(endpoint, response.headers)
            return response

        try:
            with self._authentication.session() as client:
                client.register_compliance_hook("access_token_response", learn)
                token = client.fetch_token(
                    endpoint, headers=FORM | proof, grant_type=fields.pop("grant_type"),
                    allow_redirects=False, **fields,
                )  # fmt: skip
        except OAuthError as error:
            raise TokenRefused(str(error.error), str(error.description or "")) from error
        except requests.ConnectionError as error:
            # ConnectTimeout is both; a read timeout is a Timeout alone and says nothing about what the server
            # did.
            raise (NeverSent if was_never_sent(error) else ProviderUnavailable)(
                "no token response"
            ) from error
        except (requests.RequestException, ValueError) as error:
            raise ProviderUnavailable("no token response") from error
        return dict(token)


def was_never_sent(error: requests.ConnectionError) -> bool:
    """Tell whether a failed request cannot have reached the server."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)


def _text(token: Mapping[str, Any], name: str, *, required: bool = True) -> str:
    value = token.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or not value or not value.isascii():
        raise ProviderUnavailable(f"the token response has no usable {name}")
    return value


def _lifetime(token: Mapping[str, Any]) -> int:
    """Return ``expires_in``; a server that does not say gets its token used for a minute."""
    value = token.get("expires_in", 60)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 24 * 3600:
        raise ProviderUnavailable("the token response has no usable expires_in")
    return value
