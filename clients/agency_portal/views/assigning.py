"""担当: which member or group looks after an owner."""

from dataclasses import dataclass

from flask import Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound

from clients.agency_portal import service
from clients.agency_portal.rules import Grant
from clients.agency_portal.views.decisions import read_grant_id, render_moved, render_role_may_not
from clients.agency_portal.views.owners import OWNER_PAGE
from clients.relying_party import RelyingParty

NOBODY = "nobody"


def read_assignee() -> tuple[str | None, str | None]:
    """Return the member, or the group, that the form names; neither where it is to be nobody.

    :raises AssigneeUnknown: the form names nothing, as when nothing was chosen.
    """
    kind, _colon, chosen = request.form.get("to", "").partition(":")
    if kind not in {"member", "group", NOBODY} or bool(chosen) == (kind == NOBODY):
        raise service.AssigneeUnknown
    return chosen if kind == "member" else None, chosen if kind == "group" else None


@dataclass(frozen=True)
class AssigningViews:
    """The page on which an owner is assigned."""

    rp: RelyingParty

    def install(self, app: Flask) -> None:
        """Give the page its address."""
        guard = self.rp.login_required
        app.add_url_rule(f"{OWNER_PAGE}/assignee", "assignee", guard(self.assignee))
        app.add_url_rule(f"{OWNER_PAGE}/assignee", "assign", guard(self.assign), methods=["POST"])

    def assignee(self, user_id: int) -> ResponseReturnValue:
        """Show who looks after the owner, and who could."""
        grant = self._grant(user_id)
        if not service.load_agency(self.rp).member.can_decide:
            return render_role_may_not(user_id)
        if grant.state.has_ended:
            return render_moved(grant)
        return self._show(grant)

    def assign(self, user_id: int) -> ResponseReturnValue:
        """Store who looks after the owner from now on."""
        try:
            member, group = read_assignee()
            stood = service.assign(self.rp, read_grant_id(), member=member, group=group)
        except service.RoleMayNot:
            return render_role_may_not(user_id)
        except service.AssigneeUnknown:
            return self._show(self._grant(user_id), is_refused=True)
        if not stood:
            return render_moved(self._grant(user_id))
        flash(_("担当を変更しました。"), "success")
        return redirect(url_for("owner", user_id=user_id), code=303)

    def _grant(self, user_id: int) -> Grant:
        try:
            return service.get_latest_grant(self.rp, user_id)
        except service.GrantUnknown as unknown:
            raise NotFound from unknown

    def _show(self, grant: Grant, *, is_refused: bool = False) -> ResponseReturnValue:
        staff = service.load_staff(self.rp)
        page = render_template("agency_portal/assignee.html", grant=grant, staff=staff, is_refused=is_refused)
        return page, 400 if is_refused else 200
