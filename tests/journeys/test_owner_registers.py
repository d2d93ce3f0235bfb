"""An owner registers with the first product, and adds another later."""

import itertools

from idp.demo import UNCLAIMED
from tests.journeys.club import Club
from tests.journeys.person import Crowd, Person

PASSWORD = "engawa-de-hirune-3ji"
numbers = itertools.count(1)
serials = itertools.cycle(UNCLAIMED)


def newcomer() -> str:
    """Return an address that nobody has used in this club."""
    return f"owner{next(numbers)}@newcomer.example"


def fill_in(person: Person) -> Person:
    """Fill in お客様情報."""
    person.fill({"氏名": "小川 ふみ", "フリガナ": "おがわ ふみ", "郵便番号": "600-8216"})
    if person.equipment.javascript:
        person.page.locator("[data-postal-result] p").first.wait_for()
    person.fill({"都道府県": "京都府", "市区町村": "京都市下京区", "町名番地(建物名)": "東塩小路町8-3"})
    person.fill({"電話番号": "075-365-0000"}).choose("はい")
    return person.fill({"ログインパスワード": PASSWORD, "ログインパスワード(確認用)": PASSWORD})


def open_the_form(person: Person, email: str) -> Person:
    """Come from マイページ, as somebody does who has no account yet."""
    person.open(person.club.mypage).follow("新規会員登録")
    person.fill({"メールアドレス": email}).press("送信する")
    return person.open(person.club.letter(email, "仮登録メール").link("/register/owner/"))


def test_an_owner_registers_with_a_product_and_sees_it_in_mypage(visitor: Person, club: Club) -> None:
    email, serial = newcomer(), next(serials)
    fill_in(open_the_form(visitor, email)).press("次へ")
    assert visitor.heading == "お使いの機器の登録"
    assert visitor.value("設置場所郵便番号") == "6008216"
    visitor.fill({"システム製造番号": f" {serial.lower()} "}).choose("見守りサービス").press("次へ")
    assert visitor.heading == "登録内容の確認"
    shown = visitor.details()
    assert shown["フリガナ"] == "オガワ フミ"
    assert shown["電話番号"] == "0753650000"
    assert shown["ニチコンからの情報提供可"] == "はい"
    assert serial in visitor.main

    visitor.follow("戻って修正する")
    assert visitor.value("氏名") == "小川 ふみ"
    visitor.press("次へ")
    assert visitor.value("システム製造番号") == serial
    visitor.press("次へ").press("登録する")
    assert visitor.heading == "会員登録が完了しました"
    assert email in club.letter(email, "会員登録ありがとうございます").text

    visitor.enter_mypage(email, PASSWORD).follow("登録状況を見る")
    assert visitor.details()["システム製造番号"] == serial
    assert visitor.page.locator(".services li").first.inner_text().split() == ["見守りサービス", "加入"]


def test_a_product_can_wait_and_be_added_later(visitor: Person, club: Club) -> None:
    email, serial = newcomer(), next(serials)
    fill_in(open_the_form(visitor, email)).press("次へ").press("あとで登録する")
    assert "あとで登録します。" in visitor.main
    visitor.press("登録する").follow("ログイン").sign_in(email, PASSWORD)
    assert visitor.heading == "お客様情報"
    visitor.follow("製品を登録する").fill({"システム製造番号": serial}).press("登録する")
    assert f"ESS-U4X1（{serial}）を登録しました。" in visitor.main
    visitor.follow("お客様情報へ戻る")
    assert serial in visitor.main


def test_the_second_who_claims_a_product_is_refused_and_told_the_telephone(person: Crowd, club: Club) -> None:
    serial = club.casting.owner().serials[0]
    second = person()
    second.enter_mypage(club.casting.owner(units=0).email)
    second.open(f"{club.idp}/account/products/new").fill({"システム製造番号": serial}).press("登録する")
    (refused,) = second.errors
    assert refused.startswith("＊")
    assert "0120-000-000" in refused
    assert second.value("システム製造番号") == serial

    fill_in(open_the_form(second := person(), newcomer())).press("次へ")
    second.fill({"システム製造番号": serial}).press("次へ")
    assert "0120-000-000" in second.errors[0]


def test_a_serial_number_that_never_left_the_factory_is_refused(person: Crowd, club: Club) -> None:
    owner = person()
    owner.enter_mypage(club.casting.owner(units=0).email)
    owner.open(f"{club.idp}/account/products/new").fill({"システム製造番号": "HC-Z99999WN1"}).press(
        "登録する"
    )
    assert "見つかりません" in owner.errors[0]
