"""「代理ログイン」: from the portal into the owner's マイページ."""

import re
from dataclasses import dataclass

import structlog
from flask import Flask, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from clients.agency_portal import service
from clients.agency_portal.rules import Grant, GrantState
from clients.agency_portal.settings import PortalSettings
from clients.agency_portal.views.decisions import read_grant_id, render_moved, render_role_may_not
from clients.agency_portal.views.owners import OWNER_PAGE, lead_to_owner, render_owner
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
        reason = re.sub(r"\s+", " ", request.form.get("reason", "")).strip()
        if len(reason) > service.REASON_LENGTH:
            return render_owner(self.rp, grant, reason=reason, reason_is_too_long=True), 400
        try:
            ticket = service.start_proxy_login(
                self.rp, grant, audience=self.settings.mypage_client_id, reason=reason
            )
        except ExchangeRefused as refusal:
            log.info("proxy_login_refused", error=refusal.error)
            return self._explain(grant)
        session[LAST_OWNER] = user_id
        address = self.rp.initiate_login_url(
            self.settings.mypage_initiate_login_uri,
            ticket=ticket,
            target_link_uri=self.settings.mypage_home_uri,
        )
        return redirect(address, code=303)

    def _explain(self, grant: Grant) -> ResponseReturnValue:
        """Say why, as far as it can be known.

        The server gives one answer for everything that is wrong with grant or member (RFC 8693 §2.2.2), so
        both are looked at again: the owner may have ended it this very moment, or the member's role changed.
        """
        try:
            present = service.get_grant(self.rp, grant.id)
        except service.GrantUnknown as unknown:
            raise NotFound from unknown
        if present.state is not GrantState.ACTIVE:
            return render_moved(present)
        if not service.load_agency(self.rp).member.can_proxy_login:
            return render_role_may_not(grant.owner.user_id)
        return render_template("agency_portal/proxy_login_refused.html", grant=present), 403
