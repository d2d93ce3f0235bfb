"""An agency registers, from the address to the manager's first sign-in."""

import pytest
from sqlalchemy import select

from idp.accounts.models import Account, Agency, Member
from idp.accounts.rules import MemberRole
from tests.accounts.agency_steps import (
    EMAIL,
    FIELDS,
    FOLDED,
    agency_accounts,
    ask_for_link,
    fill_in,
    register,
)
from tests.accounts.conftest import PASSWORD, Club
from tests.accounts.visitor import Visitor, forms_of


def test_an_agency_registers_and_its_manager_signs_in(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    form = visitor.get(link)
    assert "<h1>販売店情報</h1>" in form.text
    for label in FIELDS:
        assert f">{label}</label>" in form.text
    assert "※パスワードはログイン時に必要になるため、忘れないようご注意ください。" in form.text
    assert fill_in(visitor, link).headers["Location"] == f"{link}/confirm"
    confirmation = visitor.get(f"{link}/confirm")
    for kept in (*FOLDED, "京都府", EMAIL, "登録する", "戻って修正する"):
        assert kept in confirmation.text
    assert PASSWORD not in confirmation.text
    assert register(visitor, link).headers["Location"] == "/register/agency/done"
    assert visitor.get("/register/agency/done").status_code == 200
    letter = club.letters()[-1]
    assert (letter.name, letter.to, letter.data["email"]) == ("agency_registered", EMAIL, EMAIL)
    member = club.read(lambda session: session.scalars(select(Member)).one())
    assert (member.role, member.agency.name, member.agency.representative_furigana) == (
        MemberRole.MANAGER, "㈱ひかり電気", "タナカ イチロウ",
    )  # fmt: skip
    assert club.events() == ["agency.registered", "member.added"]
    assert visitor.sign_in(EMAIL, PASSWORD, path="/store/linkaccounts").status_code == 303
    assert visitor.get("/agency/profile").status_code == 200


def test_each_empty_field_is_named_with_what_to_do_and_nothing_typed_is_lost(
    club: Club, visitor: Visitor
) -> None:
    link = ask_for_link(club, visitor)
    answer = visitor.submit(link, company="㈱ひかり電気")
    assert answer.status_code == 400
    for name in FIELDS[1:]:
        verb = "選んで" if name == "都道府県" else "入力して"
        assert f"＊{name}を{verb}ください。" in answer.text
    assert "＊企業名" not in answer.text
    assert 'value="㈱ひかり電気"' in answer.text
    assert 'value="㈱ひかり電気"' in visitor.get(link).text


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("furigana", "Tanaka", "フリガナは全角カタカナで"),
        ("postal_code", "600", "郵便番号は7桁の数字で"),
        ("phone", "12345", "電話番号は、0から始まる"),
        ("prefecture", "江戸", "都道府県を選んでください。"),
        ("company", "あ" * 101, "100文字以内で"),
        ("password", "short-1", "パスワードは10文字以上で"),
        ("password", "password1234", "推測されやすい"),
        ("password", "0757654321", "推測されやすい"),
        ("password", "x" * 129, "128文字以内で"),
        ("password_confirm", "another-password-2", "一致しません"),
    ],
)
def test_a_field_that_does_not_fit_says_what_to_type(
    club: Club, visitor: Visitor, field: str, typed: str, message: str
) -> None:
    link = ask_for_link(club, visitor)
    changed = {field: typed, "password_confirm": typed} if field == "password" else {field: typed}
    answer = fill_in(visitor, link, **changed)
    assert answer.status_code == 400
    assert message in answer.text
    assert fill_in(visitor, link).status_code == 303


