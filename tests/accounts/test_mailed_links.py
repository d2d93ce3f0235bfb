"""Mailed links: what each of the five outcomes shows, and what can never happen with them."""

import threading
from datetime import timedelta

import time_machine
from sqlalchemy import select

from idp import clock, credentials
from idp.accounts.models import Account, Agency, MailLink, Member
from idp.accounts.registration import service
from idp.accounts.rules import LinkNotFresh, LinkPurpose
from idp.unit_of_work import unit_of_work
from tests.accounts.agency_steps import (
    EMAIL,
    NOW,
    TYPED,
    as_seen,
    ask_for_link,
    fill_in,
    register,
)
from tests.accounts.conftest import PASSWORD, Club
from tests.accounts.visitor import Visitor, forms_of


def test_the_answer_tells_nobody_whether_an_address_is_known(club: Club, visitor: Visitor) -> None:
    club.make_owner("known@owner.example")
    club.make_member("agency@mirai.example")
    addresses = ("known@owner.example", "agency@mirai.example", "new@hikari.example")
    answers = [visitor.submit("/register/agency", email=email) for email in addresses]
    assert len({as_seen(answer) for answer in answers}) == 1
    assert [(letter.name, letter.to) for letter in club.letters()] == [
        ("already_registered", "known@owner.example"), ("already_registered", "agency@mirai.example"),
        ("agency_registration_link", "new@hikari.example"),
    ]  # fmt: skip


def test_an_address_that_would_be_two_is_refused(club: Club, visitor: Visitor) -> None:
    for typed in (
        "a@x.jp\r\nBcc: evil@x.example",
        "a@x.jp, evil@x.example",
        "a@x.jp\x00",
        "<a@x.jp>",
        "a",
        "",
    ):
        answer = visitor.submit("/register/agency", email=typed)
        assert answer.status_code == 400 or club.letters()[-1].to == "a@x.jp"
    assert {letter.to for letter in club.letters()} <= {"a@x.jp"}
    assert visitor.submit("/register/agency", email="foo..bar.@docomo.ne.jp").status_code == 303


def test_beyond_five_mails_an_hour_nothing_is_sent_and_the_last_link_stays_good(
    club: Club, visitor: Visitor
) -> None:
    with time_machine.travel(NOW, tick=False) as time:
        for _ in range(5):
            link = ask_for_link(club, visitor)
            time.shift(1)
        answer = visitor.submit("/register/agency", email=EMAIL)
        assert (answer.status_code, len(club.letters())) == (303, 5)
        assert visitor.get(link).status_code == 200
        time.shift(timedelta(hours=1))
        ask_for_link(club, visitor)
        assert len(club.letters()) == 6


def test_a_link_is_good_for_an_hour_exclusively_and_offers_a_new_one_after_it(
    club: Club, visitor: Visitor
) -> None:
    with time_machine.travel(NOW, tick=False) as time:
        link = ask_for_link(club, visitor)
        time.shift(3599)
        page = visitor.get(link)
        assert page.status_code == 200
        fill_in(visitor, link)
        confirmation = visitor.get(f"{link}/confirm")
        time.shift(1)
        before = club.digest()
        late = [
            visitor.get(link),
            visitor.submit(link, page=page, **TYPED),
            visitor.submit(f"{link}/confirm", page=confirmation),
        ]
        assert [answer.status_code for answer in late] == [410] * 3
        assert all("リンクの有効期限が切れています" in answer.text for answer in late)
        assert all(EMAIL not in answer.text for answer in late)
        assert club.digest() == before
        again = next(form for form in forms_of(late[0]) if form.action.endswith("/again"))
        assert visitor.post(again.action, again.fields).headers["Location"] == "/register/agency/sent"
        assert club.letters()[-1].to == EMAIL
        fresh = f"/register/agency/member/{club.letters()[-1].data['token']}"
        assert visitor.get(fresh).status_code == 200


