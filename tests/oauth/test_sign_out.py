"""Signing out at a relying party's word: asked first, done whatever the form says about what comes next."""

import re

import pytest

from idp.accounts.models import BrowserSession
from idp.demo import HANAKO
from tests.oauth.relying_party import RelyingParty
from tests.world import World

BACK = "http://localhost:8001/"


def asked(world: World, parameters: dict[str, str]) -> tuple[object, dict[str, str]]:
    browser = world.browser(HANAKO)
    page = browser.get("/oauth/end-session?" + "&".join(f"{k}={v}" for k, v in parameters.items()))
    assert page.status_code == 200
    assert "ログアウトしますか" in page.text
    form = page.text[page.text.index('action="/sign-out"', page.text.index("<main")) :]
    hidden = re.findall(r'type="hidden" name="([a-z_]+)" value="([^"]*)"', form)
    return browser, dict(hidden[: form.count("hidden")])


def is_signed_in(world: World) -> bool:
    with world.reading() as session:
        return session.query(BrowserSession).filter(BrowserSession.ended_at.is_(None)).count() > 0


def test_a_confirmed_sign_out_returns_with_the_state(world: World, mypage: RelyingParty) -> None:
    browser, form = asked(
        world, {"client_id": "mypage", "post_logout_redirect_uri": BACK, "state": "a%26b"}
    )
    answer = browser.post("/sign-out", form)
    assert answer.status_code == 303
    assert answer.headers["Location"] == BACK + "?state=a%26b"
    assert not is_signed_in(world)


@pytest.mark.parametrize("address", ["https://evil.example/", BACK + "other"])
def test_a_form_that_was_changed_signs_out_all_the_same_and_leads_nowhere(world: World, address: str) -> None:
    browser, form = asked(world, {"client_id": "mypage", "post_logout_redirect_uri": BACK})
    answer = browser.post("/sign-out", {**form, "post_logout_redirect_uri": address})
    assert answer.status_code == 200
    assert "ログアウトしました" in answer.text
    assert not is_signed_in(world)
