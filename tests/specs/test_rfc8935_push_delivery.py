"""RFC 8935: events are pushed to a system's address until it takes them, whatever it does meanwhile."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
import responses
import time_machine
from sqlalchemy import select

from idp import clock
from idp.demo import HANAKO
from idp.mail.models import OutboxItem, Topic
from idp.mail.operator import list_dead_letters
from idp.oauth.systems import service
from tests.delegation.steps import end, suspend
from tests.oauth.event_receiver import deliver_events, kinds, received
from tests.oauth.relying_party import RelyingParty
from tests.oauth.systems import RECEIVER, system_of
from tests.world import MANAGER, World


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as network:
        yield network


@pytest.fixture
def system(world: World) -> RelyingParty:
    deliver_events(world)
    system = system_of(world)
    end(world, world.grant(HANAKO).id)
    return system


def test_a_token_is_posted_as_what_it_is_and_202_takes_it_over(
    world: World, system: RelyingParty, network: responses.RequestsMock
) -> None:
    network.post(RECEIVER, status=202)
    assert deliver_events(world) == []
    (call,) = network.calls
    assert call.request.headers["Content-Type"] == "application/secevent+jwt"  # §2.1
    assert call.request.headers["Accept"] == "application/json"
    assert "Cookie" not in call.request.headers
    assert deliver_events(world) == []
    assert len(network.calls) == 1
    (shown,) = world.read(lambda session: service.events_of(session, system.client_id))
    assert (shown.change, shown.attempts, shown.last_error) == ("ended", 1, "")
    assert shown.delivered_at is not None


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"status": 400, "json": {"err": "invalid_key", "description": "x"}}, "answered 400: invalid_key"),
        ({"status": 400, "body": "<script>"}, "answered 400 without a reason"),
        ({"status": 400, "json": {"err": "佐藤"}}, "answered 400 with an unknown reason"),
        ({"status": 400, "json": ["err"]}, "answered 400 without a reason"),
        ({"status": 200}, "answered 200, not 202"), ({"status": 500}, "answered 500, not 202"),
        ({"status": 307, "headers": {"Location": "http://169.254.169.254/"}}, "answered 307, not 202"),
        ({"body": requests.ConnectionError()}, "not reached: ConnectionError"),
        ({"body": requests.ReadTimeout()}, "not reached: ReadTimeout"),
    ],
)  # fmt: skip
def test_whatever_a_receiver_does_the_same_event_comes_again(
    world: World, system: RelyingParty, network: responses.RequestsMock, answer: dict[str, Any], told: str
) -> None:
    network.post(RECEIVER, **answer)
    assert deliver_events(world) == [told]
    assert told.split(" with")[0] in world.browser(MANAGER).get(f"/agency/systems/{system.client_id}").text
    network.replace(responses.POST, RECEIVER, status=202)
    with time_machine.travel(clock.now() + timedelta(seconds=5), tick=False):
        assert deliver_events(world) == []
        first, second = received(world, network)
    assert len(network.calls) == 2
    assert first == second  # jti and all else: a receiver can tell that it is the same


def test_after_the_last_attempt_it_is_the_managers_and_the_operators_to_see(
    world: World, system: RelyingParty, network: responses.RequestsMock
) -> None:
    network.post(RECEIVER, status=503)
    now = clock.now()
    for day in range(20):
        with time_machine.travel(now + timedelta(days=day), tick=False):
            deliver_events(world)
    (letter,) = world.read(list_dead_letters)
    assert (letter.topic, letter.name, letter.last_error) == (
        Topic.SECURITY_EVENT, f"{system.client_id} ended", "answered 503, not 202",
    )  # fmt: skip
    (shown,) = world.read(lambda session: service.events_of(session, system.client_id))
    assert shown.given_up_at is not None


def test_a_stopped_system_is_told_nothing_and_a_suspended_agencys_is_told_that_it_rests(
    world: World, network: responses.RequestsMock
) -> None:
    deliver_events(world)
    resting, stopped = system_of(world), system_of(world, client_id="stopped", receiver=RECEIVER + "/stopped")
    world.write(
        lambda session: service.set_system_paused(
            session, world.member(MANAGER), stopped.client_id, paused=True
        )
    )
    network.post(RECEIVER, status=202)
    suspend(world)
    assert deliver_events(world) == []
    assert kinds(received(world, network)) == [("suspended", str(world.grant(HANAKO).id))]
    names = select(OutboxItem.name).where(OutboxItem.topic == Topic.SECURITY_EVENT)
    assert world.read(lambda session: session.scalars(names).all()) == [f"{resting.client_id} suspended"]
