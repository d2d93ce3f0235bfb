"""RFC 9701: an API gets the answer of introspection signed, for itself, and only then."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy.orm import Session

from idp.demo import HANAKO
from idp.oauth.algorithms import SERVER_SIGNING, signatures
from idp.oauth.introspection import JWT_ANSWER
from idp.oauth.models import Client, ClientProfile
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import World


@pytest.fixture
def tokens(mypage: RelyingParty) -> Tokens:
    return mypage.sign_in(HANAKO)


def register(world: World, client_id: str = "mypage", /, **values: object) -> None:
    def write(session: Session) -> None:
        for name, value in values.items():
            setattr(session.get_one(Client, client_id), name, value)

    world.write(write)


def signed_answer(world: World, party: RelyingParty, token: str, **how: Any) -> jwt.Token:
    """Expect a signed answer, and check it as RFC 9701 §5 says."""
    answer = party.introspect(token, **{"accept": JWT_ANSWER, **how}).response
    assert (answer.status_code, answer.content_type) == (200, JWT_ANSWER)
    assert answer.headers["Cache-Control"] == "no-store"
    keys = KeySet.import_key_set(world.api("GET", "/oauth/jwks").get_json())
    return jwt.decode(answer.text, keys, registry=signatures(SERVER_SIGNING))


def test_the_signed_answer_says_who_told_it_to_whom(
    world: World, mypage: RelyingParty, tokens: Tokens
) -> None:
    decoded = signed_answer(world, mypage, tokens.access_token)
    assert decoded.header["typ"] == "token-introspection+jwt"
    assert decoded.claims.keys() == {"iss", "aud", "iat", "token_introspection"}
    assert (decoded.claims["iss"], decoded.claims["aud"]) == (world.settings.issuer, "mypage")
    plain = mypage.introspect(tokens.access_token).response.get_json()
    assert decoded.claims["token_introspection"] == plain
    assert plain["active"] is True


@pytest.mark.parametrize("token", ["another's", "garbage"])
def test_of_what_is_not_its_own_it_learns_nothing_signed_either(
    world: World, shop: RelyingParty, tokens: Tokens, token: str
) -> None:
    asked = tokens.access_token if token == "another's" else token
    assert signed_answer(world, shop, asked).claims["token_introspection"] == {"active": False}


@pytest.mark.parametrize("alg", SERVER_SIGNING)
def test_it_is_signed_with_the_registered_algorithm(
    world: World, mypage: RelyingParty, tokens: Tokens, alg: str
) -> None:
    register(world, introspection_signed_response_alg=alg)
    assert signed_answer(world, mypage, tokens.access_token).header["alg"] == alg


@pytest.mark.parametrize(
    ("profile", "alg"), [(ClientProfile.BASELINE, "RS256"), (ClientProfile.FAPI2, "PS256")]
)
def test_without_one_the_profile_decides(
    world: World, portal: RelyingParty, profile: ClientProfile, alg: str
) -> None:
    """RFC 9701 §6; FAPI 2.0 Security Profile §5.4.1 has no RS256."""
    token = portal.sign_in().access_token
    register(world, "agency-portal", profile=profile)
    answer = signed_answer(world, portal, token)
    assert answer.header["alg"] == alg
    assert answer.claims["token_introspection"]["active"] is True


@pytest.mark.parametrize(
    ("accept", "plainly", "registered"),
    [
        ("", False, True),
        ("*/*", False, True),
        (JWT_ANSWER, True, True),
        (f"application/json, {JWT_ANSWER}", True, True),
        (f"application/json;q=0.5, {JWT_ANSWER}", True, True),
        (f"application/json, {JWT_ANSWER};q=0.5", False, False),
        (f"*/*, {JWT_ANSWER};q=0", False, False),
        ("application/json", False, False),
        ("application/JSON, text/plain", False, False),
        (JWT_ANSWER.upper(), True, True),
        (";;;,,", False, False),
    ],
)
def test_the_accept_header_decides_and_then_the_registration(
    world: World, mypage: RelyingParty, tokens: Tokens, accept: str, plainly: bool, registered: bool
) -> None:
    for alg, expected in ((None, plainly), ("ES256", registered)):
        register(world, introspection_signed_response_alg=alg)
        answer = mypage.introspect(tokens.access_token, accept=accept).response
        assert (answer.content_type == JWT_ANSWER) is expected, alg
        assert expected or answer.get_json()["active"] is True


def test_a_signed_answer_is_no_token(world: World, mypage: RelyingParty, tokens: Tokens) -> None:
    """RFC 9701 §8.1: ``typ`` keeps it from being taken for an access token or an ID token."""
    register(world, introspection_signed_response_alg="ES256")
    text = mypage.introspect(tokens.access_token, accept=JWT_ANSWER).response.text
    assert world.api("GET", "/oauth/userinfo", text).status_code == 401
    assert world.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 200
    browser = world.browser(HANAKO)
    mypage.authorize(browser, prompt="none", id_token_hint=text).expect_error("invalid_request")


def test_a_refusal_is_not_signed(mypage: RelyingParty, tokens: Tokens) -> None:
    mypage.introspect(None, accept=JWT_ANSWER).expect_error("invalid_request")
    mypage.secret = "another"
    mypage.introspect(tokens.access_token, accept=JWT_ANSWER).expect_error("invalid_client")
