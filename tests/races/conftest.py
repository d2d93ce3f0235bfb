"""One server for all races, and what it must not have written into its log."""

from collections.abc import Iterator

import pytest

from tests.oauth.relying_party import RelyingParty, parties_of
from tests.races.arena import Arena
from tests.world import Template, World


@pytest.fixture(scope="module")
def served(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder = tmp_path_factory.mktemp("arena")
    world = World.copied(template, folder)
    arena = Arena(world, folder)
    try:
        arena.await_start()
        yield arena
    finally:
        arena.close()
        world.close()


@pytest.fixture
def arena(served: Arena) -> Iterator[Arena]:
    """The running server; whatever a test did to it, no request may have failed."""
    yield served
    assert served.failures() == []


@pytest.fixture
def world(arena: Arena) -> World:
    return arena.world


@pytest.fixture
def parties(world: World) -> dict[str, RelyingParty]:
    return parties_of(world)
