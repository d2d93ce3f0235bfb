"""The mail page of development: what would have been sent, with links that work.

``app.py`` registers it only in development without an SMTP server; everybody can read everybody's mail here.
"""

import base64
import hashlib
import re
import uuid
from dataclasses import dataclass
from functools import lru_cache

from flask import Blueprint, Response, abort, render_template, request

from idp.mail.kept import KeptMail, get_mail, list_mails
from idp.mail.rendering import Renderer
from idp.settings import Settings
from idp.unit_of_work import current_session
from idp.web import current_settings

PREVIEW = Blueprint("mail_preview", __name__, url_prefix="/dev/mails")
SHOWN = 100

_ADDRESS_IN_TEXT = re.compile(r"(https?://[^\s<>「」（）]+)")
_STYLE_ELEMENT = re.compile(r"<style[^>]*>(.*?)</style>", re.S)

_FRAMING_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SANDBOX = "allow-top-navigation-by-user-activation"


@dataclass(frozen=True)
class Piece:
    """A piece of a mail's text; ``link`` is set where it is an address of this server."""

    text: str
    link: bool


@PREVIEW.get("")
def list_() -> str:
    """Show the latest mails, all or those to one address."""
    to = request.args.get("to", "").strip()
    mails = list_mails(current_session(), _renderer(current_settings()), to=to, most=SHOWN)
    return render_template("mail_preview/list.html", mails=mails, to=to, shown=SHOWN)


@PREVIEW.get("/<uuid:item_id>")
def show(item_id: uuid.UUID) -> Response:
    """Show one mail: its headers, its text and, in a frame, its HTML."""
    kept = _kept(item_id)
    pieces = _pieces(kept.mail.text, current_settings().issuer) if kept.mail else []
    page = Response(render_template("mail_preview/show.html", kept=kept, pieces=pieces, sandbox=_SANDBOX))
    page.headers["Content-Security-Policy"] = _FRAMING_POLICY
    return page


@PREVIEW.get("/<uuid:item_id>/html")
def html(item_id: uuid.UUID) -> Response:
    """Answer with the HTML part as a mail reader shows it: without scripts, forms or foreign resources."""
    mail = _kept(item_id).mail
    if mail is None:
        abort(404)
    # Links leave the frame; the mail itself has no base element.
    page = Response(mail.html.replace("<head>", '<head><base target="_top">', 1), mimetype="text/html")
    # style-src stays open for style attributes, which mails need, and style-src-elem names the one element.
    hashes = " ".join(_source_hash(style) for style in _STYLE_ELEMENT.findall(mail.html)) or "'none'"
    page.headers["Content-Security-Policy"] = (
        f"script-src 'none'; style-src-elem {hashes}; img-src 'none'; font-src 'none'; "
        "connect-src 'none'; object-src 'none'; frame-src 'none'; media-src 'none'; form-action 'none'; "
        f"base-uri 'none'; frame-ancestors 'self'; sandbox {_SANDBOX}"
    )
    page.headers["X-Frame-Options"] = "SAMEORIGIN"
    return page


def _kept(item_id: uuid.UUID) -> KeptMail:
    return get_mail(current_session(), item_id, _renderer(current_settings()))


@lru_cache(maxsize=1)
def _renderer(settings: Settings) -> Renderer:
    return Renderer(settings)


def _pieces(text: str, issuer: str) -> list[Piece]:
    return [
        Piece(piece, link=piece == issuer or piece.startswith(f"{issuer}/"))
        for piece in _ADDRESS_IN_TEXT.split(text)
        if piece
    ]


def _source_hash(style: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"
