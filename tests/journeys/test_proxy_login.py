"""4. 代理ログイン: staff act for an owner, under a banner, within the grant, until either side ends it."""

import re
import time

import pytest

from tests.journeys.club import Club
from tests.journeys.delegating import act, agreed, banner, open_owner, revoke, service
from tests.journeys.person import DESK, Crowd, Equipment, Person

REVOCATION_SECONDS = 5
PAGES = ("/home", "/customer", "/products", "/power")


def test_staff_act_for_an_owner_under_a_banner_and_come_back(visitor: Person, club: Club) -> None:
    owner, agency = agreed(club)
    act(visitor, owner, agency, reason="お電話でのご依頼")
    assert visitor.page.url == f"{club.mypage}/home"
    assert "お客様のマイページに代理ログインができました!" in visitor.main
    for page in PAGES:
        visitor.open(f"{club.mypage}{page}")
        shown = banner(visitor)
        for words in (agency.name, "岡田 誠", "森 千代子 様", "代理ログイン中"):
            assert words in shown
        minutes = re.search(r"残り (\d+)分", shown)
        assert minutes
        assert 28 <= int(minutes[1]) <= 30
        assert visitor.is_offered("代理ログインを終了する")
    visitor.open(f"{club.mypage}/customer")
    assert visitor.details()["メールアドレス"] == owner.email

    visitor.press("代理ログインを終了する")
    assert visitor.page.url == f"{club.portal}/proxy-login/ended"
    assert visitor.heading == "代理ログインを終了しました"
    visitor.follow("お客様の情報へ戻る")
    assert visitor.details()["Email"] == owner.email
    visitor.open(f"{club.mypage}/home")
    assert not banner(visitor)
    assert owner.name not in visitor.text


def test_the_owner_is_told_and_finds_it_in_the_record(visitor: Person, person: Crowd, club: Club) -> None:
    owner, agency = agreed(club)
    staff = act(person(), owner, agency, reason="点検のため")
    letter = club.letter(owner.email, "代理ログインがありました")
    for words in (agency.name, "岡田 誠", "マイページ", "点検のため"):
        assert words in letter.text
    visitor.open(letter.link("/account/proxy-logins/")).sign_in(owner.email)
    assert visitor.heading == "代理ログインを今すぐ終了しますか"
    visitor.follow("やめて戻る")
    running = visitor.page.get_by_role("region", name="いま行われている代理ログイン")
    for words in (agency.name, "岡田 誠", "点検のため", "いま利用中", "閲覧のみ"):
        assert words in running.inner_text()
    staff.open(f"{club.mypage}/customer")
    for _look in range(200):  # マイページ tells of it from a thread of its own, and again if it was not heard
        visitor.page.reload()
        if "お客様情報（氏名" in running.inner_text():
            break
        visitor.page.wait_for_timeout(100)
    assert "お客様情報（氏名" in running.inner_text()
    staff.press("代理ログインを終了する")
    visitor.page.reload()
    assert "担当者が終了しました" in visitor.page.locator(".history > li").first.inner_text()
    assert "いま利用中" not in visitor.main


def test_an_owner_who_wants_no_mails_gets_none(visitor: Person, person: Crowd, club: Club) -> None:
    owner, agency = agreed(club)
    visitor.enter_mypage(owner.email).open(f"{club.idp}/account/delegations")
    visitor.choose("知らせない").press("変更する")
    assert "お知らせの受け取り方を変更しました。" in visitor.main
    act(person(), owner, agency)
    assert not [mail for mail in club.letters(owner.email) if "代理ログイン" in mail.subject]
    visitor.page.reload()
    assert visitor.page.get_by_label("知らせない").is_checked()
    assert "いま利用中" in visitor.main


def test_who_may_only_look_is_offered_no_change_and_refused_one(visitor: Person, club: Club) -> None:
    owner, agency = agreed(club)
    act(visitor, owner, agency).follow("登録状況を見る")
    assert owner.serials[0] in visitor.main
    assert not visitor.is_offered("サービスの加入・解約")
    services = visitor.page.get_by_role("link", name="電力データを見る").first.get_attribute("href")
    assert services
    visitor.open(f"{club.mypage}{services.replace('/power', '/services')}?watch=leave")
    assert visitor.heading == "このページはご利用いただけません"
    assert banner(visitor)


def test_who_may_change_settings_changes_a_service(visitor: Person, person: Crowd, club: Club) -> None:
    owner, agency = agreed(club, write=True)
    act(visitor, owner, agency).follow("登録状況を見る").follow("サービスの加入・解約")
    visitor.choose_service("early_advisory", "join").press("確認する")
    assert "森 千代子 様に代わって変更します。" in visitor.main
    visitor.press("変更する")
    assert "サービスの加入状況を変更しました。" in visitor.main
    assert service(visitor, "早期注意情報自動制御") == "加入"
    home = person().enter_mypage(owner.email).follow("登録状況を見る")
    assert service(home, "早期注意情報自動制御") == "加入"
    home.open(f"{club.idp}/account/delegations")
    assert "早期注意情報自動制御 に加入" in home.main


