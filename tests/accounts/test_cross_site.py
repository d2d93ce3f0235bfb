"""Forms that other sites send: they sign nobody out, and reach the protocol's two pages by way of GET."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from werkzeug.test import TestResponse

from idp.cli import LONGEST_REQUEST_LINE
from idp.demo import HANAKO
from idp.oauth.views import LARGEST_QUERY
from tests.accounts.conftest import PASSWORD, Club
from tests.accounts.visitor import Visitor
from tests.oauth.relying_party import RelyingParty
from tests.world import World

FOREIGN = [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site", "Origin": "null"}]
EMAIL = "hanako@owner.example"


def sends_cookie(answer: TestResponse) -> bool:
    """Tell whether an answer sets the sign-in cookie, in any way."""
    return "idp_session" in str(answer.headers.getlist("Set-Cookie"))


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-out", "/language", "/nowhere", "/register/owner", "/account/password"]
)
def test_no_answer_to_another_sites_form_replaces_the_sign_in_cookie(
    club: Club, path: str, headers: dict[str, str]
) -> None:
    club.make_owner(EMAIL)
    withheld = club.visitor().post(path, {"email": "x"}, headers=headers)
    assert (withheld.status_code, sends_cookie(withheld)) == (403, False)
    owner = club.visitor()
    owner.sign_in(EMAIL, PASSWORD)
    sent = owner.post(path, {"email": "x"}, headers=headers)
    assert (sent.status_code, sends_cookie(sent)) == (403, False)
    assert sends_cookie(club.visitor().get("/sign-in"))


def test_a_form_that_was_open_for_too_long_is_asked_for_again_and_not_forbidden(
    club: Club, visitor: Visitor
) -> None:
    club.make_owner(EMAIL)
    typed = {"email": EMAIL, "password": PASSWORD}
    stale = visitor.post("/sign-in", {**typed, "csrf_token": "stale"}, headers={"Origin": "null"})
    assert stale.status_code == 403
    assert "ページを再読み込みしてから" in stale.text
    good = {**typed, "csrf_token": visitor.token("/sign-in")}
    assert visitor.post("/sign-in", good, headers={"Origin": "https://evil.example"}).status_code == 403
    assert visitor.post("/sign-in", good).status_code == 303


@pytest.mark.parametrize("headers", [*FOREIGN, {"Origin": "null"}])
def test_an_authorization_request_posted_by_another_site_finds_the_person_signed_in(
    world: World, shop: RelyingParty, headers: dict[str, str]
) -> None:
    hanako, asked = world.browser(HANAKO), shop.request()
    before = world.digest()
    answer = world.browser().post("/oauth/authorize", asked, headers=headers)  # the cookie is withheld
    assert (answer.status_code, sends_cookie(answer)) == (303, False)
    again = urlsplit(answer.headers["Location"])
    assert (again.path, dict(parse_qsl(again.query))) == ("/oauth/authorize", asked)
    assert world.digest() == before
    assert "code=" in hanako.get(answer.headers["Location"]).headers["Location"]


def test_an_authorization_request_posted_with_the_cookie_or_without_a_browser_is_answered_at_once(
    world: World, shop: RelyingParty
) -> None:
    asked = shop.request()
    posted = world.browser(HANAKO).post("/oauth/authorize", asked, headers=FOREIGN[0])
    assert posted.headers["Location"].startswith(shop.redirect_uri)
    assert urlsplit(world.browser().post("/oauth/authorize", asked).headers["Location"]).path == "/sign-in"


def test_what_does_not_fit_into_an_address_is_refused_and_ends_nothing(
    world: World, shop: RelyingParty
) -> None:
    asked = shop.request(login_hint="h" * 4000, claims="c" * 4000)
    answer = world.browser().post("/oauth/authorize", asked, headers=FOREIGN[0])
    assert (answer.status_code, sends_cookie(answer)) == (400, False)
    assert len(f"GET /oauth/authorize?{'q' * LARGEST_QUERY} HTTP/1.1") < LONGEST_REQUEST_LINE


def test_a_sign_out_posted_by_another_site_asks_the_person_who_is_signed_in(
    world: World, shop: RelyingParty
) -> None:
    hanako = world.browser(HANAKO)
    tokens = shop.sign_in(browser=hanako)
    for asked, question in (({"client_id": "shop"}, True), ({"id_token_hint": tokens.id_token}, False)):
        answer = world.browser().post("/oauth/end-session", asked, headers=FOREIGN[1])
        assert (answer.status_code, sends_cookie(answer)) == (303, False)
        page = hanako.get(answer.headers["Location"])
        assert ('action="/sign-out"' in page.text.split("<main")[1]) == question
    assert hanako.get("/account/password").status_code == 303
