"""What people wrote about themselves becomes neither a header nor markup nor a link."""

import re
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from idp import clock
from idp.db import Database
from idp.mail import messages
from idp.mail.messages import Message
from idp.mail.outbox import Recipient
from idp.mail.rendering import Mail, Renderer, defused, envelope_address, templates_folder
from idp.settings import Settings
from tests.mail.letters import AGENCY, EVERY_MAIL, OWNER, TOKEN, Enqueue, a_link, hour_ahead, take_one

ZERO_WIDTH_SPACE = "\u200b"
LINKIFIED = re.compile(r"https?://\S+|www\.\S+|\b[\w-]+\.[a-z]{2,}(?:/\S*)?", re.I)
"""What mail readers turn into links, roughly as Gmail and Apple Mail do."""


def request_from(database: Database, renderer: Renderer, **changes: str) -> Mail:
    """Return the mail about an owner who wrote something else about themselves."""
    enqueue: Enqueue = lambda s: messages.delegation_requested(  # noqa: E731
        s, agency_email=AGENCY.email, agency_name=AGENCY.name, owner=replace(OWNER, **changes), products=[]
    )
    return renderer.render(take_one(database, enqueue))


@pytest.mark.parametrize(
    "address",
    [
        "a@x.jp\r\nBcc: evil@x.test",
        "a@x.jp\nSubject: x",
        "a@x.jp\r",
        "a@x.jp\n",
        "a@x.jp\0",
        "a@x.jp,b@y.jp",
        "<a@x.jp>",
        "a b@x.jp",
        '"a"@x.jp',
        "a",
        "",
    ],
)
def test_an_address_that_could_write_a_second_recipient_is_refused_before_it_is_stored(address: str) -> None:
    with pytest.raises(ValueError, match="not a mail address"):
        Recipient(address)


@pytest.mark.parametrize("address", ["a@x.jp", "foo..bar@docomo.ne.jp", "a+club@x-y.co.jp", "o'neil@x.jp"])
def test_an_ordinary_address_is_taken(address: str) -> None:
    assert Recipient(address).email == address


@pytest.mark.parametrize("name", ["山田\r\nBcc: evil@x.test", "山田\nSubject: x", "山田\u2028Bcc: e@x.test"])
def test_a_name_with_line_breaks_adds_no_header_and_no_line(
    name: str, database: Database, renderer: Renderer
) -> None:
    honest = renderer.render(take_one(database, EVERY_MAIL[Message.PASSWORD_CHANGED]))
    mail = renderer.render(
        take_one(
            database, lambda s: messages.password_changed(s, email=OWNER.email, name=name, at=clock.now())
        )
    )
    received = message_from_bytes(mail.as_bytes(), policy=policy.default)
    assert received.keys() == message_from_bytes(honest.as_bytes(), policy=policy.default).keys()
    assert len(mail.text.splitlines()) == len(honest.text.splitlines())
    assert "山田" in mail.text


def test_a_brand_with_a_line_break_is_refused_by_the_mail_itself(
    database: Database, settings: Settings
) -> None:
    renderer = Renderer(settings.model_copy(update={"brand_name": "倶楽部\r\nBcc: evil@x.test"}))
    with pytest.raises(ValueError, match=r"(?i)newline|linefeed|CR or LF"):
        renderer.render(take_one(database, a_link("a@x.jp")))


@pytest.mark.parametrize(
    "name",
    [
        "evil.test/login",
        "http://evil.test",
        "https://evil.test/?a=b",
        "www.evil.test",
        "HTTPS:／／evil.test",
        "evil。test/login",
        "mailto:x@evil.test",
        "//evil.test",
        "詳しくは evil.example へ",
    ],
)
def test_a_name_that_looks_like_an_address_of_the_web_is_no_link(
    name: str, database: Database, renderer: Renderer
) -> None:
    mail = request_from(database, renderer, name=name)
    assert name not in mail.text
    assert name not in mail.html
    assert name in mail.text.replace(ZERO_WIDTH_SPACE, "")
    line = next(line for line in mail.text.splitlines() if line.startswith("氏名: "))
    assert not LINKIFIED.search(line), line
    links = re.findall(r"https?://\S+", mail.text) + re.findall(r'href="([^"]*)"', mail.html)
    assert all(link.startswith(("https://id.example.jp/", "tel:", "mailto:support@")) for link in links)


@pytest.mark.parametrize(
    "name", ["鈴木 花子", "(株)みらい電工", "24時間/365日サービス", "Ａ＆Ｂ商会", "10:30倶楽部"]
)
def test_an_honest_name_stays_as_it_was_typed(name: str) -> None:
    assert defused(name) == name


