"""Forgotten passwords and changed ones."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts import links
from idp.accounts.models import Account, BrowserSession, MailLink
from idp.accounts.passwords import service
from idp.accounts.rules import AccountStatus, LinkNotFresh, LinkPurpose
from idp.unit_of_work import unit_of_work
from tests.accounts.agency_steps import as_seen
from tests.accounts.conftest import PASSWORD, PASSWORD_HASH, Club
from tests.accounts.visitor import Visitor, forms_of

EMAIL = "hanako@owner.example"
NEW = "mikan-no-ki-ga-sanbon"
NOW = clock.now()


def ask_for_link(club: Club, visitor: Visitor) -> str:
    assert visitor.submit("/password/forgot", email=EMAIL).headers["Location"] == "/password/sent"
    assert visitor.get("/password/sent").status_code == 200
    return f"/password/reset/{club.letters()[-1].data['token']}"


def stored_hash(club: Club) -> str:
    return str(club.read(lambda session: session.scalars(select(Account.password_hash)).one()))


def live_sessions(club: Club) -> int:
    living = select(BrowserSession.id).where(BrowserSession.ended_at.is_(None))
    return len(club.read(lambda session: session.scalars(living).all()))


def test_a_forgotten_password_is_set_anew_and_every_session_ends(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    elsewhere = club.visitor()
    elsewhere.sign_in(EMAIL, PASSWORD)
    link = ask_for_link(club, visitor)
    assert club.letters()[-1].name == "password_link"
    page = visitor.get(link)
    assert EMAIL in page.text
    answer = visitor.submit(link, page=page, password=NEW, password_confirm=NEW)
    assert answer.headers["Location"] == "/sign-in"
    assert live_sessions(club) == 0
    assert elsewhere.get("/account/password").status_code == 303
    assert club.letters()[-1].name == "password_changed"
    assert "password.reset" in club.events()
    assert visitor.sign_in(EMAIL, PASSWORD).status_code == 400
    assert visitor.sign_in(EMAIL, NEW).status_code == 303


def test_the_answer_tells_nobody_whether_an_address_is_known(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    club.make_owner("suspended@owner.example", user_id=2, status=AccountStatus.SUSPENDED)
    addresses = (EMAIL, "suspended@owner.example", "nobody@owner.example")
    answers = [visitor.submit("/password/forgot", email=email) for email in addresses]
    assert len({as_seen(answer) for answer in answers}) == 1
    assert [letter.to for letter in club.letters()] == [EMAIL]
    assert club.count(MailLink) == 1


def test_an_unknown_address_costs_the_work_of_a_known_one(
    club: Club, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    club.make_owner(EMAIL)
    minted: list[str] = []
    mint = credentials.mint_secret

    def watch(kind: credentials.SecretKind) -> str:
        minted.append(kind)
        return mint(kind)

    monkeypatch.setattr(credentials, "mint_secret", watch)
    visitor.submit("/password/forgot", email="nobody@owner.example")
    unknown = len(minted)
    visitor.submit("/password/forgot", email=EMAIL)
    assert (unknown, len(minted)) == (1, 2)


def test_a_password_link_is_good_for_ten_minutes_exclusively(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    with time_machine.travel(NOW, tick=False) as time:
        link = ask_for_link(club, visitor)
        time.shift(timedelta(minutes=9, seconds=59))
        page = visitor.get(link)
        assert page.status_code == 200
        time.shift(1)
        answer = visitor.submit(link, page=page, password=NEW, password_confirm=NEW)
        assert answer.status_code == 410
        assert EMAIL not in answer.text
        assert stored_hash(club) == PASSWORD_HASH
        again = next(form for form in forms_of(answer) if form.action.endswith("/again"))
        assert visitor.post(again.action, again.fields).headers["Location"] == "/password/sent"
        assert len([letter for letter in club.letters() if letter.name == "password_link"]) == 2


def test_a_password_link_is_used_once_however_many_press_at_once(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    token = ask_for_link(club, visitor).rpartition("/")[2]
    outcomes: list[str] = []
    start = threading.Barrier(10)

    def press(number: int) -> None:
        start.wait()
        try:
            with unit_of_work(club.database) as session:
                service.reset_password(session, token, password_hash=f"hash {number}", now=clock.now())
            outcomes.append("set")
        except LinkNotFresh as refusal:
            outcomes.append(refusal.state)

    threads = [threading.Thread(target=press, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["set"] + ["used"] * 9
    assert "このリンクは使い終わっています" in visitor.get(f"/password/reset/{token}").text


def test_opening_the_link_uses_nothing_up(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    link = ask_for_link(club, visitor)
    before = club.digest()
    assert [club.visitor().get(link).status_code for _ in range(3)] == [200] * 3
    assert club.digest() == before
    assert visitor.submit(link, password=NEW, password_confirm=NEW).status_code == 303


def test_no_step_of_the_reset_can_be_skipped(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    link = ask_for_link(club, visitor)
    before, token = club.digest(), visitor.token()
    typed = {"csrf_token": token, "password": NEW, "password_confirm": NEW, "email": EMAIL}
    assert visitor.post("/password/reset/", typed).status_code in {404, 405}
    assert visitor.post("/password/reset/ocl_", typed).status_code == 410
    assert visitor.post(link, {"csrf_token": token}).status_code == 400
    assert visitor.post(link, {"csrf_token": token, "password": NEW}).status_code == 400
    assert visitor.post(link, {}).status_code == 403
    assert club.digest() == before
    assert visitor.post(link, typed).status_code == 303


def test_the_link_of_an_account_that_was_suspended_since_opens_nothing(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    link = ask_for_link(club, visitor)
    page = visitor.get(link)
    club.write(lambda session: session.execute(update(Account).values(status=AccountStatus.SUSPENDED)))
    assert visitor.get(link).status_code == 410
    assert visitor.submit(link, page=page, password=NEW, password_confirm=NEW).status_code == 410
    assert stored_hash(club) == PASSWORD_HASH


def test_who_followed_a_password_link_is_not_kept_out_by_strangers(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    stranger = club.visitor()
    for _ in range(11):
        stranger.sign_in(EMAIL, "wrong-password-1")
    assert visitor.sign_in(EMAIL, PASSWORD).status_code == 429
    link = ask_for_link(club, visitor)
    visitor.submit(link, password=NEW, password_confirm=NEW)
    for _ in range(11):
        stranger.sign_in(EMAIL, "wrong-password-1")
    assert stranger.sign_in(EMAIL, NEW).status_code == 429
    assert visitor.sign_in(EMAIL, NEW).status_code == 303


def test_more_than_five_links_an_hour_are_not_sent(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    answers = [visitor.submit("/password/forgot", email=EMAIL) for _ in range(8)]
    assert len({as_seen(answer) for answer in answers}) == 1
    assert len(club.letters()) == 5
    other = club.visitor()
    registering = {as_seen(other.submit("/register/owner", email=EMAIL)) for _ in range(2)}
    assert (len(registering), len(club.letters())) == (1, 5)
    assert visitor.get(f"/password/reset/{club.letters()[-1].data['token']}").status_code == 200


def test_more_than_twenty_links_a_day_are_not_sent(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    with time_machine.travel(NOW, tick=False) as time:
        answers = set()
        for _ in range(8):
            answers |= {as_seen(visitor.submit("/password/forgot", email=EMAIL)) for _ in range(3)}
            time.shift(timedelta(hours=1))
        assert (len(answers), len(club.letters())) == (1, 20)
        time.shift(timedelta(hours=16))
        visitor.submit("/password/forgot", email=EMAIL)
        assert len(club.letters()) == 21


def test_an_address_that_is_nobodys_is_counted_and_slowed_down_just_the_same(
    club: Club, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    club.make_owner(EMAIL)
    issued: list[str] = []
    issue_link = links.issue_link

    def watch(session: Session, purpose: LinkPurpose, *, email: str, **options: Any) -> tuple[str, datetime]:
        issued.append(email)
        return issue_link(session, purpose, email=email, **options)

    monkeypatch.setattr(links, "issue_link", watch)
    for _ in range(7):
        for email in (EMAIL, "nobody@owner.example"):
            visitor.submit("/password/forgot", email=email)
    assert [issued.count(email) for email in (EMAIL, "nobody@owner.example")] == [5, 5]
    assert {letter.to for letter in club.letters()} == {EMAIL}


def test_the_pages_that_promise_a_mail_say_how_long_its_link_lives(visitor: Visitor) -> None:
    assert "リンクの有効期限は10分です。" in visitor.get("/password/sent").text
    for page in ("/register/owner/sent", "/register/agency/sent"):
        assert "仮登録の有効期限は1時間です。" in visitor.get(page).text
    visitor.settings = visitor.settings.model_copy(
        update={"password_link_lifetime": 5400, "registration_link_lifetime": 7200}
    )
    visitor.client.application.extensions["settings"] = visitor.settings
    assert "リンクの有効期限は90分です。" in visitor.get("/password/sent").text
    assert "仮登録の有効期限は2時間です。" in visitor.get("/register/owner/sent").text


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Host", "evil.example"),
        ("X-Forwarded-Host", "evil.example"),
        ("Forwarded", "host=evil.example;proto=http"),
        ("X-Forwarded-Proto", "ftp"),
    ],
)
def test_no_header_of_the_request_reaches_a_mailed_link(
    club: Club, visitor: Visitor, header: str, value: str
) -> None:
    club.make_owner(EMAIL)
    typed = {"csrf_token": visitor.token("/password/forgot"), "email": EMAIL}
    answer = visitor.post("/password/forgot", typed, headers={header: value})
    assert answer.status_code in {303, 400, 403}
    assert "evil" not in repr([letter.data for letter in club.letters()])
    assert "evil" not in answer.headers.get("Location", "")


# --- with the present password --------------------------------------------------------------------------


@pytest.fixture
def owner(club: Club, visitor: Visitor) -> Visitor:
    club.make_owner(EMAIL)
    visitor.sign_in(EMAIL, PASSWORD)
    return visitor


def change(visitor: Visitor, current: str = PASSWORD, new: str = NEW, again: str = NEW) -> int:
    typed = {"current_password": current, "password": new, "password_confirm": again}
    return visitor.submit("/account/password", **typed).status_code


def test_changing_the_password_keeps_this_session_and_ends_the_others(club: Club, owner: Visitor) -> None:
    elsewhere = club.visitor()
    elsewhere.sign_in(EMAIL, PASSWORD)
    link = ask_for_link(club, club.visitor())
    assert change(owner) == 303
    assert owner.get("/account/password").status_code == 200
    assert elsewhere.get("/account/password").status_code == 303
    assert live_sessions(club) == 1
    assert club.letters()[-1].name == "password_changed"
    assert "password.changed" in club.events()
    assert owner.get(link).status_code == 410
    assert club.visitor().sign_in(EMAIL, NEW).status_code == 303


def test_changing_the_password_makes_a_copied_cookie_of_this_session_worthless(
    club: Club, owner: Visitor
) -> None:
    copied = owner.client.get_cookie("idp_session", domain="localhost")
    assert copied is not None
    thief = club.visitor()
    thief.client.set_cookie("idp_session", copied.value, domain="localhost")
    assert thief.get("/account/password").status_code == 200
    assert change(owner) == 303
    page = owner.get("/account/password")
    assert page.status_code == 200
    assert "パスワードを変更しました。" in page.text
    thief.client.set_cookie("idp_session", copied.value, domain="localhost")
    assert thief.get("/account/password").status_code == 303
    assert live_sessions(club) == 1


@pytest.mark.parametrize(
    ("current", "new", "again"),
    [
        ("", NEW, NEW),
        ("wrong-password-1", NEW, NEW),
        (PASSWORD, "", ""),
        (PASSWORD, "short", "short"),
        (PASSWORD, EMAIL, EMAIL),
        (PASSWORD, NEW, "something-else-9"),
    ],
)
def test_the_password_stays_when_anything_is_not_right(
    club: Club, owner: Visitor, current: str, new: str, again: str
) -> None:
    before = club.digest()
    assert change(owner, current, new, again) == 400
    assert club.digest() == before
    assert change(owner) == 303


def test_the_password_is_changed_neither_without_a_session_nor_without_a_token(
    club: Club, owner: Visitor
) -> None:
    typed = {"current_password": PASSWORD, "password": NEW, "password_confirm": NEW}
    before = club.digest()
    stranger = club.visitor()
    assert stranger.post("/account/password", {**typed, "csrf_token": stranger.token()}).status_code == 303
    assert owner.post("/account/password", typed).status_code == 403
    assert owner.post("/account/password", {**typed, "csrf_token": stranger.token()}).status_code == 403
    assert club.digest() == before
    assert owner.post("/account/password", {**typed, "csrf_token": owner.token()}).status_code == 303


def test_guessing_the_present_password_is_slowed_down(owner: Visitor) -> None:
    answers = [change(owner, current="wrong-password-1") for _ in range(11)]
    assert answers == [400] * 10 + [429]


def test_password_managers_find_the_page(visitor: Visitor) -> None:
    answer = visitor.get("/.well-known/change-password")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/password")
