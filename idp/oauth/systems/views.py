"""システム連携: a manager's pages about the agency's own systems."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp.accounts.agency_menu import current_manager
from idp.accounts.sessions.access import member_only
from idp.oauth.client_metadata import ClientMetadataRefused
from idp.oauth.consent.words import localized
from idp.oauth.models import Client
from idp.oauth.systems import service
from idp.oauth.systems.forms import SystemForm
from idp.oauth.systems.rules import MOST_SYSTEMS, NoReceiver, TooManySystems, TooManyTests
from idp.unit_of_work import current_session
from idp.web import current_settings

SYSTEMS = Blueprint("systems", __name__, url_prefix="/agency/systems")
View = str | tuple[str, int] | Response


@SYSTEMS.get("")
@member_only
def index() -> View:
    """List the agency's systems."""
    systems = service.list_systems(current_session(), current_manager().agency_id)
    latest = service.latest_events(current_session(), systems)
    return render_template("oauth/systems/index.html", systems=systems, latest=latest, most=MOST_SYSTEMS)


@SYSTEMS.get("/new")
@member_only
def new() -> View:
    """Show the empty form."""
    return _show_form(_form())


@SYSTEMS.post("/new")
@member_only
def register() -> View:
    """Register a system, and show what its makers need to know."""
    manager, form = current_manager(), _form(posted=True)
    details = form.details()
    if details is None:
        return _show_form(form, status=400)
    try:
        system = service.register_system(
            current_session(), manager, details, internal_calls=current_settings().INSECURE_internal_calls
        )
    except ClientMetadataRefused as refused:
        form.refuse(refused)
        return _show_form(form, status=400)
    except TooManySystems:
        flash(
            _("登録できるシステムは%(most)s件までです。使わないものを削除してください。", most=MOST_SYSTEMS),
            "error",
        )
        return redirect(url_for(".index"), code=303)
    flash(_("システムを登録しました。下の内容を、システムの担当者にお伝えください。"), "success")
    return redirect(url_for(".show", client_id=system.client_id), code=303)


@SYSTEMS.get("/<client_id>")
@member_only
def show(client_id: str) -> View:
    """Show what is registered, what to put where, and what became of the events."""
    system, settings = _system(client_id), current_settings()
    addresses = {name: f"{settings.issuer_origin}{url_for(endpoint)}" for name, endpoint in (
        ("token", "oauth.token"), ("jwks", "oauth.jwks"), ("list", "delegation_api.list_delegations"),
    )}  # fmt: skip
    return render_template(
        "oauth/systems/show.html", system=system, addresses=addresses, issuer=settings.issuer,
        events=service.events_of(current_session(), client_id), apps=_apps_of(system),
    )  # fmt: skip


@SYSTEMS.get("/<client_id>/edit")
@member_only
def edit(client_id: str) -> View:
    """Show the form with what is registered."""
    system, form = _system(client_id), _form()
    form.fill_in(system)
    return _show_form(form, system=system)


@SYSTEMS.post("/<client_id>/edit")
@member_only
def change(client_id: str) -> View:
    """Store what was changed; other keys count from the next request on."""
    system, form = _system(client_id), _form(posted=True)
    details = form.details()
    if details is None:
        return _show_form(form, system=system, status=400)
    try:
        service.change_system(
            current_session(), current_manager(), client_id, details=details,
            internal_calls=current_settings().INSECURE_internal_calls,
        )  # fmt: skip
    except ClientMetadataRefused as refused:
        form.refuse(refused)
        return _show_form(form, system=system, status=400)
    flash(_("変更しました。次の接続から新しい内容になります。"), "success")
    return redirect(url_for(".show", client_id=client_id), code=303)


@SYSTEMS.post("/<client_id>/test")
@member_only
def test(client_id: str) -> View:
    """Send a test event."""
    try:
        service.send_test_event(current_session(), current_manager(), client_id)
        flash(_("テストのお知らせを送ります。数秒後にこのページを開き直すと、結果が出ます。"), "success")
    except NoReceiver:
        flash(_("お知らせを受け取るアドレスが登録されていません。"), "error")
    except TooManyTests:
        flash(_("テストのお知らせを続けて送っています。1分ほど待ってから、もう一度お試しください。"), "error")
    return redirect(url_for(".show", client_id=client_id), code=303)


@SYSTEMS.get("/<client_id>/stop")
@member_only
def confirm_stop(client_id: str) -> View:
    """Ask before a system is stopped, naming it and the effect."""
    return render_template("oauth/systems/stop.html", system=_system(client_id))


@SYSTEMS.post("/<client_id>/stop")
@member_only
def stop(client_id: str) -> View:
    """Stop a system at once."""
    service.set_system_paused(current_session(), current_manager(), client_id, paused=True)
    flash(_("システムを停止しました。"), "success")
    return redirect(url_for(".show", client_id=client_id), code=303)


@SYSTEMS.post("/<client_id>/resume")
@member_only
def resume(client_id: str) -> View:
    """Let a stopped system go on."""
    service.set_system_paused(current_session(), current_manager(), client_id, paused=False)
    flash(_("システムを再開しました。"), "success")
    return redirect(url_for(".show", client_id=client_id), code=303)


@SYSTEMS.get("/<client_id>/remove")
@member_only
def confirm_remove(client_id: str) -> View:
    """Ask before a system is removed, naming it and the effect."""
    return render_template("oauth/systems/remove.html", system=_system(client_id))


@SYSTEMS.post("/<client_id>/remove")
@member_only
def remove(client_id: str) -> View:
    """Remove a system for good."""
    name = _system(client_id).client_name
    service.remove_system(current_session(), current_manager(), client_id)
    flash(_("「%(system)s」を削除しました。", system=name), "success")
    return redirect(url_for(".index"), code=303)


def _system(client_id: str) -> Client:
    return service.get_system(current_session(), current_manager().agency_id, client_id)


def _form(*, posted: bool = False) -> SystemForm:
    current_manager()
    form = SystemForm(request.form if posted else None)
    form.offer(service.list_apps(current_session()))
    return form


def _apps_of(system: Client) -> list[str]:
    names = {app.client_id: localized(app, "client_name") for app in service.list_apps(current_session())}
    return [names[client_id] for client_id in system.act_as_audiences if client_id in names]


def _show_form(form: SystemForm, *, system: Client | None = None, status: int = 200) -> View:
    return render_template("oauth/systems/form.html", form=form, system=system), status
