"""oidcc-dynamic-certification-test-plan: clients register themselves and use private_key_jwt.

The suite's older modules name the token endpoint as audience of their assertions, which is refused
(docs/conformance.md); here the assertions name the issuer.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import responses
from joserfc import jwt
from joserfc.jwk import KeySet

from idp.oauth.algorithms import signatures
from idp.oauth.keys import rotate
from tests.certification.conditions import (
    came_back,
    came_back_with_error,
    check_token_error,
    check_tokens,
    check_userinfo,
    stayed,
    wait,
)
from tests.certification.suite import CALLBACK, CONSENT, Callback, Suite
from tests.oauth.assertions import claims_of, header_of, signed, unsigned
from tests.oauth.proofs import new_proof_key, public_of
from tests.oauth.registrar import Registrar, expect_error
from tests.oauth.relying_party import RelyingParty, Tokens

JWKS, ROTATED = "https://suite.example/test/a/ownersclub/jwks", "https://suite.example/rotated/jwks"
SECTOR = "https://suite.example/redirect_uris.json"
KEY, NEXT_KEY = new_proof_key("RS256"), {**new_proof_key("RS256"), "kid": "next"}


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as network:
        yield network


def document(**deviation: Any) -> dict[str, Any]:
    """Return what the suite registers; None leaves a field out."""
    full = {
        "client_name": "OIDF conformance", "grant_types": ["authorization_code"], "response_types": ["code"],
        "jwks": {"keys": [{**public_of(KEY), "use": "sig"}]}, "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "private_key_jwt", "contacts": ["certification@oidf.org"], **deviation,
    }  # fmt: skip
    return {name: value for name, value in full.items() if value is not None}


def dynamic(registrar: Registrar, **deviation: Any) -> RelyingParty:
    """Register as the suite does, and return the client."""
    answer = registrar.send(document(**deviation))
    assert (answer.status_code, answer.mimetype) == (201, "application/json"), answer.text
    registered = answer.get_json()
    assert registered["client_id"]
    assert registered["registration_client_uri"].startswith(f"{registrar.world.settings.issuer}/")
    assert registered["registration_access_token"]
    party = registrar.party(registered)
    party.key = KEY
    return party


def authorized(suite: Suite, party: RelyingParty, **deviation: Any) -> tuple[Callback, Tokens]:
    callback = came_back(suite, suite.visit(party, **deviation))
    answer = suite.redeem(party, callback)
    return callback, check_tokens(suite, party, answer, nonce=callback.sent.get("nonce"))


def test_oidcc_server(suite: Suite, registrar: Registrar) -> None:
    answer = registrar.send(document())
    party = registrar.party(answer.get_json())
    party.key = KEY
    check_userinfo(suite, authorized(suite, party)[1])
    assert registrar.manage(answer.get_json(), "DELETE").status_code == 204


def test_oidcc_idtoken_rs256(suite: Suite, registrar: Registrar) -> None:
    party = dynamic(registrar, id_token_signed_response_alg="RS256")
    _, tokens = authorized(suite, party)
    assert (header_of(tokens.hint)["alg"], bool(header_of(tokens.hint)["kid"])) == ("RS256", True)


def test_oidcc_idtoken_unsigned(suite: Suite, registrar: Registrar) -> None:
    assert "none" not in suite.metadata()["id_token_signing_alg_values_supported"]  # skipped
    answer = registrar.send(document(id_token_signed_response_alg="none"))
    expect_error(answer, "invalid_client_metadata", "id_token_signed_response_alg")


def test_oidcc_userinfo_rs256(suite: Suite, registrar: Registrar) -> None:
    assert "RS256" in suite.metadata()["userinfo_signing_alg_values_supported"]
    party = dynamic(registrar, userinfo_signed_response_alg="RS256")
    _, tokens = authorized(suite, party)
    answer = suite.userinfo(tokens.access_token)
    assert (answer.status_code, answer.mimetype) == (200, "application/jwt")
    assert header_of(answer.text)["alg"] == "RS256"
    keys = KeySet.import_key_set(suite.jwks())
    claims = jwt.decode(answer.text, keys, registry=signatures(["RS256"])).claims
    assert claims["sub"] == tokens.claims["sub"]
    assert (claims["iss"], claims["aud"]) == (suite.metadata()["issuer"], party.client_id)
    assert "nonce" not in claims


def test_oidcc_ensure_redirect_uri_in_authorization_request(suite: Suite, registrar: Registrar) -> None:
    stayed(suite.visit(dynamic(registrar), redirect_uri=None), "redirect_uri")


def test_oidcc_redirect_uri_query_ok(suite: Suite, registrar: Registrar) -> None:
    party = dynamic(registrar, redirect_uris=[f"{CALLBACK}?foo=bar"])
    authorized(suite, party)


def test_oidcc_redirect_uri_query_mismatch(suite: Suite, registrar: Registrar) -> None:
    party = dynamic(registrar, redirect_uris=[f"{CALLBACK}?foo=bar"])
    stayed(suite.visit(party, redirect_uri=f"{CALLBACK}?bar=foo"), "redirect_uri")


def test_oidcc_redirect_uri_query_added(suite: Suite, registrar: Registrar) -> None:
    stayed(suite.visit(dynamic(registrar), redirect_uri=f"{CALLBACK}?foo=bar"), "redirect_uri")


def test_oidcc_redirect_uri_regfrag(registrar: Registrar) -> None:
    answer = registrar.send(document(redirect_uris=[f"{CALLBACK}#foobar"]))
    expect_error(answer, "invalid_redirect_uri", "redirect_uris")


def test_oidcc_discovery_endpoint_verification(suite: Suite) -> None:
    """Fails in this plan on the implicit flow, which does not exist here (RFC 9700 §2.1.2)."""
    metadata = suite.metadata()
    assert metadata["response_types_supported"] == ["code"]
    assert "implicit" not in metadata["grant_types_supported"]


@pytest.mark.parametrize("name", ["policy_uri", "tos_uri"])
def test_oidcc_registration_policy_uri_and_tos_uri(suite: Suite, registrar: Registrar, name: str) -> None:
    address = f"https://suite.example/{name}.html"
    party = dynamic(registrar, **{name: address})
    callback = came_back(suite, suite.visit(party))
    assert CONSENT in callback.shown
    assert any(f'href="{address}"' in page for page in suite.pages)


def test_oidcc_registration_logo_uri(suite: Suite, registrar: Registrar) -> None:
    """Registered and told back; pages show the client's initial, as they load nothing foreign."""
    party = dynamic(registrar, logo_uri="https://suite.example/images/openid.png")
    came_back(suite, suite.visit(party))
    assert any("OIDF conformance" in page for page in suite.pages)
    assert not any("openid.png" in page for page in suite.pages)


