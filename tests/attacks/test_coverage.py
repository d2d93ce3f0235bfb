"""Every case that is listed is tried, and nothing is tried that is not listed."""

import ast
from collections.abc import Iterator

from tests.attacks.cases import CASES
from tests.house.tree import files, syntax_of


def tried() -> Iterator[str]:
    """Yield the number of each case that a test or a line of a table names."""
    for path in files("tests/attacks"):
        for node in ast.walk(syntax_of(path)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"case", "row"}
            ):
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    yield str(first.value)


def test_each_listed_case_is_tried_and_each_tried_case_is_listed() -> None:
    found = set(tried())
    assert found == set(CASES), {"not tried": set(CASES) - found, "not listed": found - set(CASES)}
