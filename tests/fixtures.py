"""Fixtures that any test can ask for: the club, and the relying parties that speak to it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from idp.db import make_engine
from idp.migrations import runner
from tests.databases import POSTGRES, SQLITE, Databases, is_sqlite
from tests.oauth.relying_party import RelyingParty, parties_of
from tests.world import Template, World, make_template

ON_BOTH = frozenset({"delegation", "mail", "operations", "races", "test_database"})
"""Folders and files whose tests run on SQLite and on PostgreSQL unless ``--database`` names one."""
ATTACKS_ON_BOTH = (
    "test_codes", "test_consent", "test_exchange", "test_key_rotation", "test_logout", "test_pushed_requests",
    "test_refresh", "test_stolen_database", "test_tokens",
)  # fmt: skip
"""Beginnings of files of tests/attacks that do so too: attacks on what is stored."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database", choices=(SQLITE, POSTGRES, "each"), default="each",
        help="run tests that use the server's database on this one; by default on SQLite, and those of "
        f"{', '.join(sorted(ON_BOTH))} and attacks on what is stored on PostgreSQL too",
    )  # fmt: skip
    parser.addoption("--rounds", type=int, default=10, help="how often each race of tests/races is run")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test for each kind of database, ``database_kind``, unless it says itself which it is about."""
    if "database_kind" not in metafunc.fixturenames:
        return
    if any("database_kind" in str(mark.args[:1]) for mark in metafunc.definition.iter_markers("parametrize")):
        return
    chosen = metafunc.config.getoption("--database")
    both = [SQLITE, POSTGRES] if _is_for_both(metafunc.definition.path) else [SQLITE]
    kinds = both if chosen == "each" else [chosen]
    # Always as a parameter: of a fixture beside it what was made for one test on SQLite would be kept for the
    # next one, on PostgreSQL or not.
    ids = kinds if kinds != [SQLITE] else [pytest.HIDDEN_PARAM]
    metafunc.parametrize("database_kind", kinds, scope="session", ids=ids)


def _is_for_both(path: Path) -> bool:
    is_attack_on_stored = path.parent.name == "attacks" and path.stem.startswith(ATTACKS_ON_BOTH)
    return path.parent.name in ON_BOTH or path.stem in ON_BOTH or is_attack_on_stored


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> range:
    """The rounds of a race; what goes wrong once in a hundred times is looked for with ``--rounds=100``."""
    return range(request.config.getoption("--rounds"))


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    databases = Databases(tmp_path_factory.mktemp("postgres"))
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def empty_databases(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Migrate an empty database once for each kind."""
    made: dict[str, str] = {}

    def empty_of(kind: str) -> str:
        if kind not in made:
            made[kind] = databases.create(kind, tmp_path_factory.mktemp("empty"))
            engine = make_engine(made[kind])
            runner.upgrade(engine)
            engine.dispose()
        return made[kind]

    return empty_of


@pytest.fixture
def database_url(
    databases: Databases, empty_databases: Callable[[str], str], database_kind: str, tmp_path: Path
) -> Iterator[str]:
    """A database of the test's own that has the tables and nothing in them."""
    url = databases.copy(empty_databases(database_kind), tmp_path)
    yield url
    databases.drop(url)


@pytest.fixture(scope="session")
def templates(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Template]:
    """Make the club once for each kind of database."""
    made: dict[str, Template] = {}

    def template_of(kind: str) -> Template:
        if kind not in made:
            made[kind] = make_template(databases, kind, tmp_path_factory.mktemp("template"))
        return made[kind]

    return template_of


@pytest.fixture(scope="session")
def template(templates: Callable[[str], Template], database_kind: str) -> Template:
    return templates(database_kind)


@pytest.fixture
def world(template: Template, database_kind: str, tmp_path: Path) -> Iterator[World]:
    world = World.copied(template, tmp_path)
    assert is_sqlite(world.settings.database_url) == (database_kind == SQLITE)
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
