"""AZ-071 to AZ-084: pages that cannot be framed, forged, fixed beforehand, leaked, kept or led astray."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from idp import credentials
from idp.accounts.models import BrowserSession
from idp.demo import HANAKO, ICHIRO, PASSWORD, MemberPart, OwnerPart
from tests.accounts.visitor import Visitor
from tests.attacks.cases import case, row
from tests.attacks.stage import Stage
from tests.oauth.relying_party import RelyingParty
from tests.world import APPROVER

COOKIE = "idp_session"
Person = OwnerPart | MemberPart
SIGN_IN_PAGES = pytest.mark.parametrize(
    ("path", "person"), [("/sign-in", HANAKO), ("/store/linkaccounts", APPROVER)], ids=["owner", "agency"]
)


def cookie_of(browser: Visitor) -> str:
    """Return the value of the browser's cookie."""
    found = browser.client.get_cookie(COOKIE, domain="localhost")
    return found.value if found is not None else ""


def is_signed_in(browser: Visitor) -> bool:
    """Tell whether a page of one's own opens."""
    return any(browser.get(path).status_code == 200 for path in ("/account/password", "/agency/profile"))


def with_cookie(stage: Stage, value: str) -> Visitor:
    """Return a browser into which this cookie was put."""
    browser = stage.browser()
    browser.client.set_cookie(COOKIE, value, domain="localhost")
    return browser


def pages(stage: Stage) -> Iterator[str]:
    """Yield the address of every route that can be opened, with ids of things that exist."""
    known = {"grant_id": stage.grant().id, "user_id": HANAKO.user_id, "filename": "club.css"}
    for rule in stage.template.app.url_map.iter_rules():
        if "GET" in (rule.methods or set()):
            yield re.sub(
                r"<(?:[a-z]+:)?([a-z_]+)>", lambda match: str(known.get(match[1], uuid4())), rule.rule
            )


@case("AZ-071")
@case("AZ-082")
@case("AZ-083")
@pytest.mark.parametrize("person", [None, HANAKO, APPROVER], ids=["nobody", "owner", "member"])
def test_no_page_can_be_framed_or_kept_or_tells_where_one_came_from(
    stage: Stage, person: Person | None, mypage: RelyingParty
) -> None:
    browser = stage.browser() if person is None else stage.at_home(person)
    kinds = set()
    addresses = [*pages(stage), mypage.authorize(stage.browser()).expect_sign_in(), "/oauth/end-session",
                 "/oauth/authorize?client_id=evil"]  # fmt: skip
    for path in addresses:
        answer = browser.get(path)
        assert answer.status_code < 500, path
        if answer.mimetype == "text/html":
            kinds.add(answer.status_code)
            check_page(path, answer)
    assert {200, 404} <= kinds


def check_page(path: str, answer: TestResponse) -> None:
    """Check what keeps a page to the person who asked for it."""
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy, path
    assert answer.headers["X-Frame-Options"] == "DENY", path
    assert "unsafe" not in policy, path
    assert answer.headers["Referrer-Policy"] == "no-referrer", path
    assert answer.headers["Cache-Control"] == "no-store", path
    assert "Cookie" in answer.headers["Vary"], path
    loaded = re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="([^"]+)"', answer.text)
    assert [address for address in loaded if not address.startswith("/")] == [], path


@case("AZ-082")
def test_no_code_stands_in_an_address_of_ours(stage: Stage, mypage: RelyingParty) -> None:
    """The code goes to the registered address at once, and the way there carries only the request's id."""
    browser = stage.browser()
    path = mypage.authorize(browser).expect_sign_in()
    answer = browser.submit(path, email=HANAKO.email, password=PASSWORD)
    for address in (path, answer.headers["Location"]):
        assert "code" not in address
        assert "occ_" not in address
    code = mypage.resume(browser, path).expect_code()
    assert code.startswith("occ_")
    assert code not in stage.arena.log.read_text(encoding="utf-8")


@case("AZ-083")
def test_nothing_that_holds_a_secret_is_kept(stage: Stage, mypage: RelyingParty) -> None:
    hanako = stage.at_home(HANAKO)
    sent = mypage.authorize(hanako)
    sent.expect_code()
    got = mypage.redeem(mypage.code_for(hanako))
    tokens = got.tokens()
    answers = [
        sent.response, got.response, mypage.refresh(tokens.refresh_token).response,
        mypage.introspect(tokens.access_token).response,
        stage.api("GET", "/oauth/userinfo", tokens.access_token),
        stage.api("GET", "/api/me/profile", tokens.access_token), hanako.get("/account"),
        mypage.redeem("occ_x").response, stage.api("GET", "/oauth/userinfo", "x"),
    ]  # fmt: skip
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Cookie" in answer.headers["Vary"]
    for answer in answers[1:6]:
        assert "Set-Cookie" not in answer.headers
    kept = stage.api("GET", "/oauth/jwks")
    assert "max-age" in kept.headers["Cache-Control"]
    assert "Set-Cookie" not in kept.headers


@case("AZ-072")
@SIGN_IN_PAGES
def test_a_cookie_from_before_the_sign_in_is_anonymous_afterwards(
    stage: Stage, path: str, person: Person
) -> None:
    victim = stage.browser()
    victim.get(path)
    planted = cookie_of(victim)
    thief = with_cookie(stage, planted)
    assert victim.sign_in(person.email, PASSWORD, path=path).status_code == 303
    assert is_signed_in(victim)
    assert cookie_of(victim) not in {planted, ""}
    assert not is_signed_in(thief)
    assert not is_signed_in(with_cookie(stage, planted))
    assert is_signed_in(with_cookie(stage, cookie_of(victim)))


