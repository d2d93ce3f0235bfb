"""Asking a person whether an app may, and the page where they see and take back what they allowed."""

import uuid
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, abort, flash, g, make_response, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp.accounts.sessions.access import current_account, current_browser_session, signed_in
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.oauth import cors
from idp.oauth.api_scopes import scope_words
from idp.oauth.authorization_request import AskedFor, NoRedirect
from idp.oauth.authorization_response import form_source
from idp.oauth.authorize import answer_consent, find_stored, step_of
from idp.oauth.clients import find_client
from idp.oauth.consent import service
from idp.oauth.consent.words import asking_of, localized
from idp.oauth.endpoints import current_mint
from idp.oauth.journey import Step
from idp.oauth.models import AuthorizationRequest, SignInPage
from idp.oauth.views import request_refused, sign_in_for, this_browser
from idp.unit_of_work import current_session
from idp.web import current_settings

CONSENT = Blueprint("consent", __name__, url_prefix="/oauth/consent")
APPS = Blueprint("apps", __name__, url_prefix="/account/apps")
View = str | tuple[str, int] | Response


# --- asking -----------------------------------------------------------------------------------------------


@CONSENT.get("/<uuid:request_id>")
def ask(request_id: uuid.UUID) -> View:
    """Show who asks for what (OIDC Core §3.1.2.4), in the browser that the request was begun in."""
    try:
        stored = find_stored(current_session(), request_id, this_browser())
    except NoRedirect as error:
        return request_refused(error.field_name, error.reason)
    return _show(stored) if _is_due(stored) else _go_on(stored)


@CONSENT.post("/<uuid:request_id>")
def answer(request_id: uuid.UUID) -> View:
    """Store what the person said, and go on with the request."""
    session, said = current_session(), request.form.get("answer")
    try:
        stored = find_stored(session, request_id, this_browser(), to_change=True)
    except NoRedirect as error:
        return request_refused(error.field_name, error.reason)
    if not _is_due(stored):
        return _go_on(stored)
    if said not in {"allow", "deny"}:
        return _show(stored, status=400)
    account_id, asked = current_account().id, AskedFor.from_json(stored.parameters)
    answer_consent(stored, account_id, is_allowed=said == "allow")
    if said == "allow":
        service.remember_consent(session, stored.client, account_id, asked)
    else:
        record_event(session, Event.CONSENT_REFUSED, actor_id=account_id, client_id=stored.client_id)
    return _go_on(stored)


def _is_due(stored: AuthorizationRequest) -> bool:
    if current_browser_session() is None:
        return False
    return step_of(current_session(), current_mint(), stored, this_browser()) is Step.ASK_CONSENT


def _go_on(stored: AuthorizationRequest) -> Response:
    return redirect(url_for("oauth_pages.resume", request_id=stored.id), code=303)


def _show(stored: AuthorizationRequest, *, status: int = 200) -> Response:
    asked, client = AskedFor.from_json(stored.parameters), stored.client
    g.form_action_extra = [form_source(asked.redirect_uri)]
    page = render_template(
        "oauth/consent.html",
        asking=asking_of(
            client, asked.scopes, asked.claim_names, api_words=_api_words(), redirect_uri=asked.redirect_uri
        ),
        is_own=client.first_party, may_be_anybody=service.may_be_anybody(client, asked.redirect_uri),
        account=current_account(), other_person=sign_in_for(SignInPage(client.sign_in_page), stored.id),
    )  # fmt: skip
    return make_response(page, status)


# --- 連携中のアプリ -----------------------------------------------------------------------------------------


@APPS.get("")
@signed_in
def show() -> View:
    """List the apps that the person is connected with."""
    apps = service.list_apps(current_session(), current_account().id)
    words = _api_words()
    shown = [(app, asking_of(app.client, app.scope, app.claims, api_words=words)) for app in apps]
    return render_template("oauth/apps.html", apps=shown, is_owner=current_account().owner is not None)


@APPS.get("/disconnect")
@signed_in
def confirm() -> View:
    """Ask once more before an app loses everything, naming it and the effect."""
    app = _named_app()
    asking = asking_of(app.client, app.scope, app.claims, api_words=_api_words())
    return render_template("oauth/app_disconnect.html", app=app, asking=asking)


@APPS.post("/disconnect")
@signed_in
def disconnect() -> View:
    """Take back what the person allowed an app, at once."""
    app = _named_app()
    service.disconnect(current_session(), current_account().id, app.client.client_id)
    name = localized(app.client, "client_name")
    flash(_("%(app)s との連携を終了しました。", app=name), "success")
    return redirect(url_for(".show"), code=303)


def _api_words() -> dict[str, str]:
    return scope_words(current_session(), language=get_locale().language)


def _named_app() -> service.ConnectedApp:
    app = service.find_app(current_session(), current_account().id, request.args.get("client_id", ""))
    if app is None:
        abort(404)
    return app


@APPS.get("/open")
@signed_in
def open_app() -> View:
    """Send the browser to an app, which then signs the person in here (OIDC Core §4).

    Only the registered address is ever gone to; a page of the app can be named if it is of the same origin.
    """
    client = find_client(current_session(), request.args.get("client_id", ""))
    if client is None or client.initiate_login_uri is None:
        abort(404)
    parts, target = urlsplit(client.initiate_login_uri), request.args.get("target_link_uri", "")
    asked = {"iss": current_settings().issuer}
    if target.startswith(f"{cors.origin_of(client.initiate_login_uri)}/"):
        asked["target_link_uri"] = target
    query = "&".join(part for part in (parts.query, urlencode(asked)) if part)
    return redirect(parts._replace(query=query).geturl(), code=303)
