"""A postal code finds its towns offline, in every thread."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from idp.accounts.postal import DATA, Town, find_towns
from idp.accounts.prefectures import PREFECTURES

TABLE = [line.split("\t") for line in (DATA / "postal_towns.tsv").read_text("utf-8").splitlines()]


def test_a_code_finds_its_town() -> None:
    assert find_towns("1000001") == (Town("東京都", "千代田区", "千代田"),)


def test_a_code_of_a_whole_city_names_no_town() -> None:
    assert find_towns("1000000") == (Town("東京都", "千代田区", ""),)


def test_the_first_and_the_last_code_of_the_table_are_found() -> None:
    assert find_towns(TABLE[0][0])
    assert find_towns(TABLE[-1][0])


def test_a_code_of_66_towns_finds_them_all() -> None:
    towns = find_towns("4520961")
    assert len(towns) == len(set(towns)) == 66
    assert {(town.prefecture, town.city) for town in towns} == {("愛知県", "清須市")}


def test_a_code_of_several_cities_finds_each() -> None:
    towns = Counter(line[0] for line in TABLE)
    code, lines = towns.most_common(1)[0]
    assert lines > 1
    assert len({town.city for town in find_towns(code)}) == lines


def test_a_large_office_has_a_code_of_its_own() -> None:
    assert find_towns("1008111") == (Town("東京都", "千代田区", "千代田1-1"),)


@pytest.mark.parametrize(
    "code", ["", "100", "100000", "10000011", "100-001", "１００００01", "abcdefg", "²000001"]
)
def test_what_is_no_folded_code_finds_nothing(code: str) -> None:
    assert find_towns(code) == ()


def test_a_code_that_nobody_has_finds_nothing() -> None:
    assert find_towns("0000000") == ()
    assert find_towns("9999999") == ()


def test_every_code_of_the_table_is_found_with_all_of_its_towns() -> None:
    expected: Counter[str] = Counter()
    for digits, _, *towns in TABLE:
        expected[digits] += len(towns)
    assert len(expected) > 140_000
    assert {digits: len(find_towns(digits)) for digits in list(expected)[::7]} == dict(
        list(expected.items())[::7]
    )


def test_instructions_of_the_post_are_not_taken_for_towns() -> None:
    assert {town.town for town in find_towns("4090142")} == {""}
    assert all("〜" not in town.town and "、" not in town.town for town in find_towns("0295503"))


def test_many_threads_look_up_at_once() -> None:
    codes = ["1000001", "4520961", "6040845", "9999999"] * 200
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(find_towns, codes)) == [find_towns(code) for code in codes]


def test_the_prefectures_are_those_of_the_table() -> None:
    lines = (DATA / "municipalities.tsv").read_text("utf-8").splitlines()
    assert len(PREFECTURES) == 47
    assert list(dict.fromkeys(line.split("\t")[1] for line in lines)) == list(PREFECTURES)
