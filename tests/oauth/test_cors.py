"""Which pages of other origins may read our answers: clients that live in a browser, and no others."""

import pytest
from werkzeug.test import TestResponse

from idp.demo import HANAKO
from idp.oauth.cors import FOR_PUBLIC_CLIENTS, origin_of
from idp.oauth.models import Client, ClientStatus
from tests.oauth.relying_party import RelyingParty
from tests.world import World

SPA, NATIVE = "https://spa.example", "http://127.0.0.1:4321"
OPEN = ["/oauth/token", "/oauth/userinfo", "/oauth/revoke"]
STRANGERS = [
    "https://evil.test", "null", "", "https://shop.example", "http://spa.example", "https://spa.example:8443",
    "https://spa.example.evil.test", "https://sub.spa.example", "https://SPA.example", "https://spa.example/",
    "http://127.0.0.1:4322", "http://localhost:8000", "chrome-extension://abc", "https://[", "https://spa.example\u00e9",
    "https://evil.test, https://spa.example", "*",
]  # fmt: skip


def ask(world: World, method: str, path: str, *, origin: str | None, **headers: str) -> TestResponse:
    """Send what a page of this origin would send."""
    sent = {**({"Origin": origin} if origin is not None else {}), **headers}
    return world.app.test_client(use_cookies=False).open(
        path, method=method, base_url=world.settings.issuer, headers=sent
    )


def preflight(world: World, path: str, *, origin: str | None, method: str = "POST") -> TestResponse:
    """Ask first, as a browser does for a request with DPoP (Fetch, "CORS-preflight fetch")."""
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization,dpop"}
    return ask(world, "OPTIONS", path, origin=origin, **asked)


def cors(answer: TestResponse) -> dict[str, str]:
    """Return the headers of the CORS protocol."""
    found = {name: value for name, value in answer.headers if name.startswith("Access-Control-")}
    assert "Access-Control-Allow-Credentials" not in found
    return found


@pytest.mark.parametrize("origin", [SPA, NATIVE, "http://[::1]:4321"])
@pytest.mark.parametrize("path", OPEN)
def test_a_public_client_in_a_browser_may_ask_and_read(world: World, path: str, origin: str) -> None:
    asked = preflight(world, path, origin=origin)
    assert asked.status_code == 200
    assert not asked.data
    told = cors(asked)
    assert told.pop("Access-Control-Allow-Methods").replace(" ", "").split(",")[-1] == "POST"
    assert told == {
        "Access-Control-Allow-Origin": origin, "Access-Control-Max-Age": "600",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, DPoP",
        "Access-Control-Expose-Headers": "DPoP-Nonce, WWW-Authenticate",
    }  # fmt: skip
    answer = ask(world, "POST", path, origin=origin)
    assert answer.status_code >= 400  # an error has to be readable too
    readable = {"Access-Control-Expose-Headers": "DPoP-Nonce, WWW-Authenticate"}
    assert cors(answer) == {"Access-Control-Allow-Origin": origin, **readable}
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("origin", STRANGERS)
@pytest.mark.parametrize("path", OPEN)
def test_no_other_page_may(world: World, path: str, origin: str) -> None:
    for answer in (preflight(world, path, origin=origin), ask(world, "POST", path, origin=origin)):
        assert answer.status_code < 500
        assert not cors(answer)
        assert "Origin" in answer.headers["Vary"]
    assert cors(preflight(world, path, origin=SPA))


@pytest.mark.parametrize(
    "path", ["/oauth/introspect", "/oauth/authorize", "/oauth/end-session", "/api/me/profile", "/"]
)
def test_what_is_not_for_pages_answers_to_none(world: World, path: str) -> None:
    for origin in (SPA, "https://evil.test", None):
        assert not cors(preflight(world, path, origin=origin))
        assert not cors(ask(world, "GET", path, origin=origin))
        assert not cors(ask(world, "POST", path, origin=origin))


@pytest.mark.parametrize(
    "path", ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/oauth/jwks"]
)
def test_metadata_and_keys_are_for_every_page(world: World, path: str) -> None:
    for origin in ("https://evil.test", SPA, None):
        answer = ask(world, "GET", path, origin=origin)
        assert (answer.status_code, cors(answer)) == (200, {"Access-Control-Allow-Origin": "*"})
    assert cors(preflight(world, path, origin=SPA, method="GET"))["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("field", "value"), [("status", ClientStatus.DISABLED), ("token_endpoint_auth_method", "private_key_jwt")]
)
def test_a_page_whose_client_is_disabled_or_proves_itself_may_not(
    world: World, field: str, value: str
) -> None:
    assert cors(preflight(world, "/oauth/token", origin=SPA))
    world.write(lambda session: setattr(session.get_one(Client, "spa"), field, value))
    assert not cors(preflight(world, "/oauth/token", origin=SPA))
    assert cors(preflight(world, "/oauth/token", origin=NATIVE))


def test_a_page_reads_tokens_and_the_person(world: World, spa: RelyingParty) -> None:
    code = spa.code_for(world.browser(HANAKO))
    headers = {"Origin": SPA}
    answer = spa.token(
        {"grant_type": "authorization_code", "code": code, "redirect_uri": spa.redirect_uri,
         "code_verifier": "the-verifier-of-a-test-is-long-enough-to-be-one"}, headers=headers,
    )  # fmt: skip
    token = answer.tokens().access_token
    assert cors(answer.response)["Access-Control-Allow-Origin"] == SPA
    person = ask(world, "GET", "/oauth/userinfo", origin=SPA, Authorization=f"Bearer {token}")
    assert (person.status_code, cors(person)["Access-Control-Allow-Origin"]) == (200, SPA)
    refused = ask(world, "GET", "/oauth/userinfo", origin=SPA, Authorization="Bearer nonsense")
    assert refused.status_code == 401
    assert "WWW-Authenticate" in cors(refused)["Access-Control-Expose-Headers"]


def test_every_endpoint_that_is_open_to_pages_is_one_of_ours(world: World) -> None:
    known = {rule.endpoint for rule in world.app.url_map.iter_rules() if rule.endpoint.startswith("oauth.")}
    assert not FOR_PUBLIC_CLIENTS - known - {"oauth.par"}
    assert "oauth.introspection" in known - FOR_PUBLIC_CLIENTS


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        ("https://App.Example:443/cb?x=1", "https://app.example"),
        ("http://127.0.0.1:80/cb", "http://127.0.0.1"),
        ("https://app.example:8443/cb", "https://app.example:8443"),
        ("com.example.app:/cb", ""), ("https://[::1", ""), ("https://a:99999/", ""), ("", ""),
    ],
)  # fmt: skip
def test_an_origin_is_written_as_browsers_write_it(uri: str, origin: str) -> None:
    assert origin_of(uri) == origin
