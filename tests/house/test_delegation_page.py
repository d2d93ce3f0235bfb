"""docs/delegation.md: each line that says what somebody can or cannot do names the test that tries it."""

import ast
import re
from functools import cache
from pathlib import PurePosixPath

from tests.house.tree import ROOT, text_of, told

PAGE = "docs/delegation.md"
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


@cache
def named_in(path: str) -> frozenset[str]:
    """Return the names of the tests of a file."""
    tree = ast.parse(text_of(path))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def rows(text: str) -> list[tuple[int, list[str]]]:
    """Return line number and cells of each row of a table whose last column is of tests."""
    found, is_wanted = list[tuple[int, list[str]]](), False
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            is_wanted = False
        elif cells[-1] == "tried in":
            is_wanted = True
        elif is_wanted and not set(line) <= set("|-: "):
            found.append((number, cells))
    return found


def untried(text: str) -> list[str]:
    """Return the rows without a test, and links to tests that do not exist."""
    problems = []
    for number, cells in rows(text):
        links = LINK.findall(cells[-1])
        if not links:
            problems.append(f"{PAGE}:{number} names no test")
        for words, path in links:
            name, file = f"test_{words.replace(' ', '_')}", str(PurePosixPath(path))
            resolved = (ROOT / PAGE).parent.joinpath(file).resolve()
            if not resolved.is_file() or name not in named_in(str(resolved.relative_to(ROOT))):
                problems.append(f"{PAGE}:{number} no test {name} in {path}")
    return problems


def test_each_line_of_the_page_on_delegation_names_a_test_that_exists() -> None:
    assert len(rows(text_of(PAGE))) > 60
    problems = untried(text_of(PAGE))
    assert not problems, told(problems, rule="Each line names a test that exists:")


def test_a_line_without_a_test_is_seen() -> None:
    head = "| can | tried in |\n|---|---|\n"
    assert untried(f"{head}| ask | |") == [f"{PAGE}:3 names no test"]
    here = "../tests/house/test_delegation_page.py"
    assert untried(f"{head}| ask | [a line without a test is seen]({here}) |") == []
    assert untried(f"{head}| ask | [nothing]({here}) |") == [f"{PAGE}:3 no test test_nothing in {here}"]
