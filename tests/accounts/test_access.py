"""The cookie, and who may open which page."""

from datetime import timedelta

import pytest
import time_machine
from flask import g
from flask import session as cookie
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import select, update

from idp import clock
from idp.accounts.models import Agency, BrowserSession
from idp.accounts.rules import AgencyStatus
from idp.accounts.sessions import access
from tests.accounts.conftest import PASSWORD, Club
from tests.accounts.visitor import Visitor

EMAIL = "hanako@owner.example"
NOW = clock.now()


def cookie_of(visitor: Visitor) -> str:
    """Return the value of the browser's cookie."""
    found = visitor.client.get_cookie("idp_session", domain="localhost")
    return found.value if found is not None else ""


def opened(club: Club, value: str) -> dict[str, object]:
    """Return what a cookie holds."""
    signer = SecureCookieSessionInterface().get_signing_serializer(club.app)
    assert signer is not None
    return dict(signer.loads(value))


def is_signed_in(visitor: Visitor) -> bool:
    return visitor.get("/account/password").status_code == 200


def live_sessions(club: Club) -> int:
    living = select(BrowserSession.id).where(BrowserSession.ended_at.is_(None))
    return len(club.read(lambda session: session.scalars(living).all()))


@pytest.fixture
def doors(club: Club) -> None:
    """Two more pages: one that signs out, one that tells the browser's id."""

    @club.app.get("/test/browser")
    def browser() -> str:
        return access.browser_id()

    @club.app.post("/test/sign-out")
    def sign_out() -> str:
        access.sign_out()
        return access.browser_id()


@pytest.fixture
def owner(club: Club, visitor: Visitor, doors: None) -> Visitor:
    """An owner who is signed in."""
    club.make_owner(EMAIL)
    visitor.sign_in(EMAIL, PASSWORD)
    return visitor


def test_the_cookie_is_for_this_server_alone_and_holds_no_name(club: Club, owner: Visitor) -> None:
    header = owner.get("/").headers.get("Set-Cookie") or owner.sign_in(EMAIL, PASSWORD).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in header.split(";")}
    assert "Domain" not in header
    held = opened(club, cookie_of(owner))
    assert set(held) <= {"_user_id", "csrf_token", "known"}
    assert str(held["_user_id"]).startswith("ocs_")
    assert EMAIL not in str(held)


def test_a_cookie_copied_before_signing_out_is_anonymous_afterwards(club: Club, owner: Visitor) -> None:
    copied = cookie_of(owner)
    thief = club.visitor()
    thief.client.set_cookie("idp_session", copied, domain="localhost")
    assert is_signed_in(thief)
    owner.post("/test/sign-out", {"csrf_token": owner.token()})
    assert not is_signed_in(owner)
    thief.client.set_cookie("idp_session", copied, domain="localhost")
    assert not is_signed_in(thief)


def test_a_cookie_planted_before_signing_in_is_worth_nothing_afterwards(club: Club, owner: Visitor) -> None:
    planted = cookie_of(owner)
    victim = club.visitor()
    victim.client.set_cookie("idp_session", planted, domain="localhost")
    club.make_owner("victim@owner.example", user_id=2)
    victim.sign_in("victim@owner.example", PASSWORD)
    assert is_signed_in(victim)
    assert opened(club, cookie_of(victim))["_user_id"] != opened(club, planted)["_user_id"]
    assert not is_signed_in(owner)  # the session that was planted has ended, too


def test_an_account_id_in_the_cookie_signs_nobody_in(club: Club) -> None:
    account_id = club.make_owner(EMAIL)
    forged = club.visitor()
    with forged.client.session_transaction(base_url=club.settings.issuer) as held:
        held["_user_id"] = str(account_id)
    assert not is_signed_in(forged)


