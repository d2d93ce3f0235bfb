"""「代理ログイン」: from the portal into the owner's マイページ."""

from dataclasses import dataclass

import structlog
from flask import Flask, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound

from clients.agency_portal import service
from clients.agency_portal.rules import Conditions, Grant, GrantState, ReasonProblem
from clients.agency_portal.settings import PortalSettings
from clients.agency_portal.views.decisions import read_grant_id, render_moved, render_role_may_not
from clients.agency_portal.views.owners import OWNER_PAGE, lead_to_owner, read_reason, render_owner
from clients.relying_party import ExchangeRefused, RelyingParty

LAST_OWNER = "last_owner"
"""Where the cookie remembers the user id of the last proxy login's owner, for the way back."""

log = structlog.get_logger()


@dataclass(frozen=True)
class ProxyLoginViews:
    """The button 「代理ログイン」."""

    rp: RelyingParty
    settings: PortalSettings

    def install(self, app: Flask) -> None:
        """Give the button its address."""
        guard = self.rp.login_required
        app.add_url_rule(f"{OWNER_PAGE}/proxy-login", "proxy_login_opened", guard(lead_to_owner))
        app.add_url_rule(
            f"{OWNER_PAGE}/proxy-login", "proxy_login", guard(self.proxy_login), methods=["POST"]
        )

    def proxy_login(self, user_id: int) -> ResponseReturnValue:
        """Exchange the member's sign-in for a ticket and send the browser to マイページ with it."""
        try:
            grant = service.get_grant(self.rp, read_grant_id())
        except service.GrantUnknown as unknown:
            raise NotFound from unknown
        if grant.owner.user_id != user_id:
            raise NotFound
        if grant.state is not GrantState.ACTIVE:
            return render_moved(grant)
        reason = read_reason(request.form)
        if len(reason) > service.REASON_LENGTH:
            return render_owner(self.rp, grant, reason=reason, problem=ReasonProblem.TOO_LONG), 400
        try:
            ticket = service.start_proxy_login(
                self.rp, grant, audience=self.settings.mypage_client_id, reason=reason
            )
        except ExchangeRefused as refusal:
            log.info("proxy_login_refused", error=refusal.error)
            return self._explain(grant, refusal, reason=reason)
        session[LAST_OWNER] = user_id
        address = self.rp.initiate_login_url(
            self.settings.mypage_initiate_login_uri,
            ticket=ticket,
            target_link_uri=self.settings.mypage_home_uri,
        )
        return redirect(address, code=303)

    def _explain(self, grant: Grant, refusal: ExchangeRefused, *, reason: str) -> ResponseReturnValue:
        """Say why, as far as it can be known, and lose nothing that was typed.

        The server names conditions that are not met. It gives one answer for everything that is wrong with
        grant or member (RFC 8693 §2.2.2), so both are looked at again: the owner may have ended it this very
        moment, or the member's role changed.
        """
        conditions = service.load_conditions(self.rp)
        if refusal.error == "insufficient_user_authentication" and conditions.max_age is not None:
            back = url_for("owner", user_id=grant.owner.user_id, reason=reason or None)
            return self.rp.sign_in_again(max_age=conditions.max_age, return_to=back)
        if refusal.error == "invalid_request" and conditions.reason_required and not reason:
            return render_owner(self.rp, grant, problem=ReasonProblem.MISSING), 400
        if why := _unmet(refusal, conditions):
            return _render_refused(grant, why=why, reason=reason), 403
        try:
            present = service.get_grant(self.rp, grant.id)
        except service.GrantUnknown as unknown:
            raise NotFound from unknown
        if present.state is not GrantState.ACTIVE:
            return render_moved(present)
        if not service.load_agency(self.rp).member.can_proxy_login:
            return render_role_may_not(grant.owner.user_id)
        return _render_refused(present, why="", reason=reason), 403


def _unmet(refusal: ExchangeRefused, conditions: Conditions) -> str:
    """Return which condition is not met, in words; empty where the server does not say so."""
    told = ""
    if refusal.error == "slow_down":
        told = _(
            "代理ログインの回数が、決められた上限に達しました。"
            "しばらくお待ちになってから、もう一度お試しください。"
        )
    elif refusal.error == "access_denied" and "this hour" in refusal.description:
        told = _(
            "いまは、代理ログインを始められる時間帯ではありません（始められる時間帯：%(hours)s）。",
            hours="、".join(conditions.hours),
        )
    elif refusal.error == "access_denied":
        told = _(
            "お使いのネットワークからは、代理ログインを始められません。"
            "決められた場所（事務所など）でログインしなおして、お試しください。"
        )
    return told


def _render_refused(grant: Grant, *, why: str, reason: str) -> str:
    return render_template("agency_portal/proxy_login_refused.html", grant=grant, why=why, reason=reason)
