"""Requests that are in order, with codes and tokens that are good, for a fuzzer to change."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from idp.demo import HANAKO
from idp.oauth.registration.service import issue_initial_token
from tests.accounts.visitor import Visitor
from tests.attacks.fuzz_shots import Shot, address, document, form
from tests.oauth.relying_party import (
    ACCESS_TOKEN,
    GRANT_TOKEN,
    TICKET,
    VERIFIER,
    RelyingParty,
    Tokens,
    parties_of,
)
from tests.world import MANAGER, World

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
REGISTRATION: dict[str, Any] = {
    "client_name": "A client", "client_name#ja": "アプリ", "redirect_uris": ["https://app.example/cb"],
    "post_logout_redirect_uris": ["https://app.example/bye"], "response_types": ["code"],
    "grant_types": ["authorization_code", "refresh_token"], "application_type": "web",
    "scope": "openid profile",
    "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "EC", "crv": "P-256",
                                                                        "x": "A", "y": "B"}]},
    "jwks_uri": "https://app.example/jwks", "contacts": ["a@app.example"],
    "logo_uri": "https://app.example/logo.png",
    "subject_type": "public", "default_max_age": 60,
    "id_token_signed_response_alg": "RS256", "userinfo_signed_response_alg": "RS256",
    "require_auth_time": True,
    "backchannel_logout_uri": "https://app.example/out", "initiate_login_uri": "https://app.example/in",
    "request_object_signing_alg": "ES256", "default_acr_values": ["x"], "dpop_bound_access_tokens": False,
    "require_pushed_authorization_requests": False, "software_statement": "e30.e30.e30",
    "tos_uri": "https://app.example/t",
}  # fmt: skip
PUBLIC = ("/oauth/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server",
          "/.well-known/change-password", "/.well-known/security.txt")  # fmt: skip


class Seeds:
    """Makes good requests; fetches codes and tokens anew from time to time."""

    def __init__(self, world: World) -> None:
        self.world, self.parties = world, parties_of(world)
        self.owner, self.staff = world.browser(HANAKO), world.browser(MANAGER)
        self.mypage, self.portal = self.parties["mypage"], self.parties["agency-portal"]
        paths = {rule.rule for rule in world.template.app.url_map.iter_rules()}
        self.makers = [
            maker for path, maker, weight in (
                ("/oauth/authorize", self.authorization, 6), ("/oauth/token", self.redemption, 4),
                ("/oauth/token", self.renewal, 4), ("/oauth/token", self.exchange, 4),
                ("/oauth/token", self.machine, 2), ("/oauth/userinfo", self.userinfo, 2),
                ("/oauth/introspect", self.introspection, 3), ("/oauth/revoke", self.revocation, 2),
                ("/oauth/end-session", self.end_session, 3), ("/oauth/jwks", self.public, 1),
                ("/oauth/par", self.pushed, 4), ("/oauth/register", self.registration, 5),
                ("/oauth/device_authorization", self.device, 3), ("/oauth/token", self.device_token, 1),
            )
            if path in paths
            for _ in range(weight)
        ]  # fmt: skip
        self.tokens: dict[str, Tokens] = {}

    def renew(self) -> None:
        """Fetch tokens anew, so that requests get further than the first check."""
        for client_id, browser in (("mypage", self.owner), ("shop", self.owner), ("spa", self.owner),
                                   ("agency-portal", self.staff)):  # fmt: skip
            self.tokens[client_id] = self.parties[client_id].sign_in(browser=browser)
        self.codes = {name: self.parties[name].code_for(self.browser_of(name)) for name in self.tokens}
        self.cookies = [self._cookie(browser) for browser in (self.owner, self.staff)]
        self.grant_id = str(self.world.grant().id)
        self.initial = self.world.write(
            lambda session: issue_initial_token(session, "a fuzzer", days=1, uses=None)
        )[1]

    def browser_of(self, client_id: str) -> Visitor:
        """Return the browser of somebody who may use a client."""
        return self.staff if client_id == "agency-portal" else self.owner

    def _cookie(self, browser: Visitor) -> str:
        found = browser.client.get_cookie("idp_session", domain="localhost")
        return f"idp_session={found.value}" if found is not None else ""

    def shot(self, random: Random) -> Shot:
        """Return a request that is in order."""
        maker: Callable[[Random], Shot] = random.choice(self.makers)
        return maker(random)

    def _party(self, random: Random) -> RelyingParty:
        return self.parties[random.choice(list(self.tokens))]

    def _as_client(self, path: str, party: RelyingParty, parameters: dict[str, Any]) -> Shot:
        proof, headers = party.authentication()
        return form(path, {**proof, **parameters}, headers)

    def _any_token(self, random: Random) -> str:
        tokens = random.choice(list(self.tokens.values()))
        return random.choice((tokens.access_token, tokens.hint, tokens.refresh_token or "x"))

    def authorization(self, random: Random) -> Shot:
        """Return a request to the authorization endpoint, with a cookie or without."""
        party = self._party(random)
        more = random.choice(({}, {"prompt": "none"}, {"max_age": 100}, {"response_mode": "form_post"},
                              {"id_token_hint": self.tokens[party.client_id].hint, "prompt": "none"},
                              {"login_hint": HANAKO.email, "ui_locales": "en ja", "prompt": "login"},
                              {"claims": json.dumps({"userinfo": {"name": None},
                                                     "id_token": {"acr": {"values": ["x"]}}})},
                              {"request": self.tokens[party.client_id].hint}, {"acr_values": "x",
                                                                               "display": "page"},
                              {"request_uri": "urn:ietf:params:oauth:request_uri:x"}))  # fmt: skip
        headers = {"Cookie": random.choice(self.cookies)} if random.random() < 0.6 else {}
        asked = {**party.request(), **more}
        if random.random() < 0.2:
            pushed = party.post("/oauth/par", party.request()).get_json().get("request_uri")
            asked = {"client_id": party.client_id, "request_uri": pushed}
        if random.random() < 0.4:
            return form("/oauth/authorize", asked, headers)
        return address("/oauth/authorize", asked, headers)

    def redemption(self, random: Random) -> Shot:
        """Return a request that redeems a code."""
        party = self._party(random)
        return self._as_client("/oauth/token", party, {
            "grant_type": "authorization_code", "code": self.codes[party.client_id],
            "code_verifier": VERIFIER,
            "redirect_uri": party.redirect_uri})  # fmt: skip

    def renewal(self, random: Random) -> Shot:
        """Return a request that uses a refresh token."""
        party = self._party(random)
        token = self.tokens[party.client_id].refresh_token
        asked = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            "scope": random.choice((None, "openid")),
        }
        return self._as_client("/oauth/token", party, asked)

    def exchange(self, random: Random) -> Shot:
        """Return a token exchange."""
        return self._as_client("/oauth/token", self.portal, {
            "grant_type": EXCHANGE, "subject_token": self.grant_id, "subject_token_type": GRANT_TOKEN,
            "actor_token": self.tokens["agency-portal"].access_token, "actor_token_type": ACCESS_TOKEN,
            "audience": "mypage", "scope": "mypage.read", "reason": random.choice((None, "点検")),
            "requested_token_type": random.choice((None, ACCESS_TOKEN, TICKET))})  # fmt: skip

    def machine(self, random: Random) -> Shot:
        """Return a request of a client for itself."""
        return self._as_client("/oauth/token", self._party(random),
                               {"grant_type": "client_credentials", "scope": "openid"})  # fmt: skip

    def userinfo(self, random: Random) -> Shot:
        """Return a request to userinfo."""
        token = random.choice(list(self.tokens.values())).access_token
        if random.random() < 0.3:
            return form("/oauth/userinfo", {"access_token": token}, {})
        return address("/oauth/userinfo", {}, {"Authorization": f"Bearer {token}"})

    def introspection(self, random: Random) -> Shot:
        """Return a request to introspection."""
        hint = random.choice((None, "access_token", "refresh_token"))
        asked = {"token": self._any_token(random), "token_type_hint": hint}
        return self._as_client("/oauth/introspect", self._party(random), asked)

    def revocation(self, random: Random) -> Shot:
        """Return a request to revocation, mostly of what is not the client's own."""
        return self._as_client("/oauth/revoke", self._party(random), {"token": self._any_token(random)})

    def end_session(self, random: Random) -> Shot:
        """Return a sign-out; without a cookie, so that the people here stay signed in."""
        party = self._party(random)
        asked = {"id_token_hint": random.choice((None, self.tokens[party.client_id].hint)), "state": "s",
                 "client_id": random.choice((None, party.client_id)), "ui_locales": "ja",
                 "post_logout_redirect_uri": random.choice((None,
                                                            "https://mypage.example.test/"))}  # fmt: skip
        send = form if random.random() < 0.4 else address
        return send("/oauth/end-session", asked, {})

    def public(self, random: Random) -> Shot:
        """Return a request for what everybody may read."""
        return address(random.choice(PUBLIC), {})

    def pushed(self, random: Random) -> Shot:
        """Return a pushed authorization request."""
        party = self._party(random)
        return self._as_client("/oauth/par", party, party.request())

    def registration(self, random: Random) -> Shot:
        """Return a registration, or a look at one."""
        names = random.sample(list(REGISTRATION), random.randrange(2, len(REGISTRATION)))
        content = {
            "redirect_uris": REGISTRATION["redirect_uris"],
            **{name: REGISTRATION[name] for name in names},
        }
        headers = {"Authorization": f"Bearer {random.choice((self.initial, self.initial, 'x'))}"}
        if random.random() < 0.7:
            return document("POST", "/oauth/register", content, headers)
        path = f"/oauth/register/{random.choice(('mypage', 'spa', 'nobody', 'x' * 300))}"
        method = random.choice(("GET", "PUT", "DELETE"))
        return document(method, path, {"client_id": "mypage", **content}, headers)

    def device(self, random: Random) -> Shot:
        """Return a request of a device."""
        return self._as_client("/oauth/device_authorization", self._party(random), {"scope": "openid"})

    def device_token(self, random: Random) -> Shot:
        """Return a question of a device whether it may."""
        return self._as_client("/oauth/token", self._party(random),
                               {"grant_type": DEVICE_CODE, "device_code": "ocd_" + "x" * 43})  # fmt: skip
