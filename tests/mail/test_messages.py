"""Every mail says what the journeys say, in the operator's wording."""

import re
from datetime import timedelta

import pytest
import time_machine

from idp import clock
from idp.db import Database
from idp.mail import messages
from idp.mail.messages import Ending, Message
from idp.mail.rendering import Mail, Renderer
from tests.mail.letters import AGENCY, EVERY_ENDING, EVERY_MAIL, GRANT, OWNER, TOKEN, Enqueue, take_one

BRAND = "ニチコンオーナーズ倶楽部"
ISSUER = "https://id.example.jp"
MOMENT = "2026-11-24T06:04:00+00:00"
IN_JAPAN = "2026年11月24日 15:04"
CONTACT = (
    "ニチコン株式会社",
    "お問い合わせ部署名",
    "オーナーズ倶楽部運営事務局",
    "TEL",
    "0120-000-000",
    "受付時間",
    "メールアドレス",
    "support@ownersclub.example",
)
REQUEST = (
    "下記のオーナー様より、ログイン連携の申請がありました。",
    "氏名: 鈴木 花子",
    "フリガナ: スズキ ハナコ",
    "都道府県: 京都府",
    "市区町村: 京都市中京区",
    "町名番地: 烏丸通御池下ル1-2",
    "メールアドレス: hanako@example.jp",
    "システム機種名: ESS-U4X1",
    "システム製造番号: HC-A10001WN1",
    "システム機種名: ESS-H2L1",
    "システム製造番号: HC-B20002WN2",
    "下記の URL にアクセスして、申請を許可してください。",
)


@pytest.fixture
def written(database: Database, renderer: Renderer):
    """Return a function that puts one mail into words, on 24 November 2026."""

    def write(enqueue: Enqueue) -> Mail:
        with time_machine.travel(MOMENT, tick=False):
            return renderer.render(take_one(database, enqueue))

    return write


def test_every_mail_of_the_vocabulary_is_looked_at_here() -> None:
    assert set(EVERY_MAIL) == set(Message)


@pytest.mark.parametrize("message", Message)
def test_every_mail_has_the_frame_of_every_mail_in_both_parts(message: Message, written) -> None:
    mail = written(EVERY_MAIL[message])
    assert mail.subject.startswith(f"[{BRAND}]")
    assert len(mail.subject) > len(f"[{BRAND}]")
    for part in (mail.text, re.sub(r"\s*<[^>]+>\s*", "", mail.html)):
        assert mail.to.name == "" or f"{mail.to.name}様" in part
        assert "様" in part
        assert f"こちらは{BRAND}です。" in part
        assert "こちらのメールに心当たりのない方は、下記までご連絡ください。" in part
        assert [word for word in CONTACT if word not in part] == []


@pytest.mark.parametrize("message", Message)
def test_every_link_of_every_mail_begins_with_the_issuer(message: Message, written) -> None:
    mail = written(EVERY_MAIL[message])
    in_text = re.findall(r"https?://\S+", mail.text)
    in_html = [
        link for link in re.findall(r'href="([^"]+)"', mail.html) if not link.startswith(("mailto:", "tel:"))
    ]
    assert in_text
    assert set(in_text) == set(in_html)
    assert all(link.startswith(f"{ISSUER}/") for link in in_text)


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (Message.AGENCY_REGISTRATION_LINK, f"/register/agency/member/{TOKEN}"),
        (Message.OWNER_REGISTRATION_LINK, f"/register/owner/{TOKEN}"),
        (Message.PASSWORD_LINK, f"/password/reset/{TOKEN}"),
        (Message.AGENCY_REGISTERED, "/agency/login"),
        (Message.OWNER_REGISTERED, "/sign-in"),
        (Message.ALREADY_REGISTERED, "/password/forgot"),
        (Message.DELEGATION_REQUESTED, "/agency_admin/12345678"),
        (Message.PROXY_LOGIN_STARTED, "/account/delegations"),
        (Message.PROXY_LOGIN_STARTED, f"/account/delegations/{GRANT}/end"),
        (Message.PROXY_LOGIN_STARTED, "/account/proxy-logins/00000000-0000-0000-0000-000000000008/end"),
        (Message.PROXY_LOGINS_OF_DAYS, "/account/delegations"),
        (Message.DELEGATION_APPROVED, f"/account/delegations/{GRANT}/end"),
        (Message.DELEGATION_SUSPENDED, f"/account/delegations/{GRANT}/end"),
        (Message.DELEGATION_REINSTATED, f"/account/delegations/{GRANT}/end"),
        (Message.DELEGATION_ENDS_SOON, f"/account/delegations/{GRANT}/end"),
    ],
)
def test_each_mail_leads_to_the_page_of_its_next_step(message: Message, path: str, written) -> None:
    mail = written(EVERY_MAIL[message])
    assert f"\n{ISSUER}{path}\n" in mail.text
    assert f'href="{ISSUER}{path}"' in mail.html


@pytest.mark.parametrize("message", [Message.AGENCY_REGISTRATION_LINK, Message.OWNER_REGISTRATION_LINK])
def test_the_provisional_registration_mail_has_the_wording_of_the_manual(message: Message, written) -> None:
    mail = written(EVERY_MAIL[message])
    assert mail.subject == f"[{BRAND}]{BRAND}仮登録メール"
    assert mail.text.startswith("※このメールはシステムからの自動返信です\n")
    assert "仮登録の有効期限は1時間です。期限切れの場合は、再度登録をお願いいたします。" in mail.text
    assert "仮登録の有効期限は1時間です。期限切れの場合は、再度登録をお願いいたします。" in mail.html


