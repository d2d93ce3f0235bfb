"""WCAG 2.2 AA on every page and HTML mail: desk and phone, light and dark."""

from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Page
from werkzeug.exceptions import MethodNotAllowed, NotFound

from clients.agency_portal.app import create_app as create_portal
from clients.agency_portal.settings import PortalSettings
from clients.mypage.app import create_app as create_mypage
from clients.mypage.settings import MyPageSettings
from idp.app import create_app
from idp.mail.messages import Message
from tests.journeys.club import Club
from tests.journeys.looks import shortcomings
from tests.journeys.person import Crowd
from tests.journeys.tour import CHAPTERS

NO_PAGES = {
    "idp static", "mypage static", "mypage rp.static", "portal rp.static",
    # Answers for machines.
    "idp accounts_api.agency", "idp accounts_api.products", "idp accounts_api.profile",
    "idp assignments_api.list_staff", "idp conditions.rules",
    "idp openapi.show_document",
    "idp entrance.robots", "idp entrance.security", "idp health.is_ready", "idp health.lives",
    "idp oauth_registration.registration",
    "idp address_lookup.towns_of_code", "idp delegation_api.list_delegations",
    "idp delegation_api.my_delegations", "idp delegation_api.my_proxy_logins",
    "idp delegation_api.show_delegation", "idp oauth.discovery", "idp oauth.jwks",
    "idp oauth.userinfo_endpoint", "mypage rp.healthz", "portal rp.healthz",
    # They only lead on to a page.
    "idp agency_links.owner", "idp agency_links.owners", "idp entrance.agency_login",
    "idp apps.open_app", "idp oauth_pages.resume", "idp passwords.well_known", "mypage customer.edit",
    "mypage mypage.password", "mypage api.power",
    "mypage mypage.permissions", "mypage products.register", "mypage rp.initiate", "mypage rp.login",
    "portal approve_opened", "portal proxy_login_opened", "portal root", "portal rp.callback",
    "portal rp.initiate", "portal rp.login",
    # Each mail is looked at by itself.
    "idp mail_preview.html",
}  # fmt: skip
BAD_PAGE = """<!doctype html><html lang="ja"><title>悪い例</title><style>
  @media (prefers-color-scheme: dark) { .pale { color: #333; background: #222 } }
  .button { height: 20px } .dull:focus { outline: none } .wide { width: 400px }
</style><main><h1>一</h1><h1>二</h1><p class="pale">見えない文字</p><input id="nameless">
<button class="button dull">押す</button><div class="wide">広い</div></main>"""


@pytest.fixture(scope="session")
def apps(club: Club) -> dict[str, Flask]:
    """The three applications, for their URL maps."""
    environment = club.folder.environment(club.ports)
    return {
        "idp": create_app(club.folder.settings(club.ports)),
        "mypage": create_mypage(MyPageSettings.from_environment(environment["mypage"])),
        "portal": create_portal(PortalSettings.from_environment(environment["portal"])),
    }


def find_endpoint(apps: dict[str, Flask], club: Club, page: Page) -> str:
    """Return application and endpoint of a page, or nothing when no application has it."""
    parts = urlsplit(page.url)
    name = dict(zip(club.origins, apps, strict=True))[f"{parts.scheme}://{parts.netloc}"]
    try:
        endpoint, _arguments = apps[name].url_map.bind(parts.netloc).match(parts.path, method="GET")
    except (NotFound, MethodNotAllowed):
        return ""
    return f"{name} {endpoint}"


@pytest.mark.parametrize("name", CHAPTERS)
def test_everybody_can_use_each_page(person: Crowd, club: Club, apps: dict[str, Flask], name: str) -> None:
    chapter, found, passed, mails = CHAPTERS[name], [], set(), set()
    for stop in chapter.walk(club, person):
        problems = shortcomings(stop.person, is_page=not stop.is_mail)
        found += [f"{stop.name}: {problem}" for problem in problems]
        if stop.is_mail:
            mails.add(stop.name)
        else:
            passed.add(find_endpoint(apps, club, stop.person.page))
    assert not found, "\n".join(found)
    assert not chapter.pages - passed
    every_mail = {f"mail-{message.replace('_', '-')}" for message in Message}
    assert mails == (every_mail if name == "mails" else set())


def test_the_tour_passes_every_page(apps: dict[str, Flask]) -> None:
    """A new page needs a stop in tour.py, or its reason above why it is none."""
    endpoints = {
        f"{name} {rule.endpoint}"
        for name, app in apps.items()
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
    }
    passed = frozenset[str]().union(*(chapter.pages for chapter in CHAPTERS.values()))
    assert passed | NO_PAGES == endpoints
    assert not passed & NO_PAGES


def test_the_checks_see_a_bad_page(person: Crowd) -> None:
    anyone = person()
    anyone.page.set_content(BAD_PAGE)
    found = "\n".join(shortcomings(anyone, is_page=True))
    for problem in (
        "2 h1", "320-light 88 px wider", "only 20 px high", "focus is not visible", " label: ",
        "1280-dark color-contrast", "320-dark color-contrast",
    ):  # fmt: skip
        assert problem in found
    assert "light color-contrast" not in found
