"""Files for spreadsheets: read back as they were, and no cell that calculates."""

import csv
from io import StringIO

import pytest

from idp.csv_files import write_rows


def read(file: bytes) -> list[list[str]]:
    return list(csv.reader(StringIO(file.decode("utf-8-sig"), newline="")))


def test_a_file_begins_with_the_mark_that_spreadsheets_look_for_and_reads_back_as_it_was() -> None:
    file = write_rows(["氏名", "件数"], [["鈴木 花子", 3], ['株式会社"みらい",電工', None]])
    assert file.startswith(b"\xef\xbb\xbf")
    assert read(file) == [["氏名", "件数"], ["鈴木 花子", "3"], ['株式会社"みらい",電工', ""]]


@pytest.mark.parametrize(
    "cell",
    [
        "=HYPERLINK(A1)",
        "+81312345678",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1",
        "＋1",
        "－1",
        "＠A",
    ],
)
def test_a_cell_that_begins_like_a_formula_is_text(cell: str) -> None:
    assert read(write_rows([cell], [[cell]])) == [[f"'{cell}"], [f"'{cell}"]]


@pytest.mark.parametrize("cell", ["a=1", "東京都千代田区1-1", "03-1234-5678", "ー", "'"])
def test_any_other_cell_stays_as_it_is(cell: str) -> None:
    assert read(write_rows(["x"], [[cell]])) == [["x"], [cell]]


def test_a_number_of_ours_stays_a_number() -> None:
    assert read(write_rows(["x"], [[-1]])) == [["x"], ["-1"]]
