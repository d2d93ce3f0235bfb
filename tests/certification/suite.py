"""The conformance suite's part: clients without PKCE, a browser without JavaScript, a person who says yes.

A test of this folder does what the module of its name does and expects what the module's conditions expect,
those that only warn included. docs/conformance.md tells what is not met, and why.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from werkzeug.test import TestResponse

from idp.demo import HANAKO, PASSWORD
from tests.accounts.visitor import Visitor, forms_of
from tests.oauth.relying_party import FORM, RelyingParty, TokenAnswer, pairs
from tests.world import World

CALLBACK = "https://suite.example/test/a/ownersclub/callback"
SIGN_IN, CONSENT = "sign-in", "consent"


@dataclass(frozen=True)
class Callback:
    """What came back to the redirect URI, and which pages were shown on the way."""

    parameters: dict[str, str]
    sent: Mapping[str, Any]
    shown: tuple[str, ...]
    method: str
    """GET with a query, or POST with a form."""


@dataclass(frozen=True)
class Shown:
    """A page at which the browser stays, as for a screenshot."""

    response: TestResponse
    shown: tuple[str, ...]


@dataclass
class Suite:
    """One run: a server, a browser with its cookies, and the person in front of it."""

    world: World
    response_mode: str = "query"
    email: str = HANAKO.email
    password: str = PASSWORD
    browser: Visitor = field(init=False)
    pages: list[str] = field(default_factory=list)
    """Every page at which the browser has been on its ways."""

    def __post_init__(self) -> None:
        self.browser = self.world.browser()

    def request(self, party: RelyingParty, **deviation: Any) -> dict[str, Any]:
        """Return an authorization request as the suite makes it; None leaves a parameter out."""
        return {
            "client_id": party.client_id, "redirect_uri": party.redirect_uri, "scope": "openid",
            "state": secrets.token_hex(5), "nonce": secrets.token_hex(5), "response_type": "code",
            "response_mode": None if self.response_mode == "query" else self.response_mode, **deviation,
        }  # fmt: skip

    def visit(
        self, party: RelyingParty, *, method: str = "GET", said: str = "allow", **deviation: Any
    ) -> Callback | Shown:
        """Send the browser to the authorization endpoint and do whatever the pages ask for."""
        return self.follow(party, self.request(party, **deviation), method=method, said=said)

    def follow(
        self, party: RelyingParty, query: Mapping[str, Any], *, method: str = "GET", said: str = "allow",
        asked: Mapping[str, Any] | None = None,
    ) -> Callback | Shown:  # fmt: skip
        """Go on until the browser comes back or stays at a page; ``asked`` is what was pushed before."""
        shown, sent = list[str](), query if asked is None else asked
        encoded = urlencode(pairs(query))
        if method == "POST":
            here = self.browser.client.post(
                "/oauth/authorize", base_url=self.world.settings.issuer, data=encoded, content_type=FORM
            )
        else:
            here = self.browser.get(f"/oauth/authorize?{encoded}")
        for _ in range(12):
            if here.status_code in {302, 303}:
                location = here.headers["Location"]
                if location.startswith(party.redirect_uri.partition("?")[0]):
                    return _from_query(party, location, sent, shown=shown)
                here = self._open(location, shown)
                continue
            assert here.status_code < 500, here.text
            if form := next((one for one in forms_of(here) if one.action == party.redirect_uri), None):
                values = {name: value for name, (value,) in form.fields.items()}
                return Callback(values, sent, tuple(shown), "POST")
            if here.status_code != 200:
                return Shown(here, tuple(shown))
            here = self._answer(here, said=said)
        raise AssertionError("the browser goes round in circles")

    def _open(self, location: str, shown: list[str]) -> TestResponse:
        parts = urlsplit(location)
        assert parts.netloc in {"", urlsplit(self.world.settings.issuer).netloc}, location
        self._here = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if parts.path == "/sign-in":
            shown.append(SIGN_IN)
        elif parts.path.startswith("/oauth/consent/"):
            shown.append(CONSENT)
        page = self.browser.get(self._here)
        self.pages.append(page.text)
        return page

    def _answer(self, page: TestResponse, *, said: str) -> TestResponse:
        """Fill in the form of a page by the names that browser automation uses."""
        if self._here.startswith("/sign-in"):
            return self.browser.submit(self._here, page=page, email=self.email, password=self.password)
        assert self._here.startswith("/oauth/consent/"), self._here
        return self.browser.submit(self._here, page=page, answer=said)

    def redeem(self, party: RelyingParty, callback: Callback, /, **deviation: Any) -> TokenAnswer:
        """Exchange the code as the suite does: no PKCE, the redirect URI of the request."""
        parameters = {
            "grant_type": "authorization_code", "code": callback.parameters["code"],
            "redirect_uri": callback.sent["redirect_uri"],
        }  # fmt: skip
        return party.token(parameters, **deviation)

    def userinfo(self, token: str, *, method: str = "GET", **options: Any) -> TestResponse:
        """Ask for userinfo with a token in the Authorization header."""
        return self.world.api(method, "/oauth/userinfo", token, **options)

    def jwks(self) -> dict[str, Any]:
        """Return the keys of the server."""
        answer = self.world.api("GET", "/oauth/jwks")
        assert answer.status_code == 200
        return dict(answer.get_json())

    def metadata(self) -> dict[str, Any]:
        """Return the metadata of the server."""
        answer = self.world.api("GET", "/.well-known/openid-configuration")
        assert answer.status_code == 200
        return dict(answer.get_json())


def _from_query(party: RelyingParty, location: str, sent: Mapping[str, Any], *, shown: list[str]) -> Callback:
    """Read what came back; the query that was registered must still be there (CheckMatchingCallback…)."""
    parts, registered = urlsplit(location), urlsplit(party.redirect_uri)
    assert parts.fragment == ""
    assert (parts.scheme, parts.netloc, parts.path) == registered[:3], location
    query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    kept = parse_qsl(registered.query, keep_blank_values=True)
    assert query[: len(kept)] == kept, location
    own = query[len(kept) :]
    assert len(own) == len(dict(own)), location
    return Callback(dict(own), sent, tuple(shown), "GET")
