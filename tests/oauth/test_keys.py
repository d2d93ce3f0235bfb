"""Signing keys: published before they sign, accepted once retired, refused once withdrawn, never shown."""

from datetime import timedelta

import pytest
import time_machine
from click.testing import CliRunner
from sqlalchemy import select

from idp import clock
from idp.cli import cli
from idp.demo import HANAKO
from idp.oauth import keys
from idp.oauth.algorithms import SERVER_SIGNING
from idp.oauth.models import Client, KeyState, SigningKey
from tests.oauth.assertions import header_of
from tests.oauth.relying_party import RelyingParty
from tests.world import World

KEY_TYPES = {("RS256", "RSA"), ("PS256", "RSA"), ("ES256", "EC"), ("EdDSA", "OKP")}
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def published(world: World) -> dict[str, dict[str, str]]:
    """Return the published keys by their kid."""
    return {key["kid"]: key for key in world.api("GET", "/oauth/jwks").get_json()["keys"]}


def key_in_state(world: World, state: KeyState, *, alg: str) -> str:
    query = select(SigningKey.kid).where(SigningKey.alg == alg, SigningKey.state == state)
    return world.read(lambda session: session.scalars(query).one())


def command(world: World, *arguments: str) -> str:
    """Run the operator's command and let the application read the keys anew, as it does every few seconds."""
    result = CliRunner().invoke(cli, arguments, env={"IDP_DATABASE_URL": world.settings.database_url})
    assert result.exit_code == 0, result.output
    world.restart()
    return result.output


def test_the_key_set_has_no_private_member(world: World) -> None:
    found = published(world)
    assert len(found) == 2 * len(SERVER_SIGNING)
    for key in found.values():
        assert not PRIVATE & set(key)
        assert key["use"] == "sig"
        assert (key["alg"], key["kty"]) in KEY_TYPES
    told = world.api("GET", "/oauth/jwks")
    assert told.headers["Access-Control-Allow-Origin"] == "*"
    assert "Set-Cookie" not in told.headers


def test_private_keys_are_stored_sealed(world: World) -> None:
    rows = world.read(lambda session: session.scalars(select(SigningKey)).all())
    for row in rows:
        assert not PRIVATE & set(row.public_jwk)
        assert row.private_jwk is None or row.private_jwk.startswith("gAAAA")


@pytest.mark.parametrize("alg", SERVER_SIGNING)
def test_a_key_is_published_before_it_signs_and_accepted_after_it_has_retired(
    world: World, mypage: RelyingParty, alg: str
) -> None:
    active, upcoming = (key_in_state(world, state, alg=alg) for state in (KeyState.ACTIVE, KeyState.NEXT))
    assert {active, upcoming} <= set(published(world))
    world.write(
        lambda session: setattr(session.get_one(Client, "mypage"), "id_token_signed_response_alg", alg)
    )
    before = mypage.sign_in(HANAKO)
    assert header_of(before.hint)["kid"] == active
    command(world, "key", "rotate", alg)
    assert {active, upcoming, key_in_state(world, KeyState.NEXT, alg=alg)} <= set(published(world))
    assert world.api("GET", "/oauth/userinfo", before.access_token).status_code == 200
    browser = world.browser(HANAKO)
    mypage.authorize(browser, prompt="none", id_token_hint=before.hint).expect_code()
    after = mypage.sign_in(HANAKO)
    assert header_of(after.hint)["kid"] == upcoming
    assert (header_of(after.access_token)["kid"] == upcoming) is (alg == "ES256")
    assert world.api("GET", "/oauth/userinfo", after.access_token).status_code == 200
    assert "key.rotated" in [event.event for event in world.events()]


def test_a_key_that_is_withdrawn_is_refused_with_everything_it_signed(
    world: World, mypage: RelyingParty
) -> None:
    before = mypage.sign_in(HANAKO)
    kid = header_of(before.access_token)["kid"]
    command(world, "key", "withdraw", kid)
    assert kid not in published(world)
    assert world.api("GET", "/oauth/userinfo", before.access_token).status_code == 401
    row = world.read(lambda session: session.get_one(SigningKey, kid))
    assert (row.state, row.private_jwk) == (KeyState.GONE, None)
    fresh = mypage.refresh(before.refresh_token).tokens()
    assert header_of(fresh.access_token)["kid"] == key_in_state(world, KeyState.ACTIVE, alg="ES256") != kid
    assert world.api("GET", "/oauth/userinfo", fresh.access_token).status_code == 200


