"""Putting a mail into words: templates, brand and contact block, links, headers.

Links are built from the configured issuer and nothing else. What people wrote about themselves never
becomes a link, a header or markup.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import quote

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from idp import clock
from idp.mail.delivery import Delivery
from idp.mail.outbox import Recipient
from idp.settings import Settings
from idp.web import brand_of, japanese_date, japanese_time

_HERE = Path(__file__).resolve()


def templates_folder() -> Path:
    """Return where the templates are: inside the package when installed, beside it in a checkout."""
    installed = _HERE.parents[1] / "templates"
    return installed if installed.is_dir() else _HERE.parents[2] / "templates"


@dataclass(frozen=True)
class Mail:
    """A mail in words.

    :ivar envelope_recipient: the address as RCPT TO writes it.
    """

    envelope_recipient: str
    to: Recipient
    subject: str
    text: str
    html: str
    message: EmailMessage

    def as_bytes(self) -> bytes:
        """Return the mail as it is sent (RFC 5322), with the same bytes in every attempt."""
        return self.message.as_bytes()


class _Payload(TypedDict):
    to: dict[str, str]
    data: dict[str, Any]


class Renderer:
    """Renders mails with the brand and the contact block of the settings; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        mails = templates_folder() / "mail"
        self._environment = Environment(
            loader=FileSystemLoader(mails),
            autoescape=select_autoescape(enabled_extensions=("html",), default=False),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
        self._environment.filters.update(japanese_time=_japanese_time, japanese_duration=_japanese_duration)
        self._environment.globals.update(link=self._link, brand=brand_of(settings), days=_japanese_days)
        self._inliner = css_inline.CSSInliner(
            extra_css=(mails / "_mail.css").read_text(encoding="utf-8"),
            keep_style_tags=True,  # the one for dark screens
            load_remote_stylesheets=False,
        )

    def render(self, delivery: Delivery) -> Mail:
        """Return the mail of an outbox item."""
        payload: _Payload = delivery.payload  # type: ignore[assignment]  # written by enqueue_mail
        to = Recipient(**payload["to"])
        values: dict[str, Any] = {
            "recipient_name": defused(to.name),
            **{name: _harmless(name, value) for name, value in payload["data"].items()},
        }
        heading = self._render(delivery.name, "subject.txt", values).strip()
        subject = f"[{self._settings.brand_name}]{heading}"
        values |= {"heading": heading, "subject": subject}
        text = self._render(delivery.name, "body.txt", values).strip() + "\n"
        html = self._inliner.inline(self._render(delivery.name, "body.html", values))
        message = self._compose(delivery, to, subject=subject, text=text, html=html)
        return Mail(envelope_address(to.email), to, subject, text, html, message)

    def _render(self, message: str, part: str, values: Mapping[str, Any]) -> str:
        return self._environment.get_template(f"{message}/{part}").render(values)

    def _link(self, *segments: object) -> str:
        """Return an address of this server, each segment quoted so that a value cannot leave its place."""
        return "/".join([self._settings.issuer, *(quote(str(segment), safe="") for segment in segments)])

    def _compose(
        self, delivery: Delivery, to: Recipient, *, subject: str, text: str, html: str
    ) -> EmailMessage:
        sender, _, domain = self._settings.mail_sender.rpartition("@")
        message = EmailMessage(policy=SMTP)
        # Each assignment refuses a line break (email.policy), whatever the templates and settings say.
        message["From"] = Address(display_name=self._settings.brand_name, username=sender, domain=domain)
        message["To"] = envelope_address(to.email)
        message["Subject"] = subject
        message["Date"] = delivery.created_at.astimezone(clock.JST)
        message["Message-ID"] = f"<{delivery.id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: no holiday notice answers it
        message.set_content(text, cte="base64")
        message.add_alternative(html, subtype="html", cte="base64")
        message["Content-Language"] = "ja"  # last: set_content clears every Content header
        message.set_boundary(f"=_{delivery.id.hex}")
        return message


def envelope_address(email: str) -> str:
    """Return an address as RFC 5321 §4.1.2 writes it, its local part quoted where it is no Dot-string.

    ``foo..bar@docomo.ne.jp`` and ``foo.@ezweb.ne.jp`` were given out by telephone companies and still work.
    """
    local, _, domain = email.rpartition("@")
    if local.startswith(".") or local.endswith(".") or ".." in local:
        local = f'"{local}"'
    return f"{local}@{domain}"


def _japanese_time(stored: str) -> str:
    """Return a moment of a mail's data as 2026年11月24日 15:04."""
    return japanese_time(datetime.fromisoformat(stored))


def _japanese_days(since: str, until: str) -> str:
    """Return the day, or the days, of a span whose end is exclusive: 2026年11月24日."""
    first = datetime.fromisoformat(since)
    last = max(first, datetime.fromisoformat(until) - timedelta(microseconds=1))
    named = japanese_date(first), japanese_date(last)
    return named[0] if named[0] == named[1] else f"{named[0]}〜{named[1]}"


def _japanese_duration(seconds: int) -> str:
    """Return a duration as 1時間, or 90分 where it is no whole number of hours."""
    minutes = seconds // 60
    return f"{minutes // 60}時間" if minutes % 60 == 0 else f"{minutes}分"


_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""Line breaks and other controls, and the marks that reverse the direction of what follows."""

_JOINTS = re.compile(r"(?<=\S)([.:/@．。｡：／＠․])(?=\S)")
"""What holds an address together, in every width that browsers accept in place of the ASCII one."""

_LOOKS_LIKE_LINK = re.compile(
    r"[\w\-](?:[.．。｡․][^\W\d_]{2,}|[:：][/／])|[/／]{2}|[\w.\-]+[@＠][\w\-]", re.I
)


def defused(text: str) -> str:
    """Return what a person wrote on one line, readable as before, but no mail reader makes a link of it.

    A name like ``evil.example/login`` would become a link in a mail that bears the club's name. Zero-width
    spaces around each joint stop that. Brackets would too, but they would disfigure the honest names that
    have a dot (価格.com, Co.Ltd); people and screen readers pass over these spaces.
    """
    line = _CONTROLS.sub(" ", text).strip()
    if not _LOOKS_LIKE_LINK.search(line):
        return line
    return _JOINTS.sub("\u200b\\1\u200b", line)


def _harmless(name: str, value: Any) -> Any:
    """Defuse every text of a mail's data. Addresses alone, known by their key, stay whole."""
    if isinstance(value, dict):
        return {key: _harmless(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_harmless(name, inner) for inner in value]
    if not isinstance(value, str):
        return value
    if name == "email":
        local, _, domain = value.rpartition("@")
        # The grammar of addresses allows a slash: www.evil.example/x@club.example would be read as a link.
        return f"{defused(local)}@{domain}" if "/" in local else value
    return defused(value)
