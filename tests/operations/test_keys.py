"""Signing keys: one signs, its predecessor is still believed for a while, a withdrawn one is not."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from idp import clock
from idp.demo import HANAKO
from idp.oauth import keys
from idp.oauth.algorithms import SERVER_SIGNING
from idp.oauth.models import KeyState, SigningKey
from tests.oauth.relying_party import RelyingParty
from tests.world import World


def key(world: World, alg: str, state: KeyState) -> SigningKey:
    wanted = select(SigningKey).where(SigningKey.alg == alg, SigningKey.state == state)
    found: SigningKey = world.read(lambda session: session.scalars(wanted).one())
    return found


def published(world: World) -> set[str]:
    return {one["kid"] for one in world.browser().get("/oauth/jwks").get_json()["keys"]}


@pytest.mark.parametrize("alg", SERVER_SIGNING)
def test_the_next_key_is_known_before_it_signs(world: World, alg: str) -> None:
    upcoming = key(world, alg, KeyState.NEXT).kid
    assert upcoming in published(world)
    assert world.write(lambda session: keys.rotate(session, alg)) == upcoming
    assert key(world, alg, KeyState.ACTIVE).kid == upcoming


def test_a_retiring_key_cannot_sign_and_is_believed_until_its_tokens_are_over(
    world: World, mypage: RelyingParty
) -> None:
    old = key(world, "ES256", KeyState.ACTIVE).kid
    token = mypage.redeem(mypage.code_for(world.browser(HANAKO))).tokens().access_token
    world.write(lambda session: keys.rotate(session, "ES256"))
    retiring = key(world, "ES256", KeyState.RETIRING)
    assert (retiring.kid, retiring.private_jwk) == (old, None)
    world.restart()
    assert world.api("GET", "/api/me/profile", token).status_code == 200
    with time_machine.travel(clock.now() + timedelta(days=3), tick=False):
        assert world.write(keys.forget_retired) == 1
    world.restart()
    assert old not in published(world)


def test_what_a_withdrawn_key_signed_is_refused_and_a_new_one_signs(
    world: World, mypage: RelyingParty
) -> None:
    browser = world.browser(HANAKO)
    token = mypage.redeem(mypage.code_for(browser)).tokens().access_token
    assert world.api("GET", "/api/me/profile", token).status_code == 200
    withdrawn = key(world, "ES256", KeyState.ACTIVE).kid
    assert world.write(lambda session: keys.withdraw(session, withdrawn))
    world.restart()
    assert withdrawn not in published(world)
    assert world.api("GET", "/api/me/profile", token).status_code == 401
    fresh = mypage.redeem(mypage.code_for(browser)).tokens().access_token
    assert world.api("GET", "/api/me/profile", fresh).status_code == 200


def test_two_keys_can_never_sign_for_one_algorithm(world: World) -> None:
    activate = update(SigningKey).where(SigningKey.state == KeyState.NEXT).values(state=KeyState.ACTIVE)
    with pytest.raises(IntegrityError):
        world.write(lambda session: session.execute(activate))
