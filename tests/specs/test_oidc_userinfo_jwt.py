"""OIDC Core §5.3.2 and §5.5: userinfo as a signed answer, and single claims where they were asked for."""

import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from idp.demo import HANAKO
from idp.oauth.algorithms import SERVER_SIGNING, signatures
from idp.oauth.models import Client
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import World


def sign_with(world: World, alg: str | None, client_id: str = "mypage") -> None:
    world.write(
        lambda session: setattr(session.get_one(Client, client_id), "userinfo_signed_response_alg", alg)
    )


@pytest.mark.parametrize("alg", SERVER_SIGNING)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_answer_is_signed_as_registered(
    world: World, mypage: RelyingParty, alg: str, method: str
) -> None:
    token = mypage.sign_in(HANAKO).access_token
    plain = world.api(method, "/oauth/userinfo", token)
    assert plain.content_type == "application/json"
    sign_with(world, alg)
    answer = world.api(method, "/oauth/userinfo", token)
    assert (answer.status_code, answer.content_type) == (200, "application/jwt")
    assert answer.headers["Cache-Control"] == "no-store"
    keys = KeySet.import_key_set(world.api("GET", "/oauth/jwks").get_json())
    claims = jwt.decode(answer.text, keys, registry=signatures([alg])).claims
    assert (claims.pop("iss"), claims.pop("aud")) == (world.settings.issuer, "mypage")
    assert isinstance(claims.pop("iat"), int)
    assert claims == plain.get_json()
    assert claims["name"] == HANAKO.name


def test_a_refusal_is_not_signed(world: World) -> None:
    sign_with(world, "ES256")
    assert world.api("GET", "/oauth/userinfo", "x").content_type == "application/problem+json"


def test_a_signed_answer_is_no_token_and_no_hint(world: World, mypage: RelyingParty) -> None:
    sign_with(world, "ES256")
    tokens = mypage.sign_in(HANAKO)
    text = world.api("GET", "/oauth/userinfo", tokens.access_token).text
    assert world.api("GET", "/oauth/userinfo", text).status_code == 401
    browser = world.browser(HANAKO)
    mypage.authorize(browser, prompt="none", id_token_hint=text).expect_error("invalid_request")
    mypage.authorize(browser, prompt="none", id_token_hint=tokens.hint).expect_code()


def with_claims(world: World, party: RelyingParty, asked: dict[str, Any], **deviation: Any) -> Tokens:
    code = party.code_for(world.browser(HANAKO), claims=json.dumps(asked), scope="openid", **deviation)
    return party.redeem(code).tokens()


def test_single_claims_come_in_the_id_token_and_again_at_a_refresh(
    world: World, mypage: RelyingParty
) -> None:
    """OIDC Core §5.5: at the place where they were asked for, and there alone."""
    asked = {"id_token": {"email": None, "auth_time": {"essential": True}, "unheard_of": None}}
    tokens = with_claims(world, mypage, asked)
    assert tokens.claims["email"] == HANAKO.email
    assert not {"name", "email_verified", "unheard_of"} & tokens.claims.keys()
    assert world.api("GET", "/oauth/userinfo", tokens.access_token).get_json().keys() == {"sub"}
    assert mypage.refresh(tokens.refresh_token).tokens().claims["email"] == HANAKO.email


def test_single_claims_of_userinfo_are_not_in_the_id_token(world: World, mypage: RelyingParty) -> None:
    tokens = with_claims(world, mypage, {"userinfo": {"email": {"essential": True}}})
    assert "email" not in tokens.claims
    told = world.api("GET", "/oauth/userinfo", tokens.access_token).get_json()
    assert (told.keys(), told["email"]) == ({"sub", "email"}, HANAKO.email)


def test_what_the_server_says_of_itself_cannot_be_asked_away(world: World, mypage: RelyingParty) -> None:
    asked = {"id_token": {"iss": {"value": "https://evil.example"}, "aud": None, "acr": None}}
    tokens = with_claims(world, mypage, asked)
    assert (tokens.claims["iss"], tokens.claims["aud"]) == (world.settings.issuer, "mypage")
    assert "azp" not in tokens.claims
