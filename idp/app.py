"""The application: the only file that names every slice."""

from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_babel import Babel, get_locale
from flask_wtf.csrf import CSRFProtect
from jinja2 import StrictUndefined
from werkzeug.exceptions import SecurityError
from werkzeug.wrappers import Response as BaseResponse

from idp import accounts, delegation, health, oauth, unit_of_work
from idp.accounts.blueprints import BLUEPRINTS as ACCOUNT_BLUEPRINTS
from idp.accounts.sessions.access import current_person, init_login
from idp.credentials import Sealer
from idp.db import Database, make_engine
from idp.delegation.blueprints import BLUEPRINTS as DELEGATION_BLUEPRINTS
from idp.failures import answer_failure, answer_trouble, init_errors
from idp.forwarded import BehindProxies
from idp.log import init_request_log
from idp.mail.preview import PREVIEW
from idp.mail.rendering import templates_folder
from idp.mounting import Mounted
from idp.oauth import content_policy, endpoints
from idp.oauth import views as oauth_views
from idp.oauth.clients import find_apps
from idp.oauth.consent import views as consent_views
from idp.oauth.device import views as device_views
from idp.oauth.registration.views import REGISTRATION
from idp.oauth.remote_keys import KeysNotFetched, keys_fetched
from idp.oauth.systems.views import SYSTEMS
from idp.openapi.views import OPENAPI
from idp.settings import Settings
from idp.web import (
    API,
    brand_of,
    chosen_locale,
    current_settings,
    filters,
    here,
    is_cookie_withheld,
    is_from_elsewhere,
    request_id,
)

SLICES = (accounts, delegation, oauth)
LARGEST_FORM = 256 * 1024


class OwnSiteCookie(SecureCookieSessionInterface):
    """The sign-in cookie, which no answer to another site's form replaces.

    Browsers withhold a SameSite=Lax cookie from such a form, yet store the one in its answer: every page of
    ours begins a session for its form token, and so any site could sign people out.
    """

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set the cookie, unless the form was refused for where it came from, or came without its cookie."""
        if not g.get("is_foreign_form", False) and not is_cookie_withheld():
            super().save_session(app, session, response)


class Application(Flask):
    """Flask, except that an exception undoes the unit of work before it becomes a page."""

    def dispatch_request(self) -> Any:
        """Answer a request; where a client's keys are missing, fetch them with no unit of work open."""
        try:
            return super().dispatch_request()
        except KeysNotFetched as missing:
            unit_of_work.discard()
            with keys_fetched(current_settings(), missing.uri):
                return super().dispatch_request()

    def handle_user_exception(self, e: Exception) -> Any:
        """Roll back, then let the error handlers speak."""
        unit_of_work.discard()
        return super().handle_user_exception(e)

    def handle_exception(self, e: Exception) -> Response:
        """Roll back, then answer: what was not stored in the end arrives here."""
        unit_of_work.discard()
        answer = answer_trouble(e)
        if answer is not None:
            return self.finalize_request(answer, from_error_handler=True)
        return super().handle_exception(e)


