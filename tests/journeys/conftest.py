"""The running club, the browser, and people; one club for each process of pytest."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.journeys.club import Club, running_club
from tests.journeys.person import DESK, OLD_PHONE, Crowd, Equipment, Person, running_browser


@pytest.fixture(scope="session")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Club]:
    with running_club(tmp_path_factory.mktemp("club")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with running_browser() as launched:
        yield launched


@pytest.fixture
def person(browser: Browser, club: Club) -> Iterator[Crowd]:
    """Call it for each person that the test needs."""
    with Crowd(browser, club) as crowd:
        yield crowd


@pytest.fixture(params=[DESK, OLD_PHONE], ids=["with scripts", "without scripts on a phone"])
def equipment(request: pytest.FixtureRequest) -> Equipment:
    chosen: Equipment = request.param
    return chosen


@pytest.fixture
def visitor(person: Crowd, equipment: Equipment) -> Person:
    """Somebody at a desk with scripts, and again on an old phone without."""
    return person(equipment)
