"""代理ログインの条件: a manager's page, and what the portal has to know of it."""

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp.accounts.agency_menu import current_manager
from idp.accounts.sessions.access import member_only
from idp.delegation.api_callers import calling_agency
from idp.delegation.conditions.forms import ConditionsForm
from idp.delegation.conditions.service import SetBy, conditions_of, find_conditions, set_conditions
from idp.unit_of_work import current_session

CONDITIONS = Blueprint("conditions", __name__)
View = str | tuple[str, int] | Response


@CONDITIONS.get("/agency/rules")
@member_only
def show() -> View:
    """Show a manager what the agency demands, and what the operator does beside it."""
    return _show(
        ConditionsForm.of(conditions_of(current_session(), current_manager().agency_id, SetBy.AGENCY))
    )


@CONDITIONS.post("/agency/rules")
@member_only
def change() -> View:
    """Store what the agency demands from now on."""
    manager, form = current_manager(), ConditionsForm(request.form)
    if not form.validate():
        return _show(form, status=400)
    set_conditions(
        current_session(), manager.agency_id, SetBy.AGENCY, form.conditions(), actor_id=manager.account_id
    )
    flash(_("代理ログインの条件を保存しました。次に始める代理ログインから、この条件になります。"), "success")
    return redirect(url_for(".show"), code=303)


@CONDITIONS.get("/api/agency/rules")
def rules() -> Response:
    """Answer with what holds for proxy logins of the caller's agency, so that its apps ask for it at once."""
    agency_id, _member = calling_agency("delegations.read")
    held = find_conditions(current_session(), agency_id)
    return jsonify(
        reason_required=held.reason_required,
        max_age=int(held.max_age.total_seconds()) if held.max_age else None,
        hours=[str(hours) for hours in held.hours],
        networks=[[str(network) for network in networks] for networks in held.networks],
        per_hour=held.per_hour,
    )


def _show(form: ConditionsForm, *, status: int = 200) -> View:
    manager = current_manager()
    operator = conditions_of(current_session(), manager.agency_id, SetBy.OPERATOR)
    page = render_template(
        "delegation/conditions.html", form=form, operator=operator, agency=manager.agency.name
    )
    return page, status
