"""The owner sees every permission and proxy login, and ends any of them."""

import uuid
from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp import clock
from idp.accounts.rules import ProxyLoginMail
from idp.accounts.sessions.access import current_account, owner_only
from idp.delegation import history_words, service
from idp.delegation.apps import registered_apps
from idp.delegation.cursors import CursorUnreadable
from idp.delegation.daily_mails import choose_mail as choose_way
from idp.delegation.forms import ProxyLoginMailForm
from idp.delegation.grant_cards import grant_cards
from idp.delegation.history import (
    ProxyLogin,
    agencies_of_owner,
    just_ended,
    page_of_proxy_logins,
    running_proxy_logins,
)
from idp.delegation.rules import GrantState, GrantUnknown, TransitionRefused
from idp.unit_of_work import current_session, discard
from idp.web import request_id

OWNER_DELEGATIONS = Blueprint("owner_delegations", __name__, url_prefix="/account/delegations")
View = str | tuple[str, int] | Response


@OWNER_DELEGATIONS.get("")
@owner_only
def history() -> View:
    """Show every permission with its state, and proxy logins page by page."""
    session, owner, cursor = current_session(), current_account(), request.args.get("cursor", "")[:1024]
    now, find_apps, agency_id = clock.now(), registered_apps(), chosen_agency(request.args)
    try:
        page = page_of_proxy_logins(
            session, owner.id, find_apps=find_apps, agency_id=agency_id, ended_by=now, cursor=cursor
        )
    except CursorUnreadable:
        return redirect(url_for(".history"), code=303)
    cards = grant_cards(session, service.grants_of_owner(session, owner.id))
    return render_template(
        "delegation/history.html", cards=cards, page=page,
        running=running_proxy_logins(session, owner.id, find_apps=find_apps, now=now),
        recent=just_ended(session, owner.id, find_apps=find_apps, now=now), is_first=not cursor,
        agencies=agencies_of_owner(session, owner.id), agency_id=str(agency_id or ""), words=history_words,
        form=ProxyLoginMailForm(obj=owner.owner), now=now,
    )  # fmt: skip


def running_for_owner() -> list[ProxyLogin]:
    """Return what runs now for the owner, who may be looking at something else that has ended."""
    return running_proxy_logins(
        current_session(), current_account().id, find_apps=registered_apps(), now=clock.now()
    )


def chosen_agency(fields: Mapping[str, str]) -> uuid.UUID | None:
    """Return the agency that a form names; what is no id chooses none."""
    try:
        return uuid.UUID(fields.get("agency", ""))
    except ValueError:
        return None


@OWNER_DELEGATIONS.get("/<uuid:grant_id>/end")
@owner_only
def ask(grant_id: uuid.UUID) -> View:
    """Ask once more, naming the agency and the effect. Changes nothing."""
    grant = service.get_grant_of_owner(current_session(), current_account().id, grant_id)
    if not GrantState(grant.state).is_open:
        return render_template(
            "delegation/over_already.html", agency=grant.agency, ended_at=grant.ended_at, grant=None,
            login=None, running=running_for_owner(), words=history_words,
        )  # fmt: skip
    (card,) = grant_cards(current_session(), [grant])
    return render_template("delegation/end.html", card=card, grant=grant)


@OWNER_DELEGATIONS.post("/<uuid:grant_id>/end")
@owner_only
def end(grant_id: uuid.UUID) -> View:
    """End it; from this answer on nobody can act under it."""
    try:
        grant = service.end_by_owner(current_session(), current_account().id, grant_id)
    except TransitionRefused:
        discard()
        flash(_("この許可は、すでに終了しています。"), "info")
        return redirect(url_for(".history"), code=303)
    if grant.state == GrantState.WITHDRAWN:
        flash(_("%(agency)s 様への申請を取り下げました。", agency=grant.agency.name), "success")
    else:
        flash(
            _("%(agency)s 様への許可を取り消しました。いま行われている代理ログインも終了しました。",
              agency=grant.agency.name), "success",
        )  # fmt: skip
    return redirect(url_for(".history"), code=303)


@OWNER_DELEGATIONS.post("/mail")
@owner_only
def choose_mail() -> View:
    """Store whether the owner wants a mail at each proxy login."""
    form = ProxyLoginMailForm(request.form)
    if not form.validate():
        flash(_("お知らせの受け取り方を選んでください。"), "error")
        return redirect(url_for(".history"), code=303)
    choice = ProxyLoginMail(form.proxy_login_mail.data)
    choose_way(current_session(), current_account().id, choice, find_apps=registered_apps())
    flash(_("お知らせの受け取り方を変更しました。"), "success")
    return redirect(url_for(".history"), code=303)


@OWNER_DELEGATIONS.errorhandler(GrantUnknown)
def _unknown(_error: GrantUnknown) -> View:
    return render_template("delegation/link_unknown.html", request_id=request_id()), 404
