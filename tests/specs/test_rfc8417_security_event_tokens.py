"""RFC 8417: what a Security Event Token about a delegation grant says, and what it does not."""

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from idp import clock
from idp.accounts.models import OwnerProfile
from idp.delegation import service, system_notices
from idp.demo import HANAKO, ICHIRO, MINORU, SAKURA, SETSUKO
from idp.oauth.departures import close_agency
from idp.oauth.systems.events import EVENT_URI
from tests.delegation.steps import answer, ask, end, suspend
from tests.oauth.event_receiver import deliver_events, kinds, received
from tests.oauth.systems import RECEIVER, system_of
from tests.world import World


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as network:
        network.post(RECEIVER, status=202)
        yield network


def told(world: World, network: responses.RequestsMock) -> list[dict[str, Any]]:
    assert deliver_events(world) == []
    return received(world, network)


def test_the_end_of_a_grant_is_one_token_of_ids_alone(world: World, network: responses.RequestsMock) -> None:
    deliver_events(world)  # what the cast did before the system was there
    system, grant = system_of(world), world.grant(HANAKO)
    end(world, grant.id)
    (claims,) = told(world, network)
    now = clock.epoch(clock.now())
    assert set(claims) == {
        "iss",
        "aud",
        "iat",
        "jti",
        "toe",
        "txn",
        "sub_id",
        "events",
    }  # §2.2
    assert (claims["iss"], claims["aud"]) == (world.settings.issuer, system.client_id)
    assert now - 5 <= claims["toe"] <= claims["iat"] <= now
    assert claims["sub_id"] == {"format": "opaque", "id": str(grant.id)}  # RFC 9493 §3.2.5
    assert claims["events"] == {f"{EVENT_URI}ended": {"state": "revoked"}}
    profile = world.read(lambda session: session.get_one(OwnerProfile, grant.owner_id))
    for personal in (HANAKO.email, HANAKO.name, str(HANAKO.user_id), str(grant.owner_id), profile.phone):
        assert personal not in str(claims)


def test_each_step_of_a_grant_is_told_to_the_systems_of_its_agency_alone(
    world: World, network: responses.RequestsMock
) -> None:
    deliver_events(world)
    system_of(world)
    system_of(world, SAKURA, client_id="rival", receiver="http://localhost:9998/rival")
    asked = ask(world, MINORU)
    answer(world, asked, approve=True)
    answer(world, world.grant(ICHIRO).id, approve=False)
    suspend(world)
    end(world, asked)
    assert sorted(kinds(told(world, network))) == sorted([
        ("requested", str(asked)), ("granted", str(asked)), ("ended", str(world.grant(ICHIRO).id)),
        ("suspended", str(asked)), ("suspended", str(world.grant(HANAKO).id)), ("ended", str(asked)),
    ])  # fmt: skip


def test_where_very_many_change_at_once_the_agency_is_the_subject(
    world: World, network: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver_events(world)
    system_of(world)
    answer(world, world.grant(ICHIRO).id, approve=True)
    deliver_events(world)
    network.calls.reset()
    monkeypatch.setattr(system_notices, "MOST_NAMED", 1)
    suspend(world)
    (claims,) = told(world, network)
    assert claims["events"] == {f"{EVENT_URI}many-changed": {"state": "suspended"}}
    assert claims["sub_id"]["id"] == str(world.agency().id)


def test_a_change_that_is_not_stored_is_not_told(world: World, network: responses.RequestsMock) -> None:
    deliver_events(world)
    system_of(world)
    with pytest.raises(ZeroDivisionError):
        world.write(lambda session: end_and_fail(session, world))
    assert told(world, network) == []


def end_and_fail(session: Any, world: World) -> None:
    grant = world.grant(HANAKO)
    service.end_by_owner(session, grant.owner_id, grant.id)
    raise ZeroDivisionError


def test_the_system_of_an_agency_that_closes_is_told_that_its_grants_ended(
    world: World, network: responses.RequestsMock
) -> None:
    deliver_events(world)
    system_of(world)
    world.write(lambda session: close_agency(session, world.agency().id))
    ended = {claims["sub_id"]["id"] for claims in told(world, network)}
    assert str(world.grant(HANAKO).id) in ended
    assert str(world.grant(SETSUKO, SAKURA).id) not in ended