def test_oidcc_registration_jwks_uri(
    suite: Suite, registrar: Registrar, network: responses.RequestsMock
) -> None:
    network.get(JWKS, json={"keys": [public_of(NEXT_KEY)]})
    party = dynamic(registrar, jwks=None, jwks_uri=JWKS)
    party.key = NEXT_KEY
    authorized(suite, party)


def test_oidcc_registration_sector_uri(
    suite: Suite, registrar: Registrar, network: responses.RequestsMock
) -> None:
    network.get(SECTOR, json=[CALLBACK])
    party = dynamic(registrar, subject_type="pairwise", sector_identifier_uri=SECTOR)
    authorized(suite, party)


def test_oidcc_registration_sector_bad(registrar: Registrar, network: responses.RequestsMock) -> None:
    network.get(SECTOR, json=["https://example.com/invalid1", "https://example.com/invalid2"])
    answer = registrar.send(document(subject_type="pairwise", sector_identifier_uri=SECTOR))
    assert (answer.status_code, answer.mimetype) == (400, "application/json")
    assert answer.get_json()["error"] == "invalid_client_metadata"


def test_oidcc_server_rotate_keys(suite: Suite) -> None:
    """``idp key rotate``: the suite knows new keys of RSA and EC only, so the tester rotates RS256 alone."""
    before = suite.jwks()["keys"]
    suite.world.write(lambda session: rotate(session, "RS256"))
    suite.world.restart()
    after = suite.jwks()["keys"]
    new = [key for key in after if key["kid"] not in {one["kid"] for one in before}]
    assert [(key["kty"], key["use"]) for key in new] == [("RSA", "sig")]
    assert new[0]["n"] not in {one.get("n") for one in before}
    assert {key["kid"] for key in before} <= {key["kid"] for key in after}


