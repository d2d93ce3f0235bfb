"""The pages behind the link of an invitation to an agency's staff."""

from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from idp import clock, credentials
from idp.accounts.models import Account, Agency
from idp.accounts.rules import AddressTaken, MemberRole
from idp.accounts.sessions import access
from idp.accounts.staff import service
from idp.accounts.staff.forms import JoinForm
from idp.accounts.staff.models import StaffInvitation
from idp.accounts.staff.rules import AnotherPerson, InvitationOver, MemberAlready, MemberElsewhere
from idp.accounts.staff.words import ROLE_EXPLAINED, ROLE_WORDS
from idp.unit_of_work import current_database, current_session, unit_of_work
from idp.web import here

blueprint = Blueprint("staff_invitation", __name__, url_prefix="/register/agency/staff")
View = str | tuple[str, int] | Response


@blueprint.get("/<token>")
def show(token: str) -> View:
    """Show who invites and for what. Opening it changes nothing: scanners open every link."""
    invitation, agency = service.get_open_invitation(current_session(), token, now=clock.now())
    account = service.find_invited(current_session(), invitation, _signed_in())
    return _show(JoinForm(), invitation, agency=agency, account=account)


@blueprint.post("/<token>")
def join(token: str) -> View:
    """Take the place; somebody new gets an account with it."""
    with unit_of_work(current_database(), writes=False) as reading:  # hashing holds no write lock
        invitation, agency = service.get_open_invitation(reading, token, now=clock.now())
        account = service.find_invited(reading, invitation, _signed_in())
    person = None
    if account is None:
        form = JoinForm(request.form)
        form.email = invitation.email
        if not form.validate():
            return _show(form, invitation, agency=agency, account=None, status=400)
        password_hash = credentials.hash_password(form.password.data or "", current_database().sealer)
        person = service.NewPerson(form.name.data or "", form.furigana.data or "", password_hash)
    service.accept(current_session(), token, signed_in=_signed_in(), person=person, now=clock.now())
    return redirect(url_for(".joined"), code=303)


@blueprint.get("/joined")
def joined() -> View:
    """Say that the place is taken, and where to go on."""
    return render_template("accounts/staff_joined.html")


@blueprint.errorhandler(InvitationOver)
def _over(refusal: InvitationOver) -> View:
    return render_template("accounts/invitation_over.html", state=refusal.state), refusal.status


@blueprint.errorhandler(AnotherPerson)
def _another_person(refusal: AnotherPerson) -> View:
    sign_in = url_for("sign_in.agency_sign_in", next=here())
    page = render_template("accounts/invitation_sign_in.html", sign_in=sign_in, signed_in=refusal.signed_in)
    return page, 200 if request.method == "GET" else refusal.status


@blueprint.errorhandler(MemberAlready)
@blueprint.errorhandler(MemberElsewhere)
def _has_a_place(refusal: MemberAlready | MemberElsewhere) -> View:
    page = render_template("accounts/invitation_place.html", is_same=isinstance(refusal, MemberAlready))
    return page, refusal.status


@blueprint.errorhandler(AddressTaken)
def _address_taken(_refusal: AddressTaken) -> View:
    """Somebody got an account meanwhile: they sign in and come back to the same link."""
    return _another_person(AnotherPerson(signed_in=_signed_in() is not None))


def _signed_in() -> UUID | None:
    session = access.current_browser_session()
    return session.account_id if session else None


def _show(
    form: JoinForm, invitation: StaffInvitation, *, agency: Agency, account: Account | None, status: int = 200
) -> View:
    role = MemberRole(invitation.role)
    page = render_template(
        "accounts/staff_join.html", form=form, email=invitation.email, agency=agency.name,
        role=ROLE_WORDS[role], role_explained=ROLE_EXPLAINED[role], account=account,
    )  # fmt: skip
    return page, status