@case("AZ-072")
def test_a_cookie_that_signs_somebody_in_is_over_when_somebody_else_signs_in_on_top_of_it(
    stage: Stage,
) -> None:
    attacker = stage.browser(ICHIRO)
    planted = cookie_of(attacker)
    victim = with_cookie(stage, planted)
    before = stage.count(BrowserSession)
    assert victim.sign_in(HANAKO.email, PASSWORD).status_code == 303
    assert stage.count(BrowserSession) == before + 1
    assert cookie_of(victim) != planted
    assert HANAKO.name in victim.get("/account").text
    assert not is_signed_in(attacker)
    assert not is_signed_in(with_cookie(stage, planted))


@case("AZ-072")
def test_no_cookie_can_be_made_without_the_servers_key(stage: Stage) -> None:
    good = cookie_of(stage.at_home(HANAKO))
    body, stamp, signature = good.rsplit(".", 2)
    secret = credentials.mint_secret(credentials.SecretKind.SESSION)
    for forged in (f"{body}.{stamp}.", f"{body}.{stamp}.{signature[::-1]}", f"{body}.{stamp}",
                   f"{body[:-1]}.{stamp}.{signature}", secret, "e30.e30.e30",
                   str(stage.account(HANAKO).id)):  # fmt: skip
        assert not is_signed_in(with_cookie(stage, forged))
    assert is_signed_in(with_cookie(stage, good))


FOREIGN = [
    row("AZ-073", "no token", {}, False),
    row("AZ-073", "somebody else's token", {}, True),
    row("AZ-073", "foreign origin", {"Origin": "https://evil.test"}, False),
    row("AZ-073", "look-alike origin", {"Origin": "http://localhost:8000.evil.test"}, True),
    row("AZ-073", "cross-site", {"Sec-Fetch-Site": "cross-site"}, False),
    row("AZ-073", "same-site", {"Sec-Fetch-Site": "same-site", "Origin": "null"}, True),
]


@SIGN_IN_PAGES
@pytest.mark.parametrize(("headers", "with_token"), FOREIGN)
def test_nobody_is_signed_in_by_a_form_of_another_site(
    stage: Stage, path: str, person: Person, headers: dict[str, str], with_token: bool
) -> None:
    victim, attacker = stage.browser(), stage.browser()
    typed = {"email": person.email, "password": PASSWORD}
    if with_token:
        typed["csrf_token"] = attacker.token(path)
    victim.get(path)
    with stage.unchanged():
        assert victim.post(path, typed, headers=headers).status_code == 403
        assert not is_signed_in(victim)
    assert victim.sign_in(typed["email"], PASSWORD, path=path).status_code == 303
    assert is_signed_in(victim)


@SIGN_IN_PAGES
@pytest.mark.parametrize("target", [
    row("AZ-074", repr(target), target)
    for target in (
        "//evil.test", "/\\evil.test", "https:evil.test", "/\t/evil.test", "https://evil.test/",
        "\\\\evil.test", "/%09/evil.test", "/%5cevil.test", "/account@evil.test", "///evil.test",
        "javascript:alert(1)", "/sign-in/../../evil.test", " //evil.test", "/\r\nLocation: //evil.test",
        "http://localhost:8000@evil.test/", "//localhost:8000/account", "/.evil.test", "。evil.test",
        "/oauth/authorize/../..//evil.test", "/account?next=//evil.test#//evil.test",
    )
])  # fmt: skip
def test_signing_in_leads_to_a_page_of_ours(stage: Stage, path: str, person: Person, target: str) -> None:
    browser = stage.browser()
    answer = browser.client.post(
        path, base_url=stage.settings.issuer, query_string={"next": target},
        data={"csrf_token": browser.token(path), "email": person.email, "password": PASSWORD},
    )  # fmt: skip
    assert answer.status_code == 303
    location = answer.headers["Location"]
    assert re.match(r"/(?:account|agency/login)(?:\?[^\\]*)?\Z", location.partition("#")[0]), location


@case("AZ-074")
@pytest.mark.parametrize("target", ["/account/password", "/account"])
def test_signing_in_leads_back_to_where_one_was_asked(stage: Stage, target: str) -> None:
    answer = stage.browser().submit(f"/sign-in?next={target}", email=HANAKO.email, password=PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (303, target)


@case("AZ-084")
@SIGN_IN_PAGES
def test_no_redirect_makes_a_browser_send_the_password_again(
    stage: Stage, parties: dict[str, RelyingParty], path: str, person: Person
) -> None:
    party = parties["mypage" if path == "/sign-in" else "agency-portal"]
    browser = stage.browser()
    way = party.authorize(browser, method="POST").expect_sign_in()
    assert way.startswith(f"{path}?")
    seen = [browser.submit(way, email=person.email, password=PASSWORD)]
    seen.append(browser.get(seen[0].headers["Location"]))
    seen.append(party.authorize(browser, method="POST").response)
    seen.append(stage.browser().post("/sign-in/", {"email": "x"}))
    assert {answer.status_code for answer in seen[:3]} == {303}
    assert not {answer.status_code for answer in seen} & {307, 308}
    assert seen[1].headers["Location"].startswith(party.redirect_uri)
