"""What the README and docs/ say is there: links, pictures, commands, settings, files, decisions, tables."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath
from urllib.parse import unquote

import click
import pytest

from idp.cli import cli
from idp.settings import PREFIX, Settings
from tests.house.tree import ROOT, files, project_files, text_of, told
from tools.generate_docs import stale_pages

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FOREIGN = re.compile(r"[a-z][a-z0-9+.-]*:")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
TARGET = re.compile(r"\bmake ((?:[a-z]+-)*[a-z]+)\b")
COMMAND = re.compile(r"(?:^|-m )idp((?: [a-z]+(?:-[a-z]+)*)+)", re.MULTILINE)
SETTING = re.compile(rf"\b{PREFIX}[A-Z_]*[A-Z]\b")
PATH = re.compile(r"(?:idp|clients|templates|tests|tools|docs)/[\w./-]+\Z")
DECISION = re.compile(r"docs/decisions/[\w-]+(?:\.md)?")


@cache
def pages() -> list[str]:
    """Return the documents that this project writes in Markdown."""
    return [path for path in project_files() if path.endswith(".md")]


def without_code(text: str) -> str:
    """Return the text with fenced blocks emptied, on the same lines."""
    return FENCE.sub(lambda block: "\n" * block[0].count("\n"), text)


def anchors(text: str) -> set[str]:
    """Return the names under which the headings of a document can be linked to."""
    headings = [line.lstrip("#").strip() for line in without_code(text).splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(page: str, text: str) -> Iterator[str]:
    """Find links and pictures that lead nowhere in the project."""
    present = set(project_files())
    folders = {str(folder) for path in present for folder in PurePosixPath(path).parents}
    plain = without_code(text)
    for link in LINK.finditer(plain):
        if FOREIGN.match(link[1]):
            continue
        path, _, anchor = unquote(link[1]).partition("#")
        resolved = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
        found = str(resolved.relative_to(ROOT)) if resolved.is_relative_to(ROOT) else ""
        if found not in present | folders or (anchor and anchor not in anchors(text_of(found))):
            yield f"{page}:{plain.count(chr(10), 0, link.end()) + 1} {link[1]}"


def named(pattern: re.Pattern[str], *, only: list[str]) -> Iterator[tuple[str, str]]:
    """Return where a pattern matches and what it matched."""
    for page in only:
        for number, line in enumerate(text_of(page).splitlines(), 1):
            yield from ((f"{page}:{number}", match) for match in pattern.findall(line))


def code_of(page: str) -> list[str]:
    """Return everything in a page that is set as code, in lines and in blocks."""
    text = text_of(page)
    return [*CODE.findall(without_code(text)), *FENCE.findall(text)]


def command_exists(words: str) -> bool:
    """Tell whether ``idp`` knows a command of these words; what follows a whole command is an argument."""
    group: click.Command = cli
    for word in words.split():
        if not isinstance(group, click.Group):
            return True
        if word not in group.commands:
            return False
        group = group.commands[word]
    return True


def test_every_link_and_picture_leads_somewhere() -> None:
    assert pages()
    found = [dead for page in pages() for dead in dead_links(page, text_of(page))]
    assert not found, told(found, rule="Correct the link, or add what it leads to:")


def test_generated_tables_are_what_the_code_says() -> None:
    found = [f"docs/{name}" for name in stale_pages()]
    assert not found, told(found, rule="Run .venv/bin/python -m tools.generate_docs:")


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    asked = [(page, target) for page in pages() for span in code_of(page) for target in TARGET.findall(span)]
    assert {"demo", "test"} <= {target for _, target in asked} & targets
    found = [f"{page} make {target}" for page, target in asked if target not in targets]
    assert not found, told(found, rule="The Makefile has no such target:")


def test_every_command_that_is_named_exists() -> None:
    asked = [(page, words) for page in pages() for span in code_of(page) for words in COMMAND.findall(span)]
    assert asked
    found = [f"{page} idp{words}" for page, words in asked if not command_exists(words)]
    assert not found, told(found, rule="`idp` has no such command:")


def test_every_setting_that_is_named_exists() -> None:
    known = {field.alias or f"{PREFIX}{name.upper()}" for name, field in Settings.model_fields.items()}
    asked = list(named(SETTING, only=pages()))
    assert asked
    found = [f"{place} {name}" for place, name in asked if name.removesuffix("_FILE") not in known]
    assert not found, told(found, rule="There is no such setting:")


def test_every_file_that_is_named_exists() -> None:
    present = set(project_files())
    folders = {str(folder) for path in present for folder in PurePosixPath(path).parents}
    asked = [(page, span) for page in pages() for span in code_of(page) if PATH.match(span)]
    assert asked
    found = [f"{page} {path}" for page, path in asked if path.rstrip("/") not in present | folders]
    assert not found, told(found, rule="There is no such file:")


def test_every_decision_that_the_code_names_exists_and_is_listed() -> None:
    present = [path for path in files("docs/decisions", suffixes=(".md",)) if not path.endswith("README.md")]
    code = [*files("idp", "clients", "tools"), *files("templates", suffixes=(".html", ".txt"))]
    asked = list(named(DECISION, only=code))
    assert asked
    found = [f"{place} {path}" for place, path in asked if path not in present]
    assert not found, told(found, rule="Write the decision down, or correct its name:")
    unlisted = [
        path for path in present if PurePosixPath(path).name not in text_of("docs/decisions/README.md")
    ]
    assert not unlisted, told(unlisted, rule="List these in docs/decisions/README.md:")
    numbers = [PurePosixPath(path).name[:4] for path in present]
    assert numbers == sorted(set(numbers)), "two decisions share a number"
    listed = re.findall(r"^\| \[(\d{4})\]", text_of("docs/decisions/README.md"), re.MULTILINE)
    assert listed == sorted(listed), "docs/decisions/README.md lists decisions in their order"


@pytest.mark.parametrize("target", ["docs/nowhere.md", "#no-such-heading", "../outside.md"])
def test_a_dead_link_is_seen(target: str) -> None:
    assert list(dead_links("README.md", f"# Heading\n\n[text\nin two lines]({target})\n"))


@pytest.mark.parametrize("target", ["https://example.com/nowhere", "Makefile", "docs", "docs/settings.md"])
def test_a_live_link_is_passed(target: str) -> None:
    assert not list(dead_links("README.md", f"[text]({target})\n\n```\n[code](nowhere)\n```\n"))


def test_a_command_that_does_not_exist_is_seen() -> None:
    assert command_exists("delegation end")
    assert not command_exists("delegation finish")
    assert not command_exists("nothing")
