"""OIDC Core §3.1.2.4 and RFC 8252 §8.6: people are asked about apps that are not the club's own."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.audit.events import Event
from idp.demo import HANAKO, ICHIRO, PASSWORD
from idp.oauth.consent.models import ClientConsent
from idp.oauth.models import AuthorizationCode, SignInPage
from tests.accounts.visitor import Visitor, forms_of
from tests.oauth.relying_party import TICKET, RelyingParty
from tests.oauth.third_parties import third_party
from tests.world import MANAGER, World

APPS = "/account/apps"


@pytest.fixture
def hanako(world: World) -> Visitor:
    return world.browser(HANAKO)


@pytest.fixture
def garden(world: World) -> RelyingParty:
    return third_party(world)


def consents(world: World) -> list[tuple[str, list[str], bool]]:
    """Return scope, claims and whether it stands, of each consent that is stored."""
    rows = world.read(lambda session: session.query(ClientConsent).all())
    return [(row.scope, row.claims, row.revoked_at is None) for row in rows]


def test_the_person_is_asked_once_and_the_answer_is_remembered(
    world: World, garden: RelyingParty, hanako: Visitor
) -> None:
    path = garden.authorize(hanako, scope="openid profile").expect_consent()
    assert (world.count(AuthorizationCode), consents(world)) == (0, [])
    code = garden.allow(hanako, path, scope="openid profile").expect_code()
    assert garden.redeem(code).tokens().scope == {"openid", "profile"}
    assert consents(world) == [("openid profile", [], True)]
    garden.authorize(hanako, scope="openid profile").expect_code()
    garden.authorize(hanako, scope="openid", prompt="none").expect_code()
    garden.authorize(world.browser(HANAKO), scope="openid").expect_code()
    assert [event.event for event in world.events()].count(Event.CONSENT_GIVEN) == 1


@pytest.mark.parametrize(
    "more",
    [{"scope": "openid profile email"}, {"scope": "openid offline_access"}, {"prompt": "consent"},
     {"scope": "openid", "claims": '{"userinfo": {"email": null}}'},
     {"scope": "openid", "claims": '{"id_token": {"phone_number": null}}'}],
    ids=str,
)  # fmt: skip
def test_whoever_asks_for_more_asks_again(
    world: World, garden: RelyingParty, hanako: Visitor, more: dict[str, str]
) -> None:
    garden.code_for(hanako, scope="openid profile")
    garden.authorize(hanako, scope="openid profile").expect_code()
    path = garden.authorize(hanako, **{"scope": "openid profile", **more}).expect_consent()
    garden.allow(hanako, path, **more).expect_code()
    if "prompt" not in more:  # what was allowed before stays allowed
        garden.authorize(hanako, scope="openid profile").expect_code()
        garden.authorize(hanako, **more).expect_code()
    assert len(consents(world)) == 1


def test_a_refusal_is_told_and_nothing_is_given(world: World, garden: RelyingParty, hanako: Visitor) -> None:
    """RFC 6749 §4.1.2.1."""
    path = garden.authorize(hanako).expect_consent()
    garden.allow(hanako, path, said="deny").expect_error("access_denied")
    assert (world.count(AuthorizationCode), consents(world)) == (0, [])
    assert [event.event for event in world.events()].count(Event.CONSENT_REFUSED) == 1
    garden.authorize(hanako).expect_consent()


def test_nobody_is_asked_where_nothing_may_be_shown(garden: RelyingParty, hanako: Visitor) -> None:
    """OIDC Core §3.1.2.6, prompt=none."""
    garden.authorize(hanako, prompt="none").expect_error("consent_required")
    garden.code_for(hanako)
    garden.authorize(hanako, prompt="none").expect_code()


def test_nobody_is_asked_about_the_clubs_own_apps(mypage: RelyingParty, hanako: Visitor) -> None:
    mypage.authorize(hanako).expect_code()
    path = mypage.authorize(hanako, prompt="consent").expect_consent()
    assert "倶楽部のアプリです" in hanako.get(path).text
    mypage.allow(hanako, path).expect_code()


def test_sign_in_comes_before_the_question(world: World, garden: RelyingParty) -> None:
    browser = world.browser()
    path = garden.authorize(browser, prompt="login consent").expect_sign_in()
    browser.submit(path, email=HANAKO.email, password=PASSWORD)
    asked = garden.resume(browser, path).expect_consent()
    garden.allow(browser, asked).expect_code()


@pytest.mark.parametrize("own", [True, False])
def test_who_listens_on_the_device_is_asked_about_every_time(
    world: World, hanako: Visitor, own: bool
) -> None:
    """RFC 8252 §8.6: the identity of such a client cannot be assured, whoever registered it."""
    native = third_party(
        world, token_endpoint_auth_method="none", redirect_uris=("http://127.0.0.1:1234/cb",),
        first_party=own, scope="openid",
    )  # fmt: skip
    for _ in range(2):
        path = native.authorize(hanako).expect_consent()
        assert "ご自分で開いたアプリですか" in hanako.get(path).text
        native.allow(hanako, path).expect_code()
    native.authorize(hanako, prompt="none").expect_error("consent_required")
    on_the_web = third_party(world, "web", token_endpoint_auth_method="none", scope="openid")
    on_the_web.code_for(hanako)
    on_the_web.authorize(hanako, prompt="none").expect_code()


# --- the page ---------------------------------------------------------------------------------------------


def test_the_page_says_who_asks_for_what_and_for_whom(garden: RelyingParty, hanako: Visitor) -> None:
    page = hanako.get(garden.authorize(hanako).expect_consent())
    for words in (
        "お庭アプリ", "garden.example", HANAKO.name, HANAKO.email, "お名前とフリガナを見ること",
        "メールアドレスを見ること", "ご住所を見ること", "電話番号を見ること", "ご本人がいない間",
        "パスワードを知ること", "許可する", "許可しない", "別の方でログインする",
    ):  # fmt: skip
        assert words in page.text, words
    policy = page.headers["Content-Security-Policy"]
    assert policy.split("form-action ")[1].split(";")[0].split() == ["'self'", "https://garden.example"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"


def test_what_is_not_asked_for_is_not_on_the_page(garden: RelyingParty, hanako: Visitor) -> None:
    page = hanako.get(garden.authorize(hanako, scope="openid").expect_consent()).text
    for words in ("お名前とフリガナ", "ご住所", "電話番号を見る", "ご本人がいない間"):
        assert words not in page


def test_what_an_app_calls_itself_is_never_markup(world: World, hanako: Visitor) -> None:
    evil = third_party(world, client_name="<img src=x onerror=alert(1)>マイページ", scope="openid")
    page = hanako.get(evil.authorize(hanako).expect_consent()).text
    assert "<img src=x" not in page
    assert "倶楽部とは別の会社" in page


def answer(browser: Visitor, path: str, said: str = "allow", **headers: str) -> TestResponse:
    """Send the form of the consent page with the token that stands on it."""
    token = forms_of(browser.get(path))[0].fields["csrf_token"]
    return browser.post(path, {"csrf_token": token, "answer": said}, headers=headers)


def test_a_form_that_the_person_did_not_send_counts_for_nothing(
    world: World, garden: RelyingParty, hanako: Visitor
) -> None:
    """RFC 6749 §10.12."""
    path, ichiro = garden.authorize(hanako).expect_consent(), world.browser(ICHIRO)
    before = world.digest()
    forged: list[dict[str, Any]] = [{}, {"csrf_token": ""}, {"csrf_token": ichiro.token("/account/edit")}]
    for fields in forged:
        assert hanako.post(path, {"answer": "allow", **fields}).status_code == 403
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert answer(hanako, path, **headers).status_code == 403
    assert answer(hanako, path, said="perhaps").status_code == 400
    assert world.digest() == before
    garden.allow(hanako, path).expect_code()


def test_the_question_is_answered_in_the_browser_that_began(
    world: World, garden: RelyingParty, hanako: Visitor
) -> None:
    attacker = world.browser(ICHIRO)
    path = garden.authorize(attacker).expect_consent()
    before = world.digest()
    assert hanako.get(path).status_code == 400
    token = hanako.token("/account/edit")
    assert hanako.post(path, {"csrf_token": token, "answer": "allow"}).status_code == 400
    assert world.digest() == before
    garden.allow(attacker, path).expect_code()


def test_what_one_person_allowed_counts_for_no_other(
    world: World, garden: RelyingParty, hanako: Visitor
) -> None:
    """Somebody else signs in, in the same browser, between the answer and the code."""
    path = garden.authorize(hanako).expect_consent()
    back = answer(hanako, path).headers["Location"]
    hanako.sign_in(ICHIRO.email, PASSWORD)
    again = hanako.get(back)
    assert again.headers["Location"] == path
    assert ICHIRO.name in hanako.get(path).text
    assert world.count(AuthorizationCode) == 0


def test_the_page_leads_to_a_sign_in_for_somebody_else(garden: RelyingParty, hanako: Visitor) -> None:
    path = garden.authorize(hanako).expect_consent()
    sign_in = hanako.get(path).text.split('<p><a href="/sign-in?')[1].split('"')[0]
    hanako.submit(f"/sign-in?{sign_in}", email=ICHIRO.email, password=PASSWORD)
    page = hanako.get(path)
    assert ICHIRO.name in page.text
    assert HANAKO.name not in page.text


def test_a_question_that_is_over_leads_on_and_asks_nothing(garden: RelyingParty, hanako: Visitor) -> None:
    path = garden.authorize(hanako).expect_consent()
    garden.allow(hanako, path).expect_code()
    assert hanako.get(path).status_code == 400
    waiting = garden.authorize(hanako, prompt="consent").expect_consent()
    hanako.post("/sign-out", {"csrf_token": hanako.token("/account")})
    assert hanako.get(waiting).headers["Location"].startswith("/oauth/authorize/")


# --- 連携中のアプリ -----------------------------------------------------------------------------------------


def test_what_was_allowed_can_be_seen(world: World, garden: RelyingParty, hanako: Visitor) -> None:
    assert "連携中のアプリはありません" in hanako.get(APPS).text
    garden.code_for(hanako)
    page = hanako.get(APPS).text
    for words in ("お庭アプリ", "ご住所を見ること", "許可を取り消す", "garden.example"):
        assert words in page
    assert "お庭アプリ" not in world.browser(ICHIRO).get(APPS).text


def test_taking_it_back_ends_everything_of_that_app_at_once(
    world: World, garden: RelyingParty, mypage: RelyingParty, hanako: Visitor
) -> None:
    own = mypage.sign_in(browser=hanako)
    tokens, waiting = garden.redeem(garden.code_for(hanako)).tokens(), garden.code_for(hanako)
    path = f"{APPS}/disconnect?client_id=garden"
    assert "お庭アプリ はすぐに情報を使えなくなり" in hanako.get(path).text
    assert world.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 200
    assert hanako.submit(path).headers["Location"] == APPS
    assert world.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 401
    garden.refresh(tokens.refresh_token).expect_error("invalid_grant")
    garden.redeem(waiting).expect_error("invalid_grant")
    garden.authorize(hanako, prompt="none").expect_error("consent_required")
    assert [stands for _, _, stands in consents(world)] == [False]
    assert world.logout_calls() == [("garden", tokens.claims["sid"])]
    assert world.events()[-1].event == Event.CONSENT_WITHDRAWN
    assert world.api("GET", "/oauth/userinfo", own.access_token).status_code == 200
    garden.code_for(hanako, scope="openid")  # and what is allowed anew is no more than that
    assert consents(world) == [("openid", [], True)]


def test_the_page_says_for_how_long_an_app_may_go_on(world: World) -> None:
    world.settings = world.settings.model_copy(update={"offline_refresh_lifetime": 30 * 86400})
    world.restart()
    garden, hanako = third_party(world), world.browser(HANAKO)
    asking = hanako.get(garden.authorize(hanako, scope="openid offline_access").expect_consent())
    assert "（最長30日）" in asking.text


def test_what_was_taken_back_before_the_code_was_issued_issues_none(
    world: World, garden: RelyingParty, hanako: Visitor
) -> None:
    waiting = []
    for _tab in range(2):
        path = garden.authorize(hanako, prompt="consent").expect_consent()
        waiting.append(hanako.submit(path, answer="allow").headers["Location"])
    garden.resume(hanako, f"/sign-in?next={waiting[0]}").expect_code()
    assert hanako.submit(f"{APPS}/disconnect?client_id=garden").status_code == 303
    garden.resume(hanako, f"/sign-in?next={waiting[1]}").expect_error("access_denied")


def test_only_ones_own_apps_can_be_ended(world: World, garden: RelyingParty, hanako: Visitor) -> None:
    tokens, ichiro = garden.redeem(garden.code_for(hanako)).tokens(), world.browser(ICHIRO)
    token = ichiro.token("/account/edit")
    for name in ("garden", "nothing", ""):
        answered = ichiro.post(f"{APPS}/disconnect?client_id={name}", {"csrf_token": token})
        assert answered.status_code == 404
    assert hanako.post(f"{APPS}/disconnect?client_id=garden", {}).status_code == 403
    assert world.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 200


def test_a_member_of_an_agency_has_the_page_too(world: World) -> None:
    tool = third_party(world, "tool", sign_in_page=SignInPage.AGENCIES, scope="openid profile")
    staff = world.browser(MANAGER)
    tool.code_for(staff)
    assert "お庭アプリ" in staff.get(APPS).text
    assert staff.submit(f"{APPS}/disconnect?client_id=tool").status_code == 303
    assert "連携中のアプリはありません" in staff.get(APPS).text


def test_a_proxy_login_asks_nobody_and_is_no_app_of_the_owners(
    world: World, portal: RelyingParty, mypage: RelyingParty, hanako: Visitor
) -> None:
    """The owner's grant is the consent; the rule is that only apps that know ``act`` are ever reached."""
    staff = world.browser(MANAGER)
    actor, grant_id = portal.sign_in(browser=staff).access_token, world.grant().id
    ticket = portal.exchange(actor, grant_id, requested_token_type=TICKET).tokens().access_token
    mypage.authorize(staff, login_hint=ticket, prompt="none").expect_code()
    assert "連携中のアプリはありません" in hanako.get(APPS).text
