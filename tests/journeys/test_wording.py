"""The words that the manual has used for years, found on the pages and in the mails that people see.

The table copies what the description of the journeys quotes. Whoever changes a text changes it here too, and
sees then that people know the old one.
"""

import re
from collections.abc import Callable, Iterator
from html import unescape

import pytest
import requests

from tests.journeys.club import Club
from tests.journeys.delegating import AGENCY_FIELD, act_for, agreed, ask, name_agency
from tests.journeys.person import Crowd
from tests.journeys.registering import fill_in_agency, new_address
from tests.journeys.tour import newest_of_each
from tests.mail.letters import EVERY_MAIL, post

BRAND = "ニチコンオーナーズ倶楽部"
IN_EVERY_MAIL = (
    "様",
    f"こちらは{BRAND}です。",
    "こちらのメールに心当たりのない方は、下記までご連絡ください。",
    "ニチコン株式会社",
    "お問い合わせ部署名: オーナーズ倶楽部運営事務局",
    "TEL: 0120-000-000",
    "受付時間: ",
    "メールアドレス: ",
)
AGENCY_REGISTERS = {
    "agency sign-in": (f"販売店・業者様向け {BRAND}管理画面", "新規会員登録はこちら", "ログイン"),
    "agency address": ("送信する",),
    "mail: agency link": (
        f"{BRAND}仮登録メール",
        "※このメールはシステムからの自動返信です",
        "/register/agency/member/",
        "仮登録の有効期限は1時間です。期限切れの場合は、再度登録をお願いいたします。",
    ),
    "agency form": (
        "販売店情報",
        "必須",
        "企業名",
        "氏名",
        "フリガナ",
        "郵便番号",
        "ハイフンなし",
        "半角数字",
        "都道府県",
        "市区町村",
        "町名番地(建物名)",
        "電話番号",
        "メールアドレス",
        "ログインパスワード",
        "ログインパスワード(確認用)",
        "※パスワードはログイン時に必要になるため、忘れないようご注意ください。",
        "確認する",
    ),
    "agency confirmation": ("登録する",),
    "mail: agency registered": (
        f"{BRAND}への会員登録ありがとうございます",
        "ご登録いただいた販売店ID",
        "/agency/login",
    ),
}
OWNER_CONSENTS = {
    "menu": ("オーナーズ倶楽部MENU", "マイページ"),
    "owner sign-in": ("メールアドレス", "パスワード", "ログイン"),
    "home": ("お客様情報やサービス加入状況を見る", "電力データを見る"),
    "customer": (
        "お客様情報",
        "氏名",
        "フリガナ",
        "郵便番号",
        "都道府県",
        "市区町村",
        "町名番地",
        "電話番号",
        "メールアドレス",
        "ニチコンからの情報提供可",
        "はい",
        "ログインを許可する販売店・業者様のメールアドレス",
        "登録情報を変更する",
    ),
    "customer form": (AGENCY_FIELD, "はい", "いいえ", "確認する"),
    "consent": ("閲覧のみ", "閲覧と設定変更", "確認する"),
    "permissions": ("許可を取り消す",),
}
AGENCY_ANSWERS = {
    "mail: request": (
        f"[{BRAND}]ログイン連携の申請がありました。",
        "下記のオーナー様より、ログイン連携の申請がありました。",
        "氏名: ",
        "フリガナ: ",
        "都道府県: ",
        "市区町村: ",
        "町名番地: ",
        "メールアドレス: ",
        "システム機種名: ESS-U4X1",
        "システム製造番号: HC-A",
        "/agency_admin/",
        "下記の URL にアクセスして、申請を許可してください。",
    ),
    "owner requested": (
        "販売店・業者様向け管理画面 | ユーザー情報編集 - 一覧へ戻る",
        "ユーザー情報",
        "Email",
        "登録日",
        "登録製品情報",
        "Product ID",
        "システム機種名",
        "システム製造番号",
        "室内リモコン製造番号",
        "設置場所郵便番号",
        "見守りサービス",
        "気象警報自動制御",
        "早期注意情報自動制御",
        "AI自動制御",
        "未加入",
        "加入",
        "連携を許可",
        "連携を許可しない",
    ),
    "approved": ("オーナー様情報との連携に成功しました!", "代理ログイン"),
    "denied": ("オーナー様情報との連携を拒否しました", "連携を許可しないで更新済み"),
    "mail: denied": (
        f"[{BRAND}]ログイン連携が拒否されました。",
        "申請した販売店・業者様アカウントより、ログイン連携が拒否されました。",
    ),
}
PROXY_LOGIN = {
    "agency": (
        "販売店・業者様情報",
        "企業名",
        "氏名",
        "フリガナ",
        "郵便番号",
        "都道府県",
        "市区町村",
        "町名番地",
        "電話番号",
        "メールアドレス",
        "登録情報を変更する",
        "販売店・業者様向け管理画面を見る",
    ),
    "owners": (
        "登録ユーザー一覧",
        "販売店情報更新",
        "Email, またはユーザーID",
        "検索",
        "#",
        "Email",
        "登録日",
        "詳細",
    ),
    "acting": ("お客様のマイページに代理ログインができました!", "代理ログインを終了する"),
}
Told = Iterator[tuple[str, str]]
"""The name of a page or mail, and everything that it says."""


