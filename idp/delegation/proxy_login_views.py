"""The owner ends a running proxy login (今すぐ終了), and takes the record of all of them along as a file."""

import uuid
from collections.abc import Iterator
from itertools import islice

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp import clock, csv_files
from idp.accounts.sessions.access import current_account, owner_only
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.csv_files import Cell
from idp.delegation import history_words as words
from idp.delegation import proxy_logins
from idp.delegation.activities.rules import Action
from idp.delegation.apps import registered_apps
from idp.delegation.history import ProxyLogin, all_proxy_logins, get_proxy_login
from idp.delegation.owner_views import chosen_agency, running_for_owner
from idp.delegation.rules import GrantState, ProxyLoginUnknown
from idp.unit_of_work import current_session
from idp.web import current_settings, request_id, time_words

OWNER_PROXY_LOGINS = Blueprint("owner_proxy_logins", __name__, url_prefix="/account/proxy-logins")
MOST_ROWS = 10_000
View = str | tuple[str, int] | Response


@OWNER_PROXY_LOGINS.get("/<uuid:sid>/end")
@owner_only
def ask(sid: uuid.UUID) -> View:
    """Ask once more, naming who acts and where. Changes nothing; says kindly if it is over already."""
    login, now = _login(sid), clock.now()
    if (ended_at := login.ended_at(now)) is None:
        return render_template("delegation/proxy_login_end.html", login=login, words=words, now=now)
    grant = login.session.grant
    return render_template(
        "delegation/over_already.html", agency=grant.agency, ended_at=ended_at, login=login, words=words,
        now=now, grant=grant if GrantState(grant.state).is_open else None, running=running_for_owner(),
    )  # fmt: skip


@OWNER_PROXY_LOGINS.post("/<uuid:sid>/end")
@owner_only
def end(sid: uuid.UUID) -> View:
    """End it; from this answer on nobody can act in it."""
    agency = _login(sid).session.grant.agency.name
    if proxy_logins.end_by_owner(current_session(), current_account().id, sid):
        flash(_("%(agency)s の代理ログインを終了しました。", agency=agency), "success")
    else:
        flash(_("この代理ログインは、すでに終了しています。"), "info")
    return redirect(url_for("owner_delegations.history"), code=303)


@OWNER_PROXY_LOGINS.post("/csv")
@owner_only
def export() -> View:
    """Give the owner the record as a file."""
    session, owner, agency_id = current_session(), current_account(), chosen_agency(request.form)
    logins = all_proxy_logins(session, owner.id, find_apps=registered_apps(), agency_id=agency_id)
    rows = [list(_row(login)) for login in islice(logins, MOST_ROWS)]
    record_event(
        session, Event.HISTORY_EXPORTED, actor_id=owner.id, owner_id=owner.id, agency_id=agency_id,
        rows=len(rows),
    )  # fmt: skip
    header = [
        _("開始"), _("終了"), _("時間"), _("販売店・業者様"), _("担当者"), _("理由"), _("どこから"),
        _("アプリ"), _("許可の範囲"), _("見た内容"), _("変更した内容"), _("書き出した内容"), _("終わり方"),
        _("アプリの確認"),
    ]  # fmt: skip
    answer = make_response(csv_files.write_rows(header, rows))
    answer.headers["Content-Type"] = csv_files.CONTENT_TYPE
    answer.headers["Content-Disposition"] = 'attachment; filename="proxy-logins.csv"'
    return answer


def _row(login: ProxyLogin) -> Iterator[Cell]:
    act_as, now = login.session, clock.now()
    ended_at = login.ended_at(now)
    yield time_words(act_as.started_at)
    yield time_words(ended_at) if ended_at else _("利用中")
    yield words.length(login, now)
    yield act_as.grant.agency.name
    yield words.who(login)
    yield act_as.reason or _("理由の記入なし")
    yield words.place(login)
    yield words.app_name(login.app)
    yield words.scope(login)
    for lines in (
        words.reports(login, Action.VIEWED), words.changes(login), words.reports(login, Action.EXPORTED)
    ):  # fmt: skip
        yield "\n".join(lines)
    yield words.end(login, now)
    yield words.confirmation(login, phone=current_settings().contact_phone)


def _login(sid: uuid.UUID) -> ProxyLogin:
    return get_proxy_login(current_session(), current_account().id, sid, find_apps=registered_apps())


@OWNER_PROXY_LOGINS.errorhandler(ProxyLoginUnknown)
def _unknown(_error: ProxyLoginUnknown) -> View:
    return render_template("delegation/link_unknown.html", request_id=request_id()), 404
