"""One server for each kind of database, and nothing in its log that a request should not cause."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attacks.acting import Company, Scene
from tests.attacks.stage import EVIL_SECRET, Stage
from tests.databases import SQLITE
from tests.oauth.relying_party import RelyingParty, parties_of
from tests.personas import Casting
from tests.world import MANAGER, Template, World

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests on one kind of database together, so that each kind needs one server."""
    for item in items:
        if item.path.parent == HERE:
            kind = getattr(item, "callspec", None) and item.callspec.params.get("database_kind")
            item.add_marker(pytest.mark.xdist_group(f"attacks on {kind or SQLITE}"))


@pytest.fixture(scope="session")
def open_stage(
    templates: Callable[[str], Template], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Stage]]:
    stages: dict[str, Stage] = {}

    def open_one(kind: str) -> Stage:
        if kind not in stages:
            folder = tmp_path_factory.mktemp(kind)
            copy = World.copied(templates(kind), folder)
            stages[kind] = Stage(copy.database, copy.settings, template=copy.template, folder=folder)
            stages[kind].arena.await_start()
        return stages[kind]

    yield open_one
    for stage in stages.values():
        stage.close()


@pytest.fixture(scope="session")
def served(database_kind: str, open_stage: Callable[[str], Stage]) -> Stage:
    return open_stage(database_kind)


@pytest.fixture
def stage(served: Stage) -> Iterator[Stage]:
    """The running server; whatever a test did to it, no request may have failed inside."""
    yield served
    assert served.failures() == []


@pytest.fixture
def world(stage: Stage) -> World:
    return stage


@pytest.fixture
def parties(stage: Stage) -> dict[str, RelyingParty]:
    parties = parties_of(stage)
    parties["evilrp"].secret = EVIL_SECRET
    return parties


@pytest.fixture(scope="session")
def castings() -> dict[int, Casting]:
    return {}


@pytest.fixture
def casting(stage: Stage, castings: dict[int, Casting]) -> Casting:
    """Makes people of one test alone."""
    return castings.setdefault(id(stage), Casting(stage.database))


@pytest.fixture(scope="session")
def companies() -> dict[int, Company]:
    return {}


@pytest.fixture
def scene(
    stage: Stage, parties: dict[str, RelyingParty], casting: Casting, companies: dict[int, Company]
) -> Scene:
    agency = companies.setdefault(id(stage), Company()).take(casting)
    return Scene(stage, parties, casting, agency)


@pytest.fixture
def scene_of_its_own(stage: Stage, parties: dict[str, RelyingParty], casting: Casting) -> Scene:
    """A scene whose agency may be harmed."""
    return Scene(stage, parties, casting, casting.agency())


@pytest.fixture
def portal_code(stage: Stage, portal: RelyingParty) -> str:
    return portal.code_for(stage.at_home(MANAGER))
