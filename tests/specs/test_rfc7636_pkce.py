"""RFC 7636 §4 and RFC 9700 §2.1.1: a code is for whoever knows the verifier, and there is one method."""

import base64
import hashlib
from typing import Any

import pytest
from sqlalchemy import update

from idp.demo import HANAKO
from idp.oauth.models import Client
from tests.oauth.relying_party import CHALLENGE, VERIFIER, RelyingParty
from tests.world import World

APPENDIX_B = ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def code_for(world: World, party: RelyingParty, **deviation: Any) -> str:
    return party.code_for(world.browser(HANAKO), **deviation)


@pytest.mark.parametrize("name", ["mypage", "shop", "spa", "native"])
def test_the_right_verifier_gets_the_tokens(
    world: World, parties: dict[str, RelyingParty], name: str
) -> None:
    """§4.6, of every kind of client."""
    party = parties[name]
    code = code_for(world, party)
    party.redeem(code, code_verifier="w" * 43).expect_error("invalid_grant")
    party.redeem(code, code_verifier=None).expect_error("invalid_request")
    party.redeem(code).tokens()


@pytest.mark.parametrize("verifier", [APPENDIX_B[0], "v" * 43, "v" * 128, LETTERS])
def test_every_verifier_of_the_grammar_is_good(world: World, spa: RelyingParty, verifier: str) -> None:
    """§4.1, §4.2; appendix B."""
    assert challenge_of(APPENDIX_B[0]) == APPENDIX_B[1]
    code = code_for(world, spa, code_challenge=challenge_of(verifier))
    spa.redeem(code, code_verifier=verifier).tokens()


@pytest.mark.parametrize(
    "verifier",
    [
        "v" * 42,
        "v" * 129,
        "v" * 42 + "+",
        "v" * 42 + " ",
        "v" * 42 + "é",
        "v" * 42 + "=",
        "v" * 43 + "\n",
        "v",
    ],
)
def test_a_verifier_outside_of_the_grammar_is_none(world: World, spa: RelyingParty, verifier: str) -> None:
    """§4.1, even if its hash is the challenge."""
    code = code_for(world, spa, code_challenge=challenge_of(verifier))
    spa.redeem(code, code_verifier=verifier).expect_error("invalid_grant")


@pytest.mark.parametrize("wrong", [VERIFIER[:-1] + "X", VERIFIER.upper(), VERIFIER + "x", CHALLENGE])
def test_a_wrong_verifier_gets_nothing_and_does_not_burn_the_code(
    world: World, spa: RelyingParty, wrong: str
) -> None:
    """§4.6: MUST return invalid_grant."""
    code = code_for(world, spa)
    before = world.digest()
    spa.redeem(code, code_verifier=wrong).expect_error("invalid_grant")
    assert world.digest() == before
    spa.redeem(code).tokens()


@pytest.mark.parametrize("method", ["plain", None, "", "s256", "S512", "none"])
def test_the_only_method_is_s256(world: World, spa: RelyingParty, method: str | None) -> None:
    """§4.3, §4.4.1; RFC 9700 §2.1.1: a missing method would mean plain."""
    spa.authorize(world.browser(HANAKO), code_challenge_method=method).expect_error("invalid_request")


@pytest.mark.parametrize("challenge", [None, "", "short", "c" * 42, "c" * 44, "c" * 42 + "=", "é" * 43])
def test_a_challenge_is_needed_and_has_its_length(
    world: World, spa: RelyingParty, challenge: str | None
) -> None:
    """§4.2, §4.4.1: MUST return invalid_request to a client that needs one."""
    spa.authorize(world.browser(HANAKO), code_challenge=challenge).expect_error("invalid_request")


def test_a_verifier_without_a_challenge_is_refused(world: World, shop: RelyingParty) -> None:
    """RFC 9700 §2.1.1: else an attacker could leave the challenge out of the request (PKCE downgrade)."""
    world.write(
        lambda session: session.execute(
            update(Client).where(Client.client_id == "shop").values(require_pkce=False)
        ).close()
    )
    without = {"code_challenge": None, "code_challenge_method": None}
    code = code_for(world, shop, **without)
    shop.redeem(code).expect_error("invalid_grant")
    shop.redeem(code, code_verifier=None).tokens()