def test_staff_never_reach_what_is_the_owners_alone(visitor: Person, club: Club) -> None:
    owner, agency = agreed(club, write=True)
    act(visitor, owner, agency)
    for offer in ("許可を取り消す", "代理ログインの許可", "パスワードを変更する", "製品を登録する"):
        assert not visitor.is_offered(offer)
    visitor.follow("お客様情報やサービス加入状況を見る")
    assert not visitor.is_offered("登録情報を変更する")
    for page in ("/customer/edit", "/permissions", "/password", "/products/new"):
        visitor.open(f"{club.mypage}{page}")
        assert visitor.page.url == f"{club.mypage}{page}"  # the server's own pages have refusals of this name
        assert visitor.heading == "このページはご利用いただけません"
    for page in ("/account", "/account/edit", "/account/delegations", "/account/products/new"):
        visitor.open(f"{club.idp}{page}")
        assert owner.name not in visitor.main
        assert owner.email not in visitor.main
    visitor.open(f"{club.idp}/account/password")  # their own, not the owner's
    assert owner.email not in visitor.page.content()


@pytest.mark.parametrize("next_click", ["/home", "/products"])
def test_a_revocation_ends_the_proxy_login_at_the_next_click(
    person: Crowd, club: Club, next_click: str
) -> None:
    owner, agency = agreed(club, write=True)
    staff, home = act(person(), owner, agency), person().enter_mypage(owner.email)
    revoke(home)
    pressed = time.monotonic()
    assert (
        f"{agency.name} 様への許可を取り消しました。いま行われている代理ログインも終了しました。" in home.main
    )
    staff.open(f"{club.mypage}{next_click}")
    took = time.monotonic() - pressed
    assert staff.heading == "代理ログインは終了しました"
    assert "お客様がログインの許可を取り消された" in staff.main
    assert owner.email not in staff.text
    assert took < REVOCATION_SECONDS
    staff.follow("販売店・業者様向け管理画面へ戻る")
    assert staff.heading == "登録ユーザー一覧"
    assert owner.email not in staff.main
    for letters in (club.letters(owner.email), club.letters(agency.email)):
        assert "ログイン連携が終了しました。" in letters[0].subject


def test_a_change_that_was_open_at_the_revocation_is_not_made(person: Crowd, club: Club) -> None:
    owner, agency = agreed(club, write=True)
    staff, home = act(person(), owner, agency), person().enter_mypage(owner.email)
    staff.follow("登録状況を見る").follow("サービスの加入・解約")
    staff.choose_service("ai_control", "leave").press("確認する")
    revoke(home)
    staff.press("変更する")
    assert staff.heading == "代理ログインは終了しました"
    assert service(home.open(f"{club.mypage}/products"), "AI自動制御") == "加入"


def test_staff_who_sign_out_of_the_portal_end_the_proxy_login(visitor: Person, club: Club) -> None:
    owner, agency = agreed(club)
    act(visitor, owner, agency)
    tab = visitor.another_tab().open(f"{club.portal}/agency").press("ログアウト")
    assert tab.page.url == f"{club.portal}/agency/login"
    deadline = time.monotonic() + REVOCATION_SECONDS
    while visitor.open(f"{club.mypage}/home").heading == "マイページ" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert visitor.heading == "代理ログインは終了しました"
    assert owner.email not in visitor.text


def test_the_address_of_a_proxy_login_is_worth_nothing_in_another_browser(person: Crowd, club: Club) -> None:
    owner, agency = agreed(club)
    staff, thief = person(), person(Equipment(javascript=False))
    open_owner(staff, owner, agency)
    addresses: list[str] = []
    staff.page.on("request", lambda request: addresses.append(request.url))
    staff.press("代理ログイン")
    carried = [address for address in addresses if "login_hint=" in address or "/oidc/callback" in address]
    assert len(carried) == 3  # to マイページ, to the server, and back
    for address in carried:
        thief.open(address)
        assert owner.name not in thief.text
        assert "代理ログイン中" not in thief.text
        thief.open(f"{club.mypage}/home")
        assert thief.heading == "ログイン"
    assert banner(staff.open(f"{club.mypage}/home"))


def test_the_address_of_a_proxy_login_works_once(person: Crowd, club: Club) -> None:
    owner, agency = agreed(club)
    staff = person(DESK)
    addresses: list[str] = []
    staff.page.on("request", lambda request: addresses.append(request.url))
    act(staff, owner, agency)
    (initiate,) = [address for address in addresses if address.startswith(f"{club.mypage}/oidc/initiate")]
    staff.press("代理ログインを終了する").open(initiate)
    assert staff.heading == "代理ログインができませんでした"
    assert staff.open(f"{club.mypage}/home").heading != "マイページ"
