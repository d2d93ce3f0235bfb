"""Handing a mail to the SMTP server, over verified TLS and within a fixed time.

A mail is delivered at least once: a server that took it and broke before it could say so gets it again, with
the same Message-ID.
"""

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from idp.mail.delivery import Delivered, Deliverer, Delivery, DeliveryFailed
from idp.mail.models import Topic
from idp.mail.rendering import Renderer, envelope_address
from idp.settings import Settings

LONGEST_SESSION = 25
"""Seconds for everything from connecting to the server's last word, whatever the settings allow."""

_AUTHENTICATION_CODES = frozenset({530, 534, 535, 538})
"""RFC 4954 §6: these speak of our own sign-in at the server and never of the mail."""

_ENHANCED_CODE = re.compile(rb"\A[245]\.\d{1,3}\.\d{1,3}(?= |\Z)")
"""RFC 3463: the part of a server's answer that never quotes an address."""


def mail_deliverers(settings: Settings) -> Mapping[Topic, Deliverer]:
    """Return who delivers mails: the SMTP server; without one, in development, the mail page; else nobody.

    Without a deliverer mails wait in the outbox, so that none is lost while an installation is set up.
    """
    if settings.smtp_host:
        return {Topic.MAIL: SmtpDeliverer(settings)}
    return {Topic.MAIL: leave_for_mail_page} if settings.is_development else {}


def leave_for_mail_page(_delivery: Delivery) -> Delivered:
    """Count a mail as delivered and keep its content, which the mail page of development shows."""
    return Delivered(keep_payload=True)


class SmtpDeliverer:
    """Puts a mail into words and hands it to the SMTP server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._renderer = Renderer(settings)
        self._tls = ssl.create_default_context()  # verifies the chain and the host name
        self._seconds = min(settings.smtp_timeout, LONGEST_SESSION)

    def __call__(self, delivery: Delivery) -> Delivered:
        """Deliver one mail.

        :raises DeliveryFailed: for good when the server refused this mail or this address (5xx).
        """
        mail = self._renderer.render(delivery)
        with self._session() as server:
            sender = envelope_address(self._settings.mail_sender)
            try:
                server.sendmail(sender, [mail.envelope_recipient], mail.as_bytes())
            except smtplib.SMTPRecipientsRefused as refused:
                code, text = refused.recipients[mail.envelope_recipient]
                raise _refusal("RCPT", code, text) from None
            except smtplib.SMTPSenderRefused as refused:
                raise _refusal("MAIL", refused.smtp_code, refused.smtp_error) from None
            except smtplib.SMTPDataError as refused:
                raise _refusal("DATA", refused.smtp_code, refused.smtp_error) from None
        return Delivered()

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """Yield a connection that is secured and signed in; it is cut when the time is over."""
        try:
            with _Connection(self._settings, self._seconds) as server:
                self._secure(server)
                yield server
        except smtplib.SMTPResponseException as answer:
            raise DeliveryFailed(f"SMTP server answered {answer.smtp_code} before the mail") from None
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryFailed(f"SMTP connection: {type(error).__name__}") from None

    def _secure(self, server: smtplib.SMTP) -> None:
        without_tls = self._settings.INSECURE_smtp_without_tls
        if not without_tls:
            server.starttls(context=self._tls)
        if self._settings.smtp_username:
            if without_tls:
                raise DeliveryFailed("IDP_SMTP_PASSWORD is not sent with IDP_INSECURE_SMTP_WITHOUT_TLS")
            server.login(self._settings.smtp_username, self._settings.smtp_password)


class _Connection(smtplib.SMTP):
    """A connection that is cut after a fixed time: a server that sends a byte a second never times out."""

    def __init__(self, settings: Settings, seconds: int) -> None:
        self._watchdog = threading.Timer(seconds, self._cut)
        self._watchdog.daemon = True
        self._watchdog.start()
        try:
            # Our public name, because the default would ask the DNS who this machine is.
            name = urlsplit(settings.issuer).hostname
            super().__init__(settings.smtp_host, settings.smtp_port, local_hostname=name, timeout=seconds)
        except BaseException:
            self._watchdog.cancel()
            raise

    def __exit__(self, *_error: object) -> None:
        """Say goodbye. The mail is taken or refused by now: a server that fails to answer changes nothing."""
        try:
            with suppress(OSError, smtplib.SMTPException):
                self.quit()
        finally:
            self._watchdog.cancel()
            self.close()

    def _cut(self) -> None:
        connection = self.sock
        if connection is not None:
            with suppress(OSError):
                # The plain socket's method: that of ssl would pull the TLS state from under the reader.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _refusal(stage: str, code: int, text: bytes | str) -> DeliveryFailed:
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    enhanced = _ENHANCED_CODE.search(raw)
    reason = f"SMTP {code}{' ' + enhanced[0].decode() if enhanced else ''} at {stage}"
    return DeliveryFailed(reason, for_good=500 <= code < 600 and code not in _AUTHENTICATION_CODES)
