"""Relying parties that do everything right, but for what a test tells them to do otherwise.

``rp.authorize(code_challenge=None).expect_error("invalid_request")``: None leaves a parameter out, a list
sends it several times, anything else replaces the right value.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

from werkzeug.test import TestResponse

from idp.demo import HANAKO, MemberPart, OwnerPart
from idp.oauth.client_metadata import TOKEN_EXCHANGE
from tests.accounts.visitor import Visitor
from tests.clients_of_the_world import MYAPP_SECRET, PANEL_SECRET, RADIO_SECRET, SHOP_SECRET
from tests.oauth.assertions import ASSERTION_TYPE, claims_of, client_assertion
from tests.oauth.authorization_answer import AuthorizationAnswer
from tests.oauth.proofs import proof
from tests.world import MANAGER, World

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
GRANT_TOKEN = "urn:ownersclub:params:oauth:token-type:delegation-grant"
TICKET = "urn:ownersclub:params:oauth:token-type:act-as-ticket"
FORM = "application/x-www-form-urlencoded"
VERIFIER = "the-verifier-of-a-test-is-long-enough-to-be-one"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def pairs(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is sent: nothing for None, each of a list, and everything else once."""
    return [
        (name, str(one))
        for name, value in parameters.items()
        if value is not None
        for one in (value if isinstance(value, list) else [value])
    ]


@dataclass(frozen=True)
class Tokens:
    """A good token response."""

    access_token: str
    id_token: str | None
    refresh_token: str | None
    scope: frozenset[str]
    body: dict[str, Any] = field(repr=False)

    @property
    def hint(self) -> str:
        """The ID token, where there is sure to be one."""
        assert self.id_token is not None
        return self.id_token

    @property
    def claims(self) -> dict[str, Any]:
        """What the ID token says."""
        return claims_of(self.hint)

    @property
    def access_claims(self) -> dict[str, Any]:
        """What the access token says."""
        return claims_of(self.access_token)


@dataclass(frozen=True)
class TokenAnswer:
    """What the token endpoint answered."""

    response: TestResponse
    received: list[str]

    def tokens(self) -> Tokens:
        """Expect success and return the tokens."""
        assert self.response.status_code == 200, self.response.text
        body = self.response.get_json()
        self._check_headers()
        for name in ("access_token", "id_token", "refresh_token"):
            self.received.extend([body[name]] if name in body else [])
        scope = frozenset(body["scope"].split())
        return Tokens(
            body["access_token"], body.get("id_token"), body.get("refresh_token"), scope=scope, body=body
        )

    def expect_error(self, error: str, *, status: int | None = None) -> "TokenAnswer":
        """Expect a refusal in the form of RFC 6749 §5.2, and nothing that could be used."""
        body = self.response.get_json()
        assert self.response.status_code == (status or (401 if error == "invalid_client" else 400)), body
        assert body.pop("error") == error, self.response.text
        assert set(body) <= {"error_description", "error_uri"}
        assert re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]+", body["error_description"]), body
        if self.response.status_code == 401:
            assert self.response.headers["WWW-Authenticate"].startswith("Basic ")
        self._check_headers()
        return self

    def _check_headers(self) -> None:
        assert self.response.headers["X-Request-Id"]
        assert self.response.content_type == "application/json"
        assert self.response.headers["Cache-Control"] == "no-store"
        assert self.response.headers["Pragma"] == "no-cache"

    @property
    def face(self) -> tuple[int, bytes, list[tuple[str, str]]]:
        """Everything that an observer can compare: status, body, headers but for the request's own id."""
        headers = [pair for pair in self.response.headers if pair[0] not in {"X-Request-Id", "Date"}]
        return self.response.status_code, self.response.data, sorted(headers)


