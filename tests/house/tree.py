"""What the house tests read: the files of the project and their syntax trees, each read once."""

import ast
import subprocess
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def project_files() -> tuple[str, ...]:
    """Return every path that belongs to the project: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(sorted({path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()}))


def files(*folders: str, suffixes: Iterable[str] = (".py",)) -> list[str]:
    """Return the project's paths under these folders that end in one of the suffixes."""
    return [
        path
        for path in project_files()
        if path.startswith(tuple(f"{folder}/" for folder in folders)) and path.endswith(tuple(suffixes))
    ]


@cache
def text_of(path: str) -> str:
    """Return a file's text; a file that is not UTF-8 (a picture, a catalogue) reads as empty."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@cache
def syntax_of(path: str) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(text_of(path), path)


def template_files() -> list[str]:
    """Return every Jinja template of the server and its relying parties."""
    everything = files("templates", "clients", suffixes=(".html", ".txt"))
    return [path for path in everything if path.startswith("templates/") or "/templates/" in path]


Finding = tuple[int, str]
"""A line and what is wrong there."""


def offenders(paths: Iterable[str], find: Callable[[ast.Module], Iterator[Finding]]) -> list[str]:
    """Return ``path:line what`` for everything that ``find`` sees in these Python files."""
    return [f"{path}:{line} {what}" for path in paths for line, what in find(syntax_of(path))]


def told(found: Iterable[str], *, rule: str) -> str:
    """Return the message of a failed house rule, with every offender on a line of its own."""
    return "\n".join([rule, *(f"  {line}" for line in found)])
