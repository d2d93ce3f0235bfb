"""Sign-out: at the person's wish (RP-Initiated Logout 1.0), or the server's (Back-Channel Logout 1.0)."""

from urllib.parse import urlencode

import structlog
from flask import Blueprint, Response, flash, request
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from clients.relying_party import clock, gate
from clients.relying_party.errors import ProviderUnavailable, TokenNotGenuine
from clients.relying_party.logout_token import verify_logout_token
from clients.relying_party.parts import Parts
from clients.relying_party.values import EndReason

log = structlog.get_logger(__name__)


def add_routes(blueprint: Blueprint, parts: Parts) -> None:
    """Register ``/logout``, ``/proxy-login/end`` and ``/oidc/backchannel-logout``."""

    @blueprint.post("/logout")
    def logout() -> ResponseReturnValue:
        return _sign_out(parts)

    @blueprint.post("/proxy-login/end")
    def end_proxy_login() -> ResponseReturnValue:
        return _sign_out(parts)

    @blueprint.post("/oidc/backchannel-logout")
    def backchannel_logout() -> ResponseReturnValue:
        return _backchannel_logout(parts)


def delete_session_cookie(parts: Parts, response: Response) -> None:
    """Take the session out of the browser."""
    response.delete_cookie(
        parts.cookie("session"),
        path="/",
        secure=parts.settings.cookies_are_secure,
        httponly=True,
        samesite="Lax",
    )


def _sign_out(parts: Parts) -> ResponseReturnValue:
    """End the session here first, then let the server end its own and send the browser on.

    Which session it is decides where the browser goes: somebody who acted for an owner returns to the portal.
    """
    stored = gate.find_stored(parts)
    acting = stored is not None and stored.session.act is not None
    own = parts.settings.base_url + parts.application.after_sign_out
    back = f"{parts.application.agency_portal_url}/proxy-login/ended" if acting else own
    target = back
    if stored is not None:
        gate.forget(parts, EndReason.SIGNED_OUT)
        target = _end_session_url(parts, id_token=stored.id_token, back=back) or back
        log.info("signed_out", acting=acting)
    browser.clear()
    if acting:
        browser[gate.ENDED_HERE] = True
    else:
        flash(_("ログアウトしました。"), "success")
    response = Response(status=303, headers={"Location": target})
    delete_session_cookie(parts, response)
    if acting:
        # Pages of the owner must not stay in the cache of the agency's browser.
        response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _end_session_url(parts: Parts, *, id_token: str, back: str) -> str | None:
    """Return the server's logout address; None while it cannot be reached: here it is over anyway."""
    try:
        endpoint = parts.provider.metadata.end_session_endpoint
    except ProviderUnavailable:
        log.warning("server_session_not_ended")
        return None
    query = {
        "id_token_hint": id_token,
        "post_logout_redirect_uri": back,
        "client_id": parts.settings.client_id,
    }
    return f"{endpoint}?{urlencode(query)}"


def _backchannel_logout(parts: Parts) -> ResponseReturnValue:
    """Answer a logout token: 200 when the sessions are gone, 400 when it is not genuine (§2.8)."""
    given = request.form.getlist("logout_token")
    now = clock.now()
    try:
        if len(given) != 1 or request.args:
            raise TokenNotGenuine("form")
        notice = verify_logout_token(given[0], parts.provider, settings=parts.settings, now=now)
        ended = parts.sessions.end_by_notice(notice, now=now)
    except TokenNotGenuine as refusal:
        log.warning("logout_notice_refused", reason=refusal.reason)
        return _plain_json('{"error": "invalid_request"}', status=400)
    except ProviderUnavailable:
        # Not the server's mistake: it will try again.
        log.warning("logout_notice_not_verified")
        return _plain_json('{"error": "temporarily_unavailable"}', status=503)
    log.info("sessions_ended_by_server", count=ended)
    return Response(status=200)


def _plain_json(body: str, *, status: int) -> Response:
    return Response(body, status=status, mimetype="application/json")
