"""Permissions with the words that owners read, and the steps in which they are given."""

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from idp.audit.events import Event
from idp.delegation.permissions.service import (
    find_permissions,
    items_of,
    known_permissions,
    register_permission,
    steps_of,
)
from idp.delegation.rules import READ, WRITE
from idp.oauth.client_metadata import ClientMetadataRefused
from idp.oauth.models import Client
from tests.clients_of_the_world import MYAPP_READ
from tests.oauth.third_parties import third_party
from tests.world import World


def test_permissions_are_steps_each_with_what_the_ones_before_it_give(world: World) -> None:
    steps = world.read(lambda session: steps_of(session, [READ, "nobody.knows", WRITE]))
    assert [(step.name, step.names) for step in steps] == [(READ, {READ}), (WRITE, {READ, WRITE})]
    assert [step.words.title for step in steps] == ["閲覧のみ", "閲覧と設定変更"]
    assert set(steps[0].words.can) < set(steps[1].words.can)


def test_items_are_named_once_for_all_permissions_together(world: World) -> None:
    items = world.read(lambda session: items_of(session, [READ, WRITE, MYAPP_READ.name]))
    assert len(items) == len(set(items))
    assert {"電力データ", "アプリの記録"} <= set(items)
    assert world.read(lambda session: items_of(session, ["nobody.knows"])) == ()


def test_a_permission_is_registered_once_and_changed_in_place_with_a_record_of_it(world: World) -> None:
    before = len(world.events())
    assert world.write(lambda session: register_permission(session, MYAPP_READ)) == MYAPP_READ
    assert len(world.events()) == before  # nothing changed
    better = replace(MYAPP_READ, can=("記録を見ること",))
    assert world.write(lambda session: register_permission(session, better)) == MYAPP_READ
    assert world.read(lambda s: find_permissions(s, [MYAPP_READ.name])[0].can) == ["記録を見ること"]
    assert [event.event for event in world.events()[before:]] == [Event.PERMISSION_REGISTERED]
    assert {READ, WRITE, MYAPP_READ.name} == world.read(known_permissions)


@pytest.mark.parametrize(
    ("deviation", "told"),
    [
        ({"act_as_permissions": ("garden.read",)}, "garden.read is not registered"), ({}, "at least one"),
        ({"act_as_permissions": (READ,)}, "mypage.read is mypage's"),
    ],
)  # fmt: skip
def test_a_relying_party_that_supports_acting_needs_permissions_with_words_of_its_own(
    world: World, deviation: dict[str, tuple[str, ...]], told: str
) -> None:
    with pytest.raises(ClientMetadataRefused) as refused:
        third_party(world, act_as_supported=True, **deviation)
    assert (refused.value.field_name, told in refused.value.reason) == ("act_as_permissions", True)
    world.write(lambda session: register_permission(session, replace(MYAPP_READ, name="radio.read")))
    world.write(lambda session: _drop_permissions_of(session, "mypage"))
    with pytest.raises(ClientMetadataRefused, match="mypage"):  # what owners allowed there is there still
        third_party(world, act_as_supported=True, act_as_permissions=(READ,))
    third_party(world, act_as_supported=True, act_as_permissions=("radio.read",))


def _drop_permissions_of(session: Session, client_id: str) -> None:
    client = session.get_one(Client, client_id)
    client.act_as_supported, client.act_as_permissions = False, []
