"""One server for each kind of database, and nothing in its log that a request should not cause."""

from collections.abc import Callable, Iterator

import pytest

from tests.attacks.stage import EVIL_SECRET, Stage
from tests.oauth.relying_party import RelyingParty, parties_of
from tests.personas import Casting
from tests.world import MANAGER, Template, World

KINDS = [pytest.param(kind, marks=pytest.mark.xdist_group(f"attacks on {kind}")) for kind in ("sqlite",)]


@pytest.fixture(scope="session")
def open_stage(
    template: Template, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Stage]]:
    stages: dict[str, Stage] = {}

    def open_one(kind: str) -> Stage:
        if kind not in stages:
            folder = tmp_path_factory.mktemp(kind)
            copy = World.copied(template, folder)
            stages[kind] = Stage(copy.database, copy.settings, template=template, folder=folder)
            stages[kind].arena.await_start()
        return stages[kind]

    yield open_one
    for stage in stages.values():
        stage.close()


@pytest.fixture(scope="session", params=KINDS)
def served(request: pytest.FixtureRequest, open_stage: Callable[[str], Stage]) -> Stage:
    return open_stage(request.param)


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


@pytest.fixture
def portal_code(stage: Stage, portal: RelyingParty) -> str:
    return portal.code_for(stage.at_home(MANAGER))
