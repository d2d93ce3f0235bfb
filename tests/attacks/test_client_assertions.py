"""TK-005 to TK-015: an assertion is for this server, for now, for once, and signed with the client's own key.

Each attack holds a good code of the client in its hand; afterwards the client itself redeems that code.
"""

import json
from typing import Any

import pytest

from idp import credentials
from idp.oauth.keys import new_client_key
from tests.attacks.cases import case, row
from tests.attacks.proofs import claims_now, made, refuse
from tests.attacks.stage import Stage
from tests.oauth.assertions import client_assertion, hmac_signed, public_pem, signed, unsigned
from tests.oauth.relying_party import RelyingParty
from tests.world import MANAGER, RIVAL

MINUTE, DAY = 60, 86_400
ISSUER = "http://localhost:8000"


@pytest.mark.parametrize(
    "claims",
    [
        row("TK-005", "another server", {"aud": "https://evil-as.test"}),
        row("TK-005", "another server and us", {"aud": ["https://evil-as.test", ISSUER]}),
        row("TK-005", "us and another server", {"aud": [ISSUER, "https://evil-as.test"]}),
        row("TK-005", "us in a list", {"aud": [ISSUER]}),
        row("TK-005", "token endpoint", {"aud": f"{ISSUER}/oauth/token"}),
        row("TK-005", "slash behind", {"aud": f"{ISSUER}/"}),
        row("TK-005", "upper case", {"aud": ISSUER.upper()}),
        row("TK-005", "space behind", {"aud": f"{ISSUER} "}),
        row("TK-005", "none", {"aud": None}),
        row("TK-005", "empty", {"aud": ""}),
        row("TK-005", "empty list", {"aud": []}),
        row("TK-005", "object", {"aud": {ISSUER: 1}}),
        row("TK-005", "number", {"aud": 1}),
        row("TK-009", "no exp", {"exp": None}),
        row("TK-009", "over", {"exp": -1}),
        row("TK-009", "over now", {"exp": 0}),
        row("TK-009", "seven minutes", {"exp": 7 * MINUTE}),
        row("TK-009", "ten years", {"exp": 3650 * DAY}),
        row("TK-009", "for ever", {"exp": float("inf")}),
        row("TK-009", "exp no number", {"exp": float("nan")}),
        row("TK-009", "exp text", {"exp": "9999999999"}),
        row("TK-009", "exp true", {"exp": True}),
        row("TK-009", "exp beyond time", {"exp": 1e300}),
        row("TK-009", "made in future", {"iat": 10 * MINUTE}),
        row("TK-009", "iat text", {"iat": "now"}),
        row("TK-009", "good in future", {"nbf": 10 * MINUTE}),
        row("TK-009", "nbf list", {"nbf": []}),
        row("TK-009", "no jti", {"jti": None}),
        row("TK-009", "empty jti", {"jti": ""}),
        row("TK-009", "jti number", {"jti": 7}),
        row("TK-009", "huge jti", {"jti": "j" * 2000}),
        row("TK-010", "iss of another", {"iss": "rival-portal"}),
        row("TK-010", "sub of another", {"sub": "rival-portal"}),
        row("TK-010", "both of another", {"iss": "rival-portal", "sub": "rival-portal"}),
        row("TK-010", "sub of a client with a secret", {"iss": "mypage", "sub": "mypage"}),
        row("TK-010", "no iss", {"iss": None}),
        row("TK-010", "no sub", {"sub": None}),
        row("TK-010", "sub in a list", {"sub": ["agency-portal"]}),
        row("TK-010", "iss in a list", {"iss": ["agency-portal"]}),
        row("TK-010", "unknown", {"iss": "nobody", "sub": "nobody"}),
        row("TK-010", "NUL", {"iss": "agency-portal\0", "sub": "agency-portal\0"}),
    ],
)
def test_an_assertion_that_says_something_wrong_is_refused(
    stage: Stage, portal: RelyingParty, portal_code: str, claims: dict[str, Any]
) -> None:
    refuse(stage, portal, portal_code, client_assertion=made(portal, **claims))
    portal.redeem(portal_code).tokens()


@case("TK-006")
def test_an_assertion_is_good_for_one_request(
    stage: Stage, portal: RelyingParty, portal_code: str, parties: dict[str, RelyingParty]
) -> None:
    one, other_code = made(portal, jti="the-one"), portal.code_for(stage.at_home(MANAGER))
    tokens = portal.redeem(portal_code, client_assertion=one).tokens()
    refuse(stage, portal, other_code, client_assertion=one)
    refuse(stage, portal, other_code, client_assertion=made(portal, jti="the-one", exp=2 * MINUTE))
    for answer in (portal.introspect(tokens.access_token, client_assertion=one),
                   portal.revoke(tokens.access_token, client_assertion=one)):  # fmt: skip
        answer.expect_error("invalid_client")
    rival = parties["rival-portal"]
    theirs = client_assertion(rival.key, client_id="rival-portal", settings=stage.settings, jti="the-one")
    rival.redeem(rival.code_for(stage.at_home(RIVAL)), client_assertion=theirs).tokens()
    portal.redeem(other_code).tokens()