def create_app(settings: Settings | None = None, database: Database | None = None) -> Flask:
    """Return the application for these settings (default: from the environment)."""
    settings = settings or Settings.from_environment()
    app = Application(
        "idp", template_folder=str(templates_folder()), static_folder=str(Path(__file__).parent / "static")
    )
    app.extensions["settings"] = settings
    app.session_interface = OwnSiteCookie()
    _configure(app, settings)
    unit_of_work.init_app(
        app, database or Database(make_engine(settings.database_url), Sealer(settings.encryption_key))
    )
    init_request_log(app)
    app.before_request(_check_origin)
    csrf = CSRFProtect(app)
    init_login(app)
    endpoints.init_oauth(app)
    app.extensions["find_apps"] = find_apps
    app.before_request(content_policy.load_login_hint)
    app.after_request(_headers)
    _register_views(app, csrf, settings)
    init_errors(app)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    secure = settings.cookies_are_secure
    app.config.update(
        SECRET_KEY=settings.secret_key, SESSION_COOKIE_NAME=settings.cookie_name("idp_session"),
        SESSION_COOKIE_SECURE=secure, SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/", WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_SSL_STRICT=False,
        MAX_CONTENT_LENGTH=LARGEST_FORM, MAX_FORM_MEMORY_SIZE=LARGEST_FORM, MAX_FORM_PARTS=200,
        BABEL_DEFAULT_LOCALE="ja", BABEL_DEFAULT_TIMEZONE="Asia/Tokyo",
        BABEL_TRANSLATION_DIRECTORIES=str(Path(__file__).parent / "translations"),
        TRUSTED_HOSTS=[settings.issuer.split("://", 1)[1].split("/", 1)[0]],
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )  # fmt: skip
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.jinja_options = {
        **app.jinja_options,
        "undefined": StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
    }
    app.jinja_env.filters.update(filters())
    Babel(app, locale_selector=chosen_locale)
    app.jinja_env.globals["get_locale"] = get_locale
    brands = {"ja": brand_of(settings), "en": brand_of(settings, english=True)}

    @app.context_processor
    def _context() -> dict[str, object]:
        return {
            "brand": brands[get_locale().language],
            "current_person": None if g.get("is_failing") else current_person(),
            "mypage_url": settings.mypage_url, "agency_portal_url": settings.agency_portal_url,
            "request_id": request_id(), "here": here,
        }  # fmt: skip

    app.wsgi_app = BehindProxies(Mounted(app.wsgi_app, settings), settings)  # type: ignore[method-assign]


def _register_views(app: Flask, csrf: CSRFProtect, settings: Settings) -> None:
    for blueprint in (
        *ACCOUNT_BLUEPRINTS,
        *DELEGATION_BLUEPRINTS,
        endpoints.PROTOCOL,
        REGISTRATION,
        oauth_views.PAGES,
        device_views.PAGES,
        consent_views.CONSENT,
        consent_views.APPS,
        SYSTEMS,
        health.blueprint,
        OPENAPI,
    ):
        app.register_blueprint(blueprint)
    if settings.is_development and not settings.smtp_host:
        app.register_blueprint(PREVIEW)
    csrf.exempt(endpoints.PROTOCOL)
    csrf.exempt(REGISTRATION)
    # Relying parties send the browser to these with GET or POST; what they do is guarded otherwise.
    csrf.exempt("idp.oauth.views.authorize")
    csrf.exempt("idp.oauth.views.end_session")
    for name in list(app.view_functions):
        if name.split(".")[0].endswith("_api"):  # no cookie is looked at: a bearer token is the authority
            view = app.view_functions[name]
            csrf.exempt(f"{view.__module__}.{view.__name__}")


MACHINES = frozenset({endpoints.PROTOCOL.name, REGISTRATION.name})
FROM_ANYWHERE = frozenset({"oauth_pages.authorize", "oauth_pages.end_session"})
"""Pages that relying parties send browsers to by POST."""


def _check_origin() -> BaseResponse | None:
    """Refuse a form that another site sent, even with a form token; machines' endpoints take no forms."""
    is_for_others = request.blueprint in MACHINES or request.endpoint in FROM_ANYWHERE
    if isinstance(request.routing_exception, SecurityError):
        raise request.routing_exception  # a Host that is not ours: no page of ours can be built for it
    if request.method in unit_of_work.SAFE_METHODS or request.path.startswith(API) or is_for_others:
        return None
    g.is_foreign_form = is_from_elsewhere()
    return answer_failure(HTTPStatus.FORBIDDEN) if g.is_foreign_form else None


def _headers(response: Response) -> Response:
    """Give every answer its security headers (OWASP ASVS 3.4); pages are never stored by caches."""
    headers = response.headers
    extra = list(g.get("form_action_extra", []))
    if not g.get("is_failing"):
        extra += content_policy.origins_after_sign_in()
    headers.setdefault(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "
        + " ".join(["'self'", *extra]),
    )
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
    if current_settings().cookies_are_secure:  # the issuer says so; a header could come from anybody
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    if request.endpoint != "static" or response.status_code >= 400:  # an error page knows who is signed in
        headers.setdefault("Cache-Control", "no-store")
        response.vary.add("Cookie")
    return response
