"""RFC 7009: a client takes back what was issued to it, and learns nothing about what was not."""

import pytest

from idp.demo import HANAKO
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import World


@pytest.fixture
def tokens(mypage: RelyingParty) -> Tokens:
    return mypage.sign_in(HANAKO)


def is_accepted(world: World, tokens: Tokens) -> bool:
    return world.api("GET", "/api/me/profile", tokens.access_token).status_code == 200


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_revoking_one_revokes_all_of_the_authorization(
    world: World, mypage: RelyingParty, tokens: Tokens, kind: str
) -> None:
    assert is_accepted(world, tokens)
    answer = mypage.revoke(getattr(tokens, kind), token_type_hint=kind).response
    assert (answer.status_code, answer.data) == (200, b"")
    assert not is_accepted(world, tokens)
    mypage.refresh(tokens.refresh_token).expect_error("invalid_grant")


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
def test_a_wrong_hint_does_no_harm(world: World, mypage: RelyingParty, tokens: Tokens, hint: str) -> None:
    assert mypage.revoke(tokens.refresh_token, token_type_hint=hint).response.status_code == 200
    assert not is_accepted(world, tokens)


def test_another_authorization_of_the_same_person_goes_on(
    world: World, mypage: RelyingParty, tokens: Tokens
) -> None:
    other = mypage.sign_in(HANAKO)
    mypage.revoke(tokens.refresh_token)
    assert is_accepted(world, other)
    assert not is_accepted(world, tokens)


def test_another_client_gets_the_same_answer_and_revokes_nothing(
    world: World, mypage: RelyingParty, shop: RelyingParty, tokens: Tokens
) -> None:
    unknown = shop.revoke("garbage")
    for token in (tokens.refresh_token, tokens.access_token):
        assert shop.revoke(token).face == unknown.face
    assert is_accepted(world, tokens)
    mypage.refresh(tokens.refresh_token).tokens()


def test_an_act_as_token_that_is_given_back_ends_its_proxy_login(
    world: World, mypage: RelyingParty, portal: RelyingParty
) -> None:
    staff = portal.sign_in()
    token = portal.exchange(staff.access_token, world.grant().id).response.get_json()["access_token"]
    assert world.api("GET", "/api/me/profile", token).status_code == 200
    mypage.revoke(token)  # its audience is not its client
    assert world.api("GET", "/api/me/profile", token).status_code == 200
    portal.revoke(token)
    assert world.api("GET", "/api/me/profile", token).status_code == 401
    assert world.api("GET", "/api/agency", staff.access_token).status_code == 200


def test_the_client_has_to_be_authenticated(world: World, mypage: RelyingParty, tokens: Tokens) -> None:
    secret, mypage.secret = mypage.secret, "another"
    mypage.revoke(tokens.refresh_token).expect_error("invalid_client")
    assert is_accepted(world, tokens)
    mypage.secret = secret
    mypage.revoke(tokens.refresh_token)
    assert not is_accepted(world, tokens)


def test_the_token_has_to_be_named(mypage: RelyingParty) -> None:
    mypage.revoke(None).expect_error("invalid_request")


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_public_client_takes_back_its_own(
    world: World, spa: RelyingParty, shop: RelyingParty, kind: str
) -> None:
    """§2.1: it has no secret; knowing the token is what it takes."""
    tokens = spa.sign_in(HANAKO)
    token = getattr(tokens, kind)
    shop.revoke(token)
    assert world.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 200
    assert spa.revoke(token, token_type_hint=kind).response.status_code == 200
    assert world.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 401
    spa.refresh(tokens.refresh_token).expect_error("invalid_grant")


@pytest.mark.parametrize("hint", ["id_token", "urn:x:y", "x" * 4000])
def test_no_kind_of_token_is_called_unsupported(mypage: RelyingParty, tokens: Tokens, hint: str) -> None:
    """§2.2.1: every token of this server can be taken back, whatever the hint says; others are nobody's."""
    for token in (tokens.hint, "garbage", tokens.access_token):
        answer = mypage.revoke(token, token_type_hint=hint).response
        assert (answer.status_code, answer.data) == (200, b"")
    mypage.refresh(tokens.refresh_token).expect_error("invalid_grant")
