"""OIDC Core §2, §3.1.3.6 and RFC 9068 §2: what ID tokens and access tokens say, and how they are signed."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from idp.demo import HANAKO
from idp.oauth.algorithms import signatures
from idp.oauth.models import Client
from tests.oauth.assertions import header_of
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import World

REGISTERED = {"iss", "sub", "aud", "iat", "exp", "sid", "at_hash", "auth_time", "acr", "amr", "nonce"}


def verified(world: World, token: str, *, alg: str) -> dict[str, Any]:
    """Return the claims of a token that one of the published keys signed with this algorithm."""
    keys = KeySet.import_key_set(world.api("GET", "/oauth/jwks").get_json())
    return dict(jwt.decode(token, keys, registry=signatures([alg])).claims)


@pytest.mark.parametrize(("client", "alg"), [("mypage", "RS256"), ("shop", "ES256"), ("spa", "RS256")])
def test_an_id_token_is_signed_as_registered_with_a_published_key(
    world: World, parties: dict[str, RelyingParty], client: str, alg: str
) -> None:
    tokens = parties[client].sign_in()
    claims = verified(world, tokens.hint, alg=alg)
    header = header_of(tokens.hint)
    assert set(header) == {"alg", "typ", "kid"}
    assert (header["alg"], header["typ"]) == (alg, "JWT")
    assert set(claims) == REGISTERED
    assert (claims["iss"], claims["aud"]) == (world.settings.issuer, client)
    assert claims["exp"] - claims["iat"] == 300
    assert claims["auth_time"] <= claims["iat"]


@pytest.mark.parametrize("nonce", ["N1", "x" * 4096, 'é あ &="<', "0"])
def test_the_nonce_comes_back_to_the_letter(world: World, mypage: RelyingParty, nonce: str) -> None:
    code = mypage.code_for(world.browser(HANAKO), nonce=nonce)
    assert mypage.redeem(code).tokens().claims["nonce"] == nonce


def test_without_a_nonce_there_is_none(world: World, mypage: RelyingParty) -> None:
    assert "nonce" not in mypage.redeem(mypage.code_for(world.browser(HANAKO), nonce=None)).tokens().claims


@pytest.mark.parametrize("client", ["mypage", "shop"])
def test_at_hash_belongs_to_the_access_token_beside_it(parties: dict[str, RelyingParty], client: str) -> None:
    tokens: Tokens = parties[client].sign_in()
    half = hashlib.sha256(tokens.access_token.encode()).digest()[:16]
    assert tokens.claims["at_hash"] == base64.urlsafe_b64encode(half).decode().rstrip("=")


@pytest.mark.parametrize(
    ("alg", "whole"),
    [("RS256", hashlib.sha256), ("PS256", hashlib.sha256), ("ES256", hashlib.sha256),
     ("EdDSA", hashlib.sha512)],
)  # fmt: skip
def test_every_algorithm_signs_and_hashes_as_it_should_and_makes_a_hint(
    world: World, mypage: RelyingParty, alg: str, whole: Callable[[bytes], Any]
) -> None:
    """OIDC Core §3.1.3.6; RFC 8032 §5.1 for Ed25519, which hashes with SHA-512."""
    world.write(
        lambda session: setattr(session.get_one(Client, "mypage"), "id_token_signed_response_alg", alg)
    )
    browser = world.browser(HANAKO)
    tokens = mypage.sign_in(browser=browser)
    claims = verified(world, tokens.hint, alg=alg)
    hashed = whole(tokens.access_token.encode()).digest()
    half = base64.urlsafe_b64encode(hashed[: len(hashed) // 2]).decode().rstrip("=")
    assert claims["at_hash"] == half
    mypage.authorize(browser, prompt="none", id_token_hint=tokens.hint).expect_code()
    for forged in (tokens.hint[:-8] + "AAAAAAAA", tokens.hint.replace(".", ".e30.", 1)):
        mypage.authorize(browser, prompt="none", id_token_hint=forged).expect_error("invalid_request")


def test_without_openid_there_is_no_id_token(world: World, mypage: RelyingParty) -> None:
    tokens = mypage.redeem(mypage.code_for(world.browser(HANAKO), scope="products")).tokens()
    assert tokens.id_token is None
    assert world.api("GET", "/api/me/products", tokens.access_token).status_code == 200
    assert world.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 403


def test_an_access_token_is_a_jwt_of_rfc_9068(world: World, mypage: RelyingParty) -> None:
    tokens = mypage.sign_in()
    claims = verified(world, tokens.access_token, alg="ES256")
    assert header_of(tokens.access_token)["typ"] == "at+jwt"
    assert {"iss", "sub", "aud", "client_id", "scope", "sid", "jti", "iat", "exp", "auth_time", "acr",
            "amr"} == set(claims)  # fmt: skip
    assert (claims["iss"], claims["aud"], claims["client_id"]) == (
        world.settings.issuer, world.settings.issuer, "mypage",
    )  # fmt: skip
    assert claims["exp"] - claims["iat"] == tokens.body["expires_in"] == 300
    assert HANAKO.email not in str(claims)
    assert HANAKO.name not in str(claims)


def test_tokens_of_one_sign_in_share_its_sid_and_no_jti(
    world: World, mypage: RelyingParty, shop: RelyingParty
) -> None:
    browser = world.browser(HANAKO)
    both = [party.sign_in(browser=browser) for party in (mypage, shop, mypage)]
    assert len({one.claims["sid"] for one in both}) == 1
    assert len({one.access_claims["jti"] for one in both}) == 3
    assert mypage.sign_in(HANAKO).claims["sid"] != both[0].claims["sid"]
