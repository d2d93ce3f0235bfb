"""RFC 9068: what an access token says, how it is signed, and where it counts."""

import base64

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from idp import clock
from idp.demo import HANAKO
from idp.oauth.algorithms import SERVER_SIGNING, signatures
from idp.oauth.models import Client
from tests.oauth.assertions import header_of
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import World

CLAIMS = {"iss", "sub", "aud", "client_id", "scope", "jti", "iat", "exp", "sid", "auth_time", "acr", "amr"}


@pytest.fixture
def tokens(mypage: RelyingParty) -> Tokens:
    return mypage.sign_in(HANAKO)


def test_the_header_names_type_algorithm_and_key(tokens: Tokens) -> None:
    """§2.1: ``typ`` tells it from every other JWT."""
    header = header_of(tokens.access_token)
    assert header.keys() == {"typ", "alg", "kid"}
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")


def test_the_claims_are_those_of_the_text(world: World, tokens: Tokens) -> None:
    """§2.2: who issued it, about whom, to whom, for what and until when; §2.2.1: how they signed in."""
    claims = tokens.access_claims
    assert claims.keys() == CLAIMS
    assert claims["iss"] == claims["aud"] == world.settings.issuer
    assert (claims["client_id"], claims["sub"]) == ("mypage", str(world.account(HANAKO).id))
    assert claims["exp"] - claims["iat"] == tokens.body["expires_in"] == 300
    assert abs(claims["iat"] - clock.epoch(clock.now())) < 30
    assert frozenset(claims["scope"].split()) == tokens.scope  # §2.2.3
    assert (claims["acr"], claims["amr"]) == ("urn:ownersclub:acr:password", ["pwd"])
    same = ("auth_time", "acr", "amr", "sid")
    assert {name: claims[name] for name in same} == {name: tokens.claims[name] for name in same}


def test_no_two_tokens_are_the_same(mypage: RelyingParty, tokens: Tokens) -> None:
    fresh = mypage.refresh(tokens.refresh_token).tokens()
    assert fresh.access_claims["jti"] != tokens.access_claims["jti"]


@pytest.mark.parametrize("alg", SERVER_SIGNING)
def test_whatever_id_tokens_are_signed_with_it_can_be_checked_with_the_published_keys(
    world: World, mypage: RelyingParty, alg: str
) -> None:
    """§4: at any API, with the JWK Set and nothing else."""
    world.write(
        lambda session: setattr(session.get_one(Client, "mypage"), "id_token_signed_response_alg", alg)
    )
    token = mypage.sign_in(HANAKO).access_token
    keys = KeySet.import_key_set(world.api("GET", "/oauth/jwks").get_json())
    assert jwt.decode(token, keys, registry=signatures(["ES256"])).claims["client_id"] == "mypage"


def test_an_id_token_is_no_access_token(world: World, mypage: RelyingParty) -> None:
    """§5: neither passes for the other, even when the same key signs both."""
    world.write(
        lambda session: setattr(session.get_one(Client, "mypage"), "id_token_signed_response_alg", "ES256")
    )
    browser = world.browser(HANAKO)
    tokens = mypage.sign_in(browser=browser)
    assert header_of(tokens.hint)["kid"] == header_of(tokens.access_token)["kid"]
    assert world.api("GET", "/oauth/userinfo", tokens.hint).status_code == 401
    assert world.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 200
    mypage.authorize(browser, id_token_hint=tokens.access_token).expect_error("invalid_request")
    mypage.authorize(browser, id_token_hint=tokens.hint).expect_code()


def test_the_id_token_has_one_audience_and_no_authorized_party(tokens: Tokens) -> None:
    """OIDC Core §2: ``azp`` is for several audiences."""
    assert tokens.claims["aud"] == "mypage"
    assert "azp" not in tokens.claims


def test_a_token_whose_header_is_nested_too_deep_to_be_read_is_no_token(world: World) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 3000).rstrip(b"=").decode()
    answer = world.api("GET", "/oauth/userinfo", f"{deep}.e30.AAAA")
    assert (answer.status_code, "invalid_token" in answer.headers["WWW-Authenticate"]) == (401, True)
