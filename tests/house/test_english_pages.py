"""Who chooses English reads English: no page has Japanese left, apart from names and addresses."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import responses
from flask import Flask
from werkzeug.test import Client, TestResponse

from clients.mypage.app import create_app as create_mypage
from idp.accounts.prefectures import PREFECTURES
from idp.demo import AGENCIES, HANAKO, ICHIRO, OWNERS, SAKURA, TADASHI, MemberPart, OwnerPart
from tests.accounts.visitor import Visitor
from tests.clients.mypage_stage import Browser as OwnersBrowser
from tests.clients.mypage_stage import mypage_settings
from tests.clients.played_server import ACT, PRODUCT_ID, PROFILE, PlayedServer, product
from tests.clients.portal_stage import AGENCY, grant, stage
from tests.clients.portal_stage import Browser as StaffBrowser
from tests.house.page_words import PageWords, brand_names, japanese_in, texts_in
from tests.world import BOTH, LOGIN_ONLY, MANAGER, VIEWER, World

FURIGANA_EXAMPLE = "ヤマダ ハナコ"
"""Shows in an error what katakana is; an English word could not."""
STATES = ("requested", "active", "suspended", "denied", "withdrawn", "lapsed", "revoked", "expired")
TYPED = {
    "company": "Sun KK", "name": "John Smith", "furigana": "ジョン", "postal_code": "6008216",
    "prefecture": "京都府", "city": "Kyoto", "street": "8-3", "phone": "0757654321", "info_sharing": "yes",
    "password": "plum-ladder-otter-19", "password_confirm": "plum-ladder-otter-19",
}  # fmt: skip


def choose_english(client: Client) -> None:
    """Do what the language switch does."""
    client.set_cookie("lang", "en", domain="localhost")


def check_is_english(answer: TestResponse, names: set[str]) -> None:
    """Fail unless the answer is a page, and all English."""
    page = PageWords(answer.text)
    left = japanese_in(page, names=names)
    assert page.headings, f"{answer.request.path} is no page"
    assert (page.language, left) == ("en", set()), f"{answer.request.path}: {left}"


# --- the server -----------------------------------------------------------------------------------------


@pytest.fixture
def names(world: World) -> set[str]:
    people = (*OWNERS, *AGENCIES, LOGIN_ONLY, VIEWER, BOTH)
    return {*texts_in(people), *PREFECTURES, *brand_names(world.settings), "ジョン"}


def english_browser(world: World, person: OwnerPart | MemberPart | None = None) -> Visitor:
    browser = world.browser(person)
    choose_english(browser.client)
    return browser


def plain_addresses(app: Flask) -> Iterator[str]:
    """Return every address that a person can simply open."""
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and not rule.arguments and not rule.endpoint.startswith("mail_"):
            yield str(rule)


@pytest.mark.parametrize("person", [None, HANAKO, ICHIRO, TADASHI, MANAGER, VIEWER])
def test_each_page_of_the_server_is_english(
    world: World, person: OwnerPart | MemberPart | None, names: set[str]
) -> None:
    browser = english_browser(world, person)
    answers = [browser.get(path) for path in [*plain_addresses(world.app), "/nothing"]]
    pages = [answer for answer in answers if answer.mimetype == "text/html" and not answer.location]
    for page in pages:
        check_is_english(page, names)
    assert len(pages) > 10


def test_what_is_refused_is_explained_in_english(world: World, names: set[str]) -> None:
    stranger, owner = english_browser(world), english_browser(world, HANAKO)
    for answer in (
        stranger.submit("/sign-in", email="", password=""),
        stranger.submit("/store/linkaccounts", email="no@one.example", password="wrong"),
        stranger.submit("/register/owner", email="no address"),
        owner.submit("/account/password", current_password="wrong", password="short", password_confirm=""),
        owner.submit("/account/products/new", serial_number="？", installation_postal_code="1"),
        owner.submit(
            "/account/products/new", serial_number="HC-A99999WN1", installation_postal_code="1000001"
        ),
        owner.submit("/account/edit", **dict.fromkeys(TYPED, ""), agency_email="no address"),
        owner.submit("/account/edit", furigana="John", prefecture="Kyoto", info_sharing="perhaps"),
        owner.submit("/account/edit", agency_email="no@one.example"),
        owner.submit("/account/edit", postal_code="9999999", fill_address="1"),
        owner.post("/account/edit", {}),
    ):
        assert 200 <= answer.status_code < 500
        check_is_english(answer, {*names, FURIGANA_EXAMPLE, "？"})


def test_staff_come_and_go_in_english(world: World, names: set[str]) -> None:
    manager, stranger = english_browser(world, MANAGER), english_browser(world)
    check_is_english(manager.submit("/agency/staff/invite", email="", role=""), names)
    for email in ("new@one.example", HANAKO.email):
        invited = manager.submit("/agency/staff/invite", email=email, role="viewer")
        check_is_english(manager.get(invited.location), names)
        link = f"/register/agency/staff/{world.letters()[-1].data['token']}"
        check_is_english(stranger.get(link), names)
    check_is_english(stranger.get("/register/agency/staff/unknown"), names)
    group = manager.submit("/agency/groups", name="Kyoto").location
    place = f"/agency/staff/{world.member(VIEWER).id}"
    for path in (group, f"{group}/delete", f"{place}/role", f"{place}/remove", f"{place}/handover"):
        check_is_english(manager.get(path), names)
    check_is_english(manager.submit("/agency/staff/leave", page=manager.get("/agency/staff/invite")), names)
    check_is_english(manager.get(manager.submit(f"{place}/remove").location), names)


def test_an_owner_consents_and_takes_it_back_in_english(world: World, names: set[str]) -> None:
    owner = english_browser(world, HANAKO)
    consent = owner.submit("/account/edit", agency_email=SAKURA.email)
    assert SAKURA.name in consent.text
    check_is_english(consent, names)
    asked = owner.submit("/account/edit", page=consent, step="complete", **{"allow-mypage": "mypage.write"})
    assert asked.status_code == 303
    check_is_english(owner.get(asked.location), names)
    for agency in AGENCIES:
        end = f"/account/delegations/{world.grant(HANAKO, agency).id}/end"
        check_is_english(owner.get(end), names)
        check_is_english(owner.get(owner.submit(end).location), names)


def test_registering_and_a_forgotten_password_are_in_english(world: World, names: set[str]) -> None:
    for start, form in (
        ("/register/agency", "/register/agency/member"),
        ("/register/owner", "/register/owner"),
    ):
        visitor = english_browser(world)
        check_is_english(
            visitor.get(visitor.submit(start, email=f"{start[10:]}@sun.example").location), names
        )
        link = f"{form}/{world.letters()[-1].data['token']}"
        check_is_english(visitor.get(link), names)
        check_is_english(visitor.submit(link, password="short", password_confirm="other"), names)
        answer = visitor.submit(link, **TYPED)
        while answer.status_code == 303:
            step = answer.location
            check_is_english(visitor.get(step), names)
            if step.endswith("/done"):
                break
            answer = visitor.submit(step, **({"skip": "1"} if step.endswith("/product") else {}))
        check_is_english(visitor.get(link), names)
        check_is_english(visitor.get(f"{form}/unknown"), names)
    visitor = english_browser(world)
    visitor.submit("/password/forgot", email=HANAKO.email)
    check_is_english(visitor.get(f"/password/reset/{world.letters()[-1].data['token']}"), names)


# --- マイページ --------------------------------------------------------------------------------------------


@pytest.fixture
def owners_browser(tmp_path: Path) -> Iterator[OwnersBrowser]:
    server = PlayedServer()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        server.install(mock)
        browser = OwnersBrowser(create_mypage(mypage_settings(tmp_path / "mypage.sqlite3")), server)
        choose_english(browser.client)
        yield browser


MYPAGE_NAMES = {*texts_in([PROFILE, ACT]), *brand_names(mypage_settings(Path("unused")))}
MYPAGE_PATHS = ("/", "/home", "/customer", "/products", "/power", "/nothing")
PRODUCT_PATHS = ("power", "services", "services/confirm?watch=leave&ai_control=join", "services/confirm")


@pytest.mark.parametrize("acting", [False, True])
@pytest.mark.parametrize("joined_at", ["2026-05-01T00:00:00Z", None])
def test_each_page_of_mypage_is_english(
    owners_browser: OwnersBrowser, acting: bool, joined_at: str | None
) -> None:
    browser = owners_browser
    browser.server.products = [product(watch_joined_at=joined_at)]
    answer = browser.start_proxy_login() if acting else browser.sign_in()
    assert answer.status_code == 303
    paths = [*MYPAGE_PATHS, *(f"/products/{PRODUCT_ID}/{path}" for path in PRODUCT_PATHS)]
    pages = [page for page in map(browser.open, paths) if not page.location]
    for page in pages:
        check_is_english(page, MYPAGE_NAMES)
    assert len(pages) >= 8


def test_mypage_without_products_and_after_a_change_is_english(owners_browser: OwnersBrowser) -> None:
    browser = owners_browser
    browser.sign_in()
    page = browser.open(f"/products/{PRODUCT_ID}/services/confirm?ai_control=join")
    changed = browser.press(page, f"/products/{PRODUCT_ID}/services")
    assert changed.status_code == 303
    check_is_english(browser.open(changed.location), MYPAGE_NAMES)
    browser.server.products = []
    for path in ("/home", "/products", "/power"):
        check_is_english(browser.open(path), MYPAGE_NAMES)


def test_what_mypage_refuses_is_explained_in_english(owners_browser: OwnersBrowser) -> None:
    browser = owners_browser
    check_is_english(browser.call_back(browser.begin(), code=None, error="access_denied"), MYPAGE_NAMES)
    browser.sign_in()
    check_is_english(browser.client.post("/logout", base_url=browser.base_url), MYPAGE_NAMES)
    browser.server.accepts_access_tokens = False
    browser.server.token_error = "invalid_grant"
    check_is_english(browser.open("/customer"), MYPAGE_NAMES)


# --- the agencies' portal -----------------------------------------------------------------------------


@pytest.fixture
def staff_browser(tmp_path: Path) -> Iterator[StaffBrowser]:
    with stage(tmp_path) as browser:
        choose_english(browser.client)
        yield browser


PORTAL_NAMES = {*texts_in([AGENCY, grant(1001)]), *MYPAGE_NAMES}


def test_each_page_of_the_portal_is_english(staff_browser: StaffBrowser) -> None:
    browser = staff_browser
    check_is_english(browser.open("/agency/login"), PORTAL_NAMES)
    browser.sign_in()
    check_is_english(browser.open("/agency"), PORTAL_NAMES)
    check_is_english(browser.open("/agency_admin"), PORTAL_NAMES)
    browser.server.grants = [grant(1000 + number, state) for number, state in enumerate(STATES)]
    for query in ("", "?state=requested", "?state=ended", "?q=nobody", "?state=suspended&q=1"):
        check_is_english(browser.open(f"/agency_admin{query}"), PORTAL_NAMES)
    for number in range(len(STATES)):
        check_is_english(browser.open(f"/agency_admin/{1000 + number}"), PORTAL_NAMES)
    for path in ("1000/deny", "1001/release", "9999"):
        check_is_english(browser.open(f"/agency_admin/{path}"), PORTAL_NAMES)
    check_is_english(browser.open("/proxy-login/ended"), PORTAL_NAMES)


@pytest.mark.parametrize(
    ("decision", "state"), [("approve", "requested"), ("deny", "requested"), ("release", "active")]
)
def test_a_decision_is_answered_in_english(staff_browser: StaffBrowser, decision: str, state: str) -> None:
    browser = staff_browser
    browser.sign_in()
    browser.server.grants = [grant(1001, state)]
    asking = "" if decision == "approve" else f"/{decision}"
    page, action = browser.open(f"/agency_admin/1001{asking}"), f"/agency_admin/1001/{decision}"
    check_is_english(browser.open(browser.press(page, action).location), PORTAL_NAMES)
    check_is_english(browser.press(page, action), PORTAL_NAMES)


def test_what_the_portal_refuses_is_explained_in_english(staff_browser: StaffBrowser) -> None:
    browser = staff_browser
    browser.sign_in()
    browser.server.grants = [grant(1001, "active")]
    page, action = browser.open("/agency_admin/1001"), "/agency_admin/1001/proxy-login"
    check_is_english(browser.press(page, action, reason="x" * 999), PORTAL_NAMES)
    browser.server.exchange_error = "invalid_grant"
    check_is_english(browser.press(page, action), PORTAL_NAMES)
    browser.server.agency["member"] = {**AGENCY["member"], "can_decide": False, "can_proxy_login": False}
    check_is_english(browser.post(page, "/agency_admin/1001/release"), PORTAL_NAMES)
    check_is_english(browser.open("/agency_admin/1001"), PORTAL_NAMES)
    browser.server.staff = False
    check_is_english(browser.open("/agency"), PORTAL_NAMES)
    browser.server.down = True
    check_is_english(browser.open("/agency"), PORTAL_NAMES)


# --- what the checks above would not see by themselves ------------------------------------------------


def test_pages_are_japanese_unless_english_was_chosen(
    world: World, names: set[str], owners_browser: OwnersBrowser, staff_browser: StaffBrowser
) -> None:
    owners_browser.client.delete_cookie("lang", domain="localhost")
    staff_browser.client.delete_cookie("lang", domain="localhost")
    header = {"Accept-Language": "en"}
    for answer in (
        world.browser().get("/sign-in", headers=header),
        owners_browser.open("/", headers=header),
        staff_browser.open("/agency/login"),
    ):
        page = PageWords(answer.text)
        assert page.language == "ja"
        assert japanese_in(page, names=names)


def test_japanese_is_seen_in_text_and_attributes_but_not_in_names() -> None:
    page = PageWords('<h1>鈴木 <b title="閉じる">OK（1）</b></h1><button lang="ja">日本語</button><p>まだ')
    assert japanese_in(page, names={"鈴木"}) == {"閉じる", "（", "）", "まだ"}


def test_dates_are_written_as_the_language_has_them(world: World) -> None:
    english = PageWords(english_browser(world, HANAKO).get("/account").text).words
    japanese = PageWords(world.browser(HANAKO).get("/account").text).words
    day = world.grant().requested_at
    assert any(f"{day:%B %Y}" in words for words in english)
    assert any(f"{day.year}年{day.month}月" in words for words in japanese)


def test_the_language_chosen_at_a_relying_party_is_kept_by_the_server(world: World) -> None:
    asking = (
        "/oauth/authorize?client_id=mypage&response_type=code&ui_locales=fr en&scope=profile"
        f"&code_challenge_method=S256&code_challenge={'x' * 43}"
    )
    for cookie, expected in (("", "en"), ("ja", "ja")):
        browser = world.browser()
        if cookie:
            browser.client.set_cookie("lang", cookie, domain="localhost")
        browser.get(asking)
        assert PageWords(browser.get("/sign-in").text).language == expected
