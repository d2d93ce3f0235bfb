"""RFC 7517 and RFC 7518 §6: the published keys, and nothing of what must stay here."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from joserfc.jwk import JWKRegistry

from idp import clock
from idp.oauth import keys
from idp.oauth.algorithms import SERVER_SIGNING
from idp.oauth.models import KeyState
from tests.world import World

MEMBERS = {
    "RSA": {"kty", "kid", "use", "alg", "n", "e"},
    "EC": {"kty", "kid", "use", "alg", "crv", "x", "y"},
    "OKP": {"kty", "kid", "use", "alg", "crv", "x"},
}
KINDS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
CURVES = {"EC": "P-256", "OKP": "Ed25519", "RSA": None}


@pytest.fixture
def published(world: World) -> list[dict[str, Any]]:
    document = world.api("GET", "/oauth/jwks").get_json()
    assert document.keys() == {"keys"}
    found: list[dict[str, Any]] = document["keys"]
    return found


def test_each_key_is_public_and_for_one_algorithm(published: list[dict[str, Any]]) -> None:
    """Exactly the public members (§9.3 of RFC 7517 warns of the others), and no shared secret."""
    for key in published:
        assert key.keys() == MEMBERS[key["kty"]]
        assert key["use"] == "sig"
        assert (KINDS[key["alg"]], CURVES[key["kty"]]) == (key["kty"], key.get("crv"))
        assert not JWKRegistry.import_key(key).is_private


def test_each_algorithm_has_a_key_that_signs_and_one_that_will(published: list[dict[str, Any]]) -> None:
    assert sorted(key["alg"] for key in published) == sorted(SERVER_SIGNING * 2)
    kids = [key["kid"] for key in published]
    assert len(set(kids)) == len(kids)
    assert all(kid.isalnum() for kid in kids)


def test_rsa_keys_have_2048_bits(published: list[dict[str, Any]]) -> None:
    """RFC 7518 §3.3, §3.5."""
    sizes = [JWKRegistry.import_key(key).raw_value.key_size for key in published if key["kty"] == "RSA"]
    assert sizes == [2048] * 4


@pytest.mark.parametrize("name", ["RS256", "PS256", "EdDSA"])
def test_new_keys_stand_beside_the_old_ones(world: World, published: list[dict[str, Any]], name: str) -> None:
    before = {key["kid"] for key in published}
    world.write(lambda session: keys.rotate(session, name))
    world.restart()
    after = {key["kid"] for key in world.api("GET", "/oauth/jwks").get_json()["keys"]}
    assert before < after
    assert len(after) == len(before) + 1


def test_the_document_may_be_kept_for_as_long_as_new_keys_wait(world: World) -> None:
    """OIDC Core §10.1.1: whoever keeps it as long as it says has never seen a key sign that is not in it."""
    answer = world.api("GET", "/oauth/jwks")
    assert answer.headers["Cache-Control"] == f"public, max-age={keys.JWKS_KEPT.seconds}"
    assert timedelta(seconds=keys.RING_SECONDS) + keys.JWKS_KEPT < keys.KNOWN_TO_ALL
    now = clock.now()
    first = world.write(lambda session: keys.rotate(session, "ES256"))
    young = world.write(lambda session: keys.rotate(session, "ES256"))
    for seconds, signer in (
        (0, first),
        (keys.JWKS_KEPT.seconds, first),
        (keys.KNOWN_TO_ALL.seconds + 1, young),
    ):
        with time_machine.travel(now + timedelta(seconds=seconds), tick=False):
            assert str(world.read(keys.load_ring).signer("ES256").kid) == signer


def test_a_withdrawn_key_is_gone_from_it_at_once(world: World, published: list[dict[str, Any]]) -> None:
    kid = next(key["kid"] for key in published if key["alg"] == "EdDSA")
    assert world.write(lambda session: keys.withdraw(session, kid))
    world.restart()
    left = world.api("GET", "/oauth/jwks").get_json()["keys"]
    assert kid not in {key["kid"] for key in left}
    assert [key["alg"] for key in left].count("EdDSA") == 2
    row = world.read(lambda session: session.get_one(keys.SigningKey, kid))
    assert (row.state, row.private_jwk) == (KeyState.GONE, None)
