"""Every route of the URL map: its headers, its cookies, and that looking changes nothing."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from idp.demo import HANAKO
from tests.accounts.visitor import Visitor
from tests.oauth.relying_party import RelyingParty
from tests.world import MANAGER, World

HEADERS = {
    "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
}  # fmt: skip
PUBLIC = ("/static/", "/.well-known/", "/oauth/jwks", "/postal-codes/", "/api/openapi.json")
STORES_WHAT_IT_PARSED, STORED = "/oauth/authorize", ["authorization_requests"]
"""OIDC Core §3.1.2: a request that is in order is kept until the person has signed in."""


def paths(world: World, method: str) -> Iterator[str]:
    """Return an address for every route, with ids of things that exist where that is possible."""
    known = {"grant_id": world.grant().id, "user_id": HANAKO.user_id, "filename": "club.css"}
    for rule in sorted(world.app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if method in (rule.methods or set()):
            yield re.sub(
                r"<(?:[a-z]+:)?([a-z_]+)>",
                lambda match: str(known.get(match[1], uuid4())),
                rule.rule,
            )


def browsers(world: World) -> list[Visitor]:
    """Return a browser of nobody, of an owner and of a member of an agency."""
    return [world.browser(person) for person in (None, HANAKO, MANAGER)]


def check_headers(path: str, answer: TestResponse) -> None:
    """Check what every answer has (OWASP ASVS 3.4), whoever asks and whatever it is."""
    policy = answer.headers["Content-Security-Policy"]
    for name, value in HEADERS.items():
        assert answer.headers[name] == value, (path, name)
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
        assert part in policy, (path, part)
    assert "unsafe" not in policy
    assert "*" not in policy
    assert answer.headers["X-Request-Id"]
    assert "Server" not in answer.headers
    if not path.startswith(PUBLIC) or answer.status_code >= 400:
        assert answer.headers["Cache-Control"] == "no-store", path
        assert "Cookie" in answer.headers["Vary"], path
    for cookie in answer.headers.getlist("Set-Cookie"):
        attributes = {part.strip() for part in cookie.split(";")[1:]}
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= attributes, (path, cookie)
        assert not [one for one in attributes if one.startswith("Domain")]
        assert not path.startswith((*PUBLIC, "/api/", "/oauth/token")) or answer.status_code == 404, path


def test_every_route_has_its_headers_for_everybody(world: World) -> None:
    seen = 0
    for browser in browsers(world):
        for path in paths(world, "GET"):
            answer = browser.get(path)
            check_headers(path, answer)
            answer.close()
            seen += 1
            assert answer.status_code < 500, path
    assert seen > 90


def test_every_refused_form_has_its_headers_too(world: World) -> None:
    for browser in browsers(world):
        for path in paths(world, "POST"):
            answer = browser.post(path, {})
            check_headers(path, answer)
            assert 300 <= answer.status_code < 500, path


def test_a_page_that_does_not_exist_has_its_headers(world: World) -> None:
    for path in ("/nowhere", "/api/nowhere", "/account/delegations/x/end", "/static/nowhere.css"):
        answer = world.browser().get(path)
        check_headers(path, answer)
        assert answer.status_code == 404


def test_looking_at_a_page_changes_nothing(world: World) -> None:
    """GET never changes state, for nobody, an owner and a member; a reload least of all."""
    for browser in browsers(world):
        before = world.digest()
        for path in paths(world, "GET"):
            if not path.startswith(STORES_WHAT_IT_PARSED):
                for _ in range(2):
                    browser.get(path).close()
                browser.client.head(path, base_url=world.settings.issuer).close()
                assert world.digest() == before, path


def test_no_form_is_taken_without_its_token(world: World) -> None:
    """What takes no form token takes no cookie either: machines' endpoints, and what guards itself."""
    tokenless = set()
    for browser in browsers(world):
        before = world.digest(without=STORED)
        for path in paths(world, "POST"):
            answer = browser.post(path, {"email": HANAKO.email, "password": "x", "step": "complete"})
            if "送信内容を受け取れませんでした" not in answer.text:
                tokenless.add(path.split("/")[1])
        assert world.digest(without=STORED) == before
    assert tokenless == {"api", "oauth"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
def test_a_method_that_is_not_served_is_refused(world: World, method: str) -> None:
    for path in ("/", "/sign-in", "/account", "/oauth/authorize", "/oauth/token", "/oauth/userinfo"):
        answer = world.browser().client.open(path, method=method, base_url=world.settings.issuer)
        assert answer.status_code == 405, path
        assert answer.headers["Allow"]
        check_headers(path, answer)


def test_a_request_for_another_host_is_not_answered_with_our_pages(world: World) -> None:
    """Links are built from the issuer, and a page for a foreign Host is never made at all."""
    answer = world.browser().client.get("/sign-in", base_url="http://evil.example:8000")
    assert answer.status_code == 400
    assert "evil.example" not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "[::1", "localhost:99999", "\xff", ""])
@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "x"}], ids=str
)
def test_a_form_for_another_host_is_refused_without_a_page(
    world: World, host: str, headers: dict[str, str]
) -> None:
    for path in ("/sign-in", "/oauth/authorize", "/oauth/token", "/api/me/profile", "/nowhere"):
        answer = world.browser().client.post(
            path, base_url=world.settings.issuer, headers={**headers, "Host": host}
        )
        assert 400 <= answer.status_code < 500, path


def test_over_https_cookies_are_bound_to_the_host_and_never_sent_in_clear(world: World) -> None:
    from idp.app import create_app
    from idp.settings import Settings

    settings = Settings(issuer="https://localhost", database_url=world.settings.database_url)
    browser = create_app(settings, world.database).test_client()
    answer = browser.get("/sign-in", base_url="https://localhost")
    [cookie] = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-idp_session=")
    assert "; Secure" in cookie
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_a_sign_in_leads_on_by_303_so_that_no_password_is_sent_again(
    world: World, mypage: RelyingParty
) -> None:
    browser = world.browser()
    path = mypage.authorize(browser).expect_sign_in()
    from idp.demo import PASSWORD

    answer = browser.submit(path, email=HANAKO.email, password=PASSWORD)
    assert answer.status_code == 303
    assert mypage.resume(browser, path).response.status_code == 303
