"""お客様情報: the owner sees and changes their data, and there gives an agency permission to sign in.

The owner types the agency's address, sees who that is and what it will be able to do, chooses, and only
then 「確認する」 stores the consent.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp.accounts.address_lookup import look_up, wants_look_up
from idp.accounts.models import Account, Agency, Product
from idp.accounts.people import find_account
from idp.accounts.products.service import list_products
from idp.accounts.profile.service import update_owner
from idp.accounts.rules import NoSuchProduct, NotAnOwner
from idp.accounts.sessions.access import current_account, errand, forget_errand, owner_only
from idp.delegation import service
from idp.delegation.forms import ConsentForm, CustomerForm, consent_form
from idp.delegation.grant_cards import grant_cards
from idp.delegation.invitations.rules import InvitationOver, InvitationUnknown, Standing
from idp.delegation.invitations.service import find_open_invitation
from idp.delegation.invitations.views import show_over
from idp.delegation.lookups import LookupsUsedUp, note_lookup
from idp.delegation.permissions.consent_text import ConsentText, consent_text
from idp.delegation.permissions.service import ActingApp, acting_apps
from idp.delegation.permissions.wordings import keep_wording, version_of
from idp.delegation.rules import AgencyUnknown, AlreadyOpen, GrantState
from idp.delegation.service import Consent
from idp.errors import Refusal
from idp.unit_of_work import current_session, discard
from idp.web import current_settings, time_words

CUSTOMER = Blueprint("customer", __name__, url_prefix="/account")
View = str | tuple[str, int] | Response


@CUSTOMER.get("")
@owner_only
def show() -> View:
    """Show the owner's data, products and permissions."""
    owner, session = _owner(), current_session()
    standing = [one for one in service.grants_of_owner(session, owner.id) if GrantState(one.state).is_open]
    return render_template(
        "delegation/customer.html", account=owner, owner=owner.owner, errand=errand(),
        cards=grant_cards(session, standing), products=list_products(session, owner.id),
    )  # fmt: skip


@CUSTOMER.get("/edit")
@owner_only
def edit() -> View:
    """Show the form, with what is registered; an agency's address can come along from a link."""
    form = CustomerForm.of(_owner())
    form.agency_email.data = request.args.get("agency", "")[:254]
    return _show_form(form)


@CUSTOMER.get("/permissions/new/<code>")
@owner_only
def begin_by_invitation(code: str) -> View:
    """Show the consent to the agency of a leaflet, as if the owner had typed its address.

    :raises InvitationUnknown: nobody made such a leaflet.
    :raises InvitationOver: it leads nowhere any more.
    """
    invitation = find_open_invitation(current_session(), code)
    form = CustomerForm.of(_owner())
    form.invitation.data, form.agency_email.data = invitation.code, invitation.agency.email
    agency, offer = _find_agency(form), _offer()
    if agency is None:  # there is a permission already, which the next page shows with its state
        flash(str(form.agency_email.errors[0]), "info")
        return redirect(url_for(".show"), code=303)
    consent = consent_form(request.form, offer.text, offer.products, is_sent=False)
    return _show_confirmation(form, consent, agency, offer=offer)


@CUSTOMER.post("/edit")
@owner_only
def change() -> View:
    """Check what was typed and show it for confirmation, or store it when it was confirmed."""
    form = CustomerForm(request.form)
    if wants_look_up(request.form):
        return _show_form(form, towns=look_up(form, request.form).towns)
    if not form.validate():
        return _show_form(form, status=400)
    if request.form.get("step") == "back":
        return _show_form(form)
    agency = _find_agency(form) if form.agency_email.data else None
    refusal = _refuse_lookup(form, agency) or _refuse_invitation(form)
    if refusal is not None or form.agency_email.errors:
        return _show_form(form, status=refusal.status if refusal else 400)
    offer = _offer()
    consent = consent_form(request.form, offer.text, offer.products, is_sent="term" in request.form)
    is_complete = request.form.get("step") == "complete"
    if not is_complete or not _is_confirmed(consent, agency, version=offer.version):
        return _show_confirmation(form, consent, agency, offer=offer, is_complete=is_complete)
    if agency is not None and (refusal := _refuse_request(form)) is not None:
        return _show_form(form, status=refusal.status)
    return _store(form, agency, lambda agency: _consent(consent, offer, agency, code=form.invitation.data))


@dataclass(frozen=True)
class Offer:
    """What an owner can choose from at this moment, and the text of it."""

    apps: list[ActingApp]
    products: list[Product]
    text: ConsentText
    version: str


def _offer() -> Offer:
    session = current_session()
    apps = acting_apps(session, current_app.extensions["acting_apps"](session))
    text = consent_text(apps)
    return Offer(apps, list_products(session, _owner_id()), text, version_of(text.lines()))


def _show_confirmation(
    form: CustomerForm, consent: ConsentForm, agency: Agency | None, *, offer: Offer,
    is_complete: bool = False,
) -> View:  # fmt: skip
    return render_template(
        "delegation/customer_confirm.html", form=form, consent=consent, agency=agency,
        email=_owner().email, text=offer.text, version=offer.version,
        has_changed=is_complete and request.form.get("wording", offer.version) != offer.version,
    )  # fmt: skip


