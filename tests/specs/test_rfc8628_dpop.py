"""RFC 8628 with RFC 9449: a device may prove a key, and then nobody else gets its tokens."""

import pytest

from idp.demo import HANAKO
from tests.oauth.device import ask, begin, decide
from tests.oauth.proofs import new_proof_key, thumbprint_of
from tests.oauth.relying_party import RelyingParty
from tests.world import World

KEY, OTHER = new_proof_key(), new_proof_key("EdDSA")


@pytest.fixture
def display(parties: dict[str, RelyingParty]) -> RelyingParty:
    return parties["display"]


def test_tokens_are_bound_to_the_key_that_the_device_proves(world: World, display: RelyingParty) -> None:
    device = begin(display)
    display.dpop_key = KEY
    decide(world.browser(HANAKO), device)
    tokens = device.poll().tokens()
    assert tokens.body["token_type"] == "DPoP"
    assert tokens.access_claims["cnf"] == {"jkt": thumbprint_of(KEY)}
    display.dpop_key = OTHER
    display.refresh(tokens.refresh_token).expect_error("invalid_grant")
    display.dpop_key = KEY
    display.refresh(tokens.refresh_token).tokens()


def test_a_device_code_that_was_asked_for_with_a_proof_is_bound_to_its_key(
    world: World, display: RelyingParty
) -> None:
    display.dpop_key = KEY
    device = begin(display)
    decide(world.browser(HANAKO), device)
    for key in (OTHER, {}):
        display.dpop_key = key
        device.poll().expect_error("invalid_grant")
    display.dpop_key = KEY
    device.poll().tokens()


def test_a_proof_that_is_not_in_order_gets_no_code(display: RelyingParty) -> None:
    refused = ask(display, headers={"DPoP": "x"})
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_dpop_proof")
    assert refused.headers["DPoP-Nonce"]