def test_opening_a_link_ten_times_uses_nothing_up(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    scanner, before = club.visitor(), club.digest()
    for _ in range(5):
        assert scanner.get(link).status_code == 200
        assert scanner.client.head(link, base_url=club.settings.issuer).status_code == 200
    assert club.digest() == before
    fill_in(visitor, link)
    assert register(visitor, link).headers["Location"] == "/register/agency/done"


def test_a_used_link_says_so_and_makes_no_second_account(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    fill_in(visitor, link)
    page = visitor.get(f"{link}/confirm")
    visitor.submit(f"{link}/confirm", page=page)
    before = club.digest()
    for answer in (visitor.get(link), visitor.submit(f"{link}/confirm", page=page)):
        assert answer.status_code == 410
        assert "このリンクは使い終わっています" in answer.text
        assert "新しいリンクを受け取る" in answer.text
    assert club.digest() == before


def test_fifty_presses_at_once_make_one_account(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    fill_in(visitor, link)
    token = link.rpartition("/")[2]
    outcomes: list[str] = []
    start = threading.Barrier(50)

    def press() -> None:
        start.wait()
        try:
            with unit_of_work(club.database) as session:
                service.register_agency(session, token, now=clock.now())
            outcomes.append("registered")
        except LinkNotFresh as refusal:
            outcomes.append(refusal.state)

    threads = [threading.Thread(target=press) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["registered"] + ["used"] * 49
    assert (club.count(Account), club.count(Agency), club.count(Member)) == (1, 1, 1)


def test_a_newer_link_replaces_the_one_before(club: Club, visitor: Visitor) -> None:
    first = ask_for_link(club, visitor)
    second = ask_for_link(club, visitor)
    answer = visitor.get(first)
    assert answer.status_code == 410
    assert "新しいリンクをお送りしています" in answer.text
    assert visitor.get(second).status_code == 200


def test_a_link_that_was_altered_or_is_for_something_else_opens_nothing(club: Club, visitor: Visitor) -> None:
    club.make_owner("hanako@owner.example")
    link = ask_for_link(club, visitor)
    token = link.rpartition("/")[2]
    visitor.submit("/password/forgot", email="hanako@owner.example")
    password_token = club.letters()[-1].data["token"]
    visitor.submit("/register/owner", email="new@owner.example")
    owner_token = club.letters()[-1].data["token"]
    before = club.digest()
    wrong = [
        f"/register/agency/member/{token[:-1]}{'A' if token[-1] != 'A' else 'B'}",
        "/register/agency/member/ocl_",
        f"/register/agency/member/{password_token}", f"/register/agency/member/{owner_token}",
        f"/register/owner/{token}", f"/password/reset/{token}", f"/password/reset/{owner_token}",
    ]  # fmt: skip
    for path in wrong:
        form_token = visitor.token()
        answers = [visitor.get(path), visitor.post(path, {"csrf_token": form_token, **TYPED})]
        assert [answer.status_code for answer in answers] == [410, 410], path
        assert "このリンクはお使いいただけません" in answers[0].text
    assert club.digest() == before
    for path in (link, f"/password/reset/{password_token}", f"/register/owner/{owner_token}"):
        assert visitor.get(path).status_code == 200


def test_only_the_digest_of_a_link_is_stored_and_the_draft_is_sealed(club: Club, visitor: Visitor) -> None:
    link = ask_for_link(club, visitor)
    token = link.rpartition("/")[2]
    fill_in(visitor, link)
    stored = club.read(lambda session: session.scalars(select(MailLink)).one())
    assert stored.digest == credentials.digest(token)
    assert len(token) * 6 > 256
    assert "ひかり電気" not in stored.draft
    opened = club.database.sealer.unseal(stored.draft)
    assert "ひかり電気" in opened
    assert PASSWORD not in opened
    register(visitor, link)
    assert club.read(lambda session: session.scalars(select(MailLink.draft)).one()) is None


def test_an_address_that_was_taken_meanwhile_is_refused_and_nothing_is_left(
    club: Club, visitor: Visitor
) -> None:
    link = ask_for_link(club, visitor)
    fill_in(visitor, link)
    club.make_owner(EMAIL)
    before = club.digest()
    answer = register(visitor, link)
    assert answer.status_code == 409
    assert "このメールアドレスは登録済みです" in answer.text
    assert club.digest() == before


def test_nothing_of_an_account_exists_before_the_mailbox_is_proven(club: Club, visitor: Visitor) -> None:
    attacker = club.visitor()
    attacker.submit("/register/agency", email=EMAIL)
    assert club.count(Account) == 0
    link = ask_for_link(club, visitor)
    fill_in(visitor, link)
    register(visitor, link)
    assert attacker.get("/agency/profile").status_code == 303
    assert visitor.sign_in(EMAIL, PASSWORD).status_code == 303


def test_the_link_policy_does_not_outlive_its_purpose(club: Club, visitor: Visitor) -> None:
    ask_for_link(club, visitor)
    stored = club.read(lambda session: session.scalars(select(MailLink)).one())
    assert stored.purpose == LinkPurpose.AGENCY_REGISTRATION
    assert stored.expires_at - stored.created_at == timedelta(hours=1)
