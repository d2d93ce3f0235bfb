"""How agencies and owners fill in their forms."""

import itertools

from tests.journeys.club import Letter
from tests.journeys.person import Person

GOOD_PASSWORD = "yane-no-ue-ni-7mai"
SEVERAL = "4410302"
"""A postal code of several towns."""
numbers = itertools.count(1)


def new_address() -> str:
    """Return an address that nobody has used in this club."""
    return f"newcomer{next(numbers)}@newcomer.example"


def type_password(person: Person, password: str) -> Person:
    """Type it twice."""
    return person.fill({"ログインパスワード": password, "ログインパスワード(確認用)": password})


def fill_in_the_postal_code(person: Person, code: str) -> None:
    """Type it and, where no script watches, press the button beside it."""
    person.type("郵便番号", code)
    if person.equipment.javascript:
        person.page.locator("[data-postal-result] p").first.wait_for()
    else:
        person.press("住所を入力")


def ask_for_the_agency_mail(person: Person, email: str) -> Letter:
    """Go from the agencies' sign-in to the mail with the link."""
    person.open(f"{person.club.idp}/store/linkaccounts").follow("新規会員登録はこちら")
    person.fill({"メールアドレス": email}).press("送信する")
    assert person.heading == "メールをお送りしました"
    return person.club.letter(email, "仮登録メール")


def open_agency_form(person: Person, email: str) -> Person:
    """Open 販売店情報 behind the mailed link."""
    return person.open(ask_for_the_agency_mail(person, email).link("/register/agency/member/"))


def fill_in_agency(person: Person) -> Person:
    """Fill in 販売店情報 rightly."""
    person.fill({"企業名": "有限会社うみかぜ", "氏名": "比嘉 光", "フリガナ": "ヒガ ヒカル"})
    person.fill({"郵便番号": "9000015", "都道府県": "沖縄県", "市区町村": "那覇市"})
    person.fill({"町名番地(建物名)": "久茂地1-1", "電話番号": "0982345678"})
    return type_password(person, GOOD_PASSWORD)


def open_owner_form(person: Person, email: str) -> Person:
    """Come from マイページ, as somebody new does, and open お客様情報 behind the mailed link."""
    person.open(person.club.mypage).follow("新規会員登録")
    person.fill({"メールアドレス": email}).press("送信する")
    return person.open(person.club.letter(email, "仮登録メール").link("/register/owner/"))


def fill_in_owner(person: Person) -> Person:
    """Fill in お客様情報 as people write such things."""
    person.fill({"氏名": "小川 ふみ", "フリガナ": "おがわ ふみ"})
    fill_in_the_postal_code(person, "600-8216")
    person.fill({"都道府県": "京都府", "市区町村": "京都市下京区", "町名番地(建物名)": "東塩小路町8-3"})
    person.fill({"電話番号": "075-365-0000"}).choose("はい")
    return type_password(person, GOOD_PASSWORD)
