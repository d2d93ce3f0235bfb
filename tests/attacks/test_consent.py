"""AZ-055, AZ-068, AZ-070, TK-028, TK-030: what an app may do is said by the person, here and nowhere else."""

from itertools import count
from typing import Any

import pytest
from sqlalchemy import select

from idp.demo import HANAKO, ICHIRO, PASSWORD, OwnerPart
from idp.oauth.consent.models import ClientConsent
from idp.oauth.models import AuthorizationCode
from tests.accounts.visitor import PostForm, Visitor, forms_of
from tests.attacks.cases import case, row
from tests.attacks.stage import Stage
from tests.attacks.test_pages import check_page
from tests.oauth.authorization_answer import AuthorizationAnswer
from tests.oauth.relying_party import RelyingParty
from tests.oauth.third_parties import third_party
from tests.personas import Casting

NUMBERS = count(1)
METHODS = pytest.mark.parametrize("method", ["GET", "POST"])


@pytest.fixture
def garden(stage: Stage) -> RelyingParty:
    """An app that is not the club's own, which nobody has allowed anything yet."""
    return third_party(stage, f"garden{next(NUMBERS)}")


@pytest.fixture
def person(casting: Casting) -> OwnerPart:
    return casting.owner()


@pytest.fixture
def browser(stage: Stage, person: OwnerPart) -> Visitor:
    return stage.browser(person)


def question(garden: RelyingParty, browser: Visitor, **deviation: Any) -> tuple[str, PostForm]:
    """Send the browser to the page that asks, and return its address and form."""
    answer = garden.authorize(browser, **deviation).response
    assert answer.status_code == 303
    address = answer.headers["Location"]
    assert address.startswith("/oauth/consent/"), address
    page = browser.get(address)
    assert page.status_code == 200
    check_page(address, page)
    [form] = [form for form in forms_of(page) if form.action in {"", address}]
    return address, form


def allow(garden: RelyingParty, browser: Visitor, **deviation: Any) -> str:
    """Let the person allow what is asked, and return the code."""
    address, form = question(garden, browser, **deviation)
    said = browser.post(address, {**form.fields, "answer": "allow"})
    assert said.status_code == 303
    answer = browser.get(said.headers["Location"])
    return AuthorizationAnswer(answer, garden, garden.request(**deviation)).expect_code()


def traces(stage: Stage, client_id: str) -> tuple[int, int]:
    """Count the consents given to a client, and all codes."""
    query = select(ClientConsent).where(ClientConsent.client_id == client_id)
    given = stage.read(lambda session: session.scalars(query).all())
    return len(given), stage.count(AuthorizationCode)


@case("AZ-055")
@METHODS
def test_what_nobody_allowed_is_not_given_silently(
    stage: Stage, garden: RelyingParty, browser: Visitor, method: str
) -> None:
    with stage.unchanged():
        answer = garden.authorize(browser, method=method, prompt="none")
        assert "<form" not in answer.expect_error("consent_required").response.text
    allow(garden, browser, scope="openid profile")
    garden.authorize(browser, method=method, prompt="none", scope="openid profile").expect_code()
    garden.authorize(browser, method=method, prompt="none", scope="openid").expect_code()
    with stage.unchanged():  # more than was allowed
        garden.authorize(browser, method=method, prompt="none", scope="openid profile email").expect_error(
            "consent_required"
        )
        claims = '{"userinfo": {"email": null}}'
        garden.authorize(browser, method=method, prompt="none", scope="openid", claims=claims).expect_error(
            "consent_required"
        )
    ichiro = stage.at_home(ICHIRO)
    with stage.unchanged():  # somebody else allowed it
        garden.authorize(ichiro, method=method, prompt="none", scope="openid").expect_error(
            "consent_required"
        )


FORGERIES = [
    row("AZ-068", "cookie alone", "", {}),
    row("AZ-068", "nonsense", "nonsense", {}),
    row("AZ-068", "token of another session", "theirs", {}),
    row("AZ-068", "foreign origin", "own", {"Origin": "https://evil.test"}),
    row("AZ-068", "the app's own origin", "own", {"Origin": "https://garden.example"}),
    row("AZ-068", "look-alike origin", "own", {"Origin": "http://localhost:8000.evil.test"}),
    row("AZ-068", "cross-site", "own", {"Sec-Fetch-Site": "cross-site"}),
    row("AZ-068", "same-site", "own", {"Sec-Fetch-Site": "same-site", "Origin": "null"}),
]


@pytest.mark.parametrize(("token", "headers"), FORGERIES)
def test_no_other_page_answers_for_the_person(
    stage: Stage, garden: RelyingParty, browser: Visitor, token: str, headers: dict[str, str]
) -> None:
    address, form = question(garden, browser)
    shown = {"": {}, "own": {"csrf_token": form.fields["csrf_token"]}, "nonsense": {"csrf_token": "x"},
             "theirs": {"csrf_token": stage.at_home(HANAKO).token()}}[token]  # fmt: skip
    before = traces(stage, garden.client_id)
    with stage.unchanged():
        for said in ("allow", "deny"):
            answer = browser.post(address, {**shown, "answer": said}, headers=headers)
            assert (answer.status_code, answer.headers.get("Location")) == (403, None)
    assert traces(stage, garden.client_id) == before
    good = browser.post(address, {**form.fields, "answer": "allow"})
    assert good.status_code == 303
    answer = AuthorizationAnswer(browser.get(good.headers["Location"]), garden, garden.request())
    assert garden.redeem(answer.expect_code()).tokens().refresh_token


