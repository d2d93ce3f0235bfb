"""ご案内チラシ: an agency makes links and leaflets for its customers, counts, and withdraws them."""

import uuid

import segno
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response

from idp.accounts.rules import MemberRole
from idp.accounts.sessions.access import current_member, member_only
from idp.delegation.invitations import service
from idp.delegation.invitations.forms import InvitationForm
from idp.delegation.invitations.models import AgencyInvitation
from idp.delegation.invitations.rules import MOST_OPEN, InvitationOver, TooManyInvitations, written
from idp.delegation.permissions.service import all_that_can_be_allowed
from idp.unit_of_work import current_session, discard
from idp.web import current_settings, is_japanese

AGENCY_INVITATIONS = Blueprint("agency_invitations", __name__, url_prefix="/agency/invitations")
View = str | tuple[str, int] | Response


@AGENCY_INVITATIONS.get("")
@member_only
def index() -> View:
    """Show the agency's invitations with how many went on from them, and the form for another."""
    return _show(InvitationForm())


@AGENCY_INVITATIONS.post("")
@member_only
def make() -> View:
    """Make another."""
    form = InvitationForm(request.form)
    if not form.validate():
        return _show(form, status=400)
    try:
        made = service.make_invitation(current_session(), current_member(), label=form.label.data or "")
    except TooManyInvitations as refusal:
        discard()
        form.form_errors.append(
            _(
                "使えるご案内は%(most)s件までです。使わないものを取り下げてから作ってください。",
                most=MOST_OPEN,
            )
        )
        return _show(form, status=refusal.status)
    return redirect(url_for(".leaflet", invitation_id=made.id), code=303)


@AGENCY_INVITATIONS.get("/<uuid:invitation_id>")
@member_only
def leaflet(invitation_id: uuid.UUID) -> View:
    """Show the leaflet, to be printed on a sheet of A4."""
    invitation = service.get_invitation(current_session(), current_member(), invitation_id)
    if invitation.withdrawn_at is not None:
        return redirect(url_for(".index"), code=303)
    address = address_of(invitation)
    return render_template(
        "delegation/invitation_leaflet.html", invitation=invitation, agency=invitation.agency,
        address=address, qr_code=qr_code(address), allowed=what_can_be_allowed(),
    )  # fmt: skip


@AGENCY_INVITATIONS.get("/<uuid:invitation_id>/withdraw")
@member_only
def ask_withdrawal(invitation_id: uuid.UUID) -> View:
    """Ask once more, naming the effect. Changes nothing."""
    invitation = service.get_invitation(current_session(), current_member(), invitation_id)
    if invitation.withdrawn_at is not None:
        return redirect(url_for(".index"), code=303)
    return render_template(
        "delegation/invitation_withdraw.html", invitation=invitation, code=written(invitation.code)
    )


@AGENCY_INVITATIONS.post("/<uuid:invitation_id>/withdraw")
@member_only
def withdraw(invitation_id: uuid.UUID) -> View:
    """Withdraw it; from this answer on it leads nowhere."""
    try:
        service.withdraw_invitation(current_session(), current_member(), invitation_id)
    except InvitationOver:
        discard()
        flash(_("このご案内は、すでに取り下げられています。"), "info")
    else:
        flash(_("ご案内を取り下げました。お客様がこれまでにされた許可は、そのままです。"), "success")
    return redirect(url_for(".index"), code=303)


def address_of(invitation: AgencyInvitation) -> str:
    """Return the address on the leaflet; it begins with the issuer, as every address of ours."""
    path = url_for("invitation.show", code=written(invitation.code))
    return f"{current_settings().issuer_origin}{path}"


def qr_code(address: str) -> Markup:
    """Return the picture for a telephone's camera: dark on white, whatever the page is."""
    picture = segno.make(address, error="q", micro=False)
    drawn = picture.svg_inline(omitsize=True, border=4, light="#ffffff", svgclass=None, lineclass=None)
    return Markup(drawn)  # noqa: S704 - drawn from an address of ours


def what_can_be_allowed() -> list[str]:
    """Return what owners can allow at most, line by line, in the language of the page."""
    return all_that_can_be_allowed(current_session(), english=not is_japanese())


def _show(form: InvitationForm, *, status: int = 200) -> View:
    member = current_member()
    page = render_template(
        "delegation/invitations.html", form=form, agency=member.agency.name, written=written,
        invitations=service.invitations_of(current_session(), member),
        is_manager=MemberRole(member.role).can_manage,
    )  # fmt: skip
    return page, status
