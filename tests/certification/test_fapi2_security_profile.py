"""fapi2-security-profile-final-test-plan: private_key_jwt, DPoP, openid_connect, plain_fapi, unsigned."""

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp import clock
from tests.certification.conditions import (
    ID_TOKEN_CLAIMS,
    came_back,
    came_back_with_error,
    check_token_error,
    check_tokens,
    stayed,
    wait,
)
from tests.certification.fapi2 import Pushing, both_clients, pushed_refused
from tests.certification.suite import CALLBACK, CONSENT, SIGN_IN, Suite
from tests.oauth.proofs import new_proof_key, thumbprint_of
from tests.oauth.relying_party import CHALLENGE, VERIFIER, RelyingParty
from tests.world import World

USERINFO = "/oauth/userinfo"


@pytest.fixture
def clients(world: World) -> tuple[RelyingParty, RelyingParty]:
    return both_clients(world)


@pytest.fixture
def bank(clients: tuple[RelyingParty, RelyingParty], suite: Suite) -> Pushing:
    return Pushing(suite, clients[0])


@pytest.fixture
def second(clients: tuple[RelyingParty, RelyingParty], suite: Suite) -> Pushing:
    return Pushing(suite, clients[1])


def call(suite: Suite, party: RelyingParty, token: str, **headers: str) -> TestResponse:
    sent = {**party.with_proof(token, USERINFO), **headers}
    return suite.world.api("GET", USERINFO, headers=sent)


