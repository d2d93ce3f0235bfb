"""Flask around the endpoints that a person's browser visits: parse, call one function, show or redirect."""

import uuid
from urllib.parse import urlencode

from flask import Blueprint, g, make_response, redirect, render_template, url_for
from flask import request as flask_request
from flask_babel import force_locale
from werkzeug.wrappers import Response as BaseResponse

from idp.accounts.sessions.access import (
    AGENCY_SIGN_IN,
    OWNER_SIGN_IN,
    browser_id,
    current_browser_session,
    sign_out,
)
from idp.oauth import authorize as authorization
from idp.oauth.authorization_request import NoRedirect
from idp.oauth.authorization_response import PostTo, SendTo, form_source
from idp.oauth.authorize import AskFirst, Browser
from idp.oauth.end_session import NOWHERE, LogoutAsked, LogoutRefused, check_logout, end_proxy_login
from idp.oauth.endpoints import current_mint
from idp.oauth.models import SignInPage
from idp.oauth.parameters import Parameters, ParametersRefused, load_query_or_body_parameters
from idp.unit_of_work import current_session, writes_on_get
from idp.web import (
    LANGUAGE_COOKIE,
    LOCALES,
    chosen_locale,
    current_settings,
    is_cookie_withheld,
    remember_language,
)

PAGES = Blueprint("oauth_pages", __name__)
LARGEST_QUERY = 8000
"""Bytes that gunicorn and common proxies still take in a request line."""
SIGN_IN_PAGES = {SignInPage.OWNERS: OWNER_SIGN_IN, SignInPage.AGENCIES: AGENCY_SIGN_IN}


def this_browser() -> Browser:
    """Return the browser that sent this request."""
    return Browser(browser_id(), current_browser_session())


@PAGES.route("/oauth/authorize", methods=["GET", "POST"])
@writes_on_get
def authorize() -> BaseResponse:
    """Serve the authorization endpoint (OIDC Core §3.1.2)."""
    try:
        try:
            parameters = load_query_or_body_parameters(flask_request)
        except ParametersRefused as refused:
            return _carry_out(authorization.begin_refused(current_session(), current_settings(), refused))
        if is_cookie_withheld():
            return _again_by_get(parameters)
        return _carry_out(authorization.begin(current_session(), current_mint(), parameters, this_browser()))
    except NoRedirect as error:
        return request_refused(error.field_name, error.reason)


def _again_by_get(parameters: Parameters) -> BaseResponse:
    """Ask for the same by GET, to which the browser sends the cookie that it keeps from cross-site POSTs.

    Answered at once, nobody would seem to be signed in here, and the new session would replace theirs.
    """
    query = urlencode(parameters)
    if len(query) > LARGEST_QUERY:
        return request_refused("request", "sent from another site by POST, it must not exceed 8000 bytes")
    return redirect(f"{flask_request.script_root}{flask_request.path}?{query}", code=303)


@PAGES.get("/oauth/authorize/<uuid:request_id>")
@writes_on_get
def resume(request_id: uuid.UUID) -> BaseResponse:
    """Go on with a request after signing in, or after saying whether the client may."""
    try:
        return _carry_out(authorization.resume(current_session(), current_mint(), request_id, this_browser()))
    except NoRedirect as error:
        return request_refused(error.field_name, error.reason)


def _carry_out(answer: authorization.Answer) -> BaseResponse:
    if isinstance(answer, SendTo):
        return redirect(answer.location, code=303)
    if isinstance(answer, PostTo):
        g.form_action_extra = [form_source(answer.action)]
        return make_response(render_template("oauth/form_post.html", answer=answer))
    if isinstance(answer, AskFirst):
        page = redirect(url_for("consent.ask", request_id=answer.request_id), code=303)
    else:
        page = redirect(sign_in_for(answer.page, answer.request_id), code=303)
    return _in_language(page, answer.ui_locales)


def sign_in_for(page: SignInPage, request_id: uuid.UUID) -> str:
    """Return the address of the sign-in page that leads back to a stored request."""
    return url_for(SIGN_IN_PAGES[page], next=url_for("oauth_pages.resume", request_id=request_id))


def _in_language(answer: BaseResponse, ui_locales: str) -> BaseResponse:
    """Show the pages that follow in the language chosen at the relying party (OIDC Core §3.1.2.1).

    A language that was chosen here, in this browser, stays.
    """
    known = [tag for tag in ui_locales.split() if tag in LOCALES]
    if known and LANGUAGE_COOKIE not in flask_request.cookies:
        remember_language(answer, known[0])
    return answer


def _wished_locale(ui_locales: str) -> str | None:
    """Return the locale of this very page, unless a language was chosen here."""
    known = [LOCALES[tag] for tag in ui_locales.split() if tag in LOCALES]
    return known[0] if known and LANGUAGE_COOKIE not in flask_request.cookies else None


def request_refused(field_name: str, reason: str) -> BaseResponse:
    """Show a page that a developer understands and that does not frighten an owner."""
    page = render_template("oauth/request_refused.html", field_name=field_name, reason=reason)
    return make_response(page, 400)


@PAGES.route("/oauth/end-session", methods=["GET", "POST"])
@writes_on_get
def end_session() -> BaseResponse:
    """Serve RP-Initiated Logout; without a hint for this very session the person is asked."""
    try:
        parameters = load_query_or_body_parameters(flask_request)
        if is_cookie_withheld():
            return _again_by_get(parameters)
        asked = check_logout(current_session(), current_mint(), parameters, current_browser_session())
    except ParametersRefused as refused:
        return request_refused("request", refused.reason)
    except LogoutRefused as refused_logout:
        return request_refused(refused_logout.field_name, refused_logout.reason)
    if asked.act_as_sid is not None:
        end_proxy_login(current_session(), asked.act_as_sid)
        return _after_logout(asked)
    if asked.ends_own_session or current_browser_session() is None:
        sign_out()
        return _after_logout(asked)
    if asked.return_to:
        g.form_action_extra = [form_source(asked.return_to)]
    wish = parameters.get("ui_locales", "")
    with force_locale(_wished_locale(wish) or chosen_locale()):
        page = make_response(render_template("oauth/confirm_sign_out.html", asked=asked))
    return _in_language(page, wish)


@PAGES.post("/sign-out")
def confirmed_sign_out() -> BaseResponse:
    """Sign out at the person's own word; the form token proves that it is theirs.

    Nothing that the form says about where to go next can keep them signed in.
    """
    form = flask_request.form
    names = ("client_id", "post_logout_redirect_uri", "state")
    parameters = {name: form[name] for name in names if form.get(name)}
    try:
        asked = check_logout(current_session(), current_mint(), parameters, current_browser_session())
    except LogoutRefused:
        asked = NOWHERE
    sign_out()
    return _after_logout(asked)


def _after_logout(asked: LogoutAsked) -> BaseResponse:
    if asked.location is not None or flask_request.method == "POST":
        return redirect(asked.location or url_for("oauth_pages.signed_out"), code=303)
    return make_response(signed_out())


@PAGES.get("/signed-out")
def signed_out() -> str:
    """Say that the person is signed out; a page of its own, so that it can be loaded again."""
    return render_template("oauth/signed_out.html")
