"""Fixtures that any test can ask for: the club, and the relying parties that speak to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oauth.relying_party import RelyingParty, parties_of
from tests.world import Template, World, make_template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def world(template: Template, tmp_path: Path) -> Iterator[World]:
    world = World.copied(template, tmp_path)
    yield world
    world.close()


@pytest.fixture
def parties(world: World) -> dict[str, RelyingParty]:
    return parties_of(world)


@pytest.fixture
def mypage(parties: dict[str, RelyingParty]) -> RelyingParty:
    return parties["mypage"]


@pytest.fixture
def portal(parties: dict[str, RelyingParty]) -> RelyingParty:
    return parties["agency-portal"]


@pytest.fixture
def shop(parties: dict[str, RelyingParty]) -> RelyingParty:
    return parties["shop"]


@pytest.fixture
def spa(parties: dict[str, RelyingParty]) -> RelyingParty:
    return parties["spa"]
