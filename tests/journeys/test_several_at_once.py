"""Several tabs, several people and several sign-ins at the same time."""

from playwright.sync_api import Page

from tests.journeys.club import Club
from tests.journeys.delegating import act, act_for, agreed, ask, banner, service
from tests.journeys.person import Crowd, Person


def test_who_approves_in_a_second_tab_is_told_that_it_is_done(person: Crowd, club: Club) -> None:
    owner, agency, link = ask(club)
    first = person().open(link).sign_in(agency)
    second = first.another_tab().open(link)
    first.press("連携を許可")
    second.press("連携を許可")
    assert second.heading == "連携の状態が変わっています"
    assert "すでに連携が許可されています。このままご利用いただけます。" in second.main
    assert len([mail for mail in club.letters(owner) if "許可されました" in mail.subject]) == 1


def test_of_approving_and_refusing_at_once_one_wins_and_the_other_is_told(person: Crowd, club: Club) -> None:
    owner, agency, link = ask(club)
    approving = person().open(link).sign_in(agency)
    refusing = person().open(link).sign_in(agency).press("連携を許可しない")
    outcomes = press_together((approving, "連携を許可"), (refusing, "連携を許可しない"))
    assert sorted(outcomes) in (
        sorted(["連携の状態が変わっています", "オーナー様情報との連携に成功しました!"]),
        sorted(["連携の状態が変わっています", "オーナー様情報との連携を拒否しました"]),
    )
    answers = [
        mail for mail in club.letters(owner) if "許可されました" in mail.subject or "拒否" in mail.subject
    ]
    assert len(answers) == 1


def press_together(*pressing: tuple[Person, str]) -> list[str]:
    """Press buttons of several browsers without waiting in between; return what each is told."""
    for person, name in pressing:
        # Only queues the click in the browser: the answer is awaited below, when all are pressed.
        button = person.page.get_by_role("button", name=name, exact=True)
        button.evaluate("button => { setTimeout(() => button.click(), 200); }")
    return [outcome_of(person.page) for person, _name in pressing]


def outcome_of(page: Page) -> str:
    """Wait for the next page and return its result: the notice, or else the heading."""
    page.locator(".notice-success, h1:has-text('連携の状態が変わっています')").first.wait_for()
    notice = page.locator(".notice-success")
    return (notice if notice.count() else page.locator("h1")).inner_text().strip()


def test_a_request_that_was_taken_back_cannot_be_approved(person: Crowd, club: Club) -> None:
    owner, agency, link = ask(club)
    staff = person().open(link).sign_in(agency)
    home = person().enter_mypage(owner).open(f"{club.idp}/account")
    home.follow("申請を取り下げる").press("申請を取り下げる")
    staff.press("連携を許可")
    assert staff.heading == "連携の状態が変わっています"
    assert "この連携は終了しています。" in staff.main


def test_owner_and_staff_in_one_browser_do_not_take_each_others_place(person: Crowd, club: Club) -> None:
    """The owner is at the agency's counter, and both use its one computer."""
    owner, agency = agreed(club)
    shared = person()
    act(shared, owner, agency)
    names = {cookie["name"] for cookie in shared.context.cookies()}
    assert {"idp_session", "mypage_session", "portal_session"} <= names
    for cookie in shared.context.cookies():
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Lax"

    shared.press("代理ログインを終了する").open(f"{club.mypage}/home")
    assert shared.heading == "代理ログインは終了しました"
    assert "お客様ご本人がお使いになるときは、もう一度マイページを開いて" in shared.main
    shared.open(f"{club.mypage}/home")
    assert shared.heading == "ログイン"
    assert "このページの先はご利用いただけません" in shared.main
    shared.sign_in(owner.email)
    assert shared.heading == "マイページ"
    assert not banner(shared)
    shared.open(f"{club.portal}/agency")
    assert shared.heading != "販売店・業者様情報"  # one server, one browser, one person signed in
    shared.open(f"{club.mypage}/home")
    assert shared.heading == "マイページ"
    assert owner.name in shared.text


def test_two_members_of_an_agency_act_for_two_owners_at_once(person: Crowd, club: Club) -> None:
    pairs = [agreed(club), agreed(club)]
    staff = [act(person(), owner, agency) for owner, agency in pairs]
    for acting, (owner, _agency) in zip(staff, pairs, strict=True):
        acting.open(f"{club.mypage}/customer")
        assert acting.details()["メールアドレス"] == owner.email


def test_a_second_proxy_login_in_another_tab_changes_nothing_for_either_owner(
    person: Crowd, club: Club
) -> None:
    first, agency = agreed(club, write=True)
    second = club.casting.owner(name="原田 弘", furigana="ハラダ ヒロシ")
    club.casting.consent(second, agency, write=True)
    staff = act_for(person().enter_portal(agency.email), first)
    staff.follow("登録状況を見る").follow("サービスの加入・解約")
    staff.choose_service("ai_control", "leave").press("確認する")
    tab = act_for(staff.another_tab(), second)
    assert "原田 弘 様" in banner(tab)

    staff.press("変更する")
    assert staff.heading == "送信できませんでした"
    assert "原田 弘 様" in banner(staff)
    for owner in (first, second):
        home = person().enter_mypage(owner.email).open(f"{club.mypage}/products")
        assert service(home, "AI自動制御") == "加入"
    home = person().enter_mypage(first.email).open(f"{club.idp}/account/delegations")
    assert "担当者が終了しました" in home.page.locator(".history > li").first.inner_text()
