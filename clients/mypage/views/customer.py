"""お客様情報: what the club knows about the owner, and which agencies may sign in."""

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue

from clients.mypage.records import read_profile
from clients.mypage.views.reading import READ, find_permissions
from clients.mypage.views.telling import tell_of_customer
from clients.relying_party import RelyingParty


def create_blueprint(rp: RelyingParty) -> Blueprint:
    """Return the page ``/customer``, and the way to the server's page where the owner changes it."""
    blueprint = Blueprint("customer", __name__)

    @blueprint.get("/customer")
    @rp.requires_permission(READ)
    def show() -> ResponseReturnValue:
        profile = read_profile(rp.api("GET", "/api/me/profile").object)
        tell_of_customer(rp)
        return render_template("mypage/customer.html", profile=profile, permissions=find_permissions(rp))

    @blueprint.get("/customer/edit")
    @rp.forbidden_under_act
    def edit() -> ResponseReturnValue:
        return redirect(f"{rp.settings.issuer}/account/edit", code=303)

    return blueprint
