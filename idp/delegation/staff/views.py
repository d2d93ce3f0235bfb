"""スタッフ: an agency's managers see who is there, and invite others."""

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp import clock
from idp.accounts.agency_menu import current_manager, manager_only
from idp.accounts.link_policy import LinkPolicy
from idp.accounts.rules import MemberRole
from idp.accounts.staff import places, service
from idp.accounts.staff.forms import InviteForm
from idp.accounts.staff.rules import NoSuchInvitation, TooManyInvitations
from idp.accounts.staff.words import ROLE_EXPLAINED, ROLE_WORDS
from idp.delegation.assignments import handover
from idp.settings import Settings
from idp.unit_of_work import current_session, discard
from idp.web import current_settings

STAFF = Blueprint("staff", __name__, url_prefix="/agency/staff")
View = str | tuple[str, int] | Response


@STAFF.get("")
@manager_only
def index() -> View:
    """Show who is there, whom an invitation is on its way to, and who left owners behind."""
    session, manager = current_session(), current_manager()
    owners = handover.counts_by_member(session, manager.agency_id)
    return render_template(
        "delegation/staff.html", places=places.list_places(session, manager.agency_id), own=manager.id,
        invitations=service.waiting_invitations(session, manager.agency_id), roles=ROLE_WORDS,
        owners=owners, now=clock.now(),
        left=handover.members_who_left(session, manager.agency_id, owners),
    )  # fmt: skip


@STAFF.get("/invite")
@manager_only
def invite() -> View:
    """Ask for address and role."""
    return _show_invite(InviteForm())


@STAFF.post("/invite")
@manager_only
def send_invitation() -> View:
    """Mail the invitation; the answer is the same whoever's the address is."""
    form, manager = InviteForm(request.form), current_manager()
    if not form.validate():
        return _show_invite(form, status=400)
    try:
        service.invite(
            current_session(), manager.account_id, form.email.data or "", role=MemberRole(form.role.data),
            policy=invitation_policy(current_settings()), now=clock.now(),
        )  # fmt: skip
    except TooManyInvitations:
        discard()
        form.form_errors.append(_too_many())
        return _show_invite(form, status=TooManyInvitations.status)
    _say_sent(form.email.data or "")
    return redirect(url_for(".index"), code=303)


@STAFF.post("/invitations/<uuid:invitation_id>/again")
@manager_only
def invite_again(invitation_id: UUID) -> View:
    """Mail an invitation once more; the older link is replaced."""
    try:
        service.invite_again(
            current_session(), current_manager().account_id, invitation_id,
            policy=invitation_policy(current_settings()), now=clock.now(),
        )  # fmt: skip
    except NoSuchInvitation:
        return _gone()
    except TooManyInvitations:
        discard()
        flash(_too_many(), "error")
        return redirect(url_for(".index"), code=303)
    flash(_("招待メールをもう一度お送りします。前のリンクは使えなくなります。"), "success")
    return redirect(url_for(".index"), code=303)


@STAFF.post("/invitations/<uuid:invitation_id>/withdraw")
@manager_only
def withdraw(invitation_id: UUID) -> View:
    """Take an invitation back."""
    try:
        service.withdraw(current_session(), current_manager().account_id, invitation_id, now=clock.now())
    except NoSuchInvitation:
        return _gone()
    flash(_("招待を取り消しました。送ったリンクは使えません。"), "success")
    return redirect(url_for(".index"), code=303)


def invitation_policy(settings: Settings) -> LinkPolicy:
    """Return the settings for invitations."""
    return LinkPolicy(
        lifetime=timedelta(seconds=settings.staff_invitation_lifetime),
        mails_per_hour=settings.mails_per_recipient_hour, mails_per_day=settings.mails_per_recipient_day,
    )  # fmt: skip


def _too_many() -> str:
    return str(_("招待が多すぎます。返事のない招待を取り消すか、明日になってから、もう一度お試しください。"))


def _say_sent(email: str) -> None:
    flash(
        _("%(email)s へ招待メールをお送りします。届かないときは、1時間ほどあけて、もう一度お送りください。",
          email=email), "success",
    )  # fmt: skip


def _gone() -> View:
    discard()
    flash(_("この招待は、すでに参加済みか、取り消し済みです。"), "info")
    return redirect(url_for(".index"), code=303)


def _show_invite(form: InviteForm, *, status: int = 200) -> View:
    explained = {str(role): words for role, words in ROLE_EXPLAINED.items()}
    return render_template("delegation/staff_invite.html", form=form, explained=explained), status
