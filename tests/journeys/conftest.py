"""The running club, the browser, and people; one club for each process of pytest."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.journeys.club import Club, running_club
from tests.journeys.person import DESK, OLD_PHONE, Crowd, Equipment, Person

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Club]:
    with running_club(tmp_path_factory.mktemp("club")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield launched
        launched.close()


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
