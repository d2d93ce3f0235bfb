"""The mail page of development: every mail, with links that work, and nothing of it elsewhere."""

import re
import uuid
from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from idp.app import create_app
from idp.credentials import Sealer
from idp.db import Database
from idp.mail import messages
from idp.mail.messages import Message
from idp.settings import Environment, Settings
from idp.unit_of_work import unit_of_work
from tests.mail.letters import AGENCY, EVERY_MAIL, OWNER, TOKEN, a_link, only_row, post, rows

Visit = Callable[..., TestResponse]
ISSUER = "https://id.example.jp"


@pytest.fixture
def visit(database: Database, settings: Settings) -> Visit:
    """Return a function that opens a page of the application, with settings that may differ."""

    def get(path: str, **changes: object) -> TestResponse:
        client = create_app(settings.model_copy(update=changes), database).test_client()
        return client.get(path, base_url=ISSUER)

    return get


def test_the_list_shows_who_what_when_and_the_state_newest_first(database: Database, visit: Visit) -> None:
    post(database, EVERY_MAIL[Message.DELEGATION_REQUESTED], EVERY_MAIL[Message.DELEGATION_DENIED])
    page = visit("/dev/mails").text
    assert page.index("ログイン連携が拒否されました。") < page.index("ログイン連携の申請がありました。")
    assert AGENCY.email in page
    assert OWNER.email in page
    assert page.count("処理待ち") == 2
    assert re.search(r"\d+年\d+月\d+日 \d+:\d\d", page)


def test_the_list_can_be_narrowed_to_one_recipient(database: Database, visit: Visit) -> None:
    post(database, EVERY_MAIL[Message.DELEGATION_REQUESTED], EVERY_MAIL[Message.DELEGATION_DENIED])
    page = visit(f"/dev/mails?to={OWNER.email.upper()}").text
    assert "ログイン連携が拒否されました。" in page
    assert "ログイン連携の申請がありました。" not in page
    assert "メールはまだありません。" in visit("/dev/mails?to=nobody@example.jp").text


@pytest.mark.parametrize("message", Message)
def test_each_mail_is_shown_with_its_headers_and_working_links(
    message: Message, database: Database, visit: Visit
) -> None:
    post(database, EVERY_MAIL[message])
    item = only_row(database)
    page = visit(f"/dev/mails/{item.id}").text
    assert f"&lt;{item.id}@club.example&gt;" in page
    assert f'href="{ISSUER}/' in page
    assert f"/dev/mails/{item.id}/html" in page
    assert page.count("<h1") == 1


def test_only_links_to_this_server_are_links(database: Database, visit: Visit) -> None:
    name = "https://evil.test/x"
    post(database, lambda s: messages.owner_registered(s, email="a@b.jp", name=name))
    page = visit(f"/dev/mails/{only_row(database).id}").text
    assert 'href="https://evil' not in page
    assert 'href="http' in page


def test_the_html_part_is_shown_as_it_is_sent_but_can_run_and_load_nothing(
    database: Database, visit: Visit
) -> None:
    post(database, a_link("a@b.jp"))
    answer = visit(f"/dev/mails/{only_row(database).id}/html")
    policy = answer.headers["Content-Security-Policy"]
    assert f'href="{ISSUER}/register/owner/{TOKEN}"' in answer.text
    assert 'style="' in answer.text
    for rule in (
        "script-src 'none'",
        "form-action 'none'",
        "img-src 'none'",
        "frame-ancestors 'self'",
        "sandbox",
    ):
        assert rule in policy
    assert "unsafe" not in policy
    assert "allow-scripts" not in policy


def test_only_the_page_that_frames_the_html_may_frame(database: Database, visit: Visit) -> None:
    post(database, a_link("a@b.jp"))
    shown = visit(f"/dev/mails/{only_row(database).id}").headers["Content-Security-Policy"]
    listed = visit("/dev/mails").headers["Content-Security-Policy"]
    assert "frame-src 'self'" in shown
    assert "frame-ancestors 'none'" in shown
    assert "frame-src" not in listed


def test_a_mail_whose_content_is_gone_or_sealed_otherwise_is_still_listed(
    database: Database, visit: Visit
) -> None:
    post(database, a_link("a@b.jp"), a_link("c@d.jp"))
    gone, foreign = rows(database)
    with unit_of_work(database) as session:
        session.merge(gone).payload = None
        session.merge(foreign).payload = Sealer("another key").seal("{}")
    assert visit("/dev/mails").text.count("owner_registration_link") == 2
    for item in (gone, foreign):
        assert "残っていません" in visit(f"/dev/mails/{item.id}").text
        assert visit(f"/dev/mails/{item.id}/html").status_code == 404


def test_an_unknown_mail_is_not_found(visit: Visit) -> None:
    assert visit(f"/dev/mails/{uuid.UUID(int=1)}").status_code == 404


@pytest.mark.parametrize("changes", [{"environment": Environment.PRODUCTION}, {"smtp_host": "localhost"}])
def test_there_is_no_mail_page_where_mails_are_really_sent(
    changes: dict[str, object], database: Database, visit: Visit
) -> None:
    post(database, a_link("a@b.jp"))
    for path in (
        "/dev/mails",
        f"/dev/mails/{only_row(database).id}",
        f"/dev/mails/{only_row(database).id}/html",
    ):
        assert visit(path, **changes).status_code == 404
        assert visit(path).status_code == 200