def test_the_line_that_a_link_reader_would_see_is_a_link_without_the_defusing() -> None:
    assert LINKIFIED.search("氏名: evil.test/login")


def test_an_address_with_a_slash_in_it_is_no_link_either(database: Database, renderer: Renderer) -> None:
    mail = request_from(database, renderer, email="www.evil.test/login@example.jp")
    assert "www.evil.test/login" not in mail.text
    assert "hanako@example.jp" in request_from(database, renderer, email="hanako@example.jp").text


def test_markup_in_names_is_shown_and_not_obeyed(database: Database, renderer: Renderer) -> None:
    mail = request_from(database, renderer, name="<a href=//evil>x</a>", furigana="{{7*7}}", street="a & b")
    assert "<a href=//evil>" not in mail.html
    assert "&lt;a href=" in mail.html
    assert "{{7*7}}" in mail.html
    assert "49" not in mail.html
    assert "a &amp; b" in mail.html
    assert "a & b" in mail.text


def test_marks_that_turn_the_reading_direction_are_taken_out(database: Database, renderer: Renderer) -> None:
    assert "\u202e" not in request_from(database, renderer, name="鈴木\u202e子花").text


def test_a_token_cannot_leave_its_place_in_the_path(database: Database, renderer: Renderer) -> None:
    mail = renderer.render(
        take_one(
            database,
            lambda s: messages.owner_registration_link(
                s, email="a@b.jp", token="../x?y#z", expires_at=hour_ahead()
            ),
        )
    )
    assert "https://id.example.jp/register/owner/..%2Fx%3Fy%23z\n" in mail.text


def test_links_follow_an_issuer_with_a_path(database: Database, settings: Settings) -> None:
    renderer = Renderer(settings.model_copy(update={"issuer": "https://club.example/id"}))
    mail = renderer.render(take_one(database, a_link("a@b.jp")))
    assert f"https://club.example/id/register/owner/{TOKEN}" in mail.text


def test_every_attempt_sends_the_same_bytes_with_the_same_message_id(
    database: Database, renderer: Renderer
) -> None:
    delivery = take_one(database, EVERY_MAIL[Message.DELEGATION_DENIED])
    first = renderer.render(delivery).as_bytes()
    assert first == renderer.render(replace(delivery, attempt=2)).as_bytes()
    assert f"Message-ID: <{delivery.id}@club.example>".encode() in first


def test_the_headers_name_the_club_and_keep_holiday_notices_away(
    database: Database, renderer: Renderer
) -> None:
    delivery = take_one(database, EVERY_MAIL[Message.PASSWORD_CHANGED])
    mail = message_from_bytes(renderer.render(delivery).as_bytes(), policy=policy.default)
    assert str(mail["From"]) == "ニチコンオーナーズ倶楽部 <account-noreply@club.example>"
    assert mail["To"] == OWNER.email
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "ja"
    assert mail["Date"].datetime == delivery.created_at.replace(microsecond=0)
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("foo..bar@docomo.ne.jp", '"foo..bar"@docomo.ne.jp'),
        ("foo.@ezweb.ne.jp", '"foo."@ezweb.ne.jp'),
        (".foo@docomo.ne.jp", '".foo"@docomo.ne.jp'),
        ("foo.bar@docomo.ne.jp", "foo.bar@docomo.ne.jp"),
    ],
)
def test_old_telephone_addresses_are_quoted(
    typed: str, written: str, database: Database, renderer: Renderer
) -> None:
    assert envelope_address(typed) == written
    mail = renderer.render(take_one(database, a_link(typed)))
    assert mail.envelope_recipient == written
    assert f"To: {written}\r\n".encode() in mail.as_bytes()


@pytest.mark.parametrize("message", Message)
def test_every_html_part_stands_alone_and_can_be_read_aloud(
    message: Message, database: Database, renderer: Renderer
) -> None:
    html = renderer.render(take_one(database, EVERY_MAIL[message])).html
    assert '<html lang="ja">' in html
    assert html.count("<h1") == 1
    assert "<main" in html
    assert "<table" not in html
    assert not re.search(r"<(img|script|link|iframe|form)\b", html)
    assert "prefers-color-scheme: dark" in html
    assert 'style="' in html
    assert len(html.encode()) < 100_000  # Gmail cuts a mail at 102 KB


def test_templates_are_found_beside_the_package_in_a_checkout() -> None:
    assert templates_folder() == Path(__file__).resolve().parents[2] / "templates"
