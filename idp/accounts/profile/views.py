"""An agency's manager changes 販売店情報, and each member their own name.

The owners' page is ``delegation``'s, beside their consents.
"""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp.accounts.address_lookup import look_up, wants_look_up
from idp.accounts.models import Member
from idp.accounts.profile import service
from idp.accounts.profile.forms import AgencyProfileForm, MemberNameForm
from idp.accounts.rules import MemberRole, RoleMayNot
from idp.accounts.sessions.access import current_account, current_member, member_only
from idp.unit_of_work import current_session

blueprint = Blueprint("agency_profile", __name__, url_prefix="/agency/profile")
View = str | tuple[str, int] | Response


@blueprint.get("")
@member_only
def show() -> View:
    """Show the form with what is stored."""
    return _show(AgencyProfileForm.of(_manager().agency))


@blueprint.post("")
@member_only
def update() -> View:
    """Show what was typed for confirmation, take it back into the form, or store it.

    What was typed travels in the page and is judged anew each time; nothing is stored before the last step.
    """
    _manager()
    form = AgencyProfileForm(request.form)
    if wants_look_up(request.form):
        return _show(form, towns=look_up(form, request.form).towns)
    if "edit" in request.form:
        return _show(form)
    if not form.validate():
        return _show(form, status=400)
    if "save" not in request.form:
        email = current_member().agency.email
        return render_template("accounts/agency_profile_confirm.html", form=form, email=email)
    service.update_agency(current_session(), current_account().id, details=form.details())
    flash(_("販売店情報を更新しました。"), "success")
    return redirect(url_for(".show"), code=303)


@blueprint.get("/name")
@member_only
def own_name() -> View:
    """Show a member the name under which owners know them."""
    return _show_own_name(MemberNameForm(obj=current_account()))


@blueprint.post("/name")
@member_only
def correct_own_name() -> View:
    """Store a member's own name, whatever their role."""
    form = MemberNameForm(request.form)
    if not form.validate():
        return _show_own_name(form, status=400)
    service.rename_member(
        current_session(), current_account().id, name=form.name.data or "", furigana=form.furigana.data or ""
    )
    flash(_("氏名を変更しました。"), "success")
    return redirect(url_for(".own_name"), code=303)


def _show_own_name(form: MemberNameForm, *, status: int = 200) -> View:
    member = current_member()
    page = render_template(
        "accounts/member_name.html", form=form, email=member.account.email, agency=member.agency.name
    )
    return page, status


def _manager() -> Member:
    member = current_member()
    if not MemberRole(member.role).can_edit_agency:
        raise RoleMayNot
    return member


def _show(form: AgencyProfileForm, *, towns: tuple[object, ...] = (), status: int = 200) -> View:
    email = current_member().agency.email
    return render_template("accounts/agency_profile.html", form=form, email=email, towns=towns), status
