"""AZ-076 and AZ-078: nobody is signed out by an image, and nobody is led away afterwards."""

import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.demo import HANAKO, ICHIRO
from tests.accounts.visitor import Visitor, forms_of
from tests.attacks.cases import case, row
from tests.attacks.stage import MYPAGE_URL, Stage
from tests.oauth.assertions import claims_of, unsigned
from tests.oauth.relying_party import FORM, RelyingParty

BYE = f"{MYPAGE_URL}/"
METHODS = pytest.mark.parametrize("method", ["GET", "POST"])


def leave(browser: Visitor, method: str = "GET", **parameters: Any) -> TestResponse:
    """Send the browser to the end-session endpoint; None leaves a parameter out."""
    given = {name: value for name, value in parameters.items() if value is not None}
    where = {"query_string": given} if method == "GET" else {"data": given, "content_type": FORM}
    base = browser.settings.issuer
    return browser.client.open("/oauth/end-session", method=method, base_url=base, **where)


def is_signed_in(browser: Visitor) -> bool:
    """Tell whether a page of one's own opens."""
    return browser.get("/account").status_code == 200


@METHODS
@pytest.mark.parametrize(
    ("address", "who"),
    [
        row("AZ-076", "evil, with hint", "https://evil.test/", "hint"),
        row("AZ-076", "evil, with client", "https://evil.test/", "client"),
        row("AZ-076", "evil, with both", "https://evil.test/", "both"),
        row("AZ-076", "evil, with nobody", "https://evil.test/", "nobody"),
        row("AZ-076", "registered, with nobody", BYE, "nobody"),
        row("AZ-076", "shop's, with hint", "https://shop.example/bye", "hint"),
        row("AZ-076", "path goes on", f"{BYE}x", "hint"),
        row("AZ-076", "no slash", MYPAGE_URL, "hint"),
        row("AZ-076", "query", f"{BYE}?x=1", "hint"),
        row("AZ-076", "fragment", f"{BYE}#", "client"),
        row("AZ-076", "traversal", f"{BYE}../x", "hint"),
        row("AZ-076", "host goes on", f"{MYPAGE_URL}.evil.test/", "hint"),
        row("AZ-076", "user information", f"{MYPAGE_URL}@evil.test/", "client"),
        row("AZ-076", "upper case", BYE.upper(), "hint"),
        row("AZ-076", "script", "javascript:alert(1)", "hint"),
        row("AZ-076", "line break", f"{BYE}\r\nX: y", "hint"),
        row("AZ-076", "its redirect URI", f"{MYPAGE_URL}/oidc/callback", "hint"),
    ],
)
def test_an_address_that_is_not_registered_is_never_gone_to(
    stage: Stage, mypage: RelyingParty, address: str, who: str, method: str
) -> None:
    browser = stage.browser(HANAKO)
    hint = mypage.sign_in(browser=browser).hint
    named = {"hint": {"id_token_hint": hint}, "client": {"client_id": "mypage"}, "nobody": {},
             "both": {"id_token_hint": hint, "client_id": "mypage"}}[who]  # fmt: skip
    with stage.unchanged():
        answer = leave(browser, method, post_logout_redirect_uri=address, **named)
        assert (answer.status_code, answer.headers.get("Location")) == (400, None)
        assert answer.mimetype == "text/html"
        assert not re.search(r"(?:href|src|action)=.[^\"]*evil", answer.text)
        assert is_signed_in(browser)
    good = leave(browser, method, post_logout_redirect_uri=BYE, id_token_hint=hint)
    assert (good.status_code, good.headers["Location"]) == (303, BYE)
    assert not is_signed_in(browser)


@case("AZ-076")
def test_without_a_hint_the_address_is_gone_to_only_after_the_question(stage: Stage) -> None:
    browser = stage.browser(HANAKO)
    with stage.unchanged():
        page = leave(browser, client_id="mypage", post_logout_redirect_uri=BYE)
        assert (page.status_code, page.headers.get("Location")) == (200, None)
    [form] = [form for form in forms_of(page) if "post_logout_redirect_uri" in form.fields]
    assert browser.post(form.action, dict(form.fields)).headers["Location"] == BYE
    assert not is_signed_in(browser)


@METHODS
@pytest.mark.parametrize(
    "kind",
    [
        row("AZ-078", "no hint", "none"),
        row("AZ-078", "changed signature", "signature"),
        row("AZ-078", "changed claims", "claims"),
        row("AZ-078", "unsigned", "unsigned"),
        row("AZ-078", "of another person", "ichiro"),
        row("AZ-078", "of another sign-in", "elsewhere"),
        row("AZ-078", "an access token", "access"),
        row("AZ-078", "nonsense", "nonsense"),
    ],
)
def test_without_a_hint_of_this_very_sign_in_the_person_is_asked(
    stage: Stage, mypage: RelyingParty, kind: str, method: str
) -> None:
    browser = stage.browser(HANAKO)
    tokens = mypage.sign_in(browser=browser)
    head, claims, signature = tokens.hint.split(".")
    hint = {
        "none": None, "signature": f"{head}.{claims}.{signature[::-1]}", "nonsense": "a.b.c",
        "claims": f"{head}.{claims[:-4]}AAAA.{signature}", "access": tokens.access_token,
        "unsigned": unsigned(claims_of(tokens.hint), header={"alg": "none", "typ": "JWT"}),
        "ichiro": mypage.sign_in(browser=stage.at_home(ICHIRO)).hint if kind == "ichiro" else "",
        "elsewhere": mypage.sign_in(browser=stage.at_home(HANAKO)).hint if kind == "elsewhere" else "",
    }[kind]  # fmt: skip
    with stage.unchanged():
        page = leave(browser, method, id_token_hint=hint)
        assert (page.status_code, page.headers.get("Location")) == (200, None)
        assert [form for form in forms_of(page) if form.action == "/sign-out"]
        assert is_signed_in(browser)
    assert leave(browser, method, id_token_hint=tokens.hint).status_code in {200, 303}
    assert not is_signed_in(browser)


@case("AZ-078")
@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "https://evil.test"}, {"Sec-Fetch-Site": "cross-site"}], ids=str
)
def test_the_question_is_answered_by_the_person_alone(stage: Stage, headers: dict[str, str]) -> None:
    browser = stage.browser(HANAKO)
    token = browser.token() if headers else stage.browser(ICHIRO).token()
    with stage.unchanged():
        assert browser.post("/sign-out", {"csrf_token": token}, headers=headers).status_code == 403
        assert is_signed_in(browser)
    assert browser.post("/sign-out", {"csrf_token": browser.token()}).status_code == 303
    assert not is_signed_in(browser)