@case("TK-010")
def test_no_client_speaks_for_another(
    stage: Stage, portal: RelyingParty, portal_code: str, parties: dict[str, RelyingParty]
) -> None:
    rival = parties["rival-portal"]
    for client_id in ("rival-portal", "mypage", "nobody"):
        refuse(stage, portal, portal_code, client_id=client_id)
    for kid in (rival.key["kid"], portal.key["kid"]):
        forged = client_assertion(
            rival.key, client_id="agency-portal", settings=stage.settings, header={"kid": kid}
        )
        refuse(stage, portal, portal_code, client_assertion=forged)
    portal.redeem(portal_code, client_id="agency-portal").tokens()


# --- how an assertion is signed ---------------------------------------------------------------------------


@pytest.mark.parametrize("signature", [b"", b"x" * 64], ids=["no signature", "some signature"])
@pytest.mark.parametrize("alg", [
    row("TK-011", repr(alg), alg)
    for alg in ("none", "None", "nOnE", "NONE", "", None, "HS256", "ES256", "PS256", "RS256", "ES512", 7,
                ["none"], {"a": 1}, True)
])  # fmt: skip
def test_an_assertion_without_a_good_signature_is_refused(
    stage: Stage, portal: RelyingParty, portal_code: str, alg: object, signature: bytes
) -> None:
    for header in ({"alg": alg, "kid": portal.key["kid"]}, {"alg": alg}):
        forged = unsigned(claims_now(portal), header=header, signature=signature)
        refuse(stage, portal, portal_code, client_assertion=forged)
    head, claims, good = made(portal).split(".")
    for forged in (
        f"{head}.{claims}.",
        f"{head}.{claims}",
        f"{head}.{claims}.{good[:-4]}",
        f".{claims}.{good}",
    ):
        refuse(stage, portal, portal_code, client_assertion=forged)
    portal.redeem(portal_code).tokens()


@case("TK-012")
@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_shared_secret(
    stage: Stage, portal: RelyingParty, portal_code: str, alg: str
) -> None:
    public = {name: value for name, value in portal.key.items() if name != "d"}
    pem = public_pem(portal.key)
    secrets = [pem, pem.strip(), pem.replace(b"\n", b""), json.dumps(public).encode(),
               json.dumps(public, separators=(",", ":")).encode(), public["x"].encode()]  # fmt: skip
    for secret in secrets:
        for kid in (portal.key["kid"], None):
            header = {"alg": alg, "kid": kid}
            forged = hmac_signed(claims_now(portal), header=header, secret=secret)
            refuse(stage, portal, portal_code, client_assertion=forged)
    portal.redeem(portal_code).tokens()


@pytest.mark.parametrize("name", [row("TK-013", name, name) for name in ("jwk", "jku", "x5u", "x5c", "crit")])
def test_a_key_that_comes_along_is_not_looked_at(
    stage: Stage, portal: RelyingParty, portal_code: str, name: str
) -> None:
    own = new_client_key()
    public = {field: value for field, value in own.items() if field != "d"}
    content = {"jwk": public, "x5c": ["MIIB"], "crit": ["b64"]}.get(name, "http://127.0.0.1:9/keys")
    for kid in (own["kid"], portal.key["kid"], None):
        header = {"alg": "ES256", name: content, "kid": kid}
        if name == "crit":
            forged = unsigned(claims_now(portal), header={**header, "b64": False}, signature=b"s" * 64)
        else:
            forged = signed(
                own, claims_now(portal), header={key: header[key] for key in header if header[key]}
            )
        refuse(stage, portal, portal_code, client_assertion=forged)
    portal.redeem(portal_code).tokens()


@pytest.mark.parametrize("kid", [
    row("TK-015", repr(kid)[:24], kid)
    for kid in ("../../../../dev/null", "/dev/null", "file:///etc/passwd", "x' UNION SELECT 'k'--",
                "k" * 10_240, ["a"], None, 7, {"a": 1}, "", "\0", True, "http://127.0.0.1:9/", "あ")
])  # fmt: skip
def test_a_strange_kid_finds_no_key(
    stage: Stage, portal: RelyingParty, portal_code: str, kid: object, parties: dict[str, RelyingParty]
) -> None:
    for alg, secret in (("HS256", b""), ("HS256", b"k"), ("ES256", b"\0" * 64)):
        forged = hmac_signed(claims_now(portal), header={"alg": alg, "kid": kid}, secret=secret)
        refuse(stage, portal, portal_code, client_assertion=forged)
    foreign = parties["rival-portal"].key
    if isinstance(kid, str):
        refuse(stage, portal, portal_code, client_assertion=signed(
            foreign, claims_now(portal), header={"kid": kid}))  # fmt: skip
    portal.redeem(portal_code).tokens()


@case("TK-015")
def test_the_kid_of_another_client_finds_no_key(
    stage: Stage, portal: RelyingParty, portal_code: str, parties: dict[str, RelyingParty]
) -> None:
    rival = parties["rival-portal"].key
    forged = signed(rival, claims_now(portal), header={"kid": rival["kid"]})
    refuse(stage, portal, portal_code, client_assertion=forged)
    portal.redeem(portal_code).tokens()


@case("TK-006")
def test_a_refused_assertion_uses_no_jti_up(stage: Stage, portal: RelyingParty, portal_code: str) -> None:
    jti = credentials.mint_jti()
    refuse(stage, portal, portal_code, client_assertion=made(portal, jti=jti, exp=-1))
    portal.redeem(portal_code, client_assertion=made(portal, jti=jti)).tokens()
