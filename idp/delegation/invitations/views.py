"""The invitation as an owner meets it: what it is about, one button, and then the way to the consent.

Nothing here tells whether somebody is a customer, and opening the page changes nothing.
"""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from idp.accounts.sessions import access
from idp.delegation.invitations import service
from idp.delegation.invitations.agency_views import what_can_be_allowed
from idp.delegation.invitations.rules import InvitationOver, InvitationUnknown, read, written
from idp.unit_of_work import current_session

INVITATION = Blueprint("invitation", __name__, url_prefix="/invitation")
View = str | tuple[str, int] | Response


@INVITATION.get("/<code>")
def show(code: str) -> View:
    """Say who invites, and what happens if one goes on."""
    invitation = service.find_open_invitation(current_session(), code)
    return render_template(
        "delegation/invitation.html", agency=invitation.agency, allowed=what_can_be_allowed()
    )


@INVITATION.post("/<code>")
def begin(code: str) -> View:
    """Count that somebody goes on, once in each browser, and remember where they are going."""
    session = current_session()
    invitation = service.find_open_invitation(session, code)
    consent = url_for("customer.begin_by_invitation", code=written(read(code)))
    if access.errand() != consent:
        service.count_opened(session, invitation.id)
        access.remember_errand(consent)
    return redirect(url_for(".ways", code=written(read(code))), code=303)


@INVITATION.get("/<code>/ways")
def ways(code: str) -> View:
    """Lead an owner on to the consent; let everybody else choose between signing in and registering."""
    invitation = service.find_open_invitation(current_session(), code)
    consent = url_for("customer.begin_by_invitation", code=written(read(code)))
    here = access.current_browser_session()
    if here is not None and here.account.owner is not None:
        return redirect(consent, code=303)
    return render_template("delegation/invitation_ways.html", agency=invitation.agency, consent=consent)


def show_over(refusal: InvitationOver | InvitationUnknown) -> View:
    """Show why an invitation leads nowhere, and what to do instead."""
    standing = refusal.standing.value if isinstance(refusal, InvitationOver) else "unknown"
    return render_template("delegation/invitation_over.html", standing=standing), refusal.status


INVITATION.register_error_handler(InvitationOver, show_over)
INVITATION.register_error_handler(InvitationUnknown, show_over)
