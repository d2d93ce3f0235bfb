"""登録ユーザー一覧の書き出し: the list as a file, for those who decide about owners."""

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from idp import clock
from idp.accounts.rules import MemberRole, RoleMayNot
from idp.accounts.sessions.access import current_member, member_only
from idp.csv_files import CONTENT_TYPE
from idp.db import is_storable
from idp.delegation.bulk.export import export_list
from idp.delegation.bulk.forms import ExportForm
from idp.delegation.listing import Query, StateFilter
from idp.unit_of_work import current_database, discard

LIST_EXPORT = Blueprint("list_export", __name__, url_prefix="/agency/owners-export")
LONGEST_SEARCH = 254


@LIST_EXPORT.get("")
@member_only
def show() -> str | tuple[str, int]:
    """Ask which owners are wanted; the portal's list fills the form with what it shows."""
    return _ask(ExportForm(formdata=request.args))


@LIST_EXPORT.post("")
@member_only
def export() -> str | tuple[str, int] | Response:
    """Give the file."""
    form, member = ExportForm(request.form), current_member()
    text = (form.q.data or "")[:LONGEST_SEARCH]
    if not form.validate() or not is_storable(text):
        return _ask(form, status=400)
    query = Query(state=StateFilter(form.state.data), text=text)
    discard()  # nothing to store, and on SQLite nobody else could write meanwhile
    answer = Response(export_list(current_database(), member.account_id, query), content_type=CONTENT_TYPE)
    name = f"owners-{clock.now().astimezone(clock.JST):%Y%m%d}.csv"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _ask(form: ExportForm, *, status: int = 200) -> tuple[str, int]:
    member = current_member()
    if not MemberRole(member.role).can_decide:
        raise RoleMayNot
    return render_template("delegation/list_export.html", form=form, agency=member.agency.name), status
