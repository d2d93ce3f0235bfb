"""Refresh tokens: rotated at each use, one use each, never wider, never longer, never another client's."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import update

from idp import clock
from idp.accounts.models import BrowserSession
from idp.demo import HANAKO
from tests.accounts.visitor import forms_of
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import World


@pytest.fixture
def tokens(mypage: RelyingParty) -> Tokens:
    return mypage.sign_in(HANAKO)


def keep_alive(world: World) -> None:
    """Let the person have been here just now, so that only what a test is about ends."""
    world.write(
        lambda session: session.execute(
            update(BrowserSession).values(
                last_seen_at=clock.now(), expires_at=clock.now() + timedelta(days=9)
            )
        ).close()
    )


def test_a_refresh_gives_new_tokens_for_the_same_sign_in(mypage: RelyingParty, tokens: Tokens) -> None:
    later = clock.now() + timedelta(seconds=10)
    with time_machine.travel(later):
        fresh = mypage.refresh(tokens.refresh_token).tokens()
    assert fresh.scope == tokens.scope
    same = ("iss", "sub", "aud", "sid", "auth_time", "acr", "amr")
    assert {name: fresh.claims[name] for name in same} == {name: tokens.claims[name] for name in same}
    assert "nonce" not in fresh.claims
    assert fresh.claims["iat"] >= clock.epoch(later)
    assert fresh.access_claims["jti"] != tokens.access_claims["jti"]
    assert fresh.refresh_token != tokens.refresh_token
    mypage.refresh(fresh.refresh_token).tokens()


def test_using_a_refresh_token_twice_revokes_the_whole_family(
    world: World, mypage: RelyingParty, tokens: Tokens
) -> None:
    other_family = mypage.sign_in(HANAKO)
    fresh = mypage.refresh(tokens.refresh_token).tokens()
    assert world.api("GET", "/oauth/userinfo", fresh.access_token).status_code == 200
    mypage.refresh(tokens.refresh_token).expect_error("invalid_grant")
    mypage.refresh(fresh.refresh_token).expect_error("invalid_grant")
    for token in (tokens.access_token, fresh.access_token):
        assert world.api("GET", "/oauth/userinfo", token).status_code == 401
    assert "token.reused" in [event.event for event in world.events()]
    mypage.refresh(other_family.refresh_token).tokens()


def test_scope_may_become_narrower_for_once_and_never_wider(mypage: RelyingParty, tokens: Tokens) -> None:
    for wider in ("openid act_as", "mypage.read", "openid delegations.manage", "offline_access", "  "):
        mypage.refresh(tokens.refresh_token, scope=wider).expect_error("invalid_scope")
    narrow = mypage.refresh(tokens.refresh_token, scope="openid email").tokens()
    assert narrow.scope == {"openid", "email"} == set(narrow.access_claims["scope"].split())
    without = mypage.refresh(narrow.refresh_token, scope="products").tokens()
    assert without.id_token is None
    assert mypage.refresh(without.refresh_token).tokens().scope == tokens.scope


def test_a_refresh_token_of_another_client_is_as_unknown_as_none(
    world: World, parties: dict[str, RelyingParty], tokens: Tokens
) -> None:
    before = world.digest()
    for other in (parties["shop"], parties["spa"]):
        foreign = other.refresh(tokens.refresh_token).expect_error("invalid_grant")
        assert foreign.face == other.refresh("ocr_" + "x" * 43).expect_error("invalid_grant").face
    assert world.digest() == before
    parties["mypage"].refresh(tokens.refresh_token).tokens()


@pytest.mark.parametrize("wrong", [None, "", "nonsense", "ocr_", "ocr_" + "x" * 43, "ocr_" + "x" * 9000])
def test_what_is_no_refresh_token_is_refused(mypage: RelyingParty, wrong: str | None) -> None:
    mypage.refresh(wrong).expect_error("invalid_grant" if wrong else "invalid_request")


def test_no_other_token_passes_for_a_refresh_token(mypage: RelyingParty, tokens: Tokens) -> None:
    for wrong in (tokens.access_token, tokens.id_token):
        mypage.refresh(wrong).expect_error("invalid_grant")
    mypage.refresh(tokens.refresh_token).tokens()


def test_a_family_lives_for_twelve_hours_however_often_it_is_rotated(
    world: World, mypage: RelyingParty
) -> None:
    now = clock.now()
    with time_machine.travel(now, tick=False):
        token = mypage.sign_in(HANAKO).refresh_token
    for hour in range(2, 12, 3):
        with time_machine.travel(now + timedelta(hours=hour), tick=False):
            keep_alive(world)
            token = mypage.refresh(token).tokens().refresh_token
    with time_machine.travel(now + timedelta(hours=12) - timedelta(seconds=1), tick=False):
        keep_alive(world)
        token = mypage.refresh(token).tokens().refresh_token
    with time_machine.travel(now + timedelta(hours=12), tick=False):
        keep_alive(world)
        mypage.refresh(token).expect_error("invalid_grant")


def test_signing_out_ends_what_was_issued_in_that_sign_in_and_nothing_else(
    world: World, mypage: RelyingParty
) -> None:
    here, there = world.browser(HANAKO), world.browser(HANAKO)
    ended, kept = mypage.sign_in(browser=here), mypage.sign_in(browser=there)
    page = here.get("/account")
    token = forms_of(page)[0].fields["csrf_token"]
    assert here.post("/sign-out", {"csrf_token": token}).status_code == 303
    mypage.refresh(ended.refresh_token).expect_error("invalid_grant")
    assert world.api("GET", "/api/me/profile", ended.access_token).status_code == 401
    mypage.refresh(kept.refresh_token).tokens()
    assert world.api("GET", "/api/me/profile", kept.access_token).status_code == 200
