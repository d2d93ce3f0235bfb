"""Signing out at a relying party's word: asked first, done whatever the form says about what comes next."""

from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select

from idp.accounts.models import BrowserSession
from idp.demo import HANAKO
from tests.accounts.visitor import PostForm, Visitor, forms_of
from tests.world import World

BACK = "http://localhost:8001/"


def ask(browser: Visitor, **parameters: str) -> PostForm:
    page = browser.get("/oauth/end-session?" + urlencode(parameters))
    assert page.status_code == 200
    assert "ログアウトしますか" in page.text
    return next(form for form in forms_of(page) if "post_logout_redirect_uri" in form.fields)


def signed_in(world: World) -> int:
    living = select(func.count()).select_from(BrowserSession).where(BrowserSession.ended_at.is_(None))
    return world.read(lambda session: session.scalar(living)) or 0


def test_a_confirmed_sign_out_returns_with_the_state(world: World) -> None:
    browser = world.browser(HANAKO)
    form = ask(browser, client_id="mypage", post_logout_redirect_uri=BACK, state="a&b")
    assert signed_in(world) == 1
    answer = browser.post(form.action, form.fields)
    assert answer.status_code == 303
    assert answer.headers["Location"] == BACK + "?state=a%26b"
    assert signed_in(world) == 0


@pytest.mark.parametrize("address", ["https://evil.example/", BACK + "other"])
def test_a_form_that_was_changed_signs_out_all_the_same_and_leads_nowhere(world: World, address: str) -> None:
    browser = world.browser(HANAKO)
    form = ask(browser, client_id="mypage", post_logout_redirect_uri=BACK)
    answer = browser.post(form.action, {**form.fields, "post_logout_redirect_uri": address})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/signed-out")
    assert "ログアウトしました" in browser.get("/signed-out").text
    assert signed_in(world) == 0
