"""RFC 9449 §10: a code bound to a key before it exists, by ``dpop_jkt`` or by a proof that is pushed."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.demo import HANAKO
from idp.oauth.models import PushedRequest, UsedAssertion
from tests.accounts.visitor import Visitor
from tests.oauth.authorization_answer import AuthorizationAnswer
from tests.oauth.proofs import new_proof_key, thumbprint_of
from tests.oauth.relying_party import RelyingParty
from tests.oauth.third_parties import fapi2_party
from tests.world import World

KEY, OTHER = new_proof_key(), new_proof_key()


@pytest.fixture
def hanako(world: World) -> Visitor:
    return world.browser(HANAKO)


@pytest.fixture
def bank(world: World) -> RelyingParty:
    party = fapi2_party(world, first_party=True)
    party.dpop_key = KEY
    return party


def push(party: RelyingParty, *, headers: dict[str, str] | None = None, **deviation: Any) -> TestResponse:
    return party.post("/oauth/par", party.request(**deviation), headers=headers)


def code_for(party: RelyingParty, browser: Visitor, pushed: TestResponse) -> str:
    assert pushed.status_code == 201, pushed.text
    query = {"client_id": party.client_id, "request_uri": pushed.get_json()["request_uri"]}
    response = browser.get("/oauth/authorize", query_string=query)
    return AuthorizationAnswer(response, party, party.request()).expect_code()


def test_a_client_of_the_profile_pushes_signs_and_proves_its_key_to_the_end(
    world: World, hanako: Visitor, bank: RelyingParty
) -> None:
    """FAPI 2.0 Security Profile: the whole journey."""
    tokens = bank.redeem(code_for(bank, hanako, push(bank))).tokens()
    assert tokens.body["token_type"] == "DPoP"
    assert tokens.access_claims["cnf"] == {"jkt": thumbprint_of(KEY)}
    headers = bank.with_proof(tokens.access_token, "/oauth/userinfo")
    told = world.api("GET", "/oauth/userinfo", headers=headers)
    assert told.get_json()["sub"] == tokens.claims["sub"]
    again = bank.refresh(tokens.refresh_token).tokens()
    assert again.claims["sub"] == tokens.claims["sub"]


def test_a_pushed_proof_binds_the_code_to_its_key(hanako: Visitor, bank: RelyingParty) -> None:
    """§10.1."""
    code = code_for(bank, hanako, push(bank))
    bank.dpop_key = OTHER
    bank.redeem(code).expect_error("invalid_grant")
    bank.dpop_key = KEY
    bank.redeem(code).tokens()


@pytest.mark.parametrize("pushed", [True, False])
def test_a_thumbprint_in_the_request_binds_the_code(
    hanako: Visitor, spa: RelyingParty, *, pushed: bool
) -> None:
    """§10."""
    bound = {"dpop_jkt": thumbprint_of(KEY)}
    code = code_for(spa, hanako, push(spa, **bound)) if pushed else spa.code_for(hanako, **bound)
    spa.redeem(code).expect_error("invalid_grant")
    for key in (OTHER, KEY):
        spa.dpop_key = key
        answer = spa.redeem(code)
        assert answer.response.status_code == (200 if key is KEY else 400)


def test_a_thumbprint_and_a_proof_name_the_same_key(world: World, bank: RelyingParty) -> None:
    """§10.1 MUST reject."""
    assert push(bank, dpop_jkt=thumbprint_of(KEY)).status_code == 201
    kept = world.count(PushedRequest)
    refused = push(bank, dpop_jkt=thumbprint_of(OTHER))
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_dpop_proof")
    assert world.count(PushedRequest) == kept


def test_whoever_lacks_a_nonce_is_given_one_before_anything_is_used_up(
    world: World, bank: RelyingParty
) -> None:
    """§8.1: even the client assertion may be sent again."""
    assertion, used = bank.asserted(), world.count(UsedAssertion)
    refused = push(bank, headers={"DPoP": bank.proof("/oauth/par", nonce=None)}, **assertion)
    assert (refused.status_code, refused.get_json()["error"]) == (400, "use_dpop_nonce")
    assert world.count(UsedAssertion) == used
    nonce = refused.headers["DPoP-Nonce"]
    again = push(bank, headers={"DPoP": bank.proof("/oauth/par", nonce=nonce)}, **assertion)
    assert again.status_code == 201
    assert again.headers["DPoP-Nonce"]


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/authorize", "/oauth/par/"])
def test_a_proof_for_another_address_pushes_nothing(world: World, bank: RelyingParty, path: str) -> None:
    refused = push(bank, headers={"DPoP": bank.proof(path)})
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_dpop_proof")
    assert world.count(PushedRequest) == 0
    assert push(bank).status_code == 201


def test_a_proof_pushes_once(bank: RelyingParty) -> None:
    """§11.1."""
    right = {"DPoP": bank.proof("/oauth/par")}
    assert push(bank, headers=right).status_code == 201
    refused = push(bank, headers=right)
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_dpop_proof")


def test_the_profile_does_not_ask_for_a_proof_where_a_request_is_pushed(
    hanako: Visitor, bank: RelyingParty
) -> None:
    bank.dpop_key = {}
    code = code_for(bank, hanako, push(bank))
    bank.dpop_key = KEY
    bank.redeem(code).tokens()