def test_a_line_break_in_a_name_is_a_space(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    fill_in(visitor, link, company="ひかり\r\nSubject: x\x00\u202e", name="田中\n一郎")
    register(visitor, link)
    agency = club.read(lambda session: session.scalars(select(Agency)).one())
    assert (agency.name, agency.representative_name) == ("ひかり Subject: x", "田中 一郎")


def test_going_back_loses_nothing_and_the_password_need_not_be_typed_again(
    club: Club, visitor: Visitor
) -> None:
    link = ask_for_link(club, visitor)
    fill_in(visitor, link)
    page = visitor.get(link)
    for kept in FOLDED:
        assert f'value="{kept}"' in page.text
    assert 'value="京都府" selected' in page.text.replace(
        'selected value="京都府"', 'value="京都府" selected'
    )
    assert "入力済みです" in page.text
    assert PASSWORD not in page.text
    corrected = visitor.submit(link, page=page, street="東塩小路町9", password="", password_confirm="")
    assert corrected.status_code == 303
    assert "東塩小路町9" in visitor.get(f"{link}/confirm").text
    register(visitor, link)
    assert visitor.sign_in(EMAIL, PASSWORD).status_code == 303


def test_a_password_that_was_to_be_replaced_is_not_kept(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    fill_in(visitor, link)
    refused = fill_in(visitor, link, password="quite-another-secret-7", password_confirm="and-a-third-one-8")
    assert refused.status_code == 400
    assert "入力済みです" not in refused.text
    assert visitor.submit(link, page=refused, password="", password_confirm="").status_code == 400


def test_a_valid_password_is_kept_when_another_field_is_refused(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    refused = fill_in(visitor, link, phone="1")
    assert refused.status_code == 400
    assert "入力済みです" in refused.text
    again = visitor.submit(link, page=refused, phone="0757654321", password="", password_confirm="")
    assert again.status_code == 303


def test_posted_fields_that_are_not_on_the_form_are_ignored(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    fill_in(
        visitor, link, email="victim@y.example", status="suspended", role="operator", id="1", owner_id="1"
    )
    visitor.submit(f"{link}/confirm", email="victim@y.example", role="viewer", status="closed")
    agency = club.read(lambda session: session.scalars(select(Agency)).one())
    account = agency_accounts(club)[0]
    member = club.read(lambda session: session.scalars(select(Member)).one())
    assert (agency.email, agency.status, account.email, member.role) == (EMAIL, "active", EMAIL, "manager")


def test_registering_before_the_form_is_filled_in_leads_to_the_form(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    assert visitor.get(f"{link}/confirm").headers["Location"] == link
    answer = visitor.post(f"{link}/confirm", {"csrf_token": visitor.token()})
    assert answer.headers["Location"] == link
    assert club.count(Account) == 0


def test_the_postal_code_fills_what_is_empty_without_a_script(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    answer = visitor.submit(
        link, postal_code="100-0005", city="typed by hand", fill_address="1", password=PASSWORD,
        password_confirm=PASSWORD,
    )  # fmt: skip
    assert answer.status_code == 200
    assert 'value="typed by hand"' in answer.text
    assert 'value="丸の内"' in answer.text
    assert "＊" not in answer.text
    assert "入力済みです" in answer.text


def test_an_unknown_postal_code_says_that_the_address_must_be_typed(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    answer = visitor.submit(link, postal_code="9999999", fill_address="1")
    assert "この郵便番号の住所が見つかりません" in answer.text


def test_a_postal_code_of_several_towns_offers_the_choice(club: Club, visitor: Visitor) -> None:
    code = "4980000"
    towns = visitor.get(f"/postal-codes/{code}.json").json["towns"]
    assert len(towns) > 1
    link = ask_for_link(club, visitor)
    page = visitor.submit(link, postal_code=code, fill_address="1")
    assert ("choose_town", "1") in next(form for form in forms_of(page) if form.action == "").buttons
    chosen = visitor.submit(link, page=page, choose_town="1")
    assert f'value="{towns[1]["city"]}"' in chosen.text
    assert visitor.submit(link, page=page, choose_town="999").status_code == 200
