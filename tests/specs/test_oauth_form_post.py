"""OAuth 2.0 Form Post Response Mode: the answer comes as a form that the browser posts to the client."""

from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from idp.demo import HANAKO, PASSWORD
from tests.accounts.visitor import Visitor, forms_of
from tests.oauth.relying_party import RelyingParty
from tests.oauth.third_parties import third_party
from tests.specs.test_rfc9126_par import push, visit
from tests.world import World

HARD_TO_CARRY = "S 1/äé+あ&=\"'<>`\\%00;\u3000#?"


@pytest.fixture
def hanako(world: World) -> Visitor:
    return world.browser(HANAKO)


def posted(page: TestResponse, redirect_uri: str) -> dict[str, str]:
    """Expect the page with the one form that leads to the redirect URI, and return what it would post."""
    assert page.status_code == 200, page.text
    assert page.mimetype == "text/html"
    [form] = forms_of(page)
    assert form.action == redirect_uri
    assert form.buttons == []
    fields = {name: values[0] for name, values in form.fields.items() if len(values) == 1}
    assert len(fields) == len(form.fields), "each parameter stands once"
    return fields


def asked(party: RelyingParty, browser: Visitor, **deviation: Any) -> dict[str, str]:
    """Return what the form posts that answers this request."""
    response = party.authorize(browser, response_mode="form_post", **deviation).response
    return posted(response, party.redirect_uri)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_answer_is_a_form_for_the_client(mypage: RelyingParty, hanako: Visitor, method: str) -> None:
    """§2: all parameters as HTML form values, encoded for POST."""
    answer = mypage.authorize(hanako, method=method, response_mode="form_post", state="S1").response
    fields = posted(answer, mypage.redirect_uri)
    assert "Location" not in answer.headers
    assert set(fields) == {"code", "state", "iss"}
    assert (fields["state"], fields["iss"]) == ("S1", mypage.world.settings.issuer)
    mypage.redeem(fields["code"]).tokens()


def test_state_comes_back_exactly(mypage: RelyingParty, hanako: Visitor) -> None:
    for state in (
        HARD_TO_CARRY,
        "x" * 4096,
        " lead and trail ",
        "&amp;&#39;",
        "</form><script>alert(1)</script>",
    ):
        assert asked(mypage, hanako, state=state)["state"] == state
    assert "state" not in asked(mypage, hanako, state=None)


@pytest.mark.parametrize(
    ("error", "deviation"),
    [
        ("unsupported_response_type", {"response_type": "token"}), ("invalid_scope", {"scope": "x"}),
        ("invalid_request", {"code_challenge": None}), ("invalid_request", {"nonce": ["a", "b"]}),
        ("invalid_request_object", {"request": "x"}), ("consent_required", {"prompt": "none"}),
        ("request_uri_not_supported", {"request_uri": "https://x.example/"}),
    ],
    ids=str,
)  # fmt: skip
def test_errors_come_the_same_way(
    world: World, hanako: Visitor, error: str, deviation: dict[str, Any]
) -> None:
    garden = third_party(world, scope="openid")
    fields = asked(garden, hanako, state="S1", **deviation)
    assert set(fields) == {"error", "error_description", "state", "iss"}
    assert (fields["error"], fields["state"]) == (error, "S1")


@pytest.mark.parametrize("mode", ["fragment", "form_post.jwt", "query.jwt", "web_message", "FORM_POST", "x"])
def test_a_mode_that_is_not_served_is_refused_in_the_default_one(
    mypage: RelyingParty, hanako: Visitor, mode: str
) -> None:
    mypage.authorize(hanako, response_mode=mode).expect_error("invalid_request")
    mypage.authorize(hanako, response_mode="query").expect_code()


def test_whom_nobody_can_trust_gets_no_form(mypage: RelyingParty, hanako: Visitor) -> None:
    for deviation in ({"redirect_uri": "https://evil.example/"}, {"client_id": "nobody"}):
        answer = mypage.authorize(hanako, response_mode="form_post", **deviation)
        assert "form-post" not in answer.expect_page().response.text


def test_the_page_may_post_to_that_client_only_and_is_stored_nowhere(
    mypage: RelyingParty, hanako: Visitor
) -> None:
    """§4: it must not be cached; what it may do beyond is nothing."""
    page = mypage.authorize(hanako, response_mode="form_post").response
    policy = page.headers["Content-Security-Policy"]
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(mypage.redirect_uri))
    assert policy.split("form-action ")[1].split(";")[0].split() == ["'self'", origin]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[dict[str, str | None]] = []
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script":
            self.scripts.append(given)
        if "name" in given and tag in {"input", "button"}:
            self.names.append(given["name"] or "")


def test_it_needs_no_modern_browser_and_no_script(
    world: World, mypage: RelyingParty, hanako: Visitor
) -> None:
    """A classic script sends the form; whoever has none presses the button; no form token of ours leaves."""
    page = mypage.authorize(hanako, response_mode="form_post").response
    reader = _Reader()
    reader.feed(page.text)
    [script] = reader.scripts
    assert set(script) == {"src"}
    assert "submit" not in reader.names, "a field of that name would hide form.submit()"
    assert "csrf_token" not in page.text
    assert "続ける" in unescape(page.text)
    source = hanako.get(script["src"] or "")
    assert source.headers["Content-Type"].startswith("text/javascript")
    assert "form.submit();" in source.text
    assert not [word for word in ("=>", "import ", "const ", "let ", "`") if word in source.text]
    source.close()


def test_it_comes_after_sign_in_consent_and_a_pushed_request_too(world: World) -> None:
    garden, browser = third_party(world, scope="openid"), world.browser()
    path = visit(garden, browser, push(garden, response_mode="form_post", state="S2")).expect_sign_in()
    browser.submit(path, email=HANAKO.email, password=PASSWORD)
    consent = garden.resume(browser, path).expect_consent()
    fields = posted(garden.allow(browser, consent).response, garden.redirect_uri)
    assert fields["state"] == "S2"
    garden.redeem(fields["code"]).tokens()
    again = garden.authorize(browser, response_mode="form_post", prompt="consent").expect_consent()
    fields = posted(garden.allow(browser, again, said="deny").response, garden.redirect_uri)
    assert fields["error"] == "access_denied"


def test_the_query_that_was_registered_stays_in_the_address(shop: RelyingParty, hanako: Visitor) -> None:
    assert set(asked(shop, hanako, state="S1")) == {"code", "state", "iss"}
    assert shop.redirect_uri.endswith("?shop=1")
