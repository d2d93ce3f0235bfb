"""The guides of docs/guides/ as programs: their blocks of code, at the addresses of a test."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.house.tree import ROOT

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVER = "http://localhost:8000"


@dataclass(frozen=True)
class Guide:
    """One guide, read with other addresses than those it shows."""

    name: str
    addresses: Mapping[str, str]

    def blocks(self, language: str) -> list[str]:
        """Return the blocks of a language in their order."""
        text = (ROOT / f"docs/guides/{self.name}.md").read_text(encoding="utf-8")
        found = [body for given, body in BLOCK.findall(text) if given == language]
        assert found, f"the guide has no {language}"
        return [self._moved(body) for body in found]

    def registration(self) -> dict[str, Any]:
        """Return what the operator registers."""
        registered: dict[str, Any] = json.loads(self.blocks("json")[0])
        return registered

    def environment(self, **replaced: str) -> dict[str, str]:
        """Return the variables that the first shell block exports, with those that a reader must fill in."""
        lines = [line for line in self.blocks("sh")[0].splitlines() if line.startswith("export ")]
        exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        assert set(replaced) <= set(exported), "the guide does not ask for that"
        return exported | replaced

    def _moved(self, text: str) -> str:
        for shown, real in self.addresses.items():
            text = text.replace(shown, real)
        return text
