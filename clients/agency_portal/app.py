"""``create_app``: the portal as a WSGI application, and the only file that names all of its pages."""

from flask import Flask, render_template
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from clients.agency_portal.service import NotStaff
from clients.agency_portal.settings import PortalSettings
from clients.agency_portal.views.assigning import AssigningViews
from clients.agency_portal.views.decisions import DecisionViews
from clients.agency_portal.views.entrance import EntranceViews
from clients.agency_portal.views.owners import OwnerViews
from clients.agency_portal.views.proxy_login import ProxyLoginViews
from clients.agency_portal.views.selected import SelectedViews
from clients.agency_portal.words import STATE_WORDS, TAB_WORDS
from clients.relying_party import RelyingParty

SCOPE = "openid profile email agency.read delegations.read delegations.manage act_as"


def create_app(settings: PortalSettings | None = None) -> Flask:
    """Build the portal.

    :param settings: read from the environment when not given.
    :raises SettingsRefused: the environment is incomplete or wrong.
    """
    settings = settings or PortalSettings.from_environment()
    app = Flask(__name__, static_folder=None)
    rp = RelyingParty(
        app,
        settings,
        name="portal",
        title=_l("販売店・業者様向け管理画面"),
        scope=SCOPE,
        home_endpoint="agency",
        after_sign_out="/agency/login",
        # 「代理ログイン」 is a form whose redirects pass the server and end in マイページ.
        form_action_origins=[settings.mypage_origin],
    )
    app.jinja_env.globals.update(
        issuer=settings.issuer,
        profile_url=f"{settings.issuer}/agency/profile",
        invitations_url=f"{settings.issuer}/agency/invitations",
        manager_url=f"{settings.issuer}/agency",
        state_words=STATE_WORDS,
        tab_words=TAB_WORDS,
    )
    EntranceViews(rp).install(app)
    OwnerViews(rp).install(app)
    DecisionViews(rp).install(app)
    AssigningViews(rp).install(app)
    SelectedViews(rp).install(app)
    ProxyLoginViews(rp, settings).install(app)
    app.register_error_handler(NotStaff, _not_staff)
    return app


def _not_staff(_refusal: NotStaff) -> ResponseReturnValue:
    """Explain to an owner who came here why there is nothing to see, and how to change the account."""
    return render_template("agency_portal/not_staff.html"), 403