def test_fapi2_discovery_end_point_verification(suite: Suite) -> None:
    metadata = suite.metadata()
    allowed = {"PS256", "ES256", "EdDSA"}
    for name in ("dpop_signing_alg", "id_token_signing_alg", "token_endpoint_auth_signing_alg",
                 "userinfo_signing_alg"):  # fmt: skip
        assert allowed & set(metadata[f"{name}_values_supported"]), name
    assert set(metadata["dpop_signing_alg_values_supported"]) <= allowed
    assert "private_key_jwt" in metadata["token_endpoint_auth_methods_supported"]
    assert "S256" in metadata["code_challenge_methods_supported"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["pushed_authorization_request_endpoint"]


def test_fapi2_happy_flow(suite: Suite, bank: Pushing, second: Pushing) -> None:
    for pushing, deviation in (
        (bank, {}),
        (second, {"state": "s" * 128, "nonce": "n" * 43,
                  "dpop_jkt": thumbprint_of(second.party.dpop_key)}),
    ):  # fmt: skip
        tokens = pushing.tokens(**deviation)
        answer = call(suite, pushing.party, tokens.access_token)
        assert (answer.status_code, answer.get_json()["sub"]) == (200, tokens.claims["sub"])
        assert set(tokens.claims) <= ID_TOKEN_CLAIMS
    token = bank.tokens().access_token
    assert suite.world.api("GET", f"{USERINFO}?access_token={token}").status_code == 401
    for accept in ("application/json; charset=utf-8", "*/*", "application/json;charset=UTF-8, */*"):
        assert call(suite, bank.party, token, Accept=accept).status_code == 200


def test_fapi2_user_rejects_authentication(suite: Suite, bank: Pushing, second: Pushing) -> None:
    for pushing in (bank, second):
        came_back_with_error(suite, pushing.visit(said="deny", state="s" * 128), "access_denied")


def test_fapi2_ensure_authorization_request_without_state_success(bank: Pushing) -> None:
    bank.tokens(state=None)


def test_fapi2_ensure_authorization_request_without_nonce_success(bank: Pushing) -> None:
    assert "nonce" not in bank.tokens(nonce=None).claims


@pytest.mark.parametrize("length", [64, 1000])
def test_fapi2_ensure_authorization_request_with_64_char_and_long_nonce(bank: Pushing, length: int) -> None:
    bank.tokens(nonce="n" * length)


def test_fapi2_ensure_authorization_request_with_long_state(bank: Pushing) -> None:
    bank.tokens(state="s" * 1000)


def test_fapi2_ensure_other_scope_order_succeeds(bank: Pushing) -> None:
    bank.tokens(scope="email openid")


def test_fapi2_test_claims_parameter_identity_claims(suite: Suite, bank: Pushing) -> None:
    standard = {"sub", "name", "given_name", "family_name", "email", "email_verified", "phone_number",
                "phone_number_verified", "address", "updated_at"}  # fmt: skip
    asked = [name for name in suite.metadata()["claims_supported"] if name in standard]
    forms: list[Any] = [None, {"essential": True}, {"essential": False}]
    each = {name: forms[number % 3] for number, name in enumerate(asked)}
    claims = {"id_token": each, "userinfo": each, "gtrhkadf": {"foo": None}}
    tokens = bank.tokens(
        claims=json.dumps(claims), allowed=ID_TOKEN_CLAIMS | frozenset(asked), scope="openid"
    )
    told = call(suite, bank.party, tokens.access_token).get_json()
    assert set(told) <= standard  # nothing unknown
    assert set(asked) <= set(told) | set(tokens.claims)


@pytest.mark.parametrize("scheme", ["dpop", "DPOP", "DPoP", "dPoP"])
def test_fapi2_access_token_type_header_case_sensitivity(suite: Suite, bank: Pushing, scheme: str) -> None:
    token = bank.tokens().access_token
    assert call(suite, bank.party, token, Authorization=f"{scheme} {token}").status_code == 200


def test_fapi2_state_only_outside_request_object_not_used(suite: Suite, bank: Pushing) -> None:
    bank.tokens(state=None, beside={"state": "outside", "nonce": "outside"})


def test_fapi2_ensure_different_nonce_and_state_inside_and_outside_request_object(bank: Pushing) -> None:
    bank.tokens(beside={"state": "outside", "nonce": "outside", "scope": "openid profile"})


def test_fapi2_ensure_registered_redirect_uri(bank: Pushing) -> None:
    pushed_refused(bank.push(redirect_uri=f"{CALLBACK}/aBcDeF"), "invalid_request")


def test_fapi2_ensure_redirect_uri_in_authorization_request(bank: Pushing) -> None:
    pushed_refused(bank.push(redirect_uri=None), "invalid_request")


def test_fapi2_ensure_unsigned_authorization_request_without_using_par_fails(
    suite: Suite, bank: Pushing
) -> None:
    outcome = suite.visit(bank.party, code_challenge=CHALLENGE, code_challenge_method="S256")
    came_back_with_error(suite, outcome, "invalid_request")


@pytest.mark.parametrize("response_type", ["code id_token", "token"])
def test_fapi2_ensure_response_type_code_idtoken_and_token_fail(bank: Pushing, response_type: str) -> None:
    pushed_refused(bank.push(response_type=response_type), "unsupported_response_type", "invalid_request",
                   "unauthorized_client")  # fmt: skip


# --- the token endpoint -----------------------------------------------------------------------------------


def test_fapi2_ensure_client_id_in_token_endpoint(bank: Pushing, second: Pushing) -> None:
    callback, name = bank.callback(), second.party.client_id
    asserted = bank.party.asserted(iss=name, sub=name)  # for the second client, by the first one's key
    check_token_error(bank.redeem(callback, client_id=name, **asserted), "invalid_client", "invalid_grant")
    check_token_error(bank.redeem(callback, client_id=name), "invalid_client", "invalid_grant")
    bank.redeem(callback).tokens()


def test_fapi2_ensure_holder_of_key_required(bank: Pushing) -> None:
    callback = bank.callback()
    key, bank.party.dpop_key = bank.party.dpop_key, {}
    check_token_error(bank.redeem(callback), "invalid_request", "invalid_dpop_proof")
    bank.party.dpop_key = key
    bank.redeem(callback).tokens()


def test_fapi2_ensure_authorization_code_is_bound_to_client(bank: Pushing, second: Pushing) -> None:
    callback = bank.callback()
    check_token_error(second.redeem(callback), "invalid_grant")


def test_fapi2_attempt_reuse_authorization_code_after_one_second(suite: Suite, bank: Pushing) -> None:
    callback = bank.callback()
    tokens = bank.redeem(callback).tokens()
    with wait(1):
        assert call(suite, bank.party, tokens.access_token).status_code == 200
        check_token_error(bank.redeem(callback), "invalid_grant")
        assert call(suite, bank.party, tokens.access_token).status_code == 401


def test_fapi2_attempt_to_use_expired_auth_code(bank: Pushing) -> None:
    callback = bank.callback()
    with wait(61):
        check_token_error(bank.redeem(callback), "invalid_grant")


@pytest.mark.parametrize(
    "claims",
    [{"exp": -300}, {"aud": "https://other.example"}, {"sub": None}],
    ids=["exp_is_5_minutes_in_past", "wrong_aud", "no_sub"],
)  # fmt: skip
def test_fapi2_ensure_client_assertion_with_wrong_claims_fails(bank: Pushing, claims: dict[str, Any]) -> None:
    callback = bank.callback()
    if "exp" in claims:
        claims = {"exp": clock.epoch(clock.now()) + claims["exp"]}
    check_token_error(bank.redeem(callback, **bank.party.asserted(**claims)), "invalid_client")
    bank.redeem(callback).tokens()


def test_fapi2_ensure_client_assertion_in_token_endpoint(bank: Pushing) -> None:
    callback = bank.callback()
    without = {"client_id": bank.party.client_id, "client_assertion": None, "client_assertion_type": None}
    check_token_error(bank.redeem(callback, **without), "invalid_client")


def test_fapi2_ensure_signed_client_assertion_with_rs256_fails(world: World, suite: Suite) -> None:
    rsa = Pushing(suite, both_clients(world, alg="PS256", number=2)[0])
    callback = rsa.callback()
    rsa.party.key["alg"] = "RS256"
    check_token_error(rsa.redeem(callback), "invalid_client")
    rsa.party.key["alg"] = "PS256"
    rsa.redeem(callback).tokens()


def test_fapi2_refresh_token(suite: Suite, bank: Pushing, second: Pushing) -> None:
    assert "refresh_token" in suite.metadata()["grant_types_supported"]
    for pushing, scope in ((bank, "openid offline_access"), (second, None)):
        first = pushing.tokens(scope="openid offline_access", prompt="consent")
        party = pushing.party
        party.dpop_key = new_proof_key()  # a confidential client may go on with another key
        with wait(1):
            again = check_tokens(
                suite, party, party.refresh(first.refresh_token, scope=scope), nonce=None, alg="ES256"
            )
            assert again.refresh_token is None  # not rotated (§5.3.2.1)
            for name in ("iss", "sub", "aud", "auth_time"):
                assert again.claims[name] == first.claims[name]
            assert call(suite, party, again.access_token).status_code == 200
            key, party.dpop_key = party.dpop_key, {}
            refused = party.refresh(first.refresh_token, scope=scope)
            check_token_error(refused, "invalid_request", "invalid_grant")
            party.dpop_key = key
    check_token_error(bank.party.refresh(first.refresh_token), "invalid_grant")
    assert call(suite, bank.party, again.access_token).status_code == 401  # the other client's, its key


# --- pushed requests --------------------------------------------------------------------------------------


def test_fapi2_par_ensure_reused_request_uri_prior_to_auth_completion_succeeds(
    suite: Suite, bank: Pushing
) -> None:
    sent = bank.request()
    request_uri = bank.request_uri(sent)
    query = {"client_id": bank.party.client_id, "request_uri": request_uri}
    for _ in range(2):
        assert suite.browser.get("/oauth/authorize", query_string=query).status_code == 303
    outcome = suite.follow(bank.party, query, asked=sent)
    assert came_back(suite, outcome).shown == (SIGN_IN, CONSENT)


def test_fapi2_par_attempt_reuse_request_uri(suite: Suite, bank: Pushing) -> None:
    sent = bank.request()
    query = {"client_id": bank.party.client_id, "request_uri": bank.request_uri(sent)}
    came_back(suite, suite.follow(bank.party, query, asked=sent))
    stayed(suite.follow(bank.party, query, asked=sent), "request_uri")


def test_fapi2_par_attempt_to_use_expired_request_uri(suite: Suite, bank: Pushing) -> None:
    sent = bank.request()
    query = {"client_id": bank.party.client_id, "request_uri": bank.request_uri(sent)}
    with wait(61):
        stayed(suite.follow(bank.party, query, asked=sent), "request_uri")


def test_fapi2_par_attempt_to_use_request_uri_for_different_client(
    suite: Suite, bank: Pushing, second: Pushing
) -> None:
    sent = bank.request()
    query = {"client_id": second.party.client_id, "request_uri": bank.request_uri(sent)}
    stayed(suite.follow(second.party, query, asked=sent), "request_uri")


@pytest.mark.parametrize(("ahead", "accepted"), [(8, True), (90, False)])
def test_fapi2_par_ensure_jwt_client_assertion_with_iat_nbf_in_the_future(
    bank: Pushing, ahead: int, *, accepted: bool
) -> None:
    later = clock.epoch(clock.now()) + ahead
    answer = bank.push(**bank.party.asserted(iat=later, nbf=later, exp=later + 60))
    if accepted:
        assert answer.status_code == 201
    else:
        pushed_refused(answer, "invalid_client")


def test_fapi2_par_authorization_request_containing_request_uri_form_param(bank: Pushing) -> None:
    pushed_refused(bank.push(request_uri="urn:ietf:params:oauth:request_uri:x"), "invalid_request")


def test_fapi2_par_attempt_invalid_http_method(suite: Suite, bank: Pushing) -> None:
    body, headers = bank.party.message(bank.request(), path="/oauth/par")
    answer = suite.world.app.test_client(use_cookies=False).put(
        "/oauth/par", base_url=suite.world.settings.issuer, data=body, headers=headers
    )
    assert answer.status_code == 405


@pytest.mark.parametrize(
    "deviation",
    [{"code_challenge": None, "code_challenge_method": None},
     {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
     {"code_challenge": VERIFIER, "code_challenge_method": None}],
    ids=["ensure_pkce_required", "ensure_plain_pkce_rejected", "ensure_no_method_is_no_plain"],
)  # fmt: skip
def test_fapi2_par_ensure_pkce(bank: Pushing, deviation: dict[str, Any]) -> None:
    pushed_refused(bank.push(**deviation), "invalid_request")


@pytest.mark.parametrize("verifier", [None, f"{VERIFIER}x"], ids=["required", "incorrect"])
def test_fapi2_par_pkce_verifier(bank: Pushing, verifier: str | None) -> None:
    callback = bank.callback()
    check_token_error(bank.redeem(callback, code_verifier=verifier), "invalid_grant", "invalid_request")


def test_fapi2_par_without_duplicate_parameters(bank: Pushing) -> None:
    bank.tokens()


@pytest.mark.parametrize("name", ["array", "pushed_authorization_request_endpoint", "token_endpoint"])
def test_fapi2_par_audience_other_than_the_issuer_fails(suite: Suite, bank: Pushing, name: str) -> None:
    metadata = suite.metadata()
    audience = [metadata["issuer"]] if name == "array" else metadata[name]
    pushed_refused(bank.push(**bank.party.asserted(aud=audience)), "invalid_client")
