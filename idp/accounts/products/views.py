"""An owner adds a product by its serial number."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp import clock
from idp.accounts.products import service
from idp.accounts.products.forms import ProductForm
from idp.accounts.products.service import Claim
from idp.accounts.rules import SerialTaken, SerialUnknown
from idp.accounts.sessions.access import current_account, owner_only
from idp.unit_of_work import current_session
from idp.web import current_settings

blueprint = Blueprint("products", __name__, url_prefix="/account/products")
View = str | tuple[str, int] | Response


@blueprint.get("/new")
@owner_only
def new() -> View:
    """Show the form, with the owner's own postal code as the place of installation."""
    form = ProductForm()
    owner = current_account().owner
    form.installation_postal_code.data = owner.postal_code if owner is not None else ""
    return render_template("accounts/product_new.html", form=form)


@blueprint.post("/new")
@owner_only
def add() -> View:
    """Make the unit the owner's."""
    form = ProductForm(request.form)
    if not form.validate():
        return render_template("accounts/product_new.html", form=form), 400
    claim = Claim.from_typed(
        serial_number=form.serial_number.data or "",
        remote_serial_number=form.remote_serial_number.data or "",
        installation_postal_code=form.installation_postal_code.data or "",
        services=form.services.data or [],
    )  # fmt: skip
    try:
        product = service.claim_product(current_session(), current_account().id, claim=claim, now=clock.now())
    except (SerialUnknown, SerialTaken) as refusal:
        form.refuse_serial(refusal, phone=current_settings().contact_phone)
        return render_template("accounts/product_new.html", form=form), refusal.status
    flash(
        _("%(model)s（%(serial)s）を登録しました。", model=product.model, serial=product.serial_number),
        "success",
    )
    return redirect(url_for(".new"), code=303)
