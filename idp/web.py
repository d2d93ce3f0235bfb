"""Small things that every page and API of this server needs: request id, who asks, problem answers, paths."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Response, current_app, g, has_request_context, jsonify, request
from flask_babel import format_date, format_datetime, get_locale
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response as BaseResponse

from idp import clock, credentials
from idp.errors import Forbidden, Refusal
from idp.problems import code_of, problem_body
from idp.settings import Settings


@dataclass(frozen=True)
class RequestOrigin:
    """Where the running request comes from, for audit and logs; empty outside of a request."""

    address: str | None
    request_id: str | None


@dataclass(frozen=True)
class BearerIdentity:
    """Who calls an API with an access token, as ``oauth`` verified it against the live records.

    :ivar subject: account the token speaks for (the owner, under act).
    :ivar sub: the same as the client knows it (OIDC Core §8).
    :ivar actor: the staff member who acts; None for the person itself, and for an agency's system.
    :ivar session_id: browser session, or the act-as session under act.
    :ivar grant_id, agency_id: under act the delegation grant, and the agency that acts.
    :ivar family_id: the authorization that the token grew out of.
    :ivar products: ids of the products that the grant is limited to; None for all of the owner's.
    """

    subject: UUID
    client_id: str
    scope: frozenset[str]
    session_id: UUID | None
    actor: UUID | None = None
    grant_id: UUID | None = None
    sub: str = ""
    scheme: str = "Bearer"
    family_id: UUID | None = None
    agency_id: UUID | None = None
    products: frozenset[UUID] | None = None

    def sees(self, product_id: UUID) -> bool:
        """Whether a product of the owner's may be seen and changed; under act they may have chosen."""
        return self.products is None or product_id in self.products

    @property
    def is_acting(self) -> bool:
        """Whether somebody else calls for the subject. An agency's system acts without an ``actor``."""
        return self.grant_id is not None


@dataclass(frozen=True)
class ClientIdentity:
    """A client that calls an API for itself, with nobody behind it (RFC 6749 §4.4)."""

    client_id: str
    scope: frozenset[str]
    scheme: str = "Bearer"
    agency_id: UUID | None = None
    """The agency whose own system this is."""


class TokenMissing(Refusal):
    """The API was called without a usable access token (RFC 6750 §3, RFC 9449 §7.1).

    :ivar error: what is wrong with the call; None where it just brought no token.
    :ivar scheme: how the token was sent; the error stands in that scheme's challenge.
    """

    status = 401

    def __init__(self, error: str | None = None, *, scheme: str = "Bearer", description: str = "") -> None:
        super().__init__(error, scheme)
        self.error, self.scheme, self.description = error, scheme, description
        self.status = 400 if error == "invalid_request" else 401


class ScopeMissing(Forbidden):
    """The access token does not carry the scope that the call needs (RFC 6750 §3.1).

    :ivar scope: what is needed, or None where no scope would open the call to this token.
    """

    def __init__(self, scope: str | None) -> None:
        super().__init__(scope)
        self.scope = scope


def current_settings() -> Settings:
    """Return the settings of the running application."""
    settings: Settings = current_app.extensions["settings"]
    return settings


def request_origin() -> RequestOrigin:
    """Return address and id of the running request."""
    if not has_request_context():
        return RequestOrigin(None, None)
    return RequestOrigin(request.remote_addr, request_id())


def request_id() -> str:
    """Return the id of this request; it stands in the log, the answer and every error page."""
    if "request_id" not in g:
        g.request_id = credentials.mint_jti()[:12]
    return str(g.request_id)


def bearer() -> BearerIdentity:
    """Return the person who calls this API.

    :raises TokenMissing: there is no valid access token.
    :raises ScopeMissing: there is no person: a client calls for itself.
    """
    identity = caller()
    if isinstance(identity, ClientIdentity):
        raise ScopeMissing(None)
    return identity


def caller() -> BearerIdentity | ClientIdentity:
    """Return whoever calls this API, a person or a client for itself.

    :raises TokenMissing: there is no valid access token.
    """
    identity: BearerIdentity | ClientIdentity | None = g.get("bearer")
    if identity is None:
        refusal: TokenMissing = g.get("bearer_refusal") or TokenMissing()
        raise refusal
    return identity


