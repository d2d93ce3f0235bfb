"""An owner registers with the first product, and adds another later."""

import itertools

from idp.demo import UNCLAIMED
from tests.journeys.club import Club
from tests.journeys.person import Crowd, Person
from tests.journeys.registering import GOOD_PASSWORD, fill_in_owner, new_address, open_owner_form

serials = itertools.cycle(UNCLAIMED)


def test_an_owner_registers_with_a_product_and_sees_it_in_mypage(visitor: Person, club: Club) -> None:
    email, serial = new_address(), next(serials)
    fill_in_owner(open_owner_form(visitor, email)).press("次へ")
    assert visitor.heading == "お使いの製品の登録"
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

    visitor.enter_mypage(email, GOOD_PASSWORD).follow("登録状況を見る")
    assert visitor.details()["システム製造番号"] == serial
    assert visitor.page.locator(".services li").first.inner_text().split() == ["見守りサービス", "加入"]


def test_a_product_can_wait_and_be_added_later(visitor: Person, club: Club) -> None:
    email, serial = new_address(), next(serials)
    fill_in_owner(open_owner_form(visitor, email)).press("次へ").press("あとで登録する")
    assert "あとで登録します。" in visitor.main
    visitor.press("登録する").follow("ログイン").sign_in(email, GOOD_PASSWORD)
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

    fill_in_owner(open_owner_form(second := person(), new_address())).press("次へ")
    second.fill({"システム製造番号": serial}).press("次へ")
    assert "0120-000-000" in second.errors[0]


def test_a_serial_number_that_never_left_the_factory_is_refused(person: Crowd, club: Club) -> None:
    owner = person()
    owner.enter_mypage(club.casting.owner(units=0).email)
    owner.open(f"{club.idp}/account/products/new").fill({"システム製造番号": "HC-Z99999WN1"}).press(
        "登録する"
    )
    assert "見つかりません" in owner.errors[0]
