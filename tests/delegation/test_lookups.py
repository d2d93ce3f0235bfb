"""The page on which an owner names an agency is no directory of agencies."""

from datetime import timedelta

import pytest
import time_machine
from werkzeug.test import TestResponse

from idp import clock
from idp.demo import HANAKO, MINORU, SAKURA
from tests.accounts.visitor import Visitor
from tests.delegation.steps import end
from tests.world import World

LIMIT = "メールアドレスの確認が続いたため"


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    few = world.settings.model_copy(update={"agency_lookups_per_hour": 3})
    monkeypatch.setitem(world.app.extensions, "settings", few)
    return world


def look_up(browser: Visitor, email: str) -> TestResponse:
    return browser.submit("/account/edit", agency_email=email)


@pytest.mark.parametrize("email", [SAKURA.email, "nobody@x.example"], ids=["registered", "unknown"])
def test_one_lookup_too_many_is_refused_alike_for_every_address(world: World, email: str) -> None:
    owner = world.browser(MINORU)
    for _ in range(3):
        assert LIMIT not in look_up(owner, email).text
    refused = look_up(owner, email)
    assert refused.status_code == 429
    assert LIMIT in refused.text
    assert world.settings.contact_phone in refused.text
    assert SAKURA.name not in refused.text
    assert look_up(world.browser(HANAKO), SAKURA.email).status_code == 200  # another owner is free


def test_it_goes_on_when_the_page_says_so(world: World) -> None:
    begun = clock.now()
    for minutes in (0, 10, 20):
        with time_machine.travel(begun + timedelta(minutes=minutes), tick=False):
            look_up(world.browser(MINORU), "nobody@x.example")
    with time_machine.travel(begun + timedelta(minutes=30), tick=False):
        local = (begun + timedelta(hours=1)).astimezone(clock.JST)
        assert f"{local.hour}:{local.minute:02}以降" in look_up(world.browser(MINORU), SAKURA.email).text
    with time_machine.travel(begun + timedelta(hours=1), tick=False):
        owner = world.browser(MINORU)
        assert SAKURA.name in look_up(owner, SAKURA.email).text
        assert look_up(owner, SAKURA.email).status_code == 429


def test_confirming_what_was_found_is_no_lookup_and_neither_is_changing_ones_own_data(world: World) -> None:
    owner = world.browser(MINORU)
    for _ in range(2):
        look_up(owner, "nobody@x.example")
    for _ in range(3):
        assert owner.submit("/account/edit").status_code == 200
    page = look_up(owner, SAKURA.email)
    assert owner.submit("/account/edit", page=page, step="complete").status_code == 303
    assert world.grant(MINORU, SAKURA).state == "requested"


def test_asking_and_taking_back_again_and_again_ends_before_it_floods_the_agency(world: World) -> None:
    owner = world.browser(MINORU)
    page = look_up(owner, SAKURA.email)
    for _ in range(3):
        assert owner.submit("/account/edit", page=page, step="complete").status_code == 303
        end(world, world.grant(MINORU, SAKURA).id)
    refused = owner.submit("/account/edit", page=page, step="complete")
    assert refused.status_code == 429
    assert "申請が続いたため" in refused.text
    assert world.grant(MINORU, SAKURA).state == "withdrawn"
