"""1. 業者様の新規会員登録: from the first address typed to the agency's own page in the portal."""

import pytest

from tests.journeys.club import Club
from tests.journeys.person import Crowd, Equipment, Person
from tests.journeys.registering import (
    GOOD_PASSWORD,
    SEVERAL,
    ask_for_the_agency_mail,
    fill_in_agency,
    fill_in_the_postal_code,
    new_address,
    open_agency_form,
    type_password,
)

KANDA = "1010041"
"""A postal code of one town."""
COMPANY = "㈱ひかり\ufa10電設"
"""Two characters that the usual folding would change: ㈱, and the 塚 of U+FA10."""
FOLDED = {
    "企業名": COMPANY,
    "氏名": "山本　三郎",
    "フリガナ": "ヤマモト サブロウ",
    "郵便番号": KANDA,
    "都道府県": "東京都",
    "市区町村": "千代田区",
    "町名番地(建物名)": "神田須田町1-2 塚ビル3階",
    "電話番号": "0312345678",
}


def test_an_agency_registers_and_signs_in(visitor: Person, club: Club) -> None:
    email = new_address()
    visitor.open(f"{club.idp}/store/linkaccounts")
    assert visitor.heading == "販売店・業者様向け ニチコンオーナーズ倶楽部管理画面"

    letter = ask_for_the_agency_mail(visitor, email)
    assert letter.subject == "[ニチコンオーナーズ倶楽部]ニチコンオーナーズ倶楽部仮登録メール"
    assert letter.text.lstrip().startswith("※このメールはシステムからの自動返信です")
    assert "仮登録の有効期限は1時間です。期限切れの場合は、再度登録をお願いいたします。" in letter.text

    visitor.open(letter.link("/register/agency/member/"))
    assert visitor.heading == "販売店情報"
    assert email in visitor.main
    assert not visitor.page.get_by_label("メールアドレス").count()
    type_as_people_do(visitor)
    assert visitor.heading == "販売店情報の確認"
    expected = {**FOLDED, "メールアドレス": email}
    assert expected.items() <= visitor.details().items()

    visitor.follow("戻って修正する")
    assert {label: visitor.value(label) for label in FOLDED} == FOLDED
    visitor.press("確認する")  # the password was kept and need not be typed again
    visitor.press("登録する")
    assert visitor.heading == "会員登録が完了しました"

    letter = club.letter(email, "ありがとうございます")
    assert letter.subject.endswith("ニチコンオーナーズ倶楽部への会員登録ありがとうございます")
    assert f"ご登録いただいた販売店ID: {email}" in letter.text
    visitor.open(letter.link("/agency/login")).press("ログイン").sign_in(email, GOOD_PASSWORD)
    assert visitor.heading == "販売店・業者様情報"
    assert visitor.details() == {label.removesuffix("(建物名)"): text for label, text in expected.items()}


def type_as_people_do(person: Person) -> None:
    """Fill in the form with whatever the keyboard happens to give, and first with a poor password."""
    person.fill({"企業名": f" {COMPANY}", "氏名": "山本　三郎", "フリガナ": "やまもと ｻﾌﾞﾛｳ"})
    fill_in_the_postal_code(person, "１０１－００４１")
    filled = {"都道府県": "東京都", "市区町村": "千代田区", "町名番地(建物名)": "神田須田町"}
    assert {label: person.value(label) for label in filled} == filled
    person.fill({"町名番地(建物名)": "神田須田町1-2 塚ビル3階", "電話番号": "０３－１２３４－５６７８"})
    type_password(person, "hikari2026").press("確認する")
    (refused,) = person.errors
    assert "推測されやすい" in refused
    assert person.value("企業名") == COMPANY
    type_password(person, GOOD_PASSWORD).press("確認する")


def test_the_browsers_back_button_loses_nothing(visitor: Person) -> None:
    open_agency_form(visitor, new_address())
    fill_in_agency(visitor).press("確認する")
    visitor.back()
    assert visitor.value("企業名") == "有限会社うみかぜ"
    assert visitor.value("電話番号") == "0982345678"


def test_who_shares_a_postal_code_with_other_towns_chooses(visitor: Person) -> None:
    open_agency_form(visitor, new_address())
    fill_in_the_postal_code(visitor, SEVERAL)
    towns = visitor.page.locator(".town").all_inner_texts()
    assert len(towns) > 1
    visitor.press(towns[1])
    assert f"{visitor.value('市区町村')} {visitor.value('町名番地(建物名)')}" == towns[1]


def test_what_somebody_typed_is_not_overwritten_by_the_postal_code(visitor: Person) -> None:
    open_agency_form(visitor, new_address()).fill({"町名番地(建物名)": "自分で書いた町"})
    fill_in_the_postal_code(visitor, KANDA)
    assert visitor.value("市区町村") == "千代田区"
    assert visitor.value("町名番地(建物名)") == "自分で書いた町"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short-1", "10文字以上"),
        ("password123", "推測されやすい"),
        ("higahikaru2026", "推測されやすい"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(person: Crowd, password: str, reason: str) -> None:
    anyone = person(Equipment(javascript=False))
    open_agency_form(anyone, new_address())
    type_password(fill_in_agency(anyone), password).press("確認する")
    assert [error for error in anyone.errors if reason in error]
    assert anyone.value("電話番号") == "0982345678"


def test_a_form_sent_empty_names_every_field_that_is_missing(visitor: Person) -> None:
    open_agency_form(visitor, new_address()).press("確認する")
    links = visitor.page.locator(".error-summary a").all_inner_texts()
    for label in ("企業名", "氏名", "フリガナ", "郵便番号", "都道府県", "市区町村", "町名番地", "電話番号"):
        assert [link for link in links if link.startswith(label)]
    assert all(error.startswith("＊") for error in visitor.errors)
    visitor.page.locator(".error-summary a").first.click()
    assert visitor.page.locator("#company:focus, #company:target").count()


def test_the_answer_does_not_tell_whether_an_address_is_known(person: Crowd, club: Club) -> None:
    known, stranger = club.casting.agency().email, new_address()
    pages = []
    for email in (known, stranger):
        anyone = person().open(f"{club.idp}/register/agency")
        anyone.fill({"メールアドレス": email}).press("送信する")
        pages.append((anyone.page.url, anyone.main))
    assert pages[0] == pages[1]
    assert "すでに会員登録がお済みです" in club.letter(known, "").subject
    assert "仮登録メール" in club.letter(stranger, "").subject
