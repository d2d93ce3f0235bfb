"""Sizes say where to look for a second subject."""

import ast
from collections.abc import Iterator

from tests.house.tree import Finding, files, offenders, template_files, text_of, told

PYTHON_FOLDERS = ("idp", "clients", "tests", "tools")
GENERATED = "idp/migrations/versions/"
"""Migrations are written from the models by a tool, once, and have the length of what they change."""
FUNCTION_LIMIT = 60


def code(*suffixes: str) -> list[str]:
    """Return the paths of what people write."""
    return [path for path in files(*PYTHON_FOLDERS, suffixes=suffixes) if not path.startswith(GENERATED)]


def longer_than(limit: int, paths: list[str]) -> list[str]:
    """Return every file with more lines than the limit, the longest first."""
    sizes = sorted(((text_of(path).count("\n"), path) for path in paths), reverse=True)
    return [f"{path} has {lines} lines" for lines, path in sizes if lines > limit]


def long_functions(tree: ast.Module) -> Iterator[Finding]:
    """Find functions that are too long, from ``def`` to the last line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LIMIT:
                yield node.lineno, f"{node.name} has {lines} lines"


def test_no_file_of_code_is_longer_than_350_lines() -> None:
    found = longer_than(350, code(".py", ".mjs", ".sh"))
    assert not found, told(found, rule="Look for the second subject in each, and cut by subject:")


def test_no_function_is_longer_than_60_lines() -> None:
    found = offenders(code(".py"), long_functions)
    assert not found, told(found, rule="Look for the second subject in each, and cut by subject:")


def test_no_template_is_longer_than_150_lines() -> None:
    found = longer_than(150, template_files())
    assert not found, told(found, rule="Cut each into parts that have a subject of their own:")


def test_no_decision_is_longer_than_40_lines() -> None:
    found = longer_than(40, files("docs/decisions", suffixes=(".md",)))
    assert not found, told(found, rule="A decision says what was decided and why, on one screen:")


def test_a_function_of_61_lines_is_found_and_one_of_60_is_not() -> None:
    def function(lines: int) -> ast.Module:
        return ast.parse("def f():\n" + "    pass\n" * (lines - 1))

    assert list(long_functions(function(61)))
    assert not list(long_functions(function(60)))
