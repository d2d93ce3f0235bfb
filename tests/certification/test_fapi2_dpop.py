"""fapi2-security-profile-final-test-plan, the modules about DPoP (RFC 9449)."""

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from idp import clock
from idp.credentials import mint_jti
from tests.certification.conditions import check_token_error
from tests.certification.fapi2 import Pushing, both_clients, pushed_refused
from tests.certification.suite import Suite
from tests.oauth.assertions import unsigned
from tests.oauth.proofs import ath, new_proof_key, thumbprint_of
from tests.oauth.relying_party import RelyingParty
from tests.world import World

USERINFO = "/oauth/userinfo"
OTHER_KEY = new_proof_key()


@pytest.fixture
def party(world: World) -> RelyingParty:
    return both_clients(world)[0]


@pytest.fixture
def bank(party: RelyingParty, suite: Suite) -> Pushing:
    return Pushing(suite, party)


def at_par(party: RelyingParty, **deviation: Any) -> dict[str, str]:
    """Return the header that proves a key when a request is pushed."""
    return {"DPoP": party.proof("/oauth/par", **deviation)}


# --- the code is bound to a key ---------------------------------------------------------------------------


def test_fapi2_ensure_mismatched_dpop_jkt_fails(bank: Pushing, party: RelyingParty) -> None:
    answer = bank.push(proof=at_par(party), dpop_jkt=thumbprint_of(OTHER_KEY))
    pushed_refused(answer, "invalid_request", "invalid_dpop_proof")


def test_fapi2_ensure_token_endpoint_fails_with_mismatched_dpop_proof_jkt(
    bank: Pushing, party: RelyingParty
) -> None:
    callback = bank.callback(proof=at_par(party))
    party.dpop_key = OTHER_KEY
    refused = bank.redeem(callback)
    check_token_error(refused, "invalid_grant", "invalid_request", "invalid_dpop_proof")


def test_fapi2_ensure_token_endpoint_fails_with_mismatched_dpop_jkt(
    bank: Pushing, party: RelyingParty
) -> None:
    callback = bank.callback(dpop_jkt=thumbprint_of(OTHER_KEY))
    refused = bank.redeem(callback)
    check_token_error(refused, "invalid_grant", "invalid_request", "invalid_dpop_proof")
    party.dpop_key = OTHER_KEY
    bank.redeem(callback).tokens()


def test_fapi2_ensure_dpop_proof_at_par_endpoint_binding_success(bank: Pushing, party: RelyingParty) -> None:
    bank.tokens(proof=at_par(party))


def test_fapi2_ensure_dpop_auth_code_binding_success(bank: Pushing, party: RelyingParty) -> None:
    bank.tokens(proof=at_par(party), dpop_jkt=thumbprint_of(party.dpop_key))


def test_a_nonce_is_asked_for_at_each_endpoint_and_then_taken(
    suite: Suite, bank: Pushing, party: RelyingParty
) -> None:
    """The suite sends its first proof without a nonce, and a second one with what it was told."""
    refused = bank.push(proof=at_par(party, nonce=None))
    pushed_refused(refused, "use_dpop_nonce")
    callback = bank.callback(proof=at_par(party, nonce=refused.headers["DPoP-Nonce"]))
    refused = bank.redeem(callback, headers={"DPoP": party.proof(nonce=None)})
    check_token_error(refused, "use_dpop_nonce")
    assert refused.response.headers["DPoP-Nonce"]
    token = bank.redeem(callback).tokens().access_token
    first = call(suite, party, token, nonce=None)
    assert first.status_code == 401
    assert 'error="use_dpop_nonce"' in first.headers["WWW-Authenticate"]
    assert call(suite, party, token, nonce=first.headers["DPoP-Nonce"]).status_code == 200


# --- proofs that are in order -----------------------------------------------------------------------------


def call(suite: Suite, party: RelyingParty, token: str, **deviation: Any) -> TestResponse:
    """Call userinfo with a proof that deviates."""
    headers = party.with_proof(token, USERINFO, **deviation)
    return suite.world.api("GET", USERINFO, headers=headers)


@pytest.fixture
def token(bank: Pushing) -> str:
    return bank.tokens().access_token


@pytest.mark.parametrize("offset", [-10, 10])
def test_fapi2_ensure_dpop_proof_with_iat_10_seconds_before_and_after_succeeds(
    suite: Suite, party: RelyingParty, token: str, offset: int
) -> None:
    iat = clock.epoch(clock.now()) + offset
    assert call(suite, party, token, iat=iat).status_code == 200


def test_fapi2_check_dpop_proof_nbf_exp(suite: Suite, party: RelyingParty, token: str) -> None:
    now = clock.epoch(clock.now())
    assert call(suite, party, token, nbf=now, exp=now + 300).status_code == 200
    assert call(suite, party, token, nbf=now + 3600, exp=now + 7200).status_code in {400, 401}
    assert call(suite, party, token, exp=now - 3600).status_code in {400, 401}


