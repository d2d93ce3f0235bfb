"""RFC 7662 and RFC 9701: what a token is worth at this moment, told to those whom it concerns."""

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy.orm import Session

from idp.accounts.models import Account
from idp.accounts.rules import AccountStatus
from idp.delegation import service
from idp.demo import HANAKO
from idp.oauth.introspection import JWT_ANSWER
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import World

INACTIVE = {"active": False}


@pytest.fixture
def tokens(mypage: RelyingParty) -> Tokens:
    return mypage.sign_in(HANAKO)


def told(party: RelyingParty, token: str) -> dict[str, object]:
    answer = party.introspect(token).response
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body: dict[str, object] = answer.get_json()
    return body


def test_the_client_of_an_access_token_learns_what_it_is(
    world: World, mypage: RelyingParty, tokens: Tokens
) -> None:
    body = told(mypage, tokens.access_token)
    assert body["active"] is True
    assert body["token_type"] == "Bearer"
    assert body["sub"] == str(world.account(HANAKO).id)
    assert body["client_id"] == "mypage"
    assert body["iss"] == world.settings.issuer
    assert set(str(body["scope"]).split()) == tokens.scope
    assert body["exp"] == tokens.access_claims["exp"]


def test_a_refresh_token_is_told_to_its_client_until_it_is_used(mypage: RelyingParty, tokens: Tokens) -> None:
    assert tokens.refresh_token is not None
    assert told(mypage, tokens.refresh_token)["active"] is True
    mypage.refresh(tokens.refresh_token).tokens()
    assert told(mypage, tokens.refresh_token) == INACTIVE


def test_another_client_learns_nothing(mypage: RelyingParty, shop: RelyingParty, tokens: Tokens) -> None:
    for token in (tokens.access_token, tokens.refresh_token):
        assert token is not None
        assert told(mypage, token)["active"] is True
        assert told(shop, token) == INACTIVE


@pytest.mark.parametrize("token", ["garbage", "ocr_" + "x" * 43, "a.b.c", "é"])
def test_what_is_no_token_is_inactive(mypage: RelyingParty, token: str) -> None:
    assert told(mypage, token) == INACTIVE


def test_an_id_token_is_no_access_token(mypage: RelyingParty, tokens: Tokens) -> None:
    assert told(mypage, tokens.hint) == INACTIVE


def test_a_suspended_account_makes_its_tokens_inactive_at_once(
    world: World, mypage: RelyingParty, tokens: Tokens
) -> None:
    assert told(mypage, tokens.access_token)["active"] is True

    def suspend(session: Session) -> None:
        session.get_one(Account, world.account(HANAKO).id).status = AccountStatus.SUSPENDED

    world.write(suspend)
    assert told(mypage, tokens.access_token) == INACTIVE


def test_an_act_as_token_shows_who_acts_until_the_owner_says_no(
    world: World, mypage: RelyingParty, portal: RelyingParty
) -> None:
    staff = portal.sign_in()
    token = portal.exchange(staff.access_token, world.grant().id).response.get_json()["access_token"]
    for party in (mypage, portal):  # its audience, and the client that it was issued to
        body = told(party, token)
        assert body["active"] is True
        assert body["act"] == {
            "sub": str(world.member().account_id), "sub_profile": "user",
            "org": {"id": str(world.agency().id)},
        }  # fmt: skip
        assert body["delegation"] == str(world.grant().id)
    world.write(lambda session: service.end_by_owner(session, world.account(HANAKO).id, world.grant().id))
    for party in (mypage, portal):
        assert told(party, token) == INACTIVE


def test_the_answer_can_be_signed(world: World, mypage: RelyingParty, tokens: Tokens) -> None:
    answer = mypage.introspect(tokens.access_token, accept=JWT_ANSWER).response
    assert answer.content_type == JWT_ANSWER
    keys = KeySet.import_key_set(world.browser().get("/oauth/jwks").get_json())
    decoded = jwt.decode(answer.text, keys, algorithms=["RS256"])
    assert decoded.header["typ"] == "token-introspection+jwt"
    assert decoded.claims["iss"] == world.settings.issuer
    assert decoded.claims["aud"] == "mypage"
    assert decoded.claims["token_introspection"]["active"] is True


def test_a_public_client_may_not_ask(mypage: RelyingParty, spa: RelyingParty, tokens: Tokens) -> None:
    spa.introspect(tokens.access_token).expect_error("invalid_client")


def test_the_token_has_to_be_named(mypage: RelyingParty) -> None:
    mypage.introspect(None).expect_error("invalid_request")


def test_a_wrong_secret_learns_nothing(mypage: RelyingParty, tokens: Tokens) -> None:
    mypage.secret = "another"
    mypage.introspect(tokens.access_token).expect_error("invalid_client")
