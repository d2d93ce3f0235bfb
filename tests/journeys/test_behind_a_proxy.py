"""A browser at a server under a path, behind a proxy that ends TLS: nothing is blocked or astray."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.journeys.person import Crowd
from tests.journeys.registering import SEVERAL
from tests.operations.proxied_club import ProxiedClub, running_proxied_club


@pytest.fixture
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedClub]:
    with running_proxied_club(tmp_path_factory.mktemp("proxied")) as running:
        yield running


def test_staff_act_for_an_owner(browser: Browser, proxied: ProxiedClub) -> None:
    owner, agency = proxied.casting.owner(), proxied.casting.agency()
    proxied.casting.consent(owner, agency, write=True)
    with Crowd(browser, proxied) as crowd:
        staff = crowd().enter_portal(agency.email)
        staff.open(f"{proxied.portal}/agency_admin/{owner.user_id}").press("代理ログイン")
        assert staff.page.url == f"{proxied.mypage}/home"
        assert owner.name in staff.text
        staff.press("代理ログインを終了する")
        assert staff.page.url == f"{proxied.portal}/proxy-login/ended"

        staff.open(f"{proxied.idp}/agency/profile").fill({"郵便番号": SEVERAL})
        staff.page.locator(".town").first.wait_for()
        staff.press("English")
        assert staff.page.url == f"{proxied.idp}/agency/profile"
        staff.press("Log out")
        assert staff.page.url == f"{proxied.idp}/signed-out"