def test_oidcc_refresh_token_rp_key_rotation(
    suite: Suite, registrar: Registrar, network: responses.RequestsMock
) -> None:
    first = {**KEY, "kid": "first"}
    served = network.get(ROTATED, json={"keys": [public_of(first)]})
    party = dynamic(
        registrar, jwks=None, jwks_uri=ROTATED, grant_types=["authorization_code", "refresh_token"]
    )
    party.key = first
    _, tokens = authorized(suite, party, scope="openid offline_access", prompt="consent")
    network.remove(served)
    network.get(ROTATED, json={"keys": [public_of(NEXT_KEY)]})
    party.key = NEXT_KEY
    with wait(60):
        again = check_tokens(suite, party, party.refresh(tokens.refresh_token), nonce=None)
        check_userinfo(suite, again)
        party.key = first
        check_token_error(party.refresh(again.refresh_token), "invalid_client")


def test_oidcc_request_uri_unsigned_and_signed_rs256(suite: Suite, registrar: Registrar) -> None:
    """Fail in this plan: a request by reference is taken from the PAR endpoint alone (RFC 9126)."""
    party = dynamic(registrar, request_uris=["https://suite.example/request.jwt#x"])
    outcome = suite.visit(party, request_uri="https://suite.example/request.jwt#x")
    came_back_with_error(suite, outcome, "request_uri_not_supported")


def test_oidcc_ensure_request_object_with_redirect_uri(suite: Suite, registrar: Registrar) -> None:
    """Skipped, as it is unsigned; a signed one counts more than what stands beside it (RFC 9101 §6.3)."""
    party = dynamic(registrar)
    bad = f"{CALLBACK}/aBcDeF"
    inside = unsigned(suite.request(party), header={"alg": "none"})
    stayed(suite.visit(party, request=inside, redirect_uri=bad), "redirect_uri")
    asked = suite.request(party, response_mode=suite.response_mode)
    claims = {**asked, "iss": party.client_id, "aud": suite.metadata()["issuer"]}
    query = {"client_id": party.client_id, "response_type": "code", "scope": "openid", "redirect_uri": bad}
    outcome = suite.follow(party, {**query, "request": signed(KEY, claims)}, asked=asked)
    came_back(suite, outcome)


def test_oidcc_refresh_token(suite: Suite, registrar: Registrar) -> None:
    both = ["authorization_code", "refresh_token"]
    one, other = (dynamic(registrar, grant_types=both) for _ in range(2))
    issued = [authorized(suite, party, scope="openid offline_access", prompt="consent")[1]
              for party in (one, other)]  # fmt: skip
    check_token_error(one.refresh(issued[1].refresh_token), "invalid_grant")
    for party, tokens in zip((one, other), issued, strict=True):
        with wait(1):
            again = check_tokens(suite, party, party.refresh(tokens.refresh_token), nonce=None)
        assert again.claims["sub"] == tokens.claims["sub"]


def test_oidcc_ensure_client_assertion_with_iss_aud_succeeds(suite: Suite, registrar: Registrar) -> None:
    party = dynamic(registrar)
    callback = came_back(suite, suite.visit(party))
    endpoint = suite.metadata()["token_endpoint"]
    wrong = suite.redeem(party, callback, **party.asserted(aud=endpoint))
    check_token_error(wrong, "invalid_client")
    assertion = party.asserted()
    assert claims_of(assertion["client_assertion"])["aud"] == suite.metadata()["issuer"]
    suite.redeem(party, callback, **assertion).tokens()
