"""``create_app``: the only file that names every part of マイページ."""

from flask import Flask
from flask_babel import lazy_gettext as _l

from clients.mypage.settings import MyPageSettings
from clients.mypage.views import customer, menu, power, power_api, products, services
from clients.relying_party import ApiTokens, RelyingParty

SCOPE = "openid profile email products products.write delegations.read"


def create_app(settings: MyPageSettings | None = None) -> Flask:
    """Return the application, as gunicorn calls it.

    :raises SettingsRefused: the environment does not have what it needs.
    """
    chosen = settings or MyPageSettings.from_environment()
    app = Flask("clients.mypage")
    rp = RelyingParty(
        app,
        chosen,
        name="mypage",
        title=_l("マイページ"),
        scope=SCOPE,
        home_endpoint="mypage.home",
        after_sign_out="/",
        act_as_supported=True,
        agency_portal_url=chosen.agency_portal_url,
    )
    app.register_blueprint(menu.create_blueprint(rp))
    app.register_blueprint(customer.create_blueprint(rp))
    app.register_blueprint(products.create_blueprint(rp))
    app.register_blueprint(power.create_blueprint(rp))
    app.register_blueprint(services.create_blueprint(rp))
    tokens = ApiTokens(
        app,
        issuer=chosen.issuer,
        audience=chosen.client_id,
        base_url=chosen.base_url,
        database_url=chosen.database_url,
        act_as_supported=True,
    )
    app.register_blueprint(power_api.create_blueprint(tokens))
    return app
