"""A test that is left out says why."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.tree import Finding, files, offenders, told

SKIPS = {"skip", "skipif", "xfail", "importorskip"}


def silent_skips(tree: ast.Module) -> Iterator[Finding]:
    """Find skips and expected failures without a reason."""
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Attribute) and node.attr in SKIPS and is_of_pytest(node.value)):
            continue
        call = called.get(id(node))
        takes_it_first = node.attr == "skip" or (node.attr == "xfail" and not is_mark(node.value))
        if call is None or not (
            any(keyword.arg == "reason" for keyword in call.keywords) or (takes_it_first and call.args)
        ):
            yield node.lineno, f"{node.attr} without a reason"


def is_mark(node: ast.expr) -> bool:
    """Tell whether this is ``pytest.mark``."""
    return isinstance(node, ast.Attribute) and node.attr == "mark"


def is_of_pytest(node: ast.expr) -> bool:
    """Tell whether this is ``pytest`` or ``pytest.mark``."""
    return (isinstance(node, ast.Name) and node.id == "pytest") or is_mark(node)


def test_each_skip_has_its_reason() -> None:
    found = offenders(files("tests"), silent_skips)
    assert not found, told(found, rule="Say why, or let the test run:")


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("@pytest.mark.skip\ndef test(): ...", "@pytest.mark.skip(reason='why')\ndef test(): ..."),
        ("pytest.skip()", "pytest.skip('why')"),
        (
            "@pytest.mark.skipif(True)\ndef test(): ...",
            "@pytest.mark.skipif(True, reason='why')\ndef test(): ...",
        ),
        ("@pytest.mark.xfail()\ndef test(): ...", "@pytest.mark.xfail(reason='why')\ndef test(): ..."),
    ],
)
def test_the_finder_sees_the_bad_and_passes_the_good(bad: str, good: str) -> None:
    assert list(silent_skips(ast.parse(bad)))
    assert not list(silent_skips(ast.parse(good)))
