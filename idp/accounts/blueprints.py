"""The slice's views, for the application to register."""

from idp.accounts import address_lookup, agency_menu, api
from idp.accounts.entrance import views as entrance
from idp.accounts.passwords import views as passwords
from idp.accounts.products import views as products
from idp.accounts.profile import views as profile
from idp.accounts.registration import agency_views, owner_views
from idp.accounts.sign_in import views as sign_in
from idp.accounts.staff import join_views

BLUEPRINTS = (
    entrance.blueprint,
    sign_in.blueprint,
    agency_views.blueprint,
    owner_views.blueprint,
    passwords.blueprint,
    agency_menu.blueprint,
    join_views.blueprint,
    profile.blueprint,
    products.blueprint,
    address_lookup.blueprint,
    api.blueprint,
)
