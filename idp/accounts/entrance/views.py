"""The first page, and the language of all pages."""

from datetime import timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from idp import clock
from idp.web import current_settings, own_path, remember_language

blueprint = Blueprint("entrance", __name__)


@blueprint.get("/")
def menu() -> str:
    """Show the ways for owners and for agencies."""
    return render_template("accounts/menu.html")


@blueprint.get("/agency/login")
def agency_login() -> Response:
    """Lead to the agencies' portal, so that mailed addresses begin with the issuer's."""
    return redirect(f"{current_settings().agency_portal_url}/agency/login", code=303)


@blueprint.get("/.well-known/security.txt")
def security() -> Response:
    """Say how to report a weakness (RFC 9116); the text is good for half a year from now."""
    settings = current_settings()
    text = render_template(
        "accounts/security.txt",
        contact=settings.security_contact or f"mailto:{settings.contact_email}",
        expires=clock.iso(clock.now() + timedelta(days=180)),
        canonical=f"{settings.issuer_origin}/.well-known/security.txt",
    )
    return Response(text, content_type="text/plain; charset=utf-8")


@blueprint.get("/robots.txt")
def robots() -> Response:
    """Ask search engines to leave every page alone (RFC 9309): there is nothing here to be found."""
    rules = f"User-agent: *\nDisallow: {url_for('.menu')}\n"
    return Response(rules, content_type="text/plain; charset=utf-8")


@blueprint.post("/language")
def choose_language() -> Response:
    """Remember the language in this browser and go back to the page where it was chosen."""
    answer = redirect(own_path(request.form.get("next"), default=url_for(".menu")), code=303)
    remember_language(answer, request.form.get("lang", ""))
    return answer