@dataclass
class RelyingParty:
    """One registered client."""

    world: World
    client_id: str
    redirect_uri: str
    scope: str
    method: str
    secret: str = ""
    key: dict[str, Any] = field(default_factory=dict)
    received: list[str] = field(default_factory=list)
    """Every secret that the server handed to any party of this test."""
    dpop_key: dict[str, Any] = field(default_factory=dict)
    """With one, each request to the token endpoint carries a proof (RFC 9449), and calls to an API may."""

    # --- the authorization endpoint -----------------------------------------------------------------------

    def request(self, **deviation: Any) -> dict[str, Any]:
        """Return the parameters of an authorization request."""
        return {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": self.redirect_uri,
            "scope": self.scope, "state": "S 1/äé+あ&=", "nonce": "N1", "code_challenge": CHALLENGE,
            "code_challenge_method": "S256", **deviation,
        }  # fmt: skip

    def authorize(
        self, browser: Visitor | None = None, *, method: str = "GET", **deviation: Any
    ) -> AuthorizationAnswer:
        """Send a browser (by default one in which nobody is signed in) to the authorization endpoint."""
        sent, browser = self.request(**deviation), browser or self.world.browser()
        encoded = urlencode(pairs(sent))
        if method == "POST":
            response = browser.client.post(
                "/oauth/authorize", base_url=browser.settings.issuer, data=encoded, content_type=FORM
            )
        else:
            response = browser.get(f"/oauth/authorize?{encoded}")
        return AuthorizationAnswer(response, self, sent)

    def allow(
        self, browser: Visitor, path: str, *, said: str = "allow", **deviation: Any
    ) -> AuthorizationAnswer:
        """Answer the consent page at this address by its form, and go back to the stored request."""
        answered = browser.submit(path, answer=said)
        assert answered.status_code == 303, answered.text
        response = browser.get(urlsplit(answered.headers["Location"]).path)
        return AuthorizationAnswer(response, self, self.request(**deviation))

    def resume(self, browser: Visitor, path: str, **deviation: Any) -> AuthorizationAnswer:
        """Follow the way back from the sign-in page at this address to the stored request."""
        target = parse_qs(urlsplit(path).query)["next"][0]
        return AuthorizationAnswer(browser.get(target), self, self.request(**deviation))

    # --- the token endpoint -------------------------------------------------------------------------------

    def token(
        self, parameters: Mapping[str, Any], /, *, headers: Mapping[str, str] | None = None, query: str = "",
        **deviation: Any,
    ) -> TokenAnswer:  # fmt: skip
        """Post to the token endpoint, authenticated as registered unless the deviation says otherwise."""
        sent = {**parameters, **deviation}
        return TokenAnswer(self.post(f"/oauth/token{query}", sent, headers=headers), self.received)

    def introspect(self, token: str | None, /, *, accept: str = "", **deviation: Any) -> TokenAnswer:
        """Ask what a token is worth."""
        answer = self.post("/oauth/introspect", {"token": token, **deviation}, more={"Accept": accept})
        return TokenAnswer(answer, self.received)

    def revoke(self, token: str | None, /, **deviation: Any) -> TokenAnswer:
        """Take a token back."""
        return TokenAnswer(self.post("/oauth/revoke", {"token": token, **deviation}), self.received)

    def post(
        self, path: str, parameters: Mapping[str, Any], *, headers: Mapping[str, str] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> TestResponse:  # fmt: skip
        """Post where clients authenticate; ``headers`` replace the right ones, ``more`` add to them."""
        body, own_headers = self.message(parameters, path=path.partition("?")[0])
        return self.world.served.test_client(use_cookies=False).post(
            path, base_url=self.world.settings.issuer, data=body,
            content_type=FORM, headers={**(own_headers if headers is None else headers), **(more or {})},
        )  # fmt: skip

    def message(
        self, parameters: Mapping[str, Any], /, *, path: str = "/oauth/token", **deviation: Any
    ) -> tuple[str, dict[str, str]]:
        """Return body and headers of a request to the token endpoint, or to another of its like."""
        credentials, headers = self.authentication()
        if self.dpop_key:
            headers = {**headers, "DPoP": self.proof(path)}
        return urlencode(pairs({**credentials, **parameters, **deviation})), headers

    def proof(self, path: str = "/oauth/token", **deviation: Any) -> str:
        """Return a fresh DPoP proof of this party's key for one request; ``token`` is what it goes with."""
        key = deviation.pop("key", self.dpop_key)
        return proof(key, settings=self.world.settings, path=path, **deviation)

    def with_proof(self, token: str, path: str, *, method: str = "GET", **deviation: Any) -> dict[str, str]:
        """Return the headers that send a DPoP-bound access token with its proof (RFC 9449 §7.1)."""
        sent = self.proof(path, **{"method": method, "token": token, **deviation})
        return {"Authorization": f"DPoP {token}", "DPoP": sent}

    def authentication(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return body parameters and headers that prove who this client is, in its registered way."""
        if self.method == "client_secret_basic":
            return {}, {"Authorization": basic(self.client_id, self.secret)}
        if self.method == "client_secret_post":
            return {"client_id": self.client_id, "client_secret": self.secret}, {}
        if self.method == "private_key_jwt":
            return self.asserted(), {}
        return {"client_id": self.client_id}, {}

    def asserted(self, **deviation: Any) -> dict[str, str]:
        """Return the parameters of a fresh client assertion."""
        assertion = client_assertion(
            self.key, client_id=self.client_id, settings=self.world.settings, **deviation
        )
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}

    def redeem(self, code: str, /, **deviation: Any) -> TokenAnswer:
        """Exchange a code for tokens."""
        return self.token(
            {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri,
             "code_verifier": VERIFIER}, **deviation,
        )  # fmt: skip

    def refresh(self, refresh_token: str | None, /, **deviation: Any) -> TokenAnswer:
        """Use a refresh token."""
        return self.token({"grant_type": "refresh_token", "refresh_token": refresh_token}, **deviation)

    def exchange(self, actor_token: str | None, grant_id: object, /, **deviation: Any) -> TokenAnswer:
        """Exchange a delegation grant for an act-as token."""
        return self.token(
            {"grant_type": TOKEN_EXCHANGE, "subject_token": grant_id, "subject_token_type": GRANT_TOKEN,
             "actor_token": actor_token, "actor_token_type": ACCESS_TOKEN, "audience": "mypage",
             "scope": "mypage.read"}, **deviation,
        )  # fmt: skip

    # --- whole journeys -----------------------------------------------------------------------------------

    def code_for(self, browser: Visitor, **deviation: Any) -> str:
        """Return a fresh code for whoever is signed in in this browser, who allows it if asked."""
        answer = self.authorize(browser, **deviation)
        if "/oauth/consent/" in answer.location:
            answer = self.allow(browser, answer.expect_consent(), **deviation)
        return answer.expect_code()

    def sign_in(
        self, person: OwnerPart | MemberPart | None = None, *, browser: Visitor | None = None
    ) -> Tokens:
        """Return the tokens of a person (or of whoever is signed in in this browser)."""
        fitting = MANAGER if self.client_id.endswith("portal") else HANAKO
        return self.redeem(self.code_for(browser or self.world.browser(person or fitting))).tokens()


def basic(client_id: str, secret: str) -> str:
    """Return a Basic header; id and secret are form-encoded first (RFC 6749 §2.3.1)."""
    text = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(text.encode()).decode()


def parties_of(world: World) -> dict[str, RelyingParty]:
    """Return every registered client as its relying party."""
    from sqlalchemy import select

    from idp.oauth.models import Client

    secrets = {"mypage": world.template.mypage_secret, "shop": SHOP_SECRET, "myapp": MYAPP_SECRET,
               "radio": RADIO_SECRET, "panel": PANEL_SECRET}  # fmt: skip
    keys = {"agency-portal": world.template.portal_key, "rival-portal": world.template.rival_key}
    clients, received = world.read(lambda session: session.scalars(select(Client)).all()), list[str]()
    return {
        client.client_id: RelyingParty(
            world, client.client_id, next(iter(client.redirect_uris), ""), client.scope,
            method=client.token_endpoint_auth_method, secret=secrets.get(client.client_id, ""),
            key=keys.get(client.client_id, {}), received=received,
        )
        for client in clients
    }  # fmt: skip
