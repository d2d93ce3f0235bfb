"""What the code imports is in the lock files, so that it is there on a machine that has nothing else."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions

import pytest

from tests.house.tree import Finding, files, offenders, text_of, told

OURS = {"idp", "clients", "tests", "tools"}


@cache
def distributions_by_module() -> dict[str, list[str]]:
    """Return which installed distributions provide each top-level module."""
    return {module: sorted(set(names)) for module, names in packages_distributions().items()}


def locked(lock: str) -> set[str]:
    """Return the names in a lock file, as PEP 503 §Normalized Names spells them."""
    return set(re.findall(r"^([a-z0-9.-]+)==", text_of(lock), re.MULTILINE))


def foreign_modules(tree: ast.Module) -> Iterator[Finding]:
    """Find every top-level module that is neither ours nor Python's."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [name.name for name in names]
            case ast.ImportFrom(module=str(module), level=0):
                modules = [module]
            case _:
                continue
        for module in modules:
            top = module.partition(".")[0]
            if top not in OURS and top not in sys.stdlib_module_names:
                yield node.lineno, top


def is_in(names: set[str], found: str) -> bool:
    """Tell whether the module at the end of a finding comes from one of these distributions."""
    module = found.rpartition(" ")[2]
    providers = distributions_by_module().get(module, [module])
    return any(re.sub(r"[-_.]+", "-", name).lower() in names for name in providers)


@pytest.mark.parametrize(
    ("folders", "lock"),
    [(("idp", "clients"), "requirements/runtime.txt"), (("tests", "tools"), "requirements/dev.txt")],
)
def test_every_import_is_locked(folders: tuple[str, ...], lock: str) -> None:
    names = locked(lock)
    assert names
    found = [line for line in offenders(files(*folders), foreign_modules) if not is_in(names, line)]
    assert not found, told(
        found, rule=f"Name these in pyproject.toml, then run make lock ({lock} lacks them):"
    )


def test_every_dependency_of_the_project_is_locked() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    runtime, tools = project["dependencies"], project["optional-dependencies"]["dev"]
    for wanted, lock in ((runtime, "requirements/runtime.txt"), (runtime + tools, "requirements/dev.txt")):
        missing = {re.split(r"[^\w.-]", name)[0] for name in wanted} - locked(lock)
        assert not missing, told(sorted(missing), rule=f"Run make lock; {lock} lacks:")


def test_the_tools_come_on_top_of_exactly_what_production_has() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9.-]+==[^ ;\\]+", text_of(lock), re.MULTILINE))

    assert pins("requirements/runtime.txt") < pins("requirements/dev.txt")


def test_a_missing_distribution_is_seen() -> None:
    assert not is_in({"flask"}, "idp/web.py:1 requests")
    assert is_in({"flask-wtf"}, "idp/web.py:1 flask_wtf")
