"""How staff come in, what they see first, and where a proxy login leads back to."""

from dataclasses import dataclass

from flask import Flask, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue

from clients.agency_portal import service
from clients.agency_portal.views.proxy_login import LAST_OWNER
from clients.relying_party import RelyingParty


@dataclass(frozen=True)
class EntranceViews:
    """The entrance and 販売店・業者様情報."""

    rp: RelyingParty

    def install(self, app: Flask) -> None:
        """Give the pages their addresses."""
        app.add_url_rule("/", "root", self.root)
        app.add_url_rule("/agency/login", "agency_login", self.agency_login)
        app.add_url_rule("/agency", "agency", self.rp.login_required(self.agency))
        app.add_url_rule("/proxy-login/ended", "proxy_login_ended", self.proxy_login_ended)

    def root(self) -> ResponseReturnValue:
        """Lead to the entrance."""
        return redirect(url_for("agency_login"))

    def agency_login(self) -> ResponseReturnValue:
        """Offer 「ログイン」, which leads to the server: passwords are typed there alone."""
        if self.rp.session is not None:
            return redirect(url_for("agency"))
        return render_template("agency_portal/agency_login.html")

    def agency(self) -> ResponseReturnValue:
        """Show 販売店・業者様情報."""
        return render_template("agency_portal/agency.html", agency=service.load_agency(self.rp))

    def proxy_login_ended(self) -> ResponseReturnValue:
        """Say that a proxy login is over, and lead back to the owner it was for.

        The server sends the browser here with no hint of the owner, so the last one is remembered in the
        portal's own cookie. Staff who are no longer signed in get the entrance instead.
        """
        return render_template(
            "agency_portal/proxy_login_ended.html",
            user_id=session.get(LAST_OWNER),
            signed_in=self.rp.session is not None,
        )
