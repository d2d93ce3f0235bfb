"""The blueprint ``rp``: every route that the kit brings along."""

from flask import Blueprint, Flask, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from clients.relying_party import sign_in, sign_out
from clients.relying_party.own_path import find_own_path
from clients.relying_party.parts import Parts
from clients.relying_party.web import LANGUAGE_COOKIE, LOCALES, csrf_of

YEAR = 365 * 24 * 3600


def install(app: Flask, parts: Parts) -> None:
    """Register the blueprint, with the two endpoints that must do without a CSRF token.

    Both are called by others: one by the server without a browser, one by a foreign site. Neither reads a
    session.
    """
    blueprint = Blueprint(
        "rp",
        "clients.relying_party",
        template_folder="templates",
        static_folder="static",
        static_url_path="/kit",
    )
    sign_in.add_routes(blueprint, parts)
    sign_out.add_routes(blueprint, parts)
    _add_language_switch(blueprint, parts)

    @blueprint.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return Response("ok\n", mimetype="text/plain")

    app.register_blueprint(blueprint)
    csrf = csrf_of(app)
    for endpoint in ("rp.backchannel_logout", "rp.initiate"):
        csrf.exempt(app.view_functions[endpoint])


def _add_language_switch(blueprint: Blueprint, parts: Parts) -> None:
    @blueprint.post("/language")
    def language() -> ResponseReturnValue:
        target = find_own_path(request.form.get("next", ""), origin=parts.settings.base_url)
        response = redirect(target or url_for(parts.application.home_endpoint), code=303)
        chosen = request.form.get("lang", "")
        if chosen in LOCALES and isinstance(response, Response):
            response.set_cookie(
                LANGUAGE_COOKIE,
                chosen,
                max_age=YEAR,
                path="/",
                secure=parts.settings.cookies_are_secure,
                httponly=True,
                samesite="Lax",
            )
        return response