def _consent(form: ConsentForm, offer: Offer, agency: Agency, *, code: str | None) -> Consent:
    """Return what was chosen, and keep the text that was read."""
    invitation = find_open_invitation(current_session(), code) if code else None
    chosen, numbers = form.chosen_steps(), form.chosen_products()
    permissions = [
        step.names for app in offer.apps for step in app.steps if chosen.get(app.client_id) == step.name
    ]
    return Consent(
        agency.id, frozenset().union(*permissions), int(form.term.data),
        wording=keep_wording(current_session(), offer.text.lines()),
        products=None if numbers is None else frozenset(
            product.id for product in offer.products if product.product_id in numbers
        ),
        invitation_id=invitation.id if invitation and invitation.agency_id == agency.id else None,
    )  # fmt: skip


def _store(form: CustomerForm, agency: Agency | None, consent: Callable[[Agency], Consent]) -> View:
    session, owner = current_session(), _owner()
    update_owner(session, owner.id, details=form.details())
    if agency is not None:
        try:
            asked = consent(agency)
            service.request_grant(
                session, owner, asked, answer_days=current_settings().delegation_request_days
            )
        except (AlreadyOpen, AgencyUnknown, NoSuchProduct):
            discard()
            _find_agency(form)
            return _show_form(form, status=409)
        flash(
            _("%(agency)s 様に、ログイン連携の申請をお送りしました。許可されるとメールでお知らせします。",
              agency=agency.name), "success",
        )  # fmt: skip
        forget_errand()
    else:
        flash(_("登録情報を変更しました。"), "success")
    return redirect(url_for(".show"), code=303)


def _is_confirmed(consent: ConsentForm, agency: Agency | None, *, version: str) -> bool:
    """Tell whether what is stored is what was shown: the same agency, the same words, choices that exist."""
    shown = request.form.get("agency_id", "")
    if agency is None:
        return not shown
    same = shown == str(agency.id) and request.form.get("wording") == version
    return consent.validate() and same


def _refuse_lookup(form: CustomerForm, agency: Agency | None) -> Refusal | None:
    """Count an address that was typed, known or not; one that is only confirmed was counted before."""
    was_shown = agency is not None and request.form.get("agency_id") == str(agency.id)
    if not form.agency_email.data or was_shown:
        return None
    try:
        note_lookup(current_session(), _owner_id(), per_hour=current_settings().agency_lookups_per_hour)
    except LookupsUsedUp as refusal:
        form.agency_email.errors = [
            _("メールアドレスの確認が続いたため、いまはお調べできません。%(time)s以降に、もう一度お試しください。"
              "お急ぎのときは %(phone)s へお電話ください。", time=time_words(refusal.again_at),
              phone=current_settings().contact_phone)
        ]  # fmt: skip
        return refusal
    return None


def _refuse_request(form: CustomerForm) -> Refusal | None:
    """Count a request that is sent: asked for and taken back again and again, it would flood an agency."""
    try:
        note_lookup(
            current_session(), _owner_id(), per_hour=current_settings().agency_lookups_per_hour,
            what="request",
        )  # fmt: skip
    except LookupsUsedUp as refusal:
        form.agency_email.errors = [
            _("申請が続いたため、いまはお送りできません。%(time)s以降に、もう一度お試しください。"
              "お急ぎのときは %(phone)s へお電話ください。", time=time_words(refusal.again_at),
              phone=current_settings().contact_phone)
        ]  # fmt: skip
        return refusal
    return None


def _refuse_invitation(form: CustomerForm) -> Refusal | None:
    """Let the owner type the address themselves where the leaflet was withdrawn while they read."""
    if not form.invitation.data:
        return None
    try:
        find_open_invitation(current_session(), form.invitation.data)
    except (InvitationOver, InvitationUnknown):
        form.invitation.data = form.agency_email.data = ""
        form.agency_email.errors = [
            _("お使いのご案内は、使えなくなりました。申請を続けるときは、相手にご確認のうえ、"
              "販売店・業者様のメールアドレスを入力してください。")
        ]  # fmt: skip
        return InvitationOver(Standing.WITHDRAWN)
    return None


def _find_agency(form: CustomerForm) -> Agency | None:
    """Return the agency of the typed address, or say at the field why the owner cannot go on."""
    session, typed = current_session(), form.agency_email.data or ""
    try:
        agency = service.find_agency(session, typed)
    except AgencyUnknown:
        form.agency_email.errors = [
            _("このメールアドレスの販売店・業者様は登録されていません。販売店IDをもう一度ご確認ください。"
              "ご不明なときは %(phone)s へお電話ください。", phone=current_settings().contact_phone)
        ]  # fmt: skip
        return None
    standing = service.find_open_grant(session, _owner_id(), agency.id)
    if standing is not None:
        words = {
            GrantState.REQUESTED: _("この販売店・業者様には申請中です。許可されるまでお待ちください。"),
            GrantState.ACTIVE: _(
                "この販売店・業者様にはすでに許可しています。内容を変えるには、いまの許可を取り消してから申請してください。"
            ),
        }
        form.agency_email.errors = [
            words.get(
                GrantState(standing.state),
                _("この販売店・業者様への許可は停止中です。事務局へお電話ください。"),
            )
        ]
        return None
    return agency


def _owner_id() -> uuid.UUID:
    return current_account().id


def _owner() -> Account:
    """Return the signed-in owner in this request's own session, so that it can be changed.

    :raises NotAnOwner: the account is none (any longer).
    """
    owner = find_account(current_session(), _owner_id())
    if owner is None or owner.owner is None:
        raise NotAnOwner
    return owner


def _show_form(form: CustomerForm, *, towns: tuple[object, ...] = (), status: int = 200) -> View:
    page = render_template("delegation/customer_edit.html", form=form, towns=towns, email=_owner().email)
    return page, status


for _over in (InvitationOver, InvitationUnknown):
    CUSTOMER.register_error_handler(_over, show_over)
