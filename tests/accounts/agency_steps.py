"""The steps of an agency that registers, for the tests of its pages and of mailed links."""

from sqlalchemy import select
from werkzeug.test import TestResponse

from idp import clock
from idp.accounts.models import Account
from tests.accounts.conftest import PASSWORD, Club
from tests.accounts.visitor import Visitor

EMAIL = "info@hikari-denki.example"
NOW = clock.now()
TYPED = {
    "company": "㈱ひかり電気", "name": "田中 一郎", "furigana": "たなか イチロウ",
    "postal_code": "６００-８２１６", "prefecture": "京都府",
    "city": "京都市下京区", "street": "東塩小路町8-3", "phone": "075-765-4321",
    "password": PASSWORD, "password_confirm": PASSWORD,
}  # fmt: skip
FOLDED = ("㈱ひかり電気", "田中 一郎", "タナカ イチロウ", "6008216", "東塩小路町8-3", "0757654321")
FIELDS = (
    *("企業名", "氏名", "フリガナ", "郵便番号", "都道府県", "市区町村", "町名番地(建物名)", "電話番号"),
    *("ログインパスワード", "ログインパスワード(確認用)"),
)


def ask_for_link(club: Club, visitor: Visitor, email: str = EMAIL) -> str:
    """Ask for a link and return its path, as it stands in the mail."""
    answer = visitor.submit("/register/agency", email=email)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/register/agency/sent")
    return f"/register/agency/member/{club.letters()[-1].data['token']}"


def fill_in(visitor: Visitor, link: str, **typed: str) -> TestResponse:
    return visitor.submit(link, **{**TYPED, **typed})


def register(visitor: Visitor, link: str) -> TestResponse:
    return visitor.submit(f"{link}/confirm")


def as_seen(answer: TestResponse) -> tuple[int, str, str]:
    """Return all of an answer that could tell something."""
    headers = [(name, value) for name, value in answer.headers if name != "X-Request-Id"]
    return answer.status_code, answer.text, repr(headers)


def agency_accounts(club: Club) -> list[Account]:
    return list(club.read(lambda session: session.scalars(select(Account)).all()))