def require_client_scope(scope: str) -> ClientIdentity:
    """Return the client that calls this API for itself, if its token carries the scope.

    :raises TokenMissing: there is no valid access token.
    :raises ScopeMissing: a person calls, or the token does not reach so far.
    """
    identity = caller()
    if not isinstance(identity, ClientIdentity) or scope not in identity.scope:
        raise ScopeMissing(scope)
    return identity


def require_scope(*, own: str | None = None, act: str | None = None) -> BearerIdentity:
    """Return the caller if its token carries the scope: ``own`` for itself, ``act`` under a delegation.

    A scope that is not named is refused, so that an act-as token reaches only what was written for it.
    """
    identity = bearer()
    needed = act if identity.is_acting else own
    if needed is None or needed not in identity.scope:
        raise ScopeMissing(needed)
    return identity


def problem(status: int, code: str, *, detail: str = "", **extra: Any) -> Response:
    """Return problem details (RFC 9457 §3); the title is that of the code, in the caller's language."""
    response = jsonify({**problem_body(status, code, detail=detail, **extra), "request_id": request_id()})
    response.status_code, response.mimetype = status, "application/problem+json"
    response.headers["Content-Language"] = get_locale().language
    response.vary.add("Accept-Language")
    return response


def bearer_challenge(error: TokenMissing | ScopeMissing) -> Response:
    """Return the answer to a call whose access token is missing or does not reach so far (RFC 6750 §3).

    A call without any token is not told of an error: it may just not know that one is needed. Each scheme
    that a token can be sent with has a challenge of its own, that of the call first (RFC 9449 §7.1).
    """
    told: dict[str, str] = {}
    if isinstance(error, ScopeMissing):
        identity: BearerIdentity | ClientIdentity | None = g.get("bearer")
        scheme = identity.scheme if identity else "Bearer"
        detail = _("アクセストークンに、この操作に必要なスコープがありません。")
        told["error"] = "insufficient_scope"
        if error.scope is not None:
            told["scope"] = error.scope
    else:
        scheme, detail = error.scheme, _("有効なアクセストークンを Authorization ヘッダーで送ってください。")
        told |= {"error": error.error} if error.error else {}
        told |= {"error_description": error.description} if error.description else {}
    response = problem(error.status, code_of(type(error).__name__), detail=detail)
    schemes = {"Bearer": {}, "DPoP": {"algs": current_app.extensions["dpop_algorithms"]}}
    for name in sorted(schemes, key=lambda one: one != scheme):
        fields = {"realm": current_settings().issuer, **(told if name == scheme else {}), **schemes[name]}
        challenge = ", ".join(f'{field}="{value}"' for field, value in fields.items())
        response.headers.add("WWW-Authenticate", f"{name} {challenge}")
    return response


