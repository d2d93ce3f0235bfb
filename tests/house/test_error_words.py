"""What a client's developer is told in ``error_description`` has the characters of RFC 6749 §4.1.2.1, §5.2.

``tests/error_words.py`` watches every answer of every test; here words are found before anybody hears them.
"""

import ast
from collections.abc import Iterator

from tests.error_words import DESCRIPTION
from tests.house.tree import Finding, files, offenders, syntax_of, told

INTERNAL = {"AddressForbidden", "CallFailed", "DeliveryFailed", "InvalidKeyTypeError", "TicketUnusable",
            "TokenUnreadable", "ValueError"}  # fmt: skip
"""Exceptions whose words stay inside."""


def spoken(tree: ast.Module) -> Iterator[ast.Constant]:
    """Find the texts with which refusals are raised or answered."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            name = node.exc.func.id if isinstance(node.exc.func, ast.Name) else ""
            if name not in INTERNAL:
                yield from (one for one in ast.walk(node.exc) if isinstance(one, ast.Constant))
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "error_description":
                    yield from (one for one in ast.walk(value) if isinstance(one, ast.Constant))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and "refuse" in node.func.id:
            yield from (one for one in node.args if isinstance(one, ast.Constant))


def unspeakable(tree: ast.Module) -> Iterator[Finding]:
    for one in spoken(tree):
        if isinstance(one.value, str) and one.value and not DESCRIPTION.fullmatch(one.value):
            yield one.lineno, repr(one.value)[:80]


def test_descriptions_have_the_characters_that_the_specification_allows() -> None:
    found = offenders(files("idp/oauth"), unspeakable)
    assert not found, told(found, rule="Use printable ASCII without double quotes and backslashes:")


def test_the_search_finds_wrong_words() -> None:
    source = """
def f():
    raise refuse("invalid_request", 'a "b"')
    raise Refused("x", f"ä {f}")
    raise ValueError("ä")
D = {"error_description": "a\\tb"}
_refuse("invalid_request", "all right")
_refuse("invalid_request", "a\\\\b")
"""
    assert {line for line, _ in unspeakable(ast.parse(source))} == {3, 4, 6, 8}
    assert sum(1 for path in files("idp/oauth") for _ in spoken(syntax_of(path))) > 100
