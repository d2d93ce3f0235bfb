"""Time, randomness and commits are each read or said in one place, and rules are pure."""

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import PurePath

import pytest

from tests.house.tree import Finding, files, offenders, told

CLOCKS = {"datetime", "date", "func"}
"""What has a ``now`` or ``today`` of its own; ``func`` is the database's."""
RANDOM_MODULES = {"secrets", "random"}
RANDOM_NAMES = {"uuid1", "uuid4", "urandom", "getrandom", "SystemRandom"}
IMPURE = {"io", "os", "pathlib", "socket", "sqlite3", "subprocess", "sys", "threading", "time"}


def last_name(node: ast.expr) -> str:
    """Return ``datetime`` of ``datetime.datetime``."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def time_reads(tree: ast.Module) -> Iterator[Finding]:
    """Find every reading of the present moment."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=value, attr="now" | "utcnow" | "today" | "current_timestamp") if (
                last_name(value) in CLOCKS
            ):
                yield node.lineno, f"{last_name(value)}.{node.attr}"
            case ast.Attribute(value=ast.Name(id="time"), attr="time" | "time_ns" | "gmtime" | "localtime"):
                yield node.lineno, f"time.{node.attr}"
            case ast.ImportFrom(module="time", names=names) if any(n.name.startswith("time") for n in names):
                yield node.lineno, "from time import time"


def random_reads(tree: ast.Module) -> Iterator[Finding]:
    """Find every reading of randomness, down to the import that makes one possible."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for name in names:
                    if name.name in RANDOM_MODULES:
                        yield node.lineno, f"import {name.name}"
            case ast.ImportFrom(module=module, names=names):
                if module in RANDOM_MODULES or {name.name for name in names} & RANDOM_NAMES:
                    yield node.lineno, f"from {module} import {', '.join(name.name for name in names)}"
            case ast.Attribute(attr=attribute) if attribute in RANDOM_NAMES:
                yield node.lineno, f"{last_name(node.value)}.{attribute}"


def commits(tree: ast.Module) -> Iterator[Finding]:
    """Find every call of a method named commit."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
            yield node.lineno, f"{last_name(node.func.value)}.commit("


def impure_imports(tree: ast.Module) -> Iterator[Finding]:
    """Find imports of anything but pure standard library, other rules, and the root of refusals."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [name.name for name in names]
            case ast.ImportFrom(module=module, level=0):
                modules = [module or ""]
            case ast.ImportFrom():
                modules = ["a relative import"]
            case _:
                continue
        for module in modules:
            is_ours = module.startswith(("idp.", "clients.")) and module.endswith((".errors", ".rules"))
            is_pure = module.partition(".")[0] in sys.stdlib_module_names and module not in IMPURE
            if not (is_ours or is_pure):
                yield node.lineno, module


@pytest.mark.parametrize(
    ("home", "find"),
    [("clock.py", time_reads), ("credentials.py", random_reads), ("unit_of_work.py", commits)],
    ids=["time in clock.py", "randomness in credentials.py", "commit in unit_of_work.py"],
)
def test_a_primitive_is_used_in_its_home_alone(
    home: str, find: Callable[[ast.Module], Iterator[Finding]]
) -> None:
    homes = {f"idp/{home}", f"clients/relying_party/{home}"}
    found = offenders([path for path in files("idp", "clients") if path not in homes], find)
    assert not found, told(found, rule=f"Only {' and '.join(sorted(homes))} may do this:")


def test_rules_and_refusals_import_nothing_but_pure_python() -> None:
    pure = [path for path in files("idp", "clients") if PurePath(path).name in {"rules.py", "errors.py"}]
    found = offenders(pure, impure_imports)
    assert not found, told(found, rule="rules.py and errors.py import the pure standard library only:")


@pytest.mark.parametrize(
    ("find", "bad", "good"),
    [
        (time_reads, "datetime.now(UTC)", "clock.now()"),
        (time_reads, "datetime.datetime.utcnow()", "moment.date()"),
        (time_reads, "func.now()", "func.count()"),
        (time_reads, "time.time()", "time.sleep(1)"),
        (time_reads, "from time import time", "from time import monotonic"),
        (random_reads, "import secrets", "import hmac"),
        (random_reads, "uuid.uuid4()", "uuid.UUID(text)"),
        (random_reads, "from os import urandom", "from os import environ"),
        (commits, "session.commit()", "session.flush()"),
        (impure_imports, "import flask", "import json"),
        (impure_imports, "from sqlalchemy import select", "from datetime import UTC"),
        (impure_imports, "import os", "from idp.errors import Refusal"),
        (impure_imports, "from .models import Account", "from idp.accounts.rules import MemberRole"),
    ],
)
def test_each_finder_sees_the_bad_and_passes_the_good(
    find: Callable[[ast.Module], Iterator[Finding]], bad: str, good: str
) -> None:
    assert list(find(ast.parse(bad)))
    assert not list(find(ast.parse(good)))
