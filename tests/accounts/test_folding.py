"""What people type becomes what the club stores: converted, not refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.accounts.folding import fold_digits, fold_email, fold_kana, fold_name, is_email

KANA = st.text(
    st.characters(min_codepoint=0x3041, max_codepoint=0x30FF)
    | st.characters(min_codepoint=0xFF61, max_codepoint=0xFF9F)
    | st.sampled_from(" \u3000\u3099\u309a")
)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("6040845", "6040845"),
        ("６０４０８４５", "6040845"),
        ("604-0845", "6040845"),
        ("６０４－０８４５", "6040845"),
        ("６０４ー０８４５", "6040845"),
        ("604ｰ0845", "6040845"),
        (" 03（1234）5678\u3000", "0312345678"),
    ],
)
def test_digits_come_through_however_they_are_typed(typed: str, stored: str) -> None:
    assert fold_digits(typed) == stored


@pytest.mark.parametrize("dash", "-‐‑–—−－ー－ｰ―─")
def test_every_dash_of_a_japanese_keyboard_goes_away(dash: str) -> None:
    assert fold_digits(f"075{dash}231{dash}8461") == "0752318461"


def test_letters_stay_for_the_form_to_refuse() -> None:
    assert fold_digits("604-084O") == "604084O"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("スズキ ハナコ", "スズキ ハナコ"),
        ("すずき\u3000はなこ", "スズキ ハナコ"),
        ("ｽｽﾞｷ ﾊﾅｺ", "スズキ ハナコ"),
        ("  さとう  いちろー ", "サトウ イチロー"),
        ("か゛ざき", "ガザキ"),
        ("ゔぃおら", "ヴィオラ"),
        ("みすゞ", "ミスヾ"),
    ],
)
def test_a_reading_becomes_full_width_katakana(typed: str, stored: str) -> None:
    assert fold_kana(typed) == stored


def test_kanji_in_a_reading_stay_for_the_form_to_refuse() -> None:
    assert fold_kana("鈴木") == "鈴木"


def test_a_name_loses_only_needless_spaces() -> None:
    assert fold_name("\u3000鈴木 \u3000 花子 ") == "鈴木\u3000花子"
    assert fold_name("Taro   Yamada") == "Taro Yamada"


@pytest.mark.parametrize("name", ["㈱みらい電工", "\ufa10本 太郎", "髙橋 﨑子", "ﾆﾁｺﾝ商会", "①番電気"])
def test_a_name_keeps_the_letters_that_its_bearer_writes(name: str) -> None:
    assert fold_name(name) == name


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" Hanako.Suzuki@Example.JP ", "hanako.suzuki@example.jp"),
        ("ｈａｎａｋｏ＠ｅｘａｍｐｌｅ．ｊｐ", "hanako@example.jp"),
        ("info@例え.テスト", "info@xn--r8jz45g.xn--zckzah"),
    ],
)
def test_an_address_has_one_spelling(typed: str, stored: str) -> None:
    assert fold_email(typed) == stored
    assert is_email(typed)


@pytest.mark.parametrize(
    "address",
    [
        "foo..bar@docomo.ne.jp",
        "foo.@ezweb.ne.jp",
        ".a@docomo.ne.jp",
        "a+club@example.jp",
        "o'neil/x@example.jp",
    ],
)
def test_addresses_of_older_members_are_accepted(address: str) -> None:
    assert is_email(address)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "hanako",
        "@example.jp",
        "hanako@",
        "hanako@@example.jp",
        "hana ko@example.jp",
        "hanako@-example.jp",
        "hanako@example..jp",
        "hanako@example.jp\r\nBcc: all@example.jp",
        "花子@example.jp",
        "h\u0430nako@example.jp",  # the а is Cyrillic
        '"hanako"@example.jp',
        f"{'a' * 65}@example.jp",
        f"a@{'a' * 64}.jp",
        f"a@{'.'.join(['a' * 60] * 5)}.jp",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    assert not is_email(typed)
    assert is_email("hanako@example.jp")


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    for fold in (fold_digits, fold_name, fold_email, fold_kana):
        once = fold(text)
        assert fold(once) == once, fold


@given(KANA)
def test_folding_kana_twice_changes_nothing_more(text: str) -> None:
    assert fold_kana(fold_kana(text)) == fold_kana(text)


@given(st.text(st.characters(min_codepoint=0x3041, max_codepoint=0x3096)))
def test_no_hiragana_remain_in_a_reading(text: str) -> None:
    assert not any("\u3041" <= letter <= "\u3096" for letter in fold_kana(text))
