"""引き継ぎ一覧 on the page, on paper and as CSV."""

import re
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp import clock, csv_files
from idp.accounts.agency_menu import current_manager, manager_only
from idp.accounts.models import Member
from idp.accounts.staff import places
from idp.accounts.staff.rules import NoSuchMember
from idp.delegation.assignments import groups, handover
from idp.delegation.assignments.forms import AssigneeForm, as_ids
from idp.delegation.assignments.rules import AssigneeUnknown
from idp.delegation.bulk.export import IN_WORDS
from idp.unit_of_work import current_session, discard
from idp.web import day_words

HANDOVER = Blueprint("handover", __name__, url_prefix="/agency/staff/<uuid:member_id>")
View = str | tuple[str, int] | Response
PAGE = 100
_USER_ID = re.compile(r"[0-9]{1,9}")


@HANDOVER.get("/handover")
@manager_only
def show(member_id: UUID) -> View:
    """Show the owners whom somebody looks after, also after they left."""
    return _show(AssigneeForm(), member_id)


@HANDOVER.post("/handover")
@manager_only
def hand_over(member_id: UUID) -> View:
    """Give all of these owners, or those chosen, to somebody else, to a group, or to nobody."""
    session, manager, form = current_session(), current_manager(), AssigneeForm(request.form)
    member = _member(member_id)
    chosen = None if "all" in request.form else as_ids(request.form.getlist("grant"))
    to = form.assignee()
    if chosen is not None and not chosen:
        form.form_errors.append(_("引き継ぐお客様を選ぶか、「全員を引き継ぐ」を押してください。"))
        return _show(form, member_id, status=400)
    try:
        if to is None or to.member_id == member.id:
            raise AssigneeUnknown
        grants = handover.grants_of_member(session, member.id, chosen)
        number = handover.hand_over(session, manager, grants, to=to)
    except AssigneeUnknown as refusal:
        discard()
        form.to.errors = [_("引き継ぎ先を選んでください。")]
        return _show(form, member_id, status=refusal.status)
    flash(_("%(number)s名のお客様を引き継ぎました。", number=number), "success")
    return redirect(url_for(".show", member_id=member_id), code=303)


@HANDOVER.post("/handover.csv")
@manager_only
def download(member_id: UUID) -> View:
    """Give the whole list as a file; that it left the house is noted, as of every list."""
    manager, member = current_manager(), _member(member_id)
    rows = [
        (line.user_id, line.name, IN_WORDS[line.state],
         day_words(line.last_used_at) if line.last_used_at else None)
        for line in handover.export_lines(current_session(), manager, member, now=clock.now())
    ]  # fmt: skip
    header = [_("ユーザーID"), _("氏名"), _("状態"), _("最後の代理ログイン")]
    file = Response(csv_files.write_rows(header, rows), content_type=csv_files.CONTENT_TYPE)
    file.headers["Content-Disposition"] = 'attachment; filename="handover.csv"'
    return file


@HANDOVER.errorhandler(NoSuchMember)
def _no_such_member(_refusal: NoSuchMember) -> View:
    discard()
    return render_template("errors/404.html"), 404


def _member(member_id: UUID) -> Member:
    return places.get_place(current_session(), current_manager().agency_id, member_id, present=False)


def _show(form: AssigneeForm, member_id: UUID, *, status: int = 200) -> View:
    session, agency_id, member = current_session(), current_manager().agency_id, _member(member_id)
    given = request.args.get("after", "")
    after = int(given) if _USER_ID.fullmatch(given) else 0
    lines = handover.lines(session, member.id, now=clock.now(), after=after, most=PAGE + 1)
    colleagues = [
        place.member for place in places.list_places(session, agency_id) if place.member.id != member.id
    ]
    page = render_template(
        "delegation/handover.html", form=form.offer(groups.list_groups(session, agency_id), colleagues),
        member=member, lines=lines[:PAGE], number=handover.count_of_member(session, member.id), after=after,
        next_after=lines[PAGE - 1].user_id if len(lines) > PAGE else None,
    )  # fmt: skip
    return page, status
