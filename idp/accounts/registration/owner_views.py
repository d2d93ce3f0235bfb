"""An owner registers: お客様情報, the first product (which can wait), confirmation."""

from dataclasses import replace

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp import clock
from idp.accounts import links
from idp.accounts.address_lookup import look_up, wants_look_up
from idp.accounts.link_pages import show_link_over
from idp.accounts.models import MailLink
from idp.accounts.products.forms import SERVICE_NAMES, ProductForm
from idp.accounts.products.service import check_claimable
from idp.accounts.registration import service, steps
from idp.accounts.registration.drafts import OwnerDraft
from idp.accounts.registration.forms import AddressForm, OwnerForm
from idp.accounts.rules import (
    AddressTaken,
    DraftIncomplete,
    LinkNotFresh,
    LinkPurpose,
    SerialTaken,
    SerialUnknown,
)
from idp.accounts.sessions import access
from idp.unit_of_work import current_database, current_session, discard, unit_of_work
from idp.web import current_settings

blueprint = Blueprint("owner_registration", __name__, url_prefix="/register/owner")
PURPOSE = LinkPurpose.OWNER_REGISTRATION
View = str | tuple[str, int] | Response


@blueprint.get("")
def start() -> View:
    """Ask for the address."""
    return render_template("accounts/owner_registration.html", form=AddressForm())


@blueprint.post("")
def send_link() -> View:
    """Send the link; the answer is the same whether or not the address is known."""
    form = AddressForm(request.form)
    if not form.validate():
        return render_template("accounts/owner_registration.html", form=form), 400
    service.request_link(
        current_session(), form.email.data or "", purpose=PURPOSE, policy=steps.policy(), now=clock.now()
    )
    return redirect(url_for(".sent"), code=303)


@blueprint.get("/sent")
def sent() -> View:
    """Say that a mail is on its way."""
    return steps.show_sent(start=url_for(".start"))


@blueprint.post("/<token>/again")
def send_again(token: str) -> View:
    """Send a new link to the address of one that is over, so that nobody has to type it twice."""
    return steps.send_again(token, PURPOSE, sent=url_for(".sent"), start=url_for(".start"))


@blueprint.get("/<token>")
def details(token: str) -> View:
    """Show the form behind the link. Opening it changes nothing: scanners open every link."""
    link, draft = _open(token)
    form = OwnerForm(obj=draft)
    form.keep_password = draft.password_hash is not None
    return _show(form, link.email)


@blueprint.post("/<token>")
def fill_in(token: str) -> View:
    """Keep what was typed and go on to the product, or say what is missing."""
    with unit_of_work(current_database(), writes=False) as reading:  # hashing holds no write lock
        link = links.get_fresh_link(reading, token, purpose=PURPOSE, now=clock.now())
        kept = links.find_draft(reading, link, OwnerDraft) or OwnerDraft()
    form = OwnerForm(request.form)
    form.email, form.keep_password = link.email, kept.password_hash is not None
    asked = wants_look_up(request.form)
    is_complete = form.validate() and not asked
    password_hash = steps.password_hash(form, kept.password_hash)
    towns = look_up(form, request.form).towns if asked else ()
    draft = replace(
        kept, name=form.name.data or "", furigana=form.furigana.data or "",
        postal_code=form.postal_code.data or "", prefecture=form.prefecture.data or "",
        city=form.city.data or "", street=form.street.data or "", phone=form.phone.data or "",
        info_sharing=form.info_sharing.data or "", password_hash=password_hash, complete=is_complete,
    )  # fmt: skip
    _keep(token, draft)
    if is_complete:
        return redirect(url_for(".product", token=token), code=303)
    form.keep_password = password_hash is not None
    return _show(form, link.email, towns=towns, status=200 if asked else 400)


@blueprint.get("/<token>/product")
def product(token: str) -> View:
    """Show the form for the first product, with what is known already."""
    _link, draft = _open(token)
    if not draft.complete:
        return redirect(url_for(".details", token=token), code=303)
    form = ProductForm(obj=draft)
    if not draft.installation_postal_code:
        form.installation_postal_code.data = draft.postal_code
    return render_template(
        "accounts/owner_registration_product.html", form=form, back=url_for(".details", token=token)
    )


@blueprint.post("/<token>/product")
def choose_product(token: str) -> View:
    """Keep the product, or its being left for later, and go on to the confirmation."""
    _link, draft = _open(token)
    form = ProductForm(request.form)
    if "skip" in request.form:
        _keep(token, replace(draft, serial_number="", remote_serial_number="", services=[]))
        return redirect(url_for(".confirmation", token=token), code=303)
    if not form.validate() or not _is_claimable(form):
        page = render_template(
            "accounts/owner_registration_product.html", form=form, back=url_for(".details", token=token)
        )
        return page, 400
    draft = replace(
        draft, serial_number=form.serial_number.data or "",
        remote_serial_number=form.remote_serial_number.data or "",
        installation_postal_code=form.installation_postal_code.data or "",
        services=list(form.services.data or []),
    )  # fmt: skip
    _keep(token, draft)
    return redirect(url_for(".confirmation", token=token), code=303)


@blueprint.get("/<token>/confirm")
def confirmation(token: str) -> View:
    """Show everything that was typed, before it is registered."""
    link, draft = _open(token)
    if not draft.complete:
        return redirect(url_for(".details", token=token), code=303)
    return render_template(
        "accounts/owner_registration_confirm.html",
        draft=replace(draft, password_hash=None),
        services=[(name, service.value in draft.services) for service, name in SERVICE_NAMES.items()],
        email=link.email,
        back=url_for(".details", token=token),
        back_to_product=url_for(".product", token=token),
    )


@blueprint.post("/<token>/confirm")
def register(token: str) -> View:
    """Register the owner."""
    try:
        service.register_owner(current_session(), token, now=clock.now())
    except DraftIncomplete:
        return redirect(url_for(".details", token=token), code=303)
    except (SerialUnknown, SerialTaken):
        discard()
        flash(_("この製品は登録できませんでした。製造番号をもう一度ご確認ください。"), "error")
        return redirect(url_for(".product", token=token), code=303)
    return redirect(url_for(".done"), code=303)


@blueprint.get("/done")
def done() -> View:
    """Say that the owner is registered, and where to sign in."""
    return render_template("accounts/owner_registration_done.html", errand=access.errand())


@blueprint.errorhandler(LinkNotFresh)
def _link_over(refusal: LinkNotFresh) -> View:
    return show_link_over((request.view_args or {})["token"], refusal)


@blueprint.errorhandler(AddressTaken)
def _address_taken(_refusal: AddressTaken) -> View:
    return steps.show_address_taken(sign_in=url_for("sign_in.owner_sign_in"))


def _open(token: str) -> tuple[MailLink, OwnerDraft]:
    session = current_session()
    link = links.get_fresh_link(session, token, purpose=PURPOSE, now=clock.now())
    return link, links.find_draft(session, link, OwnerDraft) or OwnerDraft()


def _keep(token: str, draft: OwnerDraft) -> None:
    links.store_draft(current_session(), token, draft, purpose=PURPOSE, now=clock.now())


def _is_claimable(form: ProductForm) -> bool:
    try:
        check_claimable(current_session(), form.serial_number.data or "")
    except (SerialUnknown, SerialTaken) as refusal:
        form.refuse_serial(refusal, phone=current_settings().contact_phone)
        return False
    return True


def _show(form: OwnerForm, email: str, *, towns: tuple[object, ...] = (), status: int = 200) -> View:
    page = render_template("accounts/owner_details.html", form=form, email=email, towns=towns)
    return page, status
