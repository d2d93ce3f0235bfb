"""What surrounds every page: CSRF, origin check, headers, language, and what ``base.html`` needs."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import structlog
from flask import Flask, Response, g, request, url_for
from flask_babel import Babel, get_locale
from flask_wtf.csrf import CSRFProtect
from jinja2 import StrictUndefined
from werkzeug.exceptions import Forbidden

from clients.relying_party import banner, credentials, gate, pages
from clients.relying_party.parts import Parts
from clients.relying_party.settings import RelyingPartySettings, origin_of

log = structlog.get_logger(__name__)

LANGUAGE_COOKIE = "lang"
LOCALES = {"ja": "ja", "en": "en_GB"}
"""The pages' languages, each with its locale. Britain's English has the clock of 24 hours, as Japan has."""
HERE = Path(__file__).parent
UNGUARDED = frozenset({"rp.backchannel_logout", "rp.initiate"})
"""Endpoints that others call: no CSRF token, and any origin."""
PUBLIC_FILES = ("static", "rp.static")
YEAR = 365 * 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Brand:
    """Name of the club and its contact block, as ``base.html`` shows them."""

    name: str
    company: str
    department: str
    phone: str
    phone_href: str
    hours: str
    email: str


def install(app: Flask, parts: Parts) -> None:
    """Configure the application and register what runs around every request."""
    settings = parts.settings
    app.config.update(
        SECRET_KEY=credentials.derive_key(settings.secret_key, "browser cookie").hex(),
        SESSION_COOKIE_NAME=parts.cookie("browser"),
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.cookies_are_secure,
        # A token is tied to the browser's cookie, which sign-in replaces. A clock on top of it would only
        # throw away what a slow reader typed.
        WTF_CSRF_TIME_LIMIT=None,
        # With `Referrer-Policy: no-referrer` there is no referrer; the origin check below takes its place.
        WTF_CSRF_SSL_STRICT=False,
        MAX_CONTENT_LENGTH=64 * 1024,
        MAX_FORM_MEMORY_SIZE=64 * 1024,
        PREFERRED_URL_SCHEME="https" if settings.cookies_are_secure else "http",
        BABEL_DEFAULT_LOCALE="ja",
        BABEL_DEFAULT_TIMEZONE="Asia/Tokyo",
        BABEL_TRANSLATION_DIRECTORIES=str(HERE / "translations"),
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    _add_guards(app, parts)
    CSRFProtect(app)
    Babel(app, locale_selector=_choose_locale)
    app.jinja_env.globals["get_locale"] = get_locale
    pages.add_error_pages(app, parts)
    _add_template_context(app, parts)
    _version_static_files(app)


def csrf_of(app: Flask) -> CSRFProtect:
    """Return the CSRF protection of the application."""
    protection = app.extensions["csrf"]
    if not isinstance(protection, CSRFProtect):
        raise TypeError("install() comes first")
    return protection


def _add_guards(app: Flask, parts: Parts) -> None:
    """Register what every request passes. They come before the CSRF check: they say more than it can."""
    policy = content_security_policy(parts)

    @app.before_request
    def name_request() -> None:
        g.request_id = credentials.mint_secret()[:12]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id, application=parts.application.name)

    @app.before_request
    def check_origin() -> None:
        if request.method not in {"GET", "HEAD", "OPTIONS"} and request.endpoint not in UNGUARDED:
            _check_origin(parts)

    @app.before_request
    def check_proxy_login() -> None:
        if request.blueprint != "rp" and request.endpoint not in PUBLIC_FILES:
            gate.check_proxy_login_is_not_over(parts)

    @app.after_request
    def add_headers(response: Response) -> Response:
        _add_headers(response, policy=policy, secure=parts.settings.cookies_are_secure)
        return response


def _check_origin(parts: Parts) -> None:
    """Refuse a form that another site sent, by what the browser itself says of its origin.

    Under ``Referrer-Policy: no-referrer`` browsers send ``Origin: null`` even with our own forms (Fetch,
    "append a request Origin header"); there ``Sec-Fetch-Site`` tells, and in a browser without it the CSRF
    token alone.
    """
    origin = request.headers.get("Origin")
    if origin == parts.settings.origin:
        return
    if origin not in {None, "null"} or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        log.warning("foreign_origin_refused", endpoint=request.endpoint)
        raise Forbidden


def content_security_policy(parts: Parts) -> str:
    """Return the policy of every page.

    ``form-action`` holds for the whole chain of redirects that a form starts (as Chromium reads it): sign-out
    goes by the server, and the end of a proxy login goes on to the portal.
    """
    application = parts.application
    foreign = [origin_of(parts.settings.issuer), *application.form_action_origins]
    if application.agency_portal_url:
        foreign.append(origin_of(application.agency_portal_url))
    targets = " ".join(dict.fromkeys(foreign))
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; "
        f"connect-src 'self'; form-action 'self' {targets}; frame-ancestors 'none'; base-uri 'none'"
    )


def _add_headers(response: Response, *, policy: str, secure: bool) -> None:
    headers = response.headers
    headers["Content-Security-Policy"] = policy
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["X-Request-Id"] = str(g.get("request_id", ""))
    if secure:
        headers["Strict-Transport-Security"] = f"max-age={YEAR}; includeSubDomains"
    if request.endpoint in PUBLIC_FILES and response.status_code in {200, 304}:
        headers["Cache-Control"] = f"public, max-age={YEAR}, immutable" if "v" in request.args else "no-cache"
    else:
        headers["Cache-Control"] = "no-store"


def _choose_locale() -> str:
    """Japanese, unless the person chose otherwise in the footer. The browser's header has no say."""
    return LOCALES.get(request.cookies.get(LANGUAGE_COOKIE, ""), LOCALES["ja"])


def _version_static_files(app: Flask) -> None:
    """Put a digest of the content into the address of each file, so that it may be cached for long."""
    known: dict[tuple[str, str], str] = {}

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, object]) -> None:
        filename = values.get("filename")
        if endpoint not in PUBLIC_FILES or not isinstance(filename, str) or "v" in values:
            return
        folder = HERE / "static" if endpoint == "rp.static" else Path(app.static_folder or "")
        path = folder / filename
        if (endpoint, filename) not in known and path.is_file():
            known[endpoint, filename] = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        if (endpoint, filename) in known:
            values["v"] = known[endpoint, filename]


def _brand(settings: RelyingPartySettings, *, hours: str) -> Brand:
    return Brand(
        name=settings.brand_name,
        company=settings.contact_company,
        department=settings.contact_department,
        phone=settings.contact_phone,
        phone_href=f"tel:{quote(''.join(filter(str.isdigit, settings.contact_phone)))}",
        hours=hours,
        email=settings.contact_email,
    )


def _add_template_context(app: Flask, parts: Parts) -> None:
    settings = parts.settings
    brands = {
        "ja": _brand(settings, hours=settings.contact_hours),
        "en": _brand(settings, hours=settings.contact_hours_en),
    }

    @app.context_processor
    def base_variables() -> dict[str, object]:
        session = gate.current_session(parts)
        start = url_for(parts.application.home_endpoint) if session else parts.application.after_sign_out
        return {
            "brand": brands[get_locale().language],
            "application_title": parts.application.title,
            "start_url": start,
            "current_person": session,
            "sign_out_url": url_for("rp.logout"),
            "acting": banner.find_banner(session),
            "issuer": settings.issuer,
            "request_id": g.get("request_id", ""),
        }
