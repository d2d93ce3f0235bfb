"""A password is long enough and not easy to guess for somebody who knows the person."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from idp.accounts.password_rule import PasswordWeakness, check_password
from idp.accounts.romaji import spell_in_romaji

HANAKO = ("hanako.suzuki@example.jp", "鈴木 花子", "スズキ ハナコ", "0752318461", "株式会社みらい電工")


@pytest.mark.parametrize(
    "password",
    ["mikanbatake-to-neko", "ukjhqwxnvm", "みかんがすきな三毛猫", "correct horse battery", "x7Gq!" * 25],
)
def test_a_password_that_nobody_guesses_is_accepted(password: str) -> None:
    assert check_password(password, HANAKO) is None


def test_ten_characters_are_enough_and_nine_are_not() -> None:
    assert check_password("ukjhqwxnvm", HANAKO) is None
    assert check_password("ukjhqwxnv", HANAKO) is PasswordWeakness.TOO_SHORT


def test_128_characters_are_allowed_and_129_are_not() -> None:
    password = "mikanbatake-to-neko " * 7
    assert check_password(password[:128], HANAKO) is None
    assert check_password(password[:129], HANAKO) is PasswordWeakness.TOO_LONG


def test_no_kind_of_character_is_demanded() -> None:
    assert check_password("yozakuranoshitadeutau", ()) is None


@pytest.mark.parametrize(
    "password",
    [
        "password12",
        "1234567890",
        "qwertyuiop",
        "aaaaaaaaaaaa",
        "takahashi1234",
        "nichicon2024",
    ],
)
def test_a_password_of_the_lists_is_refused(password: str) -> None:
    assert check_password(password, ()) is PasswordWeakness.EASY_TO_GUESS


@pytest.mark.parametrize("password", ["hanako.suzuki1960", "suzukihanako1", "HanakoSuzuki!", "0752318461a"])
def test_what_is_known_of_a_person_makes_her_password_weak(password: str) -> None:
    assert check_password(password, HANAKO) is PasswordWeakness.EASY_TO_GUESS


@pytest.mark.parametrize(
    ("address", "password"),
    [
        ("hanako@owner.example", "hanako@owner"),
        ("hanako@owner.example", "Hanako@Owner1"),
        ("hanako@owner.example", "hanako@owner.example"),
        ("hanako@owner.example", "owner.example"),
        ("info@hikari-denki.example", "info@hikari-denki"),
        ("info@hikari-denki.example", "hikari-denki"),
        ("hanako.s@mail.shirakaba.co.jp", "hanako.s@mail.shirakaba"),
        ("hanako.s@mail.shirakaba.co.jp", "shirakaba.co.jp"),
        ("hanako.s@mail.shirakaba.co.jp", "hanako.s@shirakaba"),
    ],
)
def test_a_part_of_the_own_address_is_no_password(address: str, password: str) -> None:
    assert check_password(password, (address,)) is PasswordWeakness.EASY_TO_GUESS
    assert check_password(f"{password}-mikanbatake-to-neko", (address,)) is None


def test_the_same_password_is_judged_by_its_own_person_only() -> None:
    password = "shirakabanomori"
    assert check_password(password, ("白樺の森", "シラカバノモリ")) is PasswordWeakness.EASY_TO_GUESS
    assert check_password(password, HANAKO) is None


def test_two_people_at_once_do_not_get_each_others_words() -> None:
    password = "shirakabanomori"
    people = [("シラカバノモリ",), HANAKO] * 50
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda personal: check_password(password, personal), people))
    assert verdicts == [PasswordWeakness.EASY_TO_GUESS, None] * 50


@pytest.mark.parametrize(
    ("reading", "letters"),
    [
        ("スズキ ハナコ", "suzuki hanako"),
        ("シュンスケ", "shunsuke"),
        ("ハットリ", "hattori"),
        ("キョウコ", "kyouko"),
    ],
)
def test_a_reading_is_spelt_as_people_type_it(reading: str, letters: str) -> None:
    assert spell_in_romaji(reading) == letters
