"""One member's place: another role, removing them, and leaving by oneself."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp import clock
from idp.accounts.agency_menu import current_manager, manager_only
from idp.accounts.models import Member
from idp.accounts.rules import MemberRole
from idp.accounts.sessions.access import current_account, current_member, member_only, sign_out
from idp.accounts.staff import places
from idp.accounts.staff.forms import RoleForm
from idp.accounts.staff.rules import LastManager, NoSuchMember
from idp.accounts.staff.words import ROLE_EXPLAINED, ROLE_WORDS
from idp.delegation.assignments import handover
from idp.delegation.staff import service
from idp.unit_of_work import current_session, discard

STAFF_PLACES = Blueprint("staff_places", __name__, url_prefix="/agency/staff")
View = str | tuple[str, int] | Response


@STAFF_PLACES.get("/<uuid:member_id>/role")
@manager_only
def role(member_id: UUID) -> View:
    """Show somebody's role, and those they could have."""
    member = _member(member_id)
    return _show_role(RoleForm(role=member.role), member)


@STAFF_PLACES.post("/<uuid:member_id>/role")
@manager_only
def change_role(member_id: UUID) -> View:
    """Give somebody another role."""
    form, manager = RoleForm(request.form), current_manager()
    if not form.validate():
        return _show_role(form, _member(member_id), status=400)
    wanted = MemberRole(form.role.data)
    member = service.change_role(current_session(), manager.account_id, member_id, role=wanted)
    flash(
        _("%(name)sさんの役割を「%(role)s」にしました。", name=member.account.name, role=ROLE_WORDS[wanted]),
        "success",
    )
    if member.id == manager.id and not wanted.can_manage:
        return redirect(url_for("agency_profile.own_name"), code=303)
    return redirect(url_for("staff.index"), code=303)


@STAFF_PLACES.get("/<uuid:member_id>/remove")
@manager_only
def ask_remove(member_id: UUID) -> View:
    """Ask once more, naming the person and the effect. Changes nothing."""
    session, member = current_session(), _member(member_id)
    if member.id == current_manager().id:
        return redirect(url_for(".leave"), code=303)
    return render_template(
        "delegation/staff_remove.html", member=member, roles=ROLE_WORDS,
        owners=handover.count_of_member(session, member.id), last=places.is_last_manager(session, member),
        running=service.running_proxy_logins(session, member.id, clock.now()),
    )  # fmt: skip


@STAFF_PLACES.post("/<uuid:member_id>/remove")
@manager_only
def remove(member_id: UUID) -> View:
    """End somebody's place; from this answer on they can do nothing for the agency's owners."""
    if member_id == current_manager().id:
        return redirect(url_for(".leave"), code=303)
    member = service.remove(current_session(), current_account().id, member_id, now=clock.now())
    flash(
        _(
            "%(name)sさんをスタッフから外しました。ログインと代理ログインは終了しました。",
            name=member.account.name,
        ),
        "success",
    )
    return redirect(url_for("handover.show", member_id=member_id), code=303)


@STAFF_PLACES.get("/leave")
@member_only
def leave() -> View:
    """Ask once more before somebody leaves by themselves. Changes nothing."""
    session, member = current_session(), current_member()
    return render_template(
        "delegation/staff_leave.html", member=member, last=places.is_last_manager(session, member),
        owners=handover.count_of_member(session, member.id),
    )  # fmt: skip


@STAFF_PLACES.post("/leave")
@member_only
def leave_now() -> View:
    """End one's own place and sign-in."""
    service.leave(current_session(), current_account().id, now=clock.now())
    sign_out()
    return redirect(url_for(".left"), code=303)


@STAFF_PLACES.get("/left")
def left() -> View:
    """Say that one is no longer of the staff."""
    return render_template("delegation/staff_left.html")


@STAFF_PLACES.errorhandler(LastManager)
def _last_manager(_refusal: LastManager) -> View:
    discard()
    return render_template("delegation/last_manager.html"), LastManager.status


@STAFF_PLACES.errorhandler(NoSuchMember)
def _no_such_member(_refusal: NoSuchMember) -> View:
    discard()
    return render_template("errors/404.html"), 404


def _member(member_id: UUID) -> Member:
    return places.get_place(current_session(), current_manager().agency_id, member_id)


def _show_role(form: RoleForm, member: Member, *, status: int = 200) -> View:
    page = render_template(
        "delegation/staff_role.html", form=form, member=member,
        explained={str(one): words for one, words in ROLE_EXPLAINED.items()},
    )  # fmt: skip
    return page, status