def spelled(suite: Suite, name: str) -> str:
    """Return the address of userinfo in another spelling of the same."""
    whole = f"{suite.world.settings.issuer}{USERINFO}"
    parts = urlsplit(whole)
    port = f":{parts.port or {'https': 443, 'http': 80}[parts.scheme]}"
    host = parts.hostname or ""
    return {
        "query": f"{whole}?allthedoors#programmed",
        "upper case": whole.replace(host, host.upper()).replace(parts.scheme, parts.scheme.upper(), 1),
        "port": f"{parts.scheme}://{host}{port}{USERINFO}",
    }[name]


@pytest.mark.parametrize("name", ["query", "upper case", "port"])
def test_fapi2_dpop_htu_is_compared_as_an_address(
    suite: Suite, party: RelyingParty, token: str, name: str
) -> None:
    assert call(suite, party, token, htu=spelled(suite, name)).status_code == 200


def test_fapi2_dpop_negative_tests_that_must_pass(suite: Suite, party: RelyingParty, token: str) -> None:
    now = clock.epoch(clock.now())
    for hour in (-3600, 3600):  # a nonce tells the time better than the client's clock
        assert call(suite, party, token, iat=now + hour).status_code == 200
    extra = {"header": {"tx_id": now}, "tx_id_key": now}
    assert call(suite, party, token, **extra).status_code == 200
    proof = party.with_proof(token, USERINFO)
    loud = {"Authorization": proof["Authorization"], "DPOP": proof["DPoP"]}
    assert suite.world.api("GET", USERINFO, headers=loud).status_code == 200


# --- proofs that are not ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "deviation",
    [
        {"header": {"typ": None}}, {"header": {"jwk": None}}, {"jti": None}, {"htm": None}, {"htu": None},
        {"iat": None}, {"ath": None}, {"header": {"typ": "dpop+jwt+wrongyousee"}}, {"header": {"jwk": "own"}},
        {"htm": "PUT"}, {"htu": "/oauth/userinfoohnonotagain"}, {"ath": ath("other")}, {"key": OTHER_KEY},
    ],
    ids=lambda deviation: str(deviation)[:16],
)  # fmt: skip
def test_fapi2_dpop_negative_tests(
    suite: Suite, party: RelyingParty, token: str, deviation: dict[str, Any]
) -> None:
    if deviation.get("header") == {"jwk": "own"}:
        deviation = {"header": {"jwk": party.dpop_key}}  # the private key too
    if str(deviation.get("htu")).startswith("/"):
        deviation = {"htu": f"{suite.world.settings.issuer}{deviation['htu']}"}
    assert call(suite, party, token, **deviation).status_code in {400, 401}
    assert call(suite, party, token).status_code == 200


def _without_alg(proof: str) -> str:
    head, *rest = proof.split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    header["alg2"] = header.pop("alg")
    return ".".join([base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode(), *rest])


def _broken(proof: str) -> str:
    head, claims, signature = proof.split(".")
    return f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def test_fapi2_dpop_negative_tests_of_the_text_itself(suite: Suite, party: RelyingParty, token: str) -> None:
    def sent(*proofs: str, scheme: str = "DPoP") -> int:
        headers = [("Authorization", f"{scheme} {token}"), *(("DPoP", one) for one in proofs)]
        return suite.world.app.test_client(use_cookies=False).get(
            USERINFO, base_url=suite.world.settings.issuer, headers=headers
        ).status_code  # fmt: skip

    def fresh() -> str:
        return party.with_proof(token, USERINFO)["DPoP"]

    claims = {"jti": mint_jti(), "htm": "GET", "htu": f"{suite.world.settings.issuer}{USERINFO}",
              "iat": clock.epoch(clock.now()), "ath": ath(token)}  # fmt: skip
    wrong = (
        (fresh(), fresh()), (fresh().rpartition(".")[0],), (_without_alg(fresh()),), (_broken(fresh()),),
        (unsigned(claims, header={"alg": "none", "typ": "dpop+jwt"}),), (),
    )  # fmt: skip
    for proofs in wrong:
        assert sent(*proofs) in {400, 401}, proofs
    assert sent(scheme="Bearer") == 401
    assert sent(fresh(), scheme="Bearer") == 401
    assert sent(fresh()) == 200


def test_fapi2_dpop_negative_tests_jti_reuse(suite: Suite, party: RelyingParty, token: str) -> None:
    jti = mint_jti()
    assert call(suite, party, token, jti=jti).status_code == 200
    assert call(suite, party, token, jti=jti).status_code in {400, 401}
