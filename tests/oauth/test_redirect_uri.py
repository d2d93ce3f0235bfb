"""Client and redirect URI: whatever is not registered to the letter gets a page here and no redirect."""

import re
from urllib.parse import urlsplit

import pytest

from idp.demo import HANAKO
from idp.oauth.models import AuthorizationCode, AuthorizationRequest, Client, ClientStatus
from tests.oauth.relying_party import RelyingParty
from tests.world import World

BASE = "http://localhost:8001/oidc/callback"
VARIANTS = {
    "path traversal": f"{BASE}/../open",
    "matrix traversal": f"{BASE}/..;/open",
    "user information": "http://localhost:8001@evil.example/oidc/callback",
    "user information of our host": "http://evil@localhost:8001/oidc/callback",
    "fragment": f"{BASE}#x",
    "empty fragment": f"{BASE}#",
    "other port": "http://localhost:8443/oidc/callback",
    "no port": "http://localhost/oidc/callback",
    "other scheme": "https://localhost:8001/oidc/callback",
    "upper case": "HTTP://LOCALHOST:8001/oidc/callback",
    "upper case path": "http://localhost:8001/OIDC/callback",
    "trailing slash": f"{BASE}/",
    "query": f"{BASE}?x=1",
    "empty query": f"{BASE}?",
    "preloaded response": f"{BASE}?code=evil&iss=evil",
    "host suffix": "http://localhost.evil.example:8001/oidc/callback",
    "line break": f"{BASE}\r\nSet-Cookie: a=1",
    "tab inside": "http://localhost:8001/oidc/call\tback",
    "leading space": f" {BASE}",
    "another client's": "https://shop.example/cb?shop=1",
    "percent-encoded": "http://localhost:8001/oidc/%63allback",
    "double slash": "http://localhost:8001//oidc/callback",
    "backslash": "http://localhost:8001\\@evil.example/oidc/callback",
    "relative": "/oidc/callback",
    "no scheme": "//localhost:8001/oidc/callback",
    "script": "javascript:alert(1)//localhost:8001/oidc/callback",
    "data": "data:text/html,x",
    "quote": f'{BASE}"',
    "loopback address for the loopback name": "http://127.0.0.1:8001/oidc/callback",
    "full-width": "http://ｌｏｃａｌｈｏｓｔ:8001/oidc/callback",
    "huge": f"{BASE}{'x' * 5000}",
    "nothing": "",
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_redirect_uri_that_is_not_the_registered_one_gets_a_page(
    world: World, mypage: RelyingParty, variant: str
) -> None:
    browser, evil = world.browser(HANAKO), VARIANTS[variant]
    before = world.digest()
    page = mypage.authorize(browser, redirect_uri=evil).expect_page().response
    assert page.headers.get("Set-Cookie", "").find("a=1") == -1
    assert not evil or evil == BASE or f'{evil}"' not in page.text
    assert world.digest() == before
    mypage.authorize(browser).expect_code()


@pytest.mark.parametrize("order", [1, -1])
def test_two_redirect_uris_are_one_too_many_in_either_order(
    world: World, mypage: RelyingParty, order: int
) -> None:
    both = [mypage.redirect_uri, "https://evil.example/"][::order]
    mypage.authorize(world.browser(HANAKO), redirect_uri=both).expect_page()
    mypage.authorize(world.browser(HANAKO), redirect_uri=[mypage.redirect_uri] * 2).expect_page()


@pytest.mark.parametrize(
    "deviation",
    [{"response_type": "bogus"}, {"scope": None}, {"code_challenge": None}, {"prompt": "none"},
     {"request": "x"}, {"state": ["a", "b"]}],
    ids=str,
)  # fmt: skip
def test_whatever_else_is_wrong_nothing_goes_to_an_address_that_is_not_registered(
    mypage: RelyingParty, deviation: dict[str, object]
) -> None:
    mypage.authorize(redirect_uri="https://evil.example/steal", **deviation).expect_page()
    assert mypage.authorize(**deviation).location.startswith(mypage.redirect_uri)


@pytest.mark.parametrize(
    "client_id", ["nope", "", None, ["mypage", "shop"], "MYPAGE", "mypage ", "x" * 5000, "é"]
)
def test_an_unknown_client_gets_a_page(mypage: RelyingParty, client_id: object) -> None:
    mypage.authorize(client_id=client_id).expect_page()


def test_a_disabled_client_looks_like_an_unknown_one(world: World, mypage: RelyingParty) -> None:
    mypage.authorize(world.browser(HANAKO)).expect_code()
    world.write(lambda session: setattr(session.get_one(Client, "mypage"), "status", ClientStatus.DISABLED))
    faces = []
    for client_id in ("mypage", "nope"):
        response = mypage.authorize(client_id=client_id).expect_page().response
        text = response.text.replace(response.headers["X-Request-Id"], "?")
        faces.append(re.sub(r'value="[^"]*"', "", text))
    assert faces[0] == faces[1]


def test_a_redirect_uri_may_be_left_out_only_if_there_is_one_and_openid_is_not_asked_for(
    world: World, spa: RelyingParty, shop: RelyingParty
) -> None:
    spa.authorize(redirect_uri=None, scope="profile").expect_page()
    shop.authorize(redirect_uri=None).expect_page()
    browser = world.browser(HANAKO)
    code = shop.authorize(browser, redirect_uri=None, scope="profile").expect_code()
    shop.redeem(code, redirect_uri="https://shop.example/other").expect_error("invalid_grant")
    shop.redeem(code, redirect_uri=None).tokens()
    spa.authorize(browser, redirect_uri="https://spa.example/other").expect_code()


def test_the_query_of_a_registered_redirect_uri_is_kept(world: World, shop: RelyingParty) -> None:
    answer = shop.authorize(world.browser(HANAKO))
    answer.expect_code()
    assert answer.parameters["shop"] == "1"
    assert shop.authorize(prompt="none").expect_error("login_required").parameters["shop"] == "1"


@pytest.mark.parametrize(
    ("asked", "may"),
    [
        ("http://127.0.0.1:4321/cb", True), ("http://127.0.0.1:59999/cb", True),
        ("http://127.0.0.1/cb", True), ("http://127.0.0.1:/cb", False), ("http://127.0.0.1:1:2/cb", False),
        ("http://[::1]:59999/cb", True), ("http://127.0.0.1:59999/other", False),
        ("http://localhost:4321/cb", False), ("http://127.0.0.2:4321/cb", False),
        ("https://127.0.0.1:4321/cb", False), ("http://127.0.0.1:4321/cb?x=1", False),
        ("http://127.0.0.1:99999/cb", False), ("http://127.0.0.1:4321@evil.example/cb", False),
        ("http://x@127.0.0.1:4321/cb", False), ("http://127.0.0.1.evil.example:4321/cb", False),
        ("http://2130706433:4321/cb", False), ("http://127.1:4321/cb", False),
        ("http://[::ffff:127.0.0.1]:4321/cb", False), ("http://127.0.0.1:1/c\nb", False),
        ("http://127.0.0.1:1/cb#", False),
    ],
)  # fmt: skip
def test_on_the_loopback_address_the_port_may_differ_and_nothing_else(
    world: World, parties: dict[str, RelyingParty], asked: str, may: bool
) -> None:
    """RFC 8252 §7.3; who listens there is never certain, so the person is asked (§8.6)."""
    browser = world.browser(HANAKO)
    answer = parties["native"].authorize(browser, redirect_uri=asked)
    if may:
        parties["native"].allow(browser, answer.expect_consent(), redirect_uri=asked).expect_code()
    else:
        answer.expect_page()


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_an_error_page_shows_nothing_of_what_was_sent(mypage: RelyingParty, name: str) -> None:
    payload = "<svg onload=alert(1)>\"'><script>alert(1)</script>"
    page = mypage.authorize(**{name: payload}).expect_page().response
    assert "alert(1)" not in page.text
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "name", ["scope", "state", "nonce", "login_hint", "ui_locales", "acr_values", "display", "x"]
)
def test_no_payload_reaches_a_page_as_markup(world: World, mypage: RelyingParty, name: str) -> None:
    payload = "openid <svg onload=alert(1)>\"'><script>alert(1)</script>"
    browser = world.browser()
    answer = mypage.authorize(browser, **{name: payload})
    page = browser.get(answer.expect_sign_in())
    assert page.status_code == 200
    assert "<svg onload" not in page.text
    assert "<script>alert" not in page.text


def test_the_sign_in_page_may_lead_on_to_the_client_that_asks_and_to_no_other(
    world: World, mypage: RelyingParty, shop: RelyingParty
) -> None:
    """Chromium applies form-action to the whole chain of redirects after a form."""
    for party in (mypage, shop):
        browser = world.browser()
        policy = browser.get(party.authorize(browser).expect_sign_in()).headers["Content-Security-Policy"]
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(party.redirect_uri))
        assert policy.split("form-action ")[1].split(";")[0].split() == ["'self'", origin]


def test_refused_requests_are_not_stored(world: World, mypage: RelyingParty) -> None:
    mypage.authorize(redirect_uri="https://evil.example/").expect_page()
    mypage.authorize(client_id="nope").expect_page()
    assert (world.count(AuthorizationRequest), world.count(AuthorizationCode)) == (0, 0)
    mypage.authorize().expect_sign_in()
    assert world.count(AuthorizationRequest) == 1
