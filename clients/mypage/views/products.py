"""登録状況を見る: every product with its services."""

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue

from clients.mypage.views.reading import READ, WRITE, load_products
from clients.mypage.views.telling import tell_of_products
from clients.relying_party import RelyingParty


def create_blueprint(rp: RelyingParty) -> Blueprint:
    """Return the page ``/products``, and the way to the server's page where an owner registers one."""
    blueprint = Blueprint("products", __name__)

    @blueprint.get("/products")
    @rp.requires_permission(READ)
    def index() -> ResponseReturnValue:
        may_write = rp.get_session().may(WRITE)
        products = load_products(rp)
        tell_of_products(rp)
        return render_template(
            "mypage/products.html", products=products.all, limited=products.limited, may_write=may_write
        )

    @blueprint.get("/products/new")
    @rp.forbidden_under_act
    def register() -> ResponseReturnValue:
        return redirect(f"{rp.settings.issuer}/account/products/new", code=303)

    return blueprint
