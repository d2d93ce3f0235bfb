"""グループと担当: groups of an agency's staff, and whether owners are assigned to staff at all."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp import clock
from idp.accounts.agency_menu import current_manager, manager_only
from idp.accounts.models import Member
from idp.accounts.sessions.access import current_account
from idp.accounts.staff import places
from idp.delegation.assignments import groups
from idp.delegation.assignments.forms import AssignedOnlyForm, AssigneeForm, GroupForm, GroupMembersForm
from idp.delegation.assignments.rules import AssigneeUnknown, GroupNameTaken, NoSuchGroup
from idp.unit_of_work import current_session, discard

STAFF_GROUPS = Blueprint("staff_groups", __name__, url_prefix="/agency/groups")
View = str | tuple[str, int] | Response


@STAFF_GROUPS.get("")
@manager_only
def index() -> View:
    """Show the groups, the form for another one, and the switch."""
    return _show(GroupForm())


@STAFF_GROUPS.post("")
@manager_only
def make() -> View:
    """Make a group, and go on to who is in it."""
    form = GroupForm(request.form)
    if not form.validate():
        return _show(form, status=400)
    try:
        group = groups.make_group(
            current_session(), current_account().id, form.name.data or "", now=clock.now()
        )
    except GroupNameTaken as refusal:
        discard()
        form.name.errors = [_taken()]
        return _show(form, status=refusal.status)
    flash(
        _("グループ「%(name)s」をつくりました。つぎに、グループの人を選んでください。", name=group.name),
        "success",
    )
    return redirect(url_for(".edit", group_id=group.id), code=303)


@STAFF_GROUPS.post("/assigned-only")
@manager_only
def switch() -> View:
    """Store whether owners are assigned to staff."""
    form = AssignedOnlyForm(request.form)
    groups.set_assigned_only(current_session(), current_account().id, wanted=bool(form.assigned_only.data))
    flash(
        _("担当を決めて利用します。代理ログイン担当と閲覧のみの方には、担当のお客様だけが表示されます。")
        if form.assigned_only.data
        else _("担当を決めずに利用します。すべてのスタッフに、すべてのお客様が表示されます。"),
        "success",
    )
    return redirect(url_for(".index"), code=303)


@STAFF_GROUPS.get("/<uuid:group_id>")
@manager_only
def edit(group_id: UUID) -> View:
    """Show a group's name and members."""
    group = groups.get_group(current_session(), current_manager().agency_id, group_id)
    form = GroupMembersForm(name=group.name, members=[str(member.id) for member in group.members])
    return _show_group(form, group)


@STAFF_GROUPS.post("/<uuid:group_id>")
@manager_only
def change(group_id: UUID) -> View:
    """Store a group's name and members."""
    form = GroupMembersForm(request.form)
    try:
        if form.validate():
            groups.change_group(
                current_session(), current_account().id, group_id, name=form.name.data or "",
                members=form.chosen(),
            )  # fmt: skip
            flash(_("グループ「%(name)s」を変更しました。", name=form.name.data or ""), "success")
            return redirect(url_for(".index"), code=303)
        status = 400
    except GroupNameTaken as refusal:
        discard()
        form.name.errors, status = [_taken()], refusal.status
    group = groups.get_group(current_session(), current_manager().agency_id, group_id)
    return _show_group(form, group, status=status)


@STAFF_GROUPS.get("/<uuid:group_id>/delete")
@manager_only
def ask_delete(group_id: UUID) -> View:
    """Ask once more, and where the owners assigned to the group go. Changes nothing."""
    return _show_delete(AssigneeForm(), group_id)


@STAFF_GROUPS.post("/<uuid:group_id>/delete")
@manager_only
def delete(group_id: UUID) -> View:
    """Delete a group once it is said where its owners go."""
    form = AssigneeForm(request.form)
    group = groups.get_group(current_session(), current_manager().agency_id, group_id)
    to = form.assignee()
    try:
        if to is None:
            raise AssigneeUnknown
        groups.delete_group(current_session(), current_account().id, group_id, to=to)
    except AssigneeUnknown as refusal:
        discard()
        form.to.errors = [_("引き継ぎ先を選んでください。")]
        return _show_delete(form, group_id, status=refusal.status)
    flash(_("グループ「%(name)s」を削除しました。", name=group.name), "success")
    return redirect(url_for(".index"), code=303)


@STAFF_GROUPS.errorhandler(NoSuchGroup)
def _no_such_group(_refusal: NoSuchGroup) -> View:
    discard()
    return render_template("errors/404.html"), 404


def _taken() -> str:
    return str(_("同じ名前のグループがあります。別の名前を入力してください。"))


def _show(form: GroupForm, *, status: int = 200) -> View:
    manager = current_manager()
    page = render_template(
        "delegation/groups.html", form=form, groups=groups.list_groups(current_session(), manager.agency_id),
        switch=AssignedOnlyForm(assigned_only=manager.agency.assigned_only),
    )  # fmt: skip
    return page, status


def _show_group(form: GroupMembersForm, group: groups.Group, *, status: int = 200) -> View:
    page = render_template("delegation/group.html", form=form.offer(_members()), group=group)
    return page, status


def _show_delete(form: AssigneeForm, group_id: UUID, *, status: int = 200) -> View:
    everyone = groups.list_groups(current_session(), current_manager().agency_id)
    group = groups.get_group(current_session(), current_manager().agency_id, group_id)
    others = [other for other in everyone if other.id != group_id]
    page = render_template("delegation/group_delete.html", form=form.offer(others, _members()), group=group)
    return page, status


def _members() -> list[Member]:
    staff = places.list_places(current_session(), current_manager().agency_id)
    return [place.member for place in staff]
