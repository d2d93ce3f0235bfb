"""RFC 9449 §7: a bound access token at userinfo and the APIs, with its proof and in no other way."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.demo import HANAKO
from idp.oauth.dpop import current_nonce
from idp.oauth.models import UsedProof
from tests.oauth.proofs import ath, new_proof_key
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import World

USERINFO = "/oauth/userinfo"
PLACES = [USERINFO, "/api/me/profile"]
KEY, OTHER = new_proof_key(), new_proof_key("EdDSA")


@pytest.fixture
def bound(mypage: RelyingParty) -> Tokens:
    mypage.dpop_key = KEY
    return mypage.sign_in(HANAKO)


def call(
    world: World, party: RelyingParty, token: str, *, path: str = USERINFO, method: str = "GET",
    **deviation: Any,
) -> TestResponse:  # fmt: skip
    """Send a token with a proof."""
    called = deviation.pop("path_called", path)
    return world.api(method, called, headers=party.with_proof(token, path, method=method, **deviation))


def expect_refused(answer: TestResponse, error: str, *, status: int = 401, scheme: str = "DPoP") -> None:
    """Expect both challenges, the error in that of the scheme that was used (§7.1)."""
    assert answer.status_code == status, answer.text
    first, second = answer.headers.get_all("WWW-Authenticate")
    assert first.startswith(f"{scheme} realm=")
    assert f'error="{error}"' in first
    assert "error" not in second
    [dpop] = [one for one in (first, second) if one.startswith("DPoP ")]
    assert 'algs="PS256 ES256 EdDSA"' in dpop
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP"])
def test_a_bound_token_is_good_with_its_proof(
    world: World, mypage: RelyingParty, bound: Tokens, path: str, scheme: str
) -> None:
    headers = mypage.with_proof(bound.access_token, path)
    answer = world.api("GET", path, headers={**headers, "Authorization": f"{scheme} {bound.access_token}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["DPoP-Nonce"] == current_nonce(world.settings)


def test_userinfo_takes_a_proof_for_post_too(world: World, mypage: RelyingParty, bound: Tokens) -> None:
    assert call(world, mypage, bound.access_token, method="POST").status_code == 200


@pytest.mark.parametrize("path", PLACES)
def test_a_bound_token_is_no_bearer_token(
    world: World, mypage: RelyingParty, bound: Tokens, path: str
) -> None:
    """§7.2, even if a good proof comes along."""
    expect_refused(world.api("GET", path, bound.access_token), "invalid_token", scheme="Bearer")
    with_proof = mypage.with_proof(bound.access_token, path)
    sent = {**with_proof, "Authorization": f"Bearer {bound.access_token}"}
    expect_refused(world.api("GET", path, headers=sent), "invalid_token", scheme="Bearer")
    posted = world.api("POST", USERINFO, data={"access_token": bound.access_token})
    expect_refused(posted, "invalid_token", scheme="Bearer")


def test_an_unbound_token_is_none_of_this_scheme(world: World, mypage: RelyingParty) -> None:
    token = mypage.sign_in(HANAKO).access_token
    mypage.dpop_key = KEY
    expect_refused(call(world, mypage, token), "invalid_token")
    assert world.api("GET", USERINFO, token).status_code == 200
    stray = {"Authorization": f"Bearer {token}", "DPoP": mypage.proof(USERINFO, method="GET")}
    assert world.api("GET", USERINFO, headers=stray).status_code == 200


@pytest.mark.parametrize("path", PLACES)
def test_the_proof_of_another_key_is_refused(
    world: World, mypage: RelyingParty, bound: Tokens, path: str
) -> None:
    expect_refused(call(world, mypage, bound.access_token, path=path, key=OTHER), "invalid_token")


@pytest.mark.parametrize(
    "deviation",
    [
        {"ath": None}, {"ath": ath("another token")}, {"htm": "POST"}, {"jti": None}, {"iat": None},
        {"htu": "http://localhost:8000/oauth/token"}, {"path_called": "/api/me/profile"},
        {"header": {"typ": "JWT"}}, {"header": {"jwk": None}}, {"header": {"jwk": KEY}},
    ],
    ids=lambda deviation: str(deviation)[:16],
)  # fmt: skip
def test_a_wrong_proof_is_refused(
    world: World, mypage: RelyingParty, bound: Tokens, deviation: dict[str, Any]
) -> None:
    expect_refused(call(world, mypage, bound.access_token, **deviation), "invalid_dpop_proof")
    assert call(world, mypage, bound.access_token).status_code == 200


def test_a_proof_is_needed_and_exactly_one(world: World, mypage: RelyingParty, bound: Tokens) -> None:
    right = mypage.with_proof(bound.access_token, USERINFO)
    none = {"Authorization": right["Authorization"]}
    two = {**right, "DPoP": f"{right['DPoP']}, {mypage.proof(USERINFO, method='GET')}"}
    for headers in (none, two, {**right, "DPoP": ""}, {**right, "DPoP": "a.b.c"}):
        expect_refused(world.api("GET", USERINFO, headers=headers), "invalid_dpop_proof")
    assert world.api("GET", USERINFO, headers=right).status_code == 200


@pytest.mark.parametrize("path", PLACES)
def test_a_proof_without_the_nonce_is_told_which_one_to_use(
    world: World, mypage: RelyingParty, bound: Tokens, path: str
) -> None:
    """§9."""
    answer = call(world, mypage, bound.access_token, path=path, nonce=None)
    expect_refused(answer, "use_dpop_nonce")
    nonce = answer.headers["DPoP-Nonce"]
    assert call(world, mypage, bound.access_token, path=path, nonce=nonce).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", USERINFO), ("POST", USERINFO), ("GET", "/api/me/profile")]
)
def test_a_proof_is_used_once_whatever_becomes_of_the_call(
    world: World, mypage: RelyingParty, bound: Tokens, method: str, path: str
) -> None:
    headers = mypage.with_proof(bound.access_token, path, method=method)
    assert world.api(method, path, headers=headers).status_code == 200
    expect_refused(world.api(method, path, headers=headers), "invalid_dpop_proof")
    refused = mypage.with_proof("no token", path, method=method)
    for error in ("invalid_token", "invalid_dpop_proof"):
        expect_refused(world.api(method, path, headers=refused), error)


def test_a_proof_for_one_token_is_none_for_another(world: World, mypage: RelyingParty, bound: Tokens) -> None:
    fresh = mypage.refresh(bound.refresh_token).tokens().access_token
    headers = mypage.with_proof(bound.access_token, USERINFO)
    sent = {**headers, "Authorization": f"DPoP {fresh}"}
    used = world.count(UsedProof)
    expect_refused(world.api("GET", USERINFO, headers=sent), "invalid_dpop_proof")
    assert world.count(UsedProof) == used
    assert world.api("GET", USERINFO, headers=headers).status_code == 200


def test_a_bound_token_that_does_not_reach_so_far_is_told_so_in_its_scheme(
    world: World, shop: RelyingParty
) -> None:
    shop.dpop_key = KEY
    token = shop.sign_in(HANAKO).access_token
    answer = call(world, shop, token, path="/api/me/products")
    expect_refused(answer, "insufficient_scope", status=403)


def test_a_bound_act_as_token_opens_what_it_is_for(world: World, portal: RelyingParty) -> None:
    portal.dpop_key = KEY
    acting = portal.exchange(portal.sign_in().access_token, world.grant(HANAKO).id).tokens().access_token
    assert call(world, portal, acting, path="/api/me/profile").status_code == 200
    expect_refused(world.api("GET", "/api/me/profile", acting), "invalid_token", scheme="Bearer")


def test_without_any_token_both_schemes_are_offered(world: World) -> None:
    bearer, dpop = world.api("GET", USERINFO).headers.get_all("WWW-Authenticate")
    assert bearer == f'Bearer realm="{world.settings.issuer}"'
    assert dpop == f'DPoP realm="{world.settings.issuer}", algs="PS256 ES256 EdDSA"'


def test_behind_a_path_the_address_is_that_of_the_issuer(
    world: World, mypage: RelyingParty, bound: Tokens
) -> None:
    """The address of the issuer counts, not the Host header, which anybody can choose."""
    wrong = {"htu": "http://evil.example/oauth/userinfo"}
    expect_refused(call(world, mypage, bound.access_token, **wrong), "invalid_dpop_proof")
