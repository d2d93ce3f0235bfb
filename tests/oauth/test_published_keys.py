"""Keys at a ``jwks_uri``: fetched when needed, asked for again at a new kid, never believed for long."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import responses
import time_machine

from idp import clock, credentials
from idp.oauth import remote_keys
from idp.oauth.client_keys import ClientSignatureInvalid, decode_by_client
from idp.oauth.keys import new_client_key
from idp.oauth.models import Client
from tests.oauth.assertions import signed
from tests.world import World

ES256 = ("ES256",)


class Publisher:
    """A client that publishes its keys."""

    def __init__(self, world: World, network: responses.RequestsMock) -> None:
        self.world, self.network = world, network
        self.uri = f"https://rp.example/{credentials.new_id()}"  # no other test's keys are remembered for it
        self.client = Client(client_id="c", jwks_uri=self.uri, profile="baseline")
        self.key = new_client_key()

    def publish(self, *keys: dict[str, Any], **otherwise: Any) -> None:
        public = [{name: value for name, value in key.items() if name != "d"} for key in keys]
        self.network.upsert(responses.GET, self.uri, **(otherwise or {"json": {"keys": public}}))

    def is_believed(self, key: dict[str, Any], **header: Any) -> bool:
        """Tell whether what this key signed is believed, as the application asks: fetch and try once more."""
        token = signed(key, {"a": 1}, header=header)
        try:
            return self._decode(token)
        except remote_keys.KeysNotFetched as missing:
            with remote_keys.keys_fetched(self.world.settings, missing.uri):
                return self._decode(token)

    def _decode(self, token: str) -> bool:
        try:
            decode_by_client(self.client, token, algorithms=ES256)
        except ClientSignatureInvalid:
            return False
        return True

    @property
    def times_asked(self) -> int:
        return len(self.network.calls)


@pytest.fixture
def publisher(world: World) -> Iterator[Publisher]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as network:
        yield Publisher(world, network)


def test_keys_are_asked_for_once_in_a_while(publisher: Publisher) -> None:
    publisher.publish(publisher.key)
    assert all(publisher.is_believed(publisher.key) for _ in range(3))
    assert not publisher.is_believed(new_client_key() | {"kid": publisher.key["kid"]})
    assert publisher.times_asked == 1


def test_a_new_key_is_found_at_once_and_a_taken_away_one_is_out_within_a_minute(publisher: Publisher) -> None:
    publisher.publish(publisher.key)
    newer, now = new_client_key(), clock.now()
    with time_machine.travel(now):
        assert publisher.is_believed(publisher.key)
    publisher.publish(newer)
    with time_machine.travel(now + timedelta(seconds=1)):
        assert publisher.is_believed(newer)
        assert not publisher.is_believed(publisher.key)
    publisher.publish(publisher.key)
    with time_machine.travel(now + timedelta(seconds=67)):
        assert not publisher.is_believed(newer)


def test_strange_kids_do_not_make_us_ask_all_the_time(publisher: Publisher) -> None:
    publisher.publish(publisher.key)
    now = clock.now()
    with time_machine.travel(now, tick=False):
        for _ in range(9):
            assert not publisher.is_believed(new_client_key())
        assert publisher.is_believed(publisher.key)
    assert publisher.times_asked == remote_keys.MOST_TRIES
    with time_machine.travel(now + remote_keys.IN, tick=False):
        assert not publisher.is_believed(new_client_key())
    assert publisher.times_asked == remote_keys.MOST_TRIES + 1


def test_a_client_that_cannot_be_reached_is_left_alone_for_a_while(publisher: Publisher) -> None:
    publisher.publish(status=503)
    with time_machine.travel(clock.now(), tick=False):
        assert not any(publisher.is_believed(publisher.key) for _ in range(3))
    assert publisher.times_asked == 1


@pytest.mark.parametrize(
    "otherwise", [{"status": 500}, {"status": 301, "headers": {"Location": "https://rp.example/"}},
                  {"body": "nonsense"}, {"json": []}, {"json": {"keys": 7}}], ids=str,
)  # fmt: skip
def test_a_failed_fetch_leaves_what_is_known_for_its_minute(
    publisher: Publisher, otherwise: dict[str, Any]
) -> None:
    now = clock.now()
    publisher.publish(publisher.key)
    with time_machine.travel(now):
        assert publisher.is_believed(publisher.key)
    publisher.publish(**otherwise)
    with time_machine.travel(now + timedelta(seconds=40)):
        assert publisher.is_believed(publisher.key)
    with time_machine.travel(now + timedelta(seconds=63)):
        assert not publisher.is_believed(publisher.key)
    publisher.publish(publisher.key)
    with time_machine.travel(now + timedelta(seconds=70)):
        assert publisher.is_believed(publisher.key)


def test_published_keys_are_trusted_no_further_than_registered_ones(publisher: Publisher) -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "s"}
    publisher.publish({**publisher.key, "use": "enc"}, secret, {"kty": 7}, new_client_key() | {"x": "AAAA"})
    assert not publisher.is_believed(publisher.key)
