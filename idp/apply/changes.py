"""What applying a file changes: each thing added, changed or unchanged, field by field, never a secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What becomes of a thing."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Change:
    """What becomes of one thing that the file names."""

    kind: Kind
    what: str
    fields: tuple[str, ...] = ()
    """``field: old → new``."""
    secret: str | None = field(default=None, repr=False)
    """A secret that was generated, which is shown this once."""

    def lines(self) -> list[str]:
        """Return what an operator reads."""
        return [f"{self.kind:9} {self.what}", *(f"            {line}" for line in self.fields)]


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Return ``field: old → new`` for each field that differs."""
    return tuple(
        f"{name}: {_shown(before.get(name))} → {_shown(value)}"
        for name, value in after.items()
        if before.get(name) != value
    )


def compared(what: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Change:
    """Return the change from one state, or from nothing, to another."""
    if before is None:
        return Change(Kind.ADDED, what)
    fields = difference(before, after)
    return Change(Kind.CHANGED if fields else Kind.UNCHANGED, what, fields)


def _shown(value: Any) -> str:
    if value in (None, [], ""):
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