def agency_registers(club: Club, person: Crowd) -> Told:
    """1. 業者様の新規会員登録"""
    agency, email = person(), new_address()
    yield "agency sign-in", agency.open(f"{club.idp}/store/linkaccounts").text
    yield "agency address", agency.follow("新規会員登録はこちら").text
    agency.fill({"メールアドレス": email}).press("送信する")
    letter = club.letter(email, "")
    yield "mail: agency link", letter.subject + letter.text
    yield "agency form", agency.open(letter.link("/register/agency/member/")).text
    yield "agency confirmation", fill_in_agency(agency).press("確認する").text
    agency.press("登録する")
    letter = club.letter(email, "")
    yield "mail: agency registered", letter.subject + letter.text


def owner_consents(club: Club, person: Crowd) -> Told:
    """2. お客様のログイン許可"""
    part, first, second = club.casting.owner(), club.casting.agency(), club.casting.agency()
    club.casting.consent(part, first)
    owner = person()
    yield "menu", owner.open(club.mypage).text
    yield "owner sign-in", owner.follow("マイページ").text
    yield "home", owner.sign_in(part.email).text
    yield "customer", owner.follow("お客様情報やサービス加入状況を見る").text
    yield "customer form", owner.follow("登録情報を変更する").text
    yield "consent", name_agency(owner, second.email).text
    yield "permissions", owner.press("確認する").text


def agency_answers(club: Club, person: Crowd) -> Told:
    """3. 連携許可"""
    _owner, agency, link = ask(club)
    letter = club.letter(agency, "")
    yield "mail: request", letter.subject + letter.text
    staff = person().open(link).sign_in(agency)
    yield "owner requested", staff.text
    yield "approved", staff.press("連携を許可").text
    owner, agency, link = ask(club)
    staff = person().open(link).sign_in(agency)
    yield "denied", staff.press("連携を許可しない").press("連携を許可しない").text
    letter = club.letter(owner, "")
    yield "mail: denied", letter.subject + letter.text


def proxy_login(club: Club, person: Crowd) -> Told:
    """4. 代理ログイン"""
    owner, agency = agreed(club)
    staff = person().enter_portal(agency.email)
    yield "agency", staff.text
    yield "owners", staff.follow("販売店・業者様向け管理画面を見る").text
    yield "acting", act_for(staff, owner).text


@pytest.mark.parametrize(
    ("walk", "words"),
    [
        (agency_registers, AGENCY_REGISTERS),
        (owner_consents, OWNER_CONSENTS),
        (agency_answers, AGENCY_ANSWERS),
        (proxy_login, PROXY_LOGIN),
    ],
)
def test_pages_and_mails_say_what_the_manual_quotes(
    person: Crowd, club: Club, walk: Callable[[Club, Crowd], Told], words: dict[str, tuple[str, ...]]
) -> None:
    told = dict(walk(club, person))
    assert told.keys() == words.keys()
    missing = [f"{name}: {word}" for name in words for word in words[name] if word not in told[name]]
    assert not missing, "\n".join(missing)


def test_every_mail_is_addressed_signed_and_named_alike(club: Club) -> None:
    post(club.casting.database, *EVERY_MAIL.values())
    missing = []
    for message, item in newest_of_each(club):
        letter = club.read(item)
        assert letter.subject.startswith(f"[{BRAND}]")
        page = requests.get(f"{club.idp}/dev/mails/{item}/html", timeout=10).text
        html = unescape(re.sub(r"<[^>]+>", "", page.partition("<body")[2]))
        parts = {"text": letter.text, "html": html}
        missing += [f"{message} {part}: {w}" for part in parts for w in IN_EVERY_MAIL if w not in parts[part]]
    assert not missing, "\n".join(missing)
