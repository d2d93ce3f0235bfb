"""3. 連携許可: the agency opens the mailed link, and approves or refuses."""

import requests

from tests.journeys.club import Club
from tests.journeys.delegating import ask
from tests.journeys.person import Crowd, Person


def test_the_mailed_link_asks_for_sign_in_and_then_shows_the_page(visitor: Person, club: Club) -> None:
    owner, agency, link = ask(club, units=2)
    visitor.open(link)
    assert visitor.heading == "販売店・業者様向け ニチコンオーナーズ倶楽部管理画面"
    visitor.sign_in(agency)
    assert visitor.heading == "販売店・業者様向け管理画面 | ユーザー情報編集 - 一覧へ戻る"
    assert visitor.details()["Email"] == owner
    units = visitor.page.locator("section.card.product")
    assert units.count() == 2
    for label in (
        "Product ID", "システム機種名", "システム製造番号", "室内リモコン製造番号", "設置場所郵便番号",
        "見守りサービス", "気象警報自動制御", "早期注意情報自動制御", "AI自動制御",
    ):  # fmt: skip
        assert label in units.first.inner_text()
    assert {"加入", "未加入"} <= set(units.first.inner_text().split())
    assert visitor.is_offered("連携を許可")
    assert visitor.is_offered("連携を許可しない")
    visitor.follow("一覧へ戻る")
    assert visitor.heading == "登録ユーザー一覧"


def test_a_scanner_that_opens_the_mailed_link_changes_nothing(person: Crowd, club: Club) -> None:
    _owner, agency, link = ask(club)
    for _ in range(10):
        requests.head(link, timeout=10, allow_redirects=True)
        assert requests.get(link, timeout=10).status_code == 200
    staff = person().open(link).sign_in(agency)
    assert "申請中" in staff.main
    for way in ("approve", "deny", "release", "proxy-login"):
        staff.open(f"{staff.page.url.split('?')[0].rstrip('/')}/{way}")
        staff.open(link)
        assert "申請中" in staff.main


def test_approving_tells_both_and_offers_the_proxy_login(visitor: Person, club: Club) -> None:
    owner, agency, link = ask(club)
    visitor.open(link).sign_in(agency)
    assert not visitor.is_offered("代理ログイン")
    visitor.press("連携を許可")
    assert "オーナー様情報との連携に成功しました!" in visitor.main
    assert "連携中" in visitor.main
    assert visitor.is_offered("代理ログイン")
    letter = club.letter(owner, "許可されました")
    assert letter.subject == "[ニチコンオーナーズ倶楽部]ログイン連携が許可されました。"
    assert agency in letter.text


def test_refusing_tells_both_and_the_owner_may_ask_again(visitor: Person, person: Crowd, club: Club) -> None:
    owner, agency, link = ask(club)
    visitor.open(link).sign_in(agency).press("連携を許可しない")
    assert not club.letters(owner)
    visitor.press("連携を許可しない")
    assert "オーナー様情報との連携を拒否しました" in visitor.main
    assert "連携を許可しないで更新済み" in visitor.main
    assert owner not in visitor.main
    letter = club.letter(owner, "拒否")
    assert letter.subject == "[ニチコンオーナーズ倶楽部]ログイン連携が拒否されました。"
    assert "申請した販売店・業者様アカウントより、ログイン連携が拒否されました。" in letter.text
    assert agency in letter.text

    again = person().enter_mypage(owner).open(f"{club.idp}/account/edit")
    again.fill({"ログインを許可する販売店・業者様のメールアドレス": agency}).press("確認する").press(
        "確認する"
    )
    assert len([mail for mail in club.letters(agency) if "申請がありました" in mail.subject]) == 2
    visitor.open(link)
    assert visitor.is_offered("連携を許可")


def test_an_owner_is_found_by_address_or_number(visitor: Person, club: Club) -> None:
    agency = club.casting.agency()
    owners = [club.casting.owner() for _ in range(3)]
    for owner in owners:
        club.casting.consent(owner, agency, approved=owner is not owners[0])
    visitor.enter_portal(agency.email).follow("販売店・業者様向け管理画面を見る")
    rows = visitor.page.locator("tbody tr")
    assert rows.count() == 3
    for typed in (owners[1].email, "".join(chr(ord(digit) + 0xFEE0) for digit in str(owners[1].user_id))):
        visitor.fill({"Email, またはユーザーID": typed}).press("検索")
        assert owners[1].email in rows.first.inner_text()
        assert rows.count() == 1
    visitor.fill({"Email, またはユーザーID": ""}).press("検索").follow("申請中")
    assert owners[0].email in rows.first.inner_text()
    assert rows.count() == 1
    visitor.follow("詳細")
    assert visitor.details()["Email"] == owners[0].email


def test_another_agency_does_not_see_the_owner(person: Crowd, club: Club) -> None:
    _owner, _agency, link = ask(club)
    stranger = person().open(link).sign_in(club.casting.agency().email)
    assert stranger.heading == "ページが見つかりません"
