"""One served club for all foreign clients; each registers itself anew."""

from collections.abc import Iterator

import pytest

from tests.foreign.club import ServedClub
from tests.world import Template, World


@pytest.fixture(scope="session")
def served_club(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedClub]:
    folder = tmp_path_factory.mktemp("foreign")
    world = World.copied(template, folder)
    served = ServedClub(world, folder)
    try:
        served.await_start()
        yield served
    finally:
        served.close()
        world.close()


@pytest.fixture
def club(served_club: ServedClub) -> Iterator[ServedClub]:
    """The running server; whatever a client did, no request may have failed inside."""
    yield served_club
    assert served_club.failures() == []