def is_from_elsewhere() -> bool:
    """Tell whether another site's page sent this form (Fetch Metadata; OWASP CSRF).

    Our own pages send no referrer, and browsers then say ``Origin: null``; Sec-Fetch-Site tells the truth.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin", "null")
    foreign_site = site is not None and site not in {"same-origin", "none"}
    return foreign_site or origin not in {"null", current_settings().issuer_origin}


def is_cookie_withheld() -> bool:
    """Tell whether a form came without the sign-in cookie because another site may have sent it.

    Browsers withhold SameSite=Lax cookies from cross-site POSTs, so that nothing can be concluded from the
    absence. Without Sec-Fetch-Site an ``Origin: null`` may be anybody's.
    """
    if request.method != "POST" or current_app.config["SESSION_COOKIE_NAME"] in request.cookies:
        return False
    is_anybodys = request.headers.get("Origin") == "null" and "Sec-Fetch-Site" not in request.headers
    return is_anybodys or is_from_elsewhere()


_PLAIN_PATH = re.compile(r"/(?![/\\])[\x21-\x7e]*\Z")


def here() -> str:
    """Return path and query of the page that is being shown, as `own_path` accepts them."""
    path = request.full_path if request.query_string else request.path
    return iri_to_uri(f"{request.script_root}{path}")


def own_path(target: str | None, *, default: str) -> str:
    """Return a path of this very server that a GET can show, else the default: never somebody else's page.

    The path must be one that our URL map knows, so that ``//evil``, ``/\\evil`` or a scheme cannot pass
    however a browser reads them (CWE-601).
    """
    if not target or not _PLAIN_PATH.match(target) or "\\" in target:
        return default
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return default
    root, adapter = f"{current_settings().issuer_path}/", current_app.create_url_adapter(request)
    if adapter is None or not parts.path.startswith(root):
        return default
    try:
        adapter.match(f"/{parts.path.removeprefix(root)}", method="GET")
    except (HTTPException, RequestRedirect):
        return default
    return target


@dataclass(frozen=True)
class Brand:
    """Name and contact of the club, at the same place of every page and mail."""

    name: str
    company: str
    department: str
    phone: str
    phone_href: str
    hours: str
    email: str


API = "/api/"
LANGUAGE_COOKIE = "lang"
LOCALES = {"ja": "ja", "en": "en_GB"}
"""The pages' languages, each with its locale. Britain's English has the clock of 24 hours, as Japan has."""


def chosen_locale() -> str:
    """Return Japanese, unless English was chosen here; see docs/decisions/0006-japanese-is-the-default.md."""
    if request.path.startswith(API):  # programs have no switch in a footer
        return LOCALES[request.accept_languages.best_match(LOCALES) or "ja"]
    return LOCALES.get(request.cookies.get(LANGUAGE_COOKIE, ""), LOCALES["ja"])


def remember_language(answer: BaseResponse, language: str) -> None:
    """Keep a language in this browser, if the pages have it."""
    if language in LOCALES:
        answer.set_cookie(
            LANGUAGE_COOKIE, language, max_age=timedelta(days=365), path="/", httponly=True, samesite="Lax",
            secure=current_settings().cookies_are_secure,
        )  # fmt: skip


def brand_of(settings: Settings, *, english: bool = False) -> Brand:
    """Return the brand that the settings name; names are the same in every language."""
    hours = settings.contact_hours_en if english else settings.contact_hours
    digits = re.sub(r"[^0-9+]", "", settings.contact_phone)
    return Brand(
        settings.brand_name, settings.contact_company, settings.contact_department, settings.contact_phone,
        f"tel:{digits}", hours, settings.contact_email,
    )  # fmt: skip


def japanese_date(moment: datetime) -> str:
    """Return 2026年11月24日, in Japan's time zone, whatever language the pages are in."""
    local = moment.astimezone(clock.JST)
    return f"{local.year}年{local.month}月{local.day}日"


def japanese_time(moment: datetime) -> str:
    """Return 2026年11月24日 15:04, in Japan's time zone, for the mails: they are Japanese."""
    local = moment.astimezone(clock.JST)
    return f"{japanese_date(moment)} {local.hour}:{local.minute:02}"


def day_words(moment: datetime) -> str:
    """Return 2026年11月24日 or 24 November 2026, in Japan's time zone and the language of the page."""
    return japanese_date(moment) if is_japanese() else str(format_date(moment, "long"))


def time_words(moment: datetime) -> str:
    """Return 2026年11月24日 15:04 or 24 November 2026, 15:04."""
    return japanese_time(moment) if is_japanese() else str(format_datetime(moment, "d MMMM y, HH:mm"))


def duration_words(seconds: int) -> str:
    """Return 1時間 or 1 hour; 90分 or 90 minutes where it is no whole number of hours."""
    minutes = seconds // 60
    unit, count = ("hour", minutes // 60) if minutes % 60 == 0 else ("minute", minutes)
    if is_japanese():
        return f"{count}{'時間' if unit == 'hour' else '分'}"
    return f"{count} {unit}{'' if count == 1 else 's'}"


def last_day(end: datetime) -> str:
    """Return the last day of a term whose end is exclusive, as a person says it."""
    return day_words(end - timedelta(microseconds=1))


def is_japanese() -> bool:
    """Tell whether this page is in Japanese."""
    locale = get_locale()  # none outside of a request, as in commands
    return locale is None or str(locale.language) == "ja"


def filters() -> dict[str, Callable[..., str]]:
    """Return the Jinja filters of every page."""
    return {"day_words": day_words, "time_words": time_words, "last_day": last_day}