@pytest.mark.usefixtures("doors")
def test_the_id_of_the_browser_outlives_signing_in_and_out(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    before = visitor.get("/test/browser").text
    assert before.startswith("ocb_")
    visitor.sign_in(EMAIL, PASSWORD)
    assert visitor.get("/test/browser").text == before
    assert visitor.post("/test/sign-out", {"csrf_token": visitor.token()}).text == before
    assert club.visitor().get("/test/browser").text != before


def test_what_the_cookie_held_before_signing_in_is_forgotten(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    visitor.get("/sign-in")
    with visitor.client.session_transaction(base_url=club.settings.issuer) as held:
        held["planted"] = "by somebody"
        token = held["csrf_token"]
    visitor.sign_in(EMAIL, PASSWORD)
    held_now = opened(club, cookie_of(visitor))
    assert "planted" not in held_now
    assert held_now.get("csrf_token") != token


def test_the_same_person_signing_in_again_keeps_the_session_under_a_new_secret(
    club: Club, owner: Visitor
) -> None:
    before = opened(club, cookie_of(owner))["_user_id"]
    owner.sign_in(EMAIL, PASSWORD)
    assert opened(club, cookie_of(owner))["_user_id"] != before
    assert club.count(BrowserSession) == 1
    assert is_signed_in(owner)


def test_another_person_signing_in_ends_the_session_before(club: Club, owner: Visitor) -> None:
    club.make_owner("other@owner.example", user_id=2)
    owner.sign_in("other@owner.example", PASSWORD)
    assert (club.count(BrowserSession), live_sessions(club)) == (2, 1)


def test_a_page_that_needs_somebody_leads_to_its_sign_in_and_back(club: Club, visitor: Visitor) -> None:
    asked = visitor.get("/account/products/new?a=1&b=2").headers["Location"]
    assert asked == "/sign-in?next=/account/products/new?a%3D1%26b%3D2"
    assert visitor.get("/agency/profile").headers["Location"] == "/store/linkaccounts?next=/agency/profile"
    posted = visitor.post("/account/products/new", {"csrf_token": visitor.token()})
    assert (posted.status_code, posted.headers["Location"]) == (303, "/sign-in")


def test_pages_of_owners_are_closed_to_members_and_the_other_way_round(club: Club, owner: Visitor) -> None:
    club.make_member("info@mirai.example")
    member = club.visitor()
    member.sign_in("info@mirai.example", PASSWORD)
    pages = ("/account/products/new", "/agency/profile")
    assert [owner.get(page).status_code for page in pages] == [200, 403]
    assert [member.get(page).status_code for page in pages] == [403, 200]


@pytest.mark.parametrize("status", [AgencyStatus.SUSPENDED, AgencyStatus.CLOSED])
def test_pages_of_an_agency_close_when_it_is_suspended_or_closed(club: Club, status: AgencyStatus) -> None:
    club.make_member("info@mirai.example")
    member = club.visitor()
    member.sign_in("info@mirai.example", PASSWORD)
    assert member.get("/agency/profile").status_code == 200
    club.write(lambda session: session.execute(update(Agency).values(status=status)))
    assert member.get("/agency/profile").status_code == 403


def test_a_visit_is_noted_once_a_minute_and_other_pages_write_nothing(club: Club) -> None:
    club.make_owner(EMAIL)
    with time_machine.travel(NOW, tick=False) as time:
        visitor = club.visitor()
        visitor.sign_in(EMAIL, PASSWORD)
        before = club.digest()
        time.shift(59)
        assert is_signed_in(visitor)
        assert club.digest() == before
        time.shift(1)
        assert is_signed_in(visitor)
        seen = club.read(lambda session: session.scalars(select(BrowserSession.last_seen_at)).one())
        assert seen == NOW + timedelta(seconds=60)
        time.shift(timedelta(minutes=29, seconds=59))
        assert is_signed_in(visitor)
        time.shift(timedelta(minutes=30))
        assert not is_signed_in(visitor)


def test_a_request_that_writes_is_not_held_up_by_noting_its_own_visit(club: Club) -> None:
    club.make_owner(EMAIL)
    club.make_product("HC-A10001WN1")
    with time_machine.travel(NOW, tick=False) as time:
        visitor = club.visitor()
        visitor.sign_in(EMAIL, PASSWORD)
        page = visitor.get("/account/products/new")
        time.shift(120)
        answer = visitor.submit("/account/products/new", page=page, serial_number="HC-A10001WN1")
        assert answer.status_code == 303
        seen = club.read(lambda session: session.scalars(select(BrowserSession.last_seen_at)).one())
        assert seen == NOW + timedelta(seconds=120)


def test_who_signed_in_is_known_within_the_same_request(club: Club) -> None:
    owner = club.make_owner(EMAIL)
    with club.app.test_request_context("/", base_url=club.settings.issuer):
        from idp.accounts.people import find_account
        from idp.unit_of_work import current_session

        assert access.current_person() is None
        account = find_account(current_session(), owner)
        assert account is not None
        g._session = None
        with club.database.open_session(writes=True) as g._session:
            access.sign_in(account)
            assert access.current_account().id == owner
            assert "_id" not in cookie
            g._session.rollback()
        g._session = None
