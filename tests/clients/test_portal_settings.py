"""The portal's settings: what the environment must say, and what is refused."""

import json

import pytest

from clients.agency_portal.settings import PortalSettings
from clients.relying_party import SettingsRefused
from tests.clients.portal_stage import PORTAL_KEY

ENVIRONMENT = {
    "PORTAL_BASE_URL": "https://portal.club.example",
    "PORTAL_ISSUER": "https://id.club.example",
    "PORTAL_CLIENT_ID": "agency-portal",
    "PORTAL_PRIVATE_KEY": json.dumps(PORTAL_KEY.as_dict(private=True)),
    "PORTAL_DATABASE_URL": "sqlite:///portal.sqlite3",
    "PORTAL_SECRET_KEY": "of the test, at least 32 characters long",
    "PORTAL_MYPAGE_INITIATE_LOGIN_URI": "https://mypage.club.example/oidc/initiate",
    "PORTAL_MYPAGE_HOME_URI": "https://mypage.club.example/home",
}


def test_a_complete_environment_is_enough() -> None:
    settings = PortalSettings.from_environment(ENVIRONMENT)
    assert settings.mypage_client_id == "mypage"
    assert settings.mypage_origin == "https://mypage.club.example"


@pytest.mark.parametrize("name", ["PORTAL_MYPAGE_INITIATE_LOGIN_URI", "PORTAL_MYPAGE_HOME_URI"])
def test_the_address_of_mypage_is_required(name: str) -> None:
    given = {key: value for key, value in ENVIRONMENT.items() if key != name}
    with pytest.raises(SettingsRefused, match=name):
        PortalSettings.from_environment(given)


@pytest.mark.parametrize(
    "address", ["http://mypage.club.example/x", "//mypage.club.example/x", "javascript:alert(1)", ""]
)
def test_an_unprotected_address_of_mypage_is_refused(address: str) -> None:
    for name in ("PORTAL_MYPAGE_INITIATE_LOGIN_URI", "PORTAL_MYPAGE_HOME_URI"):
        with pytest.raises(SettingsRefused, match=name.removeprefix("PORTAL_").lower()):
            PortalSettings.from_environment(ENVIRONMENT | {name: address})
