"""Reading the file: YAML or JSON, each value by its path, all errors at once, secrets by reference."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

LONGEST_TEXT = 2048
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class FileUnusable(Exception):
    """The file cannot be applied; the message has a line ``path: reason`` for each thing that is wrong."""


class _Loader(yaml.SafeLoader):
    """YAML's plain types only, and no name twice in a mapping."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    if not all(isinstance(key, yaml.ScalarNode) for key, _ in node.value):
        # A name that is a list could be written out without end, by aliases of aliases.
        raise yaml.constructor.ConstructorError(None, None, "a name is no plain text", node.start_mark)
    names = [loader.construct_object(key, deep=True) for key, _ in node.value]
    if len(set(map(str, names))) != len(names):
        raise yaml.constructor.ConstructorError(None, None, "a name stands twice", node.start_mark)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_file(path: Path) -> Any:
    """Return what a YAML or JSON file says; JSON is YAML.

    :raises FileUnusable: it cannot be read.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise FileUnusable(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise FileUnusable(f"{path}: {where}is no YAML or JSON, or names something twice") from error


class Problems:
    """Everything that is wrong with a file."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, path: str, reason: str) -> None:
        """Note one thing."""
        self.lines.append(f"{path}: {reason}")

    def check(self) -> None:
        """Stop if there is any.

        :raises FileUnusable: there is.
        """
        if self.lines:
            raise FileUnusable("\n".join(self.lines))


class Node:
    """One mapping of the file at its path; each of its values is asked for by name."""

    def __init__(self, value: Any, path: str, problems: Problems, *, base: Path) -> None:
        self.path, self.problems, self.base = path, problems, base
        self.values: Mapping[str, Any] = value if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            problems.add(path or "file", "must be a mapping")

    def at(self, name: str) -> str:
        """Return the path of one of its values."""
        return f"{self.path}.{name}" if self.path else name

    def only(self, known: Collection[str]) -> "Node":
        """Refuse names that are not known, and return the node."""
        for name in self.values:
            if name not in known:
                self.problems.add(self.at(str(name)), "is not known here; known are " + ", ".join(known))
        return self

    def children(self, name: str) -> Iterator["Node"]:
        """Yield each mapping of a list."""
        value = self.values.get(name, [])
        if not isinstance(value, list):
            self.problems.add(self.at(name), "must be a list")
            return
        for number, one in enumerate(value):
            yield Node(one, f"{self.at(name)}[{number}]", self.problems, base=self.base)

    def text(self, name: str, *, default: str | None = None, check: Callable[[str], bool] = bool) -> str:
        """Return a text, which must be there unless it has a default."""
        value = self.values.get(name, default)
        if value is None:
            self.problems.add(self.at(name), "is missing")
        elif not isinstance(value, str):
            self.problems.add(self.at(name), "must be a text; put it in quotes")
        elif value != default and (len(value) > LONGEST_TEXT or not value.isprintable() or not check(value)):
            self.problems.add(self.at(name), "is not a valid value")
        else:
            return value
        return ""

    def number(self, name: str, *, default: int | None = None) -> int:
        """Return a whole number."""
        value = self.values.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.problems.add(
                self.at(name), "must be a whole number" if name in self.values else "is missing"
            )
            return 0
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            self.problems.add(self.at(name), "must be a list of texts; put each in quotes")
            return ()
        return tuple(value)

    def secret(self, name: str) -> str | None:
        """Return a secret that the file refers to: ``NAME_file`` beside the file, or ``NAME_env``."""
        file, variable = self.values.get(f"{name}_file"), self.values.get(f"{name}_env")
        if file is not None and variable is not None:
            self.problems.add(self.at(f"{name}_file"), f"must not be given together with {name}_env")
        elif file is not None:
            return self._secret_in(f"{name}_file", file)
        elif variable is not None:
            is_name = isinstance(variable, str) and _VARIABLE.fullmatch(variable)
            if is_name and os.environ.get(variable):
                return os.environ[variable]
            self.problems.add(self.at(f"{name}_env"), "must name an environment variable that is set")
        return None

    def _secret_in(self, name: str, file: object) -> str | None:
        try:
            text = (self.base / str(file)).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError, ValueError):
            text = ""
        if not isinstance(file, str) or not text:
            self.problems.add(self.at(name), "must name a file that can be read and is not empty")
            return None
        return text
