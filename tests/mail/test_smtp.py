"""Handing over to a real SMTP server, with TLS and sign-in, and to servers that misbehave."""

import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from idp.db import Database
from idp.mail.delivery import Delivered, Delivery, DeliveryFailed
from idp.mail.messages import Message
from idp.mail.models import Topic
from idp.mail.smtp import LONGEST_SESSION, SmtpDeliverer, mail_deliverers
from idp.settings import Environment, Settings
from tests.mail.authority import make_authority
from tests.mail.letters import EVERY_MAIL, OWNER, a_link, take_one
from tests.mail.post_office import (
    Behaviour,
    PostOffice,
    greet_a_byte_at_a_time,
    greet_with,
    misbehaving_server,
    offer_no_tls,
    say_nothing,
)

Build = Callable[..., Settings]


@pytest.fixture
def delivery(database: Database) -> Delivery:
    return take_one(database, EVERY_MAIL[Message.DELEGATION_DENIED])


def failure_of(settings: Settings, delivery: Delivery) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        SmtpDeliverer(settings)(delivery)
    return failed.value


def test_a_mail_arrives_over_tls_and_after_sign_in(
    delivery: Delivery, post_office: PostOffice, smtp_settings: Build
) -> None:
    assert SmtpDeliverer(smtp_settings(post_office.port))(delivery) == Delivered(keep_payload=False)
    (letter,) = post_office.letters
    assert letter.sender == "account-noreply@club.example"
    assert letter.recipients == (OWNER.email,)
    assert letter.mail["Subject"] == "[ニチコンオーナーズ倶楽部]ログイン連携が拒否されました。"
    assert letter.mail["Message-ID"] == f"<{delivery.id}@club.example>"
    assert "ログイン連携が拒否されました。" in letter.part("plain")
    assert "ログイン連携が拒否されました。" in letter.part("html")
    assert post_office.signed_in_as == {"club"}


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("foo..bar@docomo.ne.jp", '"foo..bar"@docomo.ne.jp'),
        ("foo.@ezweb.ne.jp", '"foo."@ezweb.ne.jp'),
        ("foo.bar@docomo.ne.jp", "foo.bar@docomo.ne.jp"),
    ],
)
def test_old_telephone_addresses_are_quoted_in_rcpt(
    address: str, asked: str, database: Database, post_office: PostOffice, smtp_settings: Build
) -> None:
    SmtpDeliverer(smtp_settings(post_office.port))(take_one(database, a_link(address)))
    assert post_office.rcpt_arguments == [f"TO:<{asked}>"]
    assert post_office.letters[0].recipients == (address,)


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
@pytest.mark.parametrize(
    ("answer", "reason", "for_good"),
    [
        ("421 4.3.2 closing for hanako@example.jp", "SMTP 421 4.3.2 at {}", False),
        ("450 4.2.0 greylisted hanako@example.jp", "SMTP 450 4.2.0 at {}", False),
        ("550 5.1.1 no hanako@example.jp here", "SMTP 550 5.1.1 at {}", True),
        ("554 hanako@example.jp refused", "SMTP 554 at {}", True),
    ],
)
def test_a_refusal_says_whether_trying_again_can_help_and_names_nobody(
    command: str, answer: str, reason: str, *, for_good: bool,
    delivery: Delivery, post_office: PostOffice, smtp_settings: Build,
) -> None:  # fmt: skip
    post_office.answers[command] = answer
    failure = failure_of(smtp_settings(post_office.port), delivery)
    assert (failure.reason, failure.for_good) == (reason.format(command), for_good)
    post_office.answers.clear()
    SmtpDeliverer(smtp_settings(post_office.port))(delivery)
    assert len(post_office.letters) == 1


def test_a_wrong_password_of_ours_costs_no_mail(
    delivery: Delivery, post_office: PostOffice, smtp_settings: Build
) -> None:
    failure = failure_of(smtp_settings(post_office.port, smtp_password="an old one"), delivery)
    assert failure.reason == "SMTP server answered 535 before the mail"
    assert not failure.for_good


