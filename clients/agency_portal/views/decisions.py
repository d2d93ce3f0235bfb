"""「連携を許可」「連携を許可しない」「連携を終了する」.

Every form carries the id of the grant that its page showed. An owner may take a request back and send a wider
one while the page is open: pressing the button must not agree to something that nobody has read.
"""

from dataclasses import dataclass
from uuid import UUID

from flask import Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound

from clients.agency_portal import service
from clients.agency_portal.rules import Decision, Grant, decisions_for
from clients.agency_portal.views.owners import OWNER_PAGE, lead_to_owner
from clients.relying_party import RelyingParty


@dataclass(frozen=True)
class DecisionViews:
    """What staff decide about a grant."""

    rp: RelyingParty

    def install(self, app: Flask) -> None:
        """Give the pages their addresses."""
        guard = self.rp.login_required
        app.add_url_rule(f"{OWNER_PAGE}/approve", "approve_opened", guard(lead_to_owner))
        app.add_url_rule(f"{OWNER_PAGE}/approve", "approve", guard(self.approve), methods=["POST"])
        app.add_url_rule(f"{OWNER_PAGE}/deny", "confirm_deny", guard(self.confirm_deny))
        app.add_url_rule(f"{OWNER_PAGE}/deny", "deny", guard(self.deny), methods=["POST"])
        app.add_url_rule(f"{OWNER_PAGE}/release", "confirm_release", guard(self.confirm_release))
        app.add_url_rule(f"{OWNER_PAGE}/release", "release", guard(self.release), methods=["POST"])

    def approve(self, user_id: int) -> ResponseReturnValue:
        """Approve a request."""
        return self._decide(user_id, Decision.APPROVE, _("オーナー様情報との連携に成功しました!"))

    def confirm_deny(self, user_id: int) -> ResponseReturnValue:
        """Ask once more before a request is refused."""
        return self._confirm(user_id, Decision.DENY)

    def deny(self, user_id: int) -> ResponseReturnValue:
        """Refuse a request."""
        return self._decide(user_id, Decision.DENY, _("オーナー様情報との連携を拒否しました"))

    def confirm_release(self, user_id: int) -> ResponseReturnValue:
        """Ask once more before a grant in force is given up."""
        return self._confirm(user_id, Decision.RELEASE)

    def release(self, user_id: int) -> ResponseReturnValue:
        """Give up a grant in force."""
        return self._decide(user_id, Decision.RELEASE, _("オーナー様情報との連携を終了しました"))

    def _confirm(self, user_id: int, decision: Decision) -> ResponseReturnValue:
        try:
            grant = service.get_latest_grant(self.rp, user_id)
        except service.GrantUnknown as unknown:
            raise NotFound from unknown
        member = service.load_agency(self.rp).member
        if not member.can_decide:
            return render_role_may_not(user_id)
        if decision not in decisions_for(grant, member):
            return render_moved(grant)
        return render_template(f"agency_portal/confirm_{decision.value}.html", grant=grant)

    def _decide(self, user_id: int, decision: Decision, result: str) -> ResponseReturnValue:
        try:
            grant = service.decide(self.rp, read_grant_id(), decision)
        except service.GrantUnknown as unknown:
            raise NotFound from unknown
        except service.RoleMayNot:
            return render_role_may_not(user_id)
        except service.GrantMoved as moved:
            return render_moved(moved.grant)
        flash(result, "success")
        return redirect(url_for("owner", user_id=grant.owner.user_id), code=303)


def read_grant_id() -> UUID:
    """Return the id of the grant that the form was about.

    :raises NotFound: the form carries none, as no form of ours does.
    """
    try:
        return UUID(request.form.get("grant", ""))
    except ValueError as error:
        raise NotFound from error


def render_moved(grant: Grant) -> ResponseReturnValue:
    """Say that somebody was faster, and how the grant stands now."""
    return render_template("agency_portal/moved.html", grant=grant), 409


def render_role_may_not(user_id: int | None) -> ResponseReturnValue:
    """Say whom to ask for the right to do this."""
    return render_template("agency_portal/role_may_not.html", user_id=user_id), 403