def test_the_provisional_registration_mail_names_another_life_when_the_setting_is_another(written) -> None:
    with time_machine.travel(MOMENT, tick=False):
        ninety_minutes = clock.now() + timedelta(minutes=90)
    mail = written(
        lambda s: messages.owner_registration_link(s, email="a@b.jp", token=TOKEN, expires_at=ninety_minutes)
    )
    assert "仮登録の有効期限は90分です。" in mail.text


@pytest.mark.parametrize("message", [Message.AGENCY_REGISTERED, Message.OWNER_REGISTERED])
def test_the_registered_mail_gives_thanks(message: Message, written) -> None:
    assert written(EVERY_MAIL[message]).subject == f"[{BRAND}]{BRAND}への会員登録ありがとうございます"


def test_the_registered_mail_tells_an_agency_its_id(written) -> None:
    mail = written(EVERY_MAIL[Message.AGENCY_REGISTERED])
    assert f"ご登録いただいた販売店ID: {AGENCY.email}" in mail.text
    assert "ご登録いただいた販売店ID" in mail.html


def test_the_request_mail_tells_the_agency_who_asks_and_for_which_products(written) -> None:
    mail = written(EVERY_MAIL[Message.DELEGATION_REQUESTED])
    assert mail.subject == f"[{BRAND}]ログイン連携の申請がありました。"
    for line in REQUEST:
        assert line in mail.text.splitlines()
        assert all(word in mail.html for word in line.split(": "))


def test_the_request_mail_of_an_owner_without_products_says_so(written) -> None:
    mail = written(
        lambda s: messages.delegation_requested(
            s, agency_email=AGENCY.email, agency_name=AGENCY.name, owner=OWNER, products=[]
        )
    )
    assert "製品はまだ登録されていません。" in mail.text


def test_the_refusal_mail_has_the_wording_of_the_manual_and_the_agency_s_address(written) -> None:
    mail = written(EVERY_MAIL[Message.DELEGATION_DENIED])
    assert mail.subject == f"[{BRAND}]ログイン連携が拒否されました。"
    assert "申請した販売店・業者様アカウントより、ログイン連携が拒否されました。" in mail.text
    assert AGENCY.email in mail.text


@pytest.mark.parametrize(
    ("products", "words"),
    [(None, "すべての製品"), (["ESS-U4X1 HC-A10001WN1"], "ESS-U4X1 HC-A10001WN1")],
)
def test_the_approval_mail_tells_the_owner_what_was_allowed_until_when(
    products: list[str] | None, words: str, written
) -> None:
    mail = written(
        lambda s: messages.delegation_approved(
            s, owner_email=OWNER.email, owner_name=OWNER.name, agency=AGENCY, allowed=["閲覧のみ"],
            products=products, expires_at=clock.now(), grant_id=GRANT,
        )
    )  # fmt: skip
    assert "許可した内容: 閲覧のみ\n" in mail.text
    assert f"許可した製品: {words}\n" in mail.text
    assert f"有効期限: {IN_JAPAN}まで" in mail.text


@pytest.mark.parametrize("message", [Message.DELEGATION_ENDED_FOR_OWNER, Message.DELEGATION_ENDED_FOR_AGENCY])
@pytest.mark.parametrize("how", Ending)
def test_the_subject_tells_a_request_that_is_over_from_a_connection_that_ended(
    message: Message, how: Ending, written
) -> None:
    subject = {
        Ending.WITHDRAWN: "ログイン連携の申請が取り下げられました。",
        Ending.CANCELLED: "ログイン連携の申請が取り下げられました。",
        Ending.LAPSED: "ログイン連携の申請が無効になりました。",
    }.get(how, "ログイン連携が終了しました。")
    assert written(EVERY_ENDING[message, how]).subject == f"[{BRAND}]{subject}"


@pytest.mark.parametrize("key", EVERY_ENDING, ids=lambda key: f"{key[0]}-{key[1]}")
def test_each_ending_is_told_to_each_side_in_its_own_words(key: tuple[Message, Ending], written) -> None:
    mail = written(EVERY_ENDING[key])
    told = [line for line in mail.text.splitlines() if "下記の" in line and "連絡" not in line]
    assert len(told) == 1
    assert f"終了日時: {IN_JAPAN}" in mail.text


def test_no_two_endings_read_the_same(database: Database, renderer: Renderer, written) -> None:
    texts = {written(enqueue).text for enqueue in EVERY_ENDING.values()}
    assert len(texts) == len(EVERY_ENDING)


def test_the_ending_mail_tells_an_agency_no_more_of_the_owner_than_name_and_number(written) -> None:
    mail = written(EVERY_MAIL[Message.DELEGATION_ENDED_FOR_AGENCY])
    assert OWNER.name in mail.text
    assert str(OWNER.user_id) in mail.text
    assert not any(word in mail.text for word in (OWNER.email, OWNER.street, OWNER.furigana))


def test_the_proxy_login_mail_says_who_for_which_company_where_when_and_why(written) -> None:
    mail = written(EVERY_MAIL[Message.PROXY_LOGIN_STARTED])
    told = [
        f"日時: {IN_JAPAN}",
        f"販売店・業者様: {AGENCY.name}",
        "担当者: 佐藤 一郎",
        "ログイン先: マイページ",
        "理由: 定期点検の設定確認",
    ]
    assert [line for line in mail.text.splitlines() if line in told] == told
    assert "すぐに終了します" in mail.text
