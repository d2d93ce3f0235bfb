"""An agency registers (業者様の新規会員登録)."""

from dataclasses import replace

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from idp import clock
from idp.accounts import links
from idp.accounts.address_lookup import look_up, wants_look_up
from idp.accounts.link_pages import show_link_over
from idp.accounts.registration import service, steps
from idp.accounts.registration.drafts import AgencyDraft
from idp.accounts.registration.forms import AddressForm, AgencyForm
from idp.accounts.rules import AddressTaken, DraftIncomplete, LinkNotFresh, LinkPurpose
from idp.unit_of_work import current_database, current_session, unit_of_work

blueprint = Blueprint("agency_registration", __name__, url_prefix="/register/agency")
PURPOSE = LinkPurpose.AGENCY_REGISTRATION
View = str | tuple[str, int] | Response


@blueprint.get("")
def start() -> View:
    """Ask for the address."""
    return render_template("accounts/agency_registration.html", form=AddressForm())


@blueprint.post("")
def send_link() -> View:
    """Send the link; the answer is the same whether or not the address is known."""
    form = AddressForm(request.form)
    if not form.validate():
        return render_template("accounts/agency_registration.html", form=form), 400
    service.request_link(
        current_session(), form.email.data or "", purpose=PURPOSE, policy=steps.policy(), now=clock.now()
    )
    return redirect(url_for(".sent"), code=303)


@blueprint.get("/sent")
def sent() -> View:
    """Say that a mail is on its way."""
    return steps.show_sent(start=url_for(".start"))


@blueprint.post("/member/<token>/again")
def send_again(token: str) -> View:
    """Send a new link to the address of one that is over, so that nobody has to type it twice."""
    return steps.send_again(token, PURPOSE, sent=url_for(".sent"), start=url_for(".start"))


@blueprint.get("/member/<token>")
def details(token: str) -> View:
    """Show the form behind the link. Opening it changes nothing: scanners open every link."""
    link = links.get_fresh_link(current_session(), token, purpose=PURPOSE, now=clock.now())
    draft = links.find_draft(current_session(), link, AgencyDraft) or AgencyDraft()
    form = AgencyForm(obj=draft)
    form.keep_password = draft.password_hash is not None
    return _show(form, link.email)


@blueprint.post("/member/<token>")
def fill_in(token: str) -> View:
    """Keep what was typed and go on to the confirmation, or say what is missing."""
    with unit_of_work(current_database(), writes=False) as reading:  # hashing holds no write lock
        link = links.get_fresh_link(reading, token, purpose=PURPOSE, now=clock.now())
        kept = links.find_draft(reading, link, AgencyDraft) or AgencyDraft()
    form = AgencyForm(request.form)
    form.email, form.keep_password = link.email, kept.password_hash is not None
    asked = wants_look_up(request.form)
    is_complete = form.validate() and not asked
    password_hash = steps.password_hash(form, kept.password_hash)
    towns = look_up(form, request.form).towns if asked else ()
    draft = AgencyDraft(
        company=form.company.data or "", name=form.name.data or "", furigana=form.furigana.data or "",
        postal_code=form.postal_code.data or "", prefecture=form.prefecture.data or "",
        city=form.city.data or "", street=form.street.data or "", phone=form.phone.data or "",
        password_hash=password_hash, complete=is_complete,
    )  # fmt: skip
    links.store_draft(current_session(), token, draft, purpose=PURPOSE, now=clock.now())
    if is_complete:
        return redirect(url_for(".confirmation", token=token), code=303)
    form.keep_password = password_hash is not None
    return _show(form, link.email, towns=towns, status=200 if asked else 400)


@blueprint.get("/member/<token>/confirm")
def confirmation(token: str) -> View:
    """Show everything that was typed, before it is registered."""
    link = links.get_fresh_link(current_session(), token, purpose=PURPOSE, now=clock.now())
    draft = links.find_draft(current_session(), link, AgencyDraft)
    if draft is None or not draft.complete:
        return redirect(url_for(".details", token=token), code=303)
    return render_template(
        "accounts/agency_registration_confirm.html",
        draft=replace(draft, password_hash=None),
        email=link.email,
        back=url_for(".details", token=token),
    )


@blueprint.post("/member/<token>/confirm")
def register(token: str) -> View:
    """Register the agency."""
    try:
        service.register_agency(current_session(), token, now=clock.now())
    except DraftIncomplete:
        return redirect(url_for(".details", token=token), code=303)
    return redirect(url_for(".done"), code=303)


@blueprint.get("/done")
def done() -> View:
    """Say that the agency is registered, and where to sign in."""
    return render_template("accounts/agency_registration_done.html")


@blueprint.errorhandler(LinkNotFresh)
def _link_over(refusal: LinkNotFresh) -> View:
    return show_link_over((request.view_args or {})["token"], refusal)


@blueprint.errorhandler(AddressTaken)
def _address_taken(_refusal: AddressTaken) -> View:
    return steps.show_address_taken(sign_in=url_for("sign_in.agency_sign_in"))


def _show(form: AgencyForm, email: str, *, towns: tuple[object, ...] = (), status: int = 200) -> View:
    page = render_template("accounts/agency_details.html", form=form, email=email, towns=towns)
    return page, status
