"""Joining and leaving the four services of a product: choose, confirm, change."""

from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.exceptions import BadRequest

from clients.mypage.records import Product, ServiceName, read_product
from clients.mypage.views.reading import WRITE, get_product
from clients.mypage.views.telling import tell_of_change, tell_of_products
from clients.relying_party import RelyingParty

JOIN, LEAVE = "join", "leave"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is wanted of one service."""

    name: ServiceName
    joined: bool
    is_change: bool

    @property
    def word(self) -> str:
        """The choice as it stands in the address."""
        return JOIN if self.joined else LEAVE


def create_blueprint(rp: RelyingParty) -> Blueprint:
    """Return the pages under ``/products/<id>/services``.

    The choice travels in the address and not in a form, so that going back, reloading or a renewed sign-in in
    between loses nothing. Only the POST of the confirmation changes anything.
    """
    blueprint = Blueprint("services", __name__)

    @blueprint.get("/products/<uuid:product_id>/services")
    @rp.requires_permission(WRITE)
    def choose(product_id: UUID) -> ResponseReturnValue:
        product = get_product(rp, product_id)
        tell_of_products(rp)
        return render_template("mypage/services.html", product=product, choices=_choices(product))

    @blueprint.get("/products/<uuid:product_id>/services/confirm")
    @rp.requires_permission(WRITE)
    def confirm(product_id: UUID) -> ResponseReturnValue:
        product = get_product(rp, product_id)
        choices = _choices(product)
        return render_template(
            "mypage/services_confirm.html",
            product=product,
            changes=[choice for choice in choices if choice.is_change],
            query={choice.name.value: choice.word for choice in choices},
        )

    @blueprint.post("/products/<uuid:product_id>/services/confirm")
    @rp.requires_permission(WRITE)
    def change(product_id: UUID) -> ResponseReturnValue:
        product = get_product(rp, product_id)
        changes = [choice for choice in _choices(product) if choice.is_change]
        services = {choice.name.value: choice.joined for choice in changes}
        if services:
            answer = rp.api("PATCH", f"/api/me/products/{product.id}", json={"services": services})
            read_product(answer.object)
            tell_of_change(rp, product, [(choice.name, choice.joined) for choice in changes])
            flash(_("サービスの加入状況を変更しました。"), "success")
        else:
            # A second press, or a change made elsewhere meanwhile: nobody is left wondering.
            flash(_("ご指定のとおりの加入状況になっています。"), "info")
        return redirect(url_for("products.index"), code=303)

    return blueprint


def _choices(product: Product) -> tuple[Choice, ...]:
    """Return what the address asks for; a service that it does not name stays as it is."""
    choices = []
    for service in product.services:
        word = request.args.get(service.name.value, JOIN if service.joined else LEAVE)
        if word not in {JOIN, LEAVE}:
            raise BadRequest
        joined = word == JOIN
        choices.append(Choice(name=service.name, joined=joined, is_change=joined != service.joined))
    return tuple(choices)
