"""Names and words that the tree must have, and those that it must not."""

import ast
import re
from pathlib import PurePath

import pytest

from tests.house.tree import files, project_files, syntax_of, text_of, told

NAMES_WITHOUT_A_SUBJECT = {"util", "utils", "helper", "helpers", "common", "misc"}
UNFINISHED = re.compile("|".join([r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b"]))
MACHINE_PATH = re.compile(r"(?<![\w.}/-])/(?:(?:work|farm|root|tmp)/|home/\w)")
# Written in pieces, so that this file does not name them either.
REGISTRIES = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in [
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("npmjs", "org"),
            ("npmjs", "com"),
            ("crates", "io"),
            ("golang", "org"),
            ("debian", "org"),
        ]
    )
)


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    """Return every line of the project that the pattern matches."""
    return [
        f"{path}:{number} {line.strip()[:100]}"
        for path in project_files()
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_module_is_named_for_having_no_subject() -> None:
    found = [
        path
        for path in files("idp", "clients", "tests", "tools")
        if NAMES_WITHOUT_A_SUBJECT & set(PurePath(path).with_suffix("").parts)
    ]
    assert not found, told(found, rule="Name each for what it is about:")


def test_each_package_says_what_it_owns() -> None:
    folders = {PurePath(path).parent for path in files("idp", "clients")}
    expected = {str(folder / "__init__.py") for folder in folders}
    expected |= {path for path in files("tests", "tools") if path.endswith("__init__.py")}
    present = set(project_files())
    found = [
        path for path in sorted(expected) if path not in present or not ast.get_docstring(syntax_of(path))
    ]
    assert not found, told(found, rule="Each package needs an __init__.py with a docstring:")


def test_nothing_unfinished_is_left_in_the_tree() -> None:
    found = lines_with(UNFINISHED)
    assert not found, told(found, rule="Finish it, or file an issue and leave the tree clean:")


def test_no_path_of_one_machine_is_in_the_tree() -> None:
    found = lines_with(MACHINE_PATH)
    assert not found, told(found, rule="Use paths relative to the project:")


def test_no_package_registry_is_named_in_the_tree() -> None:
    found = lines_with(REGISTRIES)
    assert not found, told(found, rule="The machine's own settings say where packages come from:")


@pytest.mark.parametrize(
    ("pattern", "bad", "good"),
    [
        (UNFINISHED, "# TO" + "DO: later", "todos = []"),
        (MACHINE_PATH, 'open("/wo' + 'rk/main/x")', '@route("/work")'),
        (MACHINE_PATH, "see /ho" + "me/somebody", 'redirect("/home")'),
        (REGISTRIES, "https://py" + "pi.org/simple", "pip install idp"),
    ],
)
def test_each_pattern_sees_the_bad_and_passes_the_good(pattern: re.Pattern[str], bad: str, good: str) -> None:
    assert pattern.search(bad)
    assert not pattern.search(good)
