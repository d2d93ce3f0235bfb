"""The five things that a mailed link can be, a page for each, and scanners that open every link."""

import pytest
import requests

from tests.journeys.club import Club
from tests.journeys.mailed_links import KINDS, Kind, address_for, ask, make_old
from tests.journeys.person import Crowd, Equipment, Person


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def reader(person: Crowd) -> Person:
    return person(Equipment(javascript=False))


def test_a_fresh_link_works_once_and_then_says_that_it_was_used(
    reader: Person, club: Club, kind: Kind
) -> None:
    link = ask(reader, kind, address_for(club, kind))
    assert reader.open(link).heading == kind.form
    kind.use(reader)
    assert reader.heading in {"会員登録が完了しました", "ログイン"}
    assert reader.open(link).heading == "このリンクは使い終わっています"
    assert reader.page.get_by_role("link", name="ログイン", exact=True).count()


def test_an_expired_link_says_so_and_sends_a_new_one(reader: Person, club: Club, kind: Kind) -> None:
    email = address_for(club, kind)
    link = ask(reader, kind, email)
    make_old(club, link)
    assert reader.open(link).heading == "リンクの有効期限が切れています"
    reader.press("新しいリンクを送る")
    newer = club.letter(email, kind.subject).link(kind.path)
    assert newer != link
    assert reader.open(newer).heading == kind.form


def test_a_replaced_link_leads_to_the_newest_mail(reader: Person, club: Club, kind: Kind) -> None:
    email = address_for(club, kind)
    link, newer = ask(reader, kind, email), ask(reader, kind, email)
    assert reader.open(link).heading == "新しいリンクをお送りしています"
    assert reader.is_offered("新しいリンクを送る")
    assert reader.open(newer).heading == kind.form


def test_an_unknown_link_offers_a_new_one(reader: Person, club: Club, kind: Kind) -> None:
    link = ask(reader, kind, address_for(club, kind))
    for unknown in (link[:-1], f"{club.idp}{kind.path}no-such-link"):
        assert reader.open(unknown).heading == "このリンクはお使いいただけません"
    reader.follow("新しいリンクを受け取る")
    assert reader.page.url == f"{club.idp}{kind.start}"


def test_a_link_opens_nothing_but_what_it_is_for(reader: Person, club: Club, kind: Kind) -> None:
    token = ask(reader, kind, address_for(club, kind)).rpartition("/")[2]
    for other in KINDS.values():
        expected = kind.form if other is kind else "このリンクはお使いいただけません"
        assert reader.open(f"{club.idp}{other.path}{token}").heading == expected


def test_a_scanner_that_opens_every_link_ten_times_uses_up_none(
    reader: Person, club: Club, kind: Kind
) -> None:
    email = address_for(club, kind)
    link = ask(reader, kind, email)
    mails = len(club.letters(email))
    with requests.Session() as scanner:
        scanner.headers["User-Agent"] = "mail scanner"
        for _ in range(10):
            assert scanner.head(link, timeout=10).status_code == 200
            assert scanner.get(link, timeout=10).status_code == 200
    assert len(club.letters(email)) == mails
    reader.open(link)
    kind.use(reader)
    assert reader.heading in {"会員登録が完了しました", "ログイン"}


def test_a_form_that_was_open_when_its_link_ended_says_so(reader: Person, club: Club, kind: Kind) -> None:
    link = ask(reader, kind, address_for(club, kind))
    reader.open(link)
    make_old(club, link)
    reader.page.locator("main form button.button-primary").first.click()
    assert reader.heading == "リンクの有効期限が切れています"
