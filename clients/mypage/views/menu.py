"""オーナーズ倶楽部MENU and マイページ: the two pages that lead everywhere else."""

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue

from clients.mypage.records import Products
from clients.mypage.views.reading import READ, find_permissions, find_running, load_products
from clients.relying_party import RelyingParty


def create_blueprint(rp: RelyingParty) -> Blueprint:
    """Return the pages ``/`` and ``/home``, and the ways from here to the server's own pages."""
    blueprint = Blueprint("mypage", __name__)

    @blueprint.get("/")
    def menu() -> ResponseReturnValue:
        return render_template("mypage/menu.html")

    @blueprint.get("/home")
    @rp.login_required
    def home() -> ResponseReturnValue:
        may_read = rp.get_session().may(READ)
        products = load_products(rp) if may_read else Products((), limited=False)
        return render_template(
            "mypage/home.html",
            products=products.all,
            limited=products.limited,
            may_read=may_read,
            permissions=find_permissions(rp),
            running=find_running(rp),
        )

    # Under act these are not offered, and refused if asked for: consents and credentials are the owner's
    # alone.
    @blueprint.get("/permissions")
    @rp.forbidden_under_act
    def permissions() -> ResponseReturnValue:
        return redirect(f"{rp.settings.issuer}/account/delegations", code=303)

    @blueprint.get("/password")
    @rp.forbidden_under_act
    def password() -> ResponseReturnValue:
        return redirect(f"{rp.settings.issuer}/account/password", code=303)

    return blueprint
