"""KM-001 to KM-009: what signs is known to all, what is compromised counts nowhere, one key signs."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from idp.credentials import Sealer
from idp.demo import HANAKO
from idp.oauth import keys
from idp.oauth.algorithms import SERVER_SIGNING
from idp.oauth.keys import new_client_key
from idp.oauth.models import Client, KeyState, SigningKey
from tests.attacks.cases import case
from tests.attacks.proofs import made
from tests.attacks.stage import Stage
from tests.oauth.assertions import claims_of, header_of, signed
from tests.oauth.relying_party import RelyingParty
from tests.world import MANAGER

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def published(stage: Stage) -> dict[str, dict[str, Any]]:
    """Return the keys that the server shows."""
    return {key["kid"]: key for key in stage.api("GET", "/oauth/jwks").get_json()["keys"]}


def rows(stage: Stage, *states: KeyState) -> list[SigningKey]:
    """Return the stored keys in these states."""
    wanted = select(SigningKey).where(SigningKey.state.in_(states))
    return list(stage.read(lambda session: session.scalars(wanted).all()))


def operate(stage: Stage, *arguments: str, module: str = "idp") -> subprocess.Popen[str]:
    """Run a command as the server's operator does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**kept, "IDP_DATABASE_URL": stage.settings.database_url, "IDP_ISSUER": stage.settings.issuer},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def outcome(command: subprocess.Popen[str]) -> str:
    """Wait for a command that must succeed, and return what it said."""
    said, errors = command.communicate(timeout=120)
    assert command.returncode == 0, errors
    return said


def expect_one_signer_each(stage: Stage) -> None:
    """Expect one active and one next key for each algorithm, each of which can sign."""
    states = Counter((key.alg, key.state) for key in rows(stage, KeyState.ACTIVE, KeyState.NEXT))
    assert states == {(alg, state): 1 for alg in SERVER_SIGNING for state in ("active", "next")}
    assert all(key.private_jwk for key in rows(stage, KeyState.ACTIVE, KeyState.NEXT))


@case("KM-004")
def test_the_published_keys_are_public_and_each_is_for_one_purpose(stage: Stage) -> None:
    with stage.unchanged():
        shown = stage.api("GET", "/oauth/jwks").get_json()["keys"]
    assert len({key["kid"] for key in shown}) == len(shown) >= 4
    for key in shown:
        assert not PRIVATE & set(key)
        assert key["use"] == "sig"
        assert key["kty"] in {"RSA", "EC", "OKP"}
        assert key["alg"] in SERVER_SIGNING
        assert key["kty"] != "RSA" or len(key["n"]) >= 342  # 2048 bits
    told = stage.api("GET", "/.well-known/openid-configuration").get_json()
    assert set(told["id_token_signing_alg_values_supported"]) <= {key["alg"] for key in shown}
    assert "none" not in json.dumps(told["id_token_signing_alg_values_supported"])
    for path in ("/oauth/jwks", "/.well-known/openid-configuration"):
        answer = stage.api("GET", path)
        assert [name for name in ('"d"', '"p"', "PRIVATE") if name in answer.text] == []


@case("KM-002")
def test_what_a_compromised_key_signed_is_refused_and_people_stay_signed_in(
    stage: Stage, mypage: RelyingParty
) -> None:
    browser = stage.browser(HANAKO)
    tokens = mypage.sign_in(browser=browser)
    kids = {header_of(token)["kid"] for token in (tokens.access_token, tokens.hint)}
    stolen = {
        key.kid: json.loads(Sealer(stage.settings.encryption_key).unseal(key.private_jwk))
        for key in rows(stage, KeyState.ACTIVE, KeyState.RETIRING)
        if key.private_jwk
    }
    forged = forge(tokens.access_token, stolen)
    assert stage.api("GET", "/oauth/userinfo", forged).status_code == 200, "the thief has no good key"
    for kid in kids:
        outcome(operate(stage, "key", "withdraw", kid))
    time.sleep(keys.RING_SECONDS + 0.2)
    for token in (tokens.access_token, forged, forge(tokens.access_token, stolen, jti="another")):
        for _ in range(6):  # in both processes
            assert stage.api("GET", "/oauth/userinfo", token).status_code == 401
            assert stage.api("GET", "/api/me/profile", token).status_code == 401
            assert mypage.introspect(token).response.get_json() == {"active": False}
    assert not kids & set(published(stage))
    mypage.authorize(browser, prompt="none", id_token_hint=tokens.hint).expect_error("invalid_request")
    # Nobody has to sign in again, and the app renews what it has.
    renewed = mypage.refresh(tokens.refresh_token).tokens()
    assert stage.api("GET", "/oauth/userinfo", renewed.access_token).status_code == 200
    mypage.authorize(browser, prompt="none").expect_code()
    expect_one_signer_each(stage)


def forge(token: str, stolen: dict[str, dict[str, Any]], **claims: str) -> str:
    """Return the token signed anew with a stolen key."""
    header = header_of(token)
    return signed(stolen[header["kid"]], {**claims_of(token), **claims}, header=header)


@case("KM-006")
@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_a_rotation_that_dies_at_any_step_leaves_one_signer(
    stage: Stage, mypage: RelyingParty, alg: str
) -> None:
    assert int(outcome(operate(stage, alg, module="tests.attacks.dying"))) >= 16
    expect_one_signer_each(stage)
    outcome(operate(stage, "key", "rotate", alg))
    expect_one_signer_each(stage)
    check_believed(stage, mypage)


def check_believed(stage: Stage, mypage: RelyingParty) -> None:
    """Check that what both processes sign now is signed by a key that both processes publish."""
    for _ in range(4):
        tokens = mypage.sign_in(browser=stage.at_home(HANAKO))
        for token in (tokens.hint, tokens.access_token):
            assert all(header_of(token)["kid"] in published(stage) for _ in range(3))
        assert stage.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 200


@case("KM-006")
@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_rotations_at_the_same_moment_leave_one_signer(stage: Stage, mypage: RelyingParty, alg: str) -> None:
    commands = [operate(stage, "key", "rotate", alg) for _ in range(3)]
    for command in commands:
        outcome(command)
    expect_one_signer_each(stage)

    def rotate(_: int) -> None:
        stage.write(lambda session: keys.rotate(session, alg))

    with ThreadPoolExecutor(4) as several:
        list(several.map(rotate, range(8)))
    expect_one_signer_each(stage)
    check_believed(stage, mypage)


@case("KM-009")
def test_a_client_changes_its_key_without_a_pause_and_the_old_one_is_over(
    stage: Stage, portal: RelyingParty
) -> None:
    old, new = portal.key, new_client_key()

    def register(*known: dict[str, Any]) -> None:
        public = [{name: value for name, value in key.items() if name != "d"} for key in known]
        stage.write(
            lambda session: setattr(session.get_one(Client, "agency-portal"), "jwks", {"keys": public})
        )

    def works(key: dict[str, Any]) -> bool:
        portal.key = key
        code = portal.code_for(stage.at_home(MANAGER))
        answers = [portal.redeem(code, client_assertion=made(portal)).response.status_code for _ in range(1)]
        return answers == [200]

    try:
        assert (works(old), works(new)) == (True, False)
        register(old, new)
        assert all(works(key) for key in (old, new) * 4)
        register(new)
        for _ in range(4):  # in both processes
            assert (works(old), works(new)) == (False, True)
        with stage.unchanged():
            portal.key = {**old, "kid": new["kid"]}
            portal.redeem("occ_x").expect_error("invalid_client")
    finally:
        portal.key = old
        register(old)
    assert works(old)
