"""RFC 9449 §4.3: whatever stands in a proof, the answer is a refusal and never a failure of the server."""

import random
from typing import Any

import pytest

from idp.demo import HANAKO
from tests.oauth.assertions import unsigned
from tests.oauth.proofs import new_proof_key, public_of
from tests.oauth.relying_party import RelyingParty
from tests.world import World

KEY = new_proof_key()
STRANGE: list[Any] = [
    True, 0, -1, 2**64, 10**400, 1e308, float("nan"), float("inf"), "", "\0", "\ud800", "é", "x" * 5000,
    [], [[]], {}, {"": {}}, [None] * 50,
    {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {"kty": "EC", "crv": "P-256"},
    {"kty": "OKP", "crv": "Ed25519", "x": "AA"}, {"kty": "oct", "k": "AA"}, {"kty": {}, "crv": []},
    {"kty": "RSA", "n": "A" * 400, "e": ""}, {"kty": "RSA", "n": "_" * 342, "e": "AA"},
    {"kty": "RSA", "n": "_" * 342, "e": "_" * 342}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": 7},
]  # fmt: skip
NAMES = ["typ", "alg", "jwk", "kid", "crit", "b64", "jku", "x5c", "zip", "cty"]


def refused(world: World, token: str, text: str) -> None:
    headers = {"Authorization": f"DPoP {token}", "DPoP": text}
    answer = world.api("GET", "/oauth/userinfo", headers=headers)
    assert answer.status_code == 401, (text, answer.text)


@pytest.mark.parametrize("name", NAMES)
def test_a_strange_header_is_refused(world: World, name: str) -> None:
    for value in STRANGE:
        for signature in (b"", b"s" * 64):
            header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public_of(KEY), name: value}
            refused(world, "token", unsigned({"jti": "x"}, header=header, signature=signature))


@pytest.mark.parametrize("name", ["jti", "htm", "htu", "iat", "nonce", "ath", "exp", "nbf"])
def test_a_strange_claim_is_refused_though_it_is_signed(
    world: World, mypage: RelyingParty, name: str
) -> None:
    mypage.dpop_key = KEY
    token = mypage.sign_in(HANAKO).access_token
    for value in STRANGE:
        text = mypage.proof("/oauth/userinfo", method="GET", token=token, **{name: value})
        headers = {"Authorization": f"DPoP {token}", "DPoP": text}
        answer = world.api("GET", "/oauth/userinfo", headers=headers)
        # A time long ago is none of a proof's business: the nonce tells when it was made.
        fine = {"jti": ("\0", "\ud800", "é"), "iat": (0, -1), "nbf": (0, -1)}.get(name, ())
        is_fine = any(type(value) is type(one) and value == one for one in fine)
        assert answer.status_code == (200 if is_fine else 401), (value, answer.text)


def test_mutations_of_a_good_proof_never_fail_the_server(world: World, spa: RelyingParty) -> None:
    chance = random.Random(9449)  # noqa: S311 - no secret
    right = spa.proof(key=KEY)
    for _ in range(200):
        at, letter = chance.randrange(len(right)), chance.choice("AZaz09-_.=,;\\ é\x7f")
        mutated = chance.choice([right[:at] + letter + right[at + 1 :], right[:at], right[at:],
                                 right[:at] + right[at:] * 2])  # fmt: skip
        answer = spa.refresh("ocr_" + "x" * 43, headers={"DPoP": mutated}).response
        assert answer.status_code == 400, mutated
        assert answer.get_json()["error"] in {"invalid_dpop_proof", "use_dpop_nonce", "invalid_grant"}