def test_a_withdrawn_id_token_key_makes_no_hint(world: World, mypage: RelyingParty) -> None:
    tokens = mypage.sign_in(HANAKO)
    mypage.authorize(world.browser(HANAKO), id_token_hint=tokens.hint).expect_code()
    command(world, "key", "withdraw", header_of(tokens.hint)["kid"])
    mypage.authorize(world.browser(HANAKO), id_token_hint=tokens.hint).expect_error("invalid_request")


def test_withdrawing_twice_or_a_stranger_is_refused(world: World) -> None:
    kid = key_in_state(world, KeyState.NEXT, alg="RS256")
    command(world, "key", "withdraw", kid)
    assert key_in_state(world, KeyState.NEXT, alg="RS256") != kid
    for which in (kid, "nobody"):
        again = CliRunner().invoke(
            cli, ["key", "withdraw", which], env={"IDP_DATABASE_URL": world.settings.database_url}
        )
        assert again.exit_code == 1


def test_a_running_server_notices_new_keys_by_itself(world: World, mypage: RelyingParty) -> None:
    """Each process keeps its keys for a few seconds; the database is what counts."""
    world.restart()
    assert header_of(mypage.sign_in(HANAKO).access_token)["kid"] == key_in_state(
        world, KeyState.ACTIVE, alg="ES256"
    )
    world.write(lambda session: keys.rotate(session, "ES256"))
    fresh = key_in_state(world, KeyState.ACTIVE, alg="ES256")
    world.app.extensions["key_ring"]._read_at -= keys.RING_SECONDS + 1
    assert header_of(mypage.sign_in(HANAKO).access_token)["kid"] == fresh


def test_a_retired_key_is_forgotten_when_nothing_of_it_can_come_back(world: World) -> None:
    old = key_in_state(world, KeyState.ACTIVE, alg="ES256")
    now = clock.now()
    world.write(lambda session: keys.rotate(session, "ES256"))
    for later, known in ((timedelta(hours=12), True), (timedelta(days=3), False)):
        with time_machine.travel(now + later, tick=False):
            world.write(keys.forget_retired)
        world.restart()
        assert (old in published(world)) is known


def ring_of(world: World) -> keys.KeyRing:
    return world.read(keys.load_ring)


def test_a_key_signs_only_when_everybody_can_know_it(world: World) -> None:
    """OIDC Core §10.1.1: when rotations follow each other at once, the key that is known goes on signing."""
    now, first = clock.now(), key_in_state(world, KeyState.NEXT, alg="RS256")
    assert world.write(lambda session: keys.rotate(session, "RS256")) == first
    assert str(ring_of(world).signer("RS256").kid) == first
    later = [world.write(lambda session: keys.rotate(session, "RS256")) for _ in range(3)]
    ring = ring_of(world)
    assert str(ring.signer("RS256").kid) == first
    assert {*later, first} <= {key["kid"] for key in ring.jwks["keys"]}
    with time_machine.travel(now + keys.KNOWN_TO_ALL - timedelta(seconds=1), tick=False):
        assert str(ring_of(world).signer("RS256").kid) == first
    with time_machine.travel(clock.now() + keys.KNOWN_TO_ALL, tick=False):
        assert str(ring_of(world).signer("RS256").kid) == later[-1]
        world.write(keys.forget_retired)
        kept = world.read(
            lambda session: session.scalars(select(SigningKey).where(SigningKey.alg == "RS256")).all()
        )
        assert {key.kid for key in kept if key.private_jwk and key.state != KeyState.NEXT} == {later[-1]}


def test_a_compromised_key_signs_nothing_however_young_its_successor_is(world: World) -> None:
    first = world.write(lambda session: keys.rotate(session, "ES256"))
    second = world.write(lambda session: keys.rotate(session, "ES256"))
    assert str(ring_of(world).signer("ES256").kid) == first
    assert world.write(lambda session: keys.withdraw(session, first))
    assert str(ring_of(world).signer("ES256").kid) == second


def test_a_key_that_signed_before_is_not_imported_again(world: World) -> None:
    """Importing an RSA key costs as much as some hundred signatures."""
    before = ring_of(world)
    signers = {alg: before.signer(alg) for alg in SERVER_SIGNING}
    world.write(lambda session: keys.rotate(session, "ES256"))
    after = world.read(lambda session: keys.load_ring(session, before))
    same = {alg for alg in SERVER_SIGNING if after.signer(alg) is signers[alg]}
    assert same == set(SERVER_SIGNING) - {"ES256"}