def test_a_mail_without_sign_in_is_not_lost_to_a_server_that_wants_one(
    delivery: Delivery, post_office: PostOffice, smtp_settings: Build
) -> None:
    failure = failure_of(smtp_settings(post_office.port, smtp_username=""), delivery)
    assert failure.reason.startswith("SMTP 530")
    assert not failure.for_good


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(
    delivery: Delivery, post_office: PostOffice, smtp_settings: Build, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    stranger = make_authority(tmp_path, host="localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger.certificate))
    failure = failure_of(smtp_settings(post_office.port), delivery)
    assert failure.reason == f"SMTP connection: {ssl.SSLCertVerificationError.__name__}"
    assert post_office.letters == []
    assert post_office.signed_in_as == set()


def test_a_server_with_the_certificate_of_another_name_gets_nothing(
    delivery: Delivery, post_office: PostOffice, smtp_settings: Build
) -> None:
    failure = failure_of(smtp_settings(post_office.port, smtp_host="127.0.0.1"), delivery)
    assert failure.reason == f"SMTP connection: {ssl.SSLCertVerificationError.__name__}"
    assert post_office.letters == []


def test_a_server_that_offers_no_tls_gets_nothing(delivery: Delivery, smtp_settings: Build) -> None:
    with misbehaving_server(offer_no_tls) as port:
        failure = failure_of(smtp_settings(port), delivery)
    assert failure.reason == "SMTP connection: SMTPNotSupportedError"


def test_the_password_is_not_sent_in_the_clear(delivery: Delivery, smtp_settings: Build) -> None:
    with misbehaving_server(offer_no_tls) as port:
        failure = failure_of(smtp_settings(port, INSECURE_smtp_without_tls=True), delivery)
    assert "IDP_INSECURE_SMTP_WITHOUT_TLS" in failure.reason
    assert not failure.for_good


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (say_nothing, "SMTP connection: "),
        (greet_a_byte_at_a_time, "SMTP "),
        (greet_with(b"421 too busy"), "SMTP server answered 421 before the mail"),
        (greet_with(b"554 go away"), "SMTP server answered 554 before the mail"),
        (greet_with(b""), "SMTP "),
    ],
)
def test_a_server_that_misbehaves_is_left_in_time_and_asked_again_later(
    behaviour: Behaviour, reason: str, delivery: Delivery, smtp_settings: Build
) -> None:
    begun = time.monotonic()
    with misbehaving_server(behaviour) as port:
        failure = failure_of(smtp_settings(port, smtp_timeout=1), delivery)
    assert time.monotonic() - begun < 3
    assert failure.reason.startswith(reason)
    assert not failure.for_good


def test_a_server_that_hangs_in_the_middle_of_a_mail_is_left_in_time(
    delivery: Delivery, post_office: PostOffice, smtp_settings: Build
) -> None:
    post_office.hang_seconds = 5
    begun = time.monotonic()
    failure = failure_of(smtp_settings(post_office.port, smtp_timeout=1), delivery)
    assert time.monotonic() - begun < 3
    assert failure.reason.startswith("SMTP ")
    assert not failure.for_good


def test_a_server_that_is_not_there_is_asked_again_later(delivery: Delivery, smtp_settings: Build) -> None:
    with misbehaving_server(say_nothing) as port:
        pass
    failure = failure_of(smtp_settings(port), delivery)
    assert (failure.reason, failure.for_good) == ("SMTP connection: ConnectionRefusedError", False)


def test_no_setting_lets_a_session_hold_a_thread_for_longer_than_the_claim_allows() -> None:
    assert LONGEST_SESSION < 30


def test_without_a_server_mails_are_left_for_the_mail_page_in_development_only(
    delivery: Delivery, settings: Settings
) -> None:
    assert mail_deliverers(settings)[Topic.MAIL](delivery) == Delivered(keep_payload=True)
    production = settings.model_copy(update={"environment": Environment.PRODUCTION})
    assert mail_deliverers(production) == {}


def test_with_a_server_mails_go_there_in_development_too(
    post_office: PostOffice, smtp_settings: Build
) -> None:
    assert isinstance(mail_deliverers(smtp_settings(post_office.port))[Topic.MAIL], SmtpDeliverer)