@case("AZ-068")
@pytest.mark.parametrize(
    "said", [{}, {"answer": ""}, {"answer": "ALLOW"}, {"answer": ["deny", "allow"]}], ids=str
)
def test_only_a_clear_yes_is_one(
    stage: Stage, garden: RelyingParty, browser: Visitor, said: dict[str, Any]
) -> None:
    address, form = question(garden, browser)
    before = traces(stage, garden.client_id)
    browser.post(address, {"csrf_token": form.fields["csrf_token"], **said})
    browser.get(address)
    browser.get(f"{address}?answer=allow")
    assert traces(stage, garden.client_id) == before


@case("AZ-070")
def test_what_was_begun_in_one_browser_is_not_finished_in_another(
    stage: Stage, garden: RelyingParty, browser: Visitor
) -> None:
    """The attacker begins at an app of theirs, and sends the link to the question to their victim."""
    attacker = stage.browser(ICHIRO)
    address, _ = question(garden, attacker)
    resume = address.replace("/oauth/consent/", "/oauth/authorize/")
    before = traces(stage, garden.client_id)
    for victim in (browser, stage.browser()):
        with stage.unchanged():
            for path in (address, resume):
                page = victim.get(path)
                assert (page.status_code, page.headers.get("Location")) == (400, None), path
                assert "お庭アプリ" not in page.text
            token = victim.token("/sign-in")
            said = victim.post(address, {"csrf_token": token, "answer": "allow"})
            assert (said.status_code, said.headers.get("Location")) == (400, None)
    assert traces(stage, garden.client_id) == before
    form = forms_of(attacker.get(address))[0]
    assert attacker.post(address, {**form.fields, "answer": "allow"}).status_code == 303


@case("AZ-070")
def test_a_sign_in_that_was_begun_in_one_browser_is_not_finished_in_another(
    stage: Stage, mypage: RelyingParty
) -> None:
    attacker, victim = stage.browser(), stage.browser(HANAKO)
    way = mypage.authorize(attacker).expect_sign_in()
    codes = stage.count(AuthorizationCode)
    with stage.unchanged():
        mypage.resume(victim, way).expect_page()
        mypage.resume(stage.browser(), way).expect_page()
    assert stage.count(AuthorizationCode) == codes
    mypage.authorize(victim).expect_code()


@case("AZ-070")
def test_the_next_person_in_a_browser_answers_for_themselves(
    stage: Stage, garden: RelyingParty, person: OwnerPart
) -> None:
    """Somebody signs in on top of a question that was another person's, and allowed."""
    shared = stage.browser(ICHIRO)
    address, form = question(garden, shared)
    assert shared.post(address, {**form.fields, "answer": "allow"}).status_code == 303
    assert shared.sign_in(person.email, PASSWORD).status_code == 303
    again = shared.get(address.replace("/oauth/consent/", "/oauth/authorize/"))
    assert again.headers["Location"] == address
    page = shared.get(address)
    assert person.name in page.text
    assert garden.authorize(shared, prompt="none").expect_error("consent_required")


def disconnect(garden: RelyingParty, browser: Visitor) -> None:
    """Let the person take back, on their page, what they allowed."""
    address = f"/account/apps/disconnect?client_id={garden.client_id}"
    [form] = [
        form for form in forms_of(browser.get(address)) if "disconnect" in form.action or not form.action
    ]
    assert browser.post(form.action or address, dict(form.fields)).status_code == 303


@case("TK-028")
@case("TK-030")
def test_what_the_person_took_back_is_not_renewed(
    stage: Stage, garden: RelyingParty, browser: Visitor, mypage: RelyingParty
) -> None:
    wide = garden.redeem(allow(garden, browser, scope="openid profile offline_access")).tokens()
    wide = garden.refresh(wide.refresh_token).tokens()
    code = garden.authorize(browser, prompt="none", scope="openid").expect_code()
    bystander = mypage.sign_in(browser=browser)
    assert stage.api("GET", "/oauth/userinfo", wide.access_token).status_code == 200
    disconnect(garden, browser)
    with stage.unchanged():
        for scope in (None, "openid", "openid profile"):
            garden.refresh(wide.refresh_token, scope=scope).expect_error("invalid_grant")
        garden.redeem(code).expect_error("invalid_grant")
        assert stage.api("GET", "/oauth/userinfo", wide.access_token).status_code == 401
        for token in (wide.access_token, wide.refresh_token):
            assert garden.introspect(token).response.get_json() == {"active": False}
        garden.authorize(browser, prompt="none", scope="openid").expect_error("consent_required")
    assert stage.api("GET", "/oauth/userinfo", bystander.access_token).status_code == 200
    mypage.refresh(bystander.refresh_token).tokens()
    allow(garden, browser, scope="openid")
