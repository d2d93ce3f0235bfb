"""An owner registers: お客様情報, the first product or none, confirmation."""

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from idp import credentials
from idp.accounts.models import Account, OwnerProfile, Product
from idp.accounts.registration import service
from tests.accounts.conftest import PASSWORD, Club
from tests.accounts.visitor import Visitor

EMAIL = "yoshiko@owner.example"
TYPED = {
    "name": "西村 佳子", "furigana": "ﾆｼﾑﾗ よしこ", "postal_code": "604-0845", "prefecture": "京都府",
    "city": "京都市中京区", "street": "烏丸通御池上る1-2", "phone": "075 123 4567", "info_sharing": "no",
    "password": PASSWORD, "password_confirm": PASSWORD,
}  # fmt: skip
SERIAL = "HC-A10001WN1"


def ask_for_link(club: Club, visitor: Visitor) -> str:
    answer = visitor.submit("/register/owner", email=EMAIL)
    assert answer.headers["Location"] == "/register/owner/sent"
    assert visitor.get("/register/owner/sent").status_code == 200
    return f"/register/owner/{club.letters()[-1].data['token']}"


def fill_in(visitor: Visitor, link: str, **typed: str) -> TestResponse:
    return visitor.submit(link, **{**TYPED, **typed})


def only_owner(club: Club) -> Account:
    account: Account = club.read(lambda session: session.scalars(select(Account)).one())
    return account


def product(club: Club) -> Product:
    found: Product = club.read(lambda session: session.scalars(select(Product)).one())
    return found


def test_an_owner_registers_with_a_product_and_signs_in(club: Club, visitor: Visitor) -> None:
    club.make_product(SERIAL)
    link = ask_for_link(club, visitor)
    assert fill_in(visitor, link).headers["Location"] == f"{link}/product"
    page = visitor.get(f"{link}/product")
    assert 'value="6040845"' in page.text
    answer = visitor.submit(
        f"{link}/product", page=page, serial_number="ｈｃ－ａ１０００１ｗｎ１",
        remote_serial_number="RC-1001", services=["watch", "ai_control"],
    )  # fmt: skip
    assert answer.headers["Location"] == f"{link}/confirm"
    confirmation = visitor.get(f"{link}/confirm").text
    for kept in ("西村 佳子", "ニシムラ ヨシコ", "6040845", "0751234567", EMAIL, SERIAL, "RC-1001"):
        assert kept in confirmation
    assert visitor.submit(f"{link}/confirm").headers["Location"] == "/register/owner/done"
    account, unit = only_owner(club), product(club)
    assert account.owner is not None
    assert (unit.owner_id, unit.remote_serial_number, unit.installation_postal_code) == (
        account.id, "RC-1001", "6040845",
    )  # fmt: skip
    assert unit.watch_joined_at is not None
    assert unit.ai_control_joined_at is not None
    assert unit.weather_warning_joined_at is None
    assert (account.owner.info_sharing, len(str(account.owner.user_id))) == (False, 8)
    assert club.letters()[-1].name == "owner_registered"
    assert club.events() == ["owner.registered", "product.claimed"]
    assert visitor.sign_in(EMAIL, PASSWORD).headers["Location"] == "/account"


def test_the_product_can_wait(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    fill_in(visitor, link)
    page = visitor.get(f"{link}/product")
    assert "あとで登録する" in page.text
    assert "お客様情報のページからいつでも追加できます" in page.text
    assert visitor.submit(f"{link}/product", page=page, skip="1").headers["Location"] == f"{link}/confirm"
    assert "あとで登録します。" in visitor.get(f"{link}/confirm").text
    assert visitor.submit(f"{link}/confirm").status_code == 303
    assert only_owner(club).owner is not None


def test_the_question_of_information_must_be_answered(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    for answer in ("", "maybe"):
        refused = fill_in(visitor, link, info_sharing=answer)
        assert refused.status_code == 400
    assert fill_in(visitor, link, info_sharing="yes").status_code == 303


def test_an_unknown_serial_number_says_where_to_look(club: Club, visitor: Visitor) -> None:
    club.make_product(SERIAL)
    link = ask_for_link(club, visitor)
    fill_in(visitor, link)
    answer = visitor.submit(f"{link}/product", serial_number="HC-A99999WN9")
    assert answer.status_code == 400
    assert "銘板" in answer.text
    assert 'value="HC-A99999WN9"' in answer.text
    assert visitor.submit(f"{link}/product", serial_number=SERIAL).status_code == 303


def test_a_unit_of_another_owner_is_refused_with_the_telephone_number(club: Club, visitor: Visitor) -> None:
    club.make_product(SERIAL, owner_id=club.make_owner())
    link = ask_for_link(club, visitor)
    fill_in(visitor, link)
    answer = visitor.submit(f"{link}/product", serial_number=SERIAL)
    assert answer.status_code == 400
    assert f"{club.settings.contact_phone} までお電話ください" in answer.text


def test_a_unit_that_was_claimed_meanwhile_stops_nothing_but_itself(club: Club, visitor: Visitor) -> None:
    club.make_product(SERIAL)
    link = ask_for_link(club, visitor)
    fill_in(visitor, link)
    visitor.submit(f"{link}/product", serial_number=SERIAL)
    page = visitor.get(f"{link}/confirm")
    other = club.make_owner()
    club.write(lambda session: session.scalars(select(Product)).one().__setattr__("owner_id", other))
    before = club.digest()
    answer = visitor.submit(f"{link}/confirm", page=page)
    assert answer.headers["Location"] == f"{link}/product"
    assert club.digest() == before
    assert "この製品は登録できませんでした" in visitor.get(f"{link}/product").text
    visitor.submit(f"{link}/product", skip="1")
    assert visitor.submit(f"{link}/confirm").headers["Location"] == "/register/owner/done"


def test_steps_cannot_be_skipped(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    for step in ("product", "confirm"):
        assert visitor.get(f"{link}/{step}").headers["Location"] == link
    assert visitor.post(f"{link}/confirm", {"csrf_token": visitor.token()}).headers["Location"] == link
    assert club.count(Account) == 0


def test_what_an_owner_is_not_asked_cannot_be_posted(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    fill_in(
        visitor, link, email="victim@y.example", user_id="1", status="suspended", proxy_login_mail="never"
    )
    visitor.submit(f"{link}/product", skip="1")
    visitor.submit(f"{link}/confirm", email="victim@y.example")
    account = only_owner(club)
    assert account.owner is not None
    assert (account.email, account.status, account.owner.proxy_login_mail) == (EMAIL, "active", "each")
    assert account.owner.user_id != 1


def test_a_user_id_that_is_taken_is_drawn_again(
    club: Club, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    club.make_owner(user_id=10000007)
    drawn = iter([7, 7, 8])
    monkeypatch.setattr(credentials, "random_below", lambda _limit: next(drawn))
    link = ask_for_link(club, visitor)
    fill_in(visitor, link)
    visitor.submit(f"{link}/product", skip="1")
    assert visitor.submit(f"{link}/confirm").status_code == 303
    ids = club.read(lambda session: session.scalars(select(OwnerProfile.user_id)).all())
    assert sorted(ids) == [10000007, 10000008]


def test_user_ids_have_eight_digits_and_tell_nothing_of_their_order() -> None:
    ids = [service.mint_user_id() for _ in range(200)]
    assert {len(str(user_id)) for user_id in ids} == {8}
    assert len(set(ids)) == 200
    assert ids != sorted(ids)
