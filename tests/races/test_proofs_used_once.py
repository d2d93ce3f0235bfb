"""One DPoP proof at thirty connections of two processes: one request is served (RFC 9449 §11.1)."""

import json
from collections import Counter

from sqlalchemy import update

from idp.demo import HANAKO
from idp.oauth.models import Client
from tests.oauth.proofs import new_proof_key
from tests.oauth.relying_party import VERIFIER, RelyingParty
from tests.races.arena import Answer, Arena, Message, to_token_endpoint
from tests.world import World

MANY = 30
KEY = new_proof_key()


def outcomes(answers: list[Answer]) -> Counter[str]:
    """Count how requests to the token endpoint ended: with tokens, or with which error."""
    return Counter(json.loads(answer.body).get("error", "tokens") for answer in answers)


def test_of_thirty_with_one_proof_at_the_token_endpoint_one_is_heard(
    arena: Arena, parties: dict[str, RelyingParty], rounds: range
) -> None:
    spa = parties["spa"]
    spa.dpop_key = KEY
    for _round in rounds:
        message = to_token_endpoint(spa, {"grant_type": "refresh_token", "refresh_token": "ocr_" + "x" * 43})
        answers = arena.at_once([message] * MANY)
        assert outcomes(answers) == {"invalid_grant": 1, "invalid_dpop_proof": MANY - 1}


def test_of_thirty_calls_with_one_proof_one_is_served(
    arena: Arena, parties: dict[str, RelyingParty], rounds: range
) -> None:
    mypage = parties["mypage"]
    mypage.dpop_key = KEY
    token = mypage.sign_in(HANAKO).access_token
    ways = (("GET", "/oauth/userinfo"), ("GET", "/api/me/profile"), ("POST", "/oauth/userinfo"))
    for number in rounds:
        method, path = ways[number % len(ways)]
        message = Message(method, path, "", mypage.with_proof(token, path, method=method))
        answers = arena.at_once([message] * MANY)
        assert Counter(answer.status for answer in answers) == {200: 1, 401: MANY - 1}, (method, path)


def test_thirty_proofs_of_one_key_are_all_served(arena: Arena, parties: dict[str, RelyingParty]) -> None:
    mypage, path = parties["mypage"], "/oauth/userinfo"
    mypage.dpop_key = KEY
    token = mypage.sign_in(HANAKO).access_token
    messages = [Message("GET", path, "", mypage.with_proof(token, path)) for _ in range(MANY)]
    assert {answer.status for answer in arena.at_once(messages)} == {200}


def test_of_thirty_that_redeem_one_bound_code_with_proofs_of_their_own_one_gets_tokens(
    arena: Arena, world: World, parties: dict[str, RelyingParty]
) -> None:
    spa = parties["spa"]
    spa.dpop_key = KEY
    parameters: dict[str, object] = {
        "grant_type": "authorization_code", "code": spa.code_for(world.browser(HANAKO)),
        "redirect_uri": spa.redirect_uri, "code_verifier": VERIFIER,
    }  # fmt: skip
    answers = arena.at_once([to_token_endpoint(spa, parameters) for _ in range(MANY)])
    assert outcomes(answers) == {"tokens": 1, "invalid_grant": MANY - 1}


def test_of_thirty_that_use_one_bound_refresh_token_one_gets_tokens(
    arena: Arena, parties: dict[str, RelyingParty]
) -> None:
    spa = parties["spa"]
    spa.dpop_key = KEY
    parameters: dict[str, object] = {
        "grant_type": "refresh_token", "refresh_token": spa.sign_in(HANAKO).refresh_token,
    }  # fmt: skip
    answers = arena.at_once([to_token_endpoint(spa, parameters) for _ in range(MANY)])
    assert outcomes(answers) == {"tokens": 1, "invalid_grant": MANY - 1}


def test_a_refresh_token_that_is_kept_serves_all_thirty(
    arena: Arena, world: World, parties: dict[str, RelyingParty]
) -> None:
    """FAPI 2.0 Security Profile §5.3.2.1: no rotation, so that parallel refreshes revoke nothing."""
    portal = parties["agency-portal"]
    portal.dpop_key = KEY
    token = portal.sign_in().refresh_token
    _set_profile(world, "fapi2")
    try:
        parameters: dict[str, object] = {"grant_type": "refresh_token", "refresh_token": token}
        answers = arena.at_once([to_token_endpoint(portal, parameters) for _ in range(MANY)])
        assert outcomes(answers) == {"tokens": MANY}
    finally:
        _set_profile(world, "baseline")


def _set_profile(world: World, profile: str) -> None:
    chosen = update(Client).where(Client.client_id == "agency-portal")
    world.write(lambda session: session.execute(chosen.values(profile=profile)).close())
