"""TK-001 to TK-004: a client is who it proves to be, by the one method that it registered.

Each attack holds a good code of the client in its hand; afterwards the client itself redeems that code.
"""

from typing import Any

import pytest

from idp.demo import HANAKO
from tests.attacks.cases import case, row
from tests.attacks.proofs import claims_now, made, refuse
from tests.attacks.stage import EVIL_SECRET, Stage
from tests.oauth.assertions import hmac_signed, unsigned
from tests.oauth.relying_party import RelyingParty, basic
from tests.world import MANAGER

ISSUER = "http://localhost:8000"
UNPROVED: dict[str, Any] = {"client_assertion": None, "client_assertion_type": None}


@pytest.fixture
def mypage_code(stage: Stage, mypage: RelyingParty) -> str:
    return mypage.code_for(stage.at_home(HANAKO))


@case("TK-001")
def test_two_methods_at_once_are_one_too_many(
    stage: Stage, parties: dict[str, RelyingParty], mypage_code: str, portal_code: str
) -> None:
    mypage, portal = parties["mypage"], parties["agency-portal"]
    also = [
        {"client_id": "mypage", "client_secret": mypage.secret}, {"client_secret": mypage.secret},
        {"client_secret": "wrong"}, {"client_assertion": made(portal)},
    ]  # fmt: skip
    for more in also:
        refuse(stage, mypage, mypage_code, error="invalid_request", **more)
    headers = {"Authorization": basic("agency-portal", "x")}
    refuse(stage, portal, portal_code, error="invalid_request", headers=headers)
    refuse(stage, portal, portal_code, error="invalid_request", client_id="agency-portal", client_secret="x")
    mypage.redeem(mypage_code).tokens()
    portal.redeem(portal_code).tokens()


@pytest.mark.parametrize(
    ("client_id", "proof"),
    [
        row("TK-003", "id alone", "mypage", {"client_id": "mypage"}),
        row("TK-003", "id alone", "agency-portal", {"client_id": "agency-portal", **UNPROVED}),
        row("TK-003", "nothing", "mypage", {}),
        row("TK-003", "nothing", "agency-portal", UNPROVED),
        row("TK-003", "an empty secret", "mypage", {"client_id": "mypage", "client_secret": ""}),
        row("TK-003", "id of a public client", "mypage", {"client_id": "spa"}),
        row("TK-003", "id of an unknown client", "mypage", {"client_id": "nobody"}),
        row("TK-004", "secret of the other method", "mypage", {"client_id": "mypage", "client_secret": "*"}),
        row("TK-004", "any secret", "agency-portal",
            {"client_id": "agency-portal", "client_secret": "x", **UNPROVED}),
        row("TK-004", "type alone", "agency-portal", {"client_assertion": None}),
        row("TK-004", "type of another standard", "agency-portal",
            {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}),
        row("TK-004", "no type", "agency-portal", {"client_assertion_type": None}),
    ],
)  # fmt: skip
def test_a_client_without_the_proof_of_its_registered_method_gets_nothing(
    stage: Stage, parties: dict[str, RelyingParty], client_id: str, proof: dict[str, Any], request: Any
) -> None:
    party = parties[client_id]
    code = request.getfixturevalue("mypage_code" if client_id == "mypage" else "portal_code")
    known = {name: party.secret if value == "*" else value for name, value in proof.items()}
    expected = "invalid_grant" if proof.get("client_id") == "spa" else "invalid_client"
    refuse(stage, party, code, error=expected, headers={}, **known)
    party.redeem(code).tokens()


@pytest.mark.parametrize(
    "header",
    [
        row("TK-004", "wrong secret", basic("mypage", "wrong")),
        row("TK-004", "no secret", basic("mypage", "")),
        row("TK-004", "another client's secret", basic("mypage", EVIL_SECRET)),
        row("TK-004", "another client", basic("evilrp", EVIL_SECRET)),
        row("TK-004", "unknown client", basic("nobody", "x")),
        row("TK-004", "no client", basic("", "x")),
        row("TK-004", "portal", basic("agency-portal", "x")),
        row("TK-004", "portal without secret", basic("agency-portal", "")),
        row("TK-004", "NUL", basic("mypage\0", "x")),
        row("TK-004", "not base64", "Basic ****"),
        row("TK-004", "not UTF-8", "Basic /////w=="),
        row("TK-004", "no colon", "Basic bXlwYWdl"),
        row("TK-004", "empty", "Basic "),
        row("TK-004", "another scheme", "Digest bXlwYWdlOng="),
        row("TK-004", "bearer", "Bearer x"),
    ],
)
def test_no_header_but_the_clients_own_proves_anything(
    stage: Stage, mypage: RelyingParty, mypage_code: str, header: str
) -> None:
    error = "invalid_grant" if header == basic("evilrp", EVIL_SECRET) else "invalid_client"
    refuse(stage, mypage, mypage_code, error=error, headers={"Authorization": header})
    refuse(stage, mypage, mypage_code, client_id="evilrp")
    mypage.redeem(mypage_code).tokens()


@case("TK-004")
def test_a_secret_signs_nothing(stage: Stage, portal: RelyingParty, portal_code: str) -> None:
    """``client_secret_jwt`` is not served: whatever the HMAC is made with."""
    for secret in (b"", b"x", b"ock_secret", b"agency-portal"):
        forged = hmac_signed(claims_now(portal), header={"alg": "HS256"}, secret=secret)
        refuse(stage, portal, portal_code, client_assertion=forged)
    portal.redeem(portal_code).tokens()


@case("TK-011")
@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/revoke"])
def test_the_other_endpoints_for_clients_are_no_back_doors(
    stage: Stage, parties: dict[str, RelyingParty], path: str
) -> None:
    """The same proofs are asked for, by the same code, wherever a client has to prove who it is."""
    mypage, portal = parties["mypage"], parties["agency-portal"]
    token = portal.sign_in(browser=stage.at_home(MANAGER)).access_token
    forged = unsigned(claims_now(portal), header={"alg": "none"})
    proofs: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({**UNPROVED, "client_id": "agency-portal"}, {}), ({"client_assertion": forged}, {}),
        (UNPROVED, {"Authorization": basic("agency-portal", "")}), (UNPROVED, {}),
        ({"client_assertion": made(portal, aud=f"{ISSUER}{path}")}, {}),
        ({**UNPROVED, "client_id": "mypage", "client_secret": mypage.secret}, {}),
    ]  # fmt: skip
    with stage.unchanged():
        for proof, headers in proofs:
            answer = portal.post(path, {"token": token, **proof}, headers=headers)
            assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")
        both = portal.post(path, {"token": token}, headers={"Authorization": basic("mypage", mypage.secret)})
        assert (both.status_code, both.get_json()["error"]) == (400, "invalid_request")
    assert portal.post(path, {"token": token}).status_code == 200
