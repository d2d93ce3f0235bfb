"""CSV files that people open in a spreadsheet: UTF-8 with BOM, RFC 4180, and nothing in them that calculates.

A cell that begins like a formula runs when the file is opened, and names, reasons and notes are typed by
others: such a cell gets an apostrophe before it (OWASP, CSV Injection), which the spreadsheet shows as text.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

BOM = b"\xef\xbb\xbf"
"""Without it Excel reads Japanese as another encoding."""
CONTENT_TYPE = "text/csv; charset=utf-8"
_BEGINS_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""With the full-width forms that a Japanese spreadsheet takes for the same."""
Cell = str | int | None


def write_rows(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return the whole file; None is an empty cell."""
    return b"".join(stream_rows(header, [rows]))


def stream_rows(header: Sequence[str], batches: Iterable[Iterable[Sequence[Cell]]]) -> Iterator[bytes]:
    """Yield the file piece by piece, one for each batch of rows, so that it need not be held as a whole."""
    yield BOM + _written([header])
    for rows in batches:
        yield _written(rows)


def _written(rows: Iterable[Sequence[Cell]]) -> bytes:
    piece = StringIO(newline="")
    csv.writer(piece).writerows([_safe(cell) for cell in row] for row in rows)
    return piece.getvalue().encode("utf-8", "replace")


def _safe(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_BEGINS_FORMULA) else cell
