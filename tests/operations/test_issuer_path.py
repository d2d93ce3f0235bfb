"""An issuer under a path: every page, form, redirect, cookie and document stays below it."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from idp.demo import HANAKO, PASSWORD
from idp.settings import Settings
from tests.accounts.visitor import Visitor, forms_of
from tests.oauth.device import begin
from tests.oauth.relying_party import parties_of
from tests.world import MANAGER, Template, World

ROOT = "/club"
HOST = "https://id.example.test"
ADDRESS = re.compile(r"""\b(?:href|action|src|data-url)="([^"]*)\"""")
HIDDEN_NEXT = re.compile(r'name="next" value="([^"]*)"')


@pytest.fixture
def world(template: Template, tmp_path: Path) -> World:
    world = World.copied(template, tmp_path)
    world.settings = Settings(
        database_url=world.settings.database_url, issuer=f"{HOST}{ROOT}", INSECURE_public_development=True,
    )  # fmt: skip
    world.restart()
    return world


def raw(world: World, path: str, **options: object) -> TestResponse:
    """Open an address of the host, as the proxy passes it on."""
    client = world.app.test_client(use_cookies=False)
    return client.open(path, base_url=HOST, buffered=True, **options)  # type: ignore[arg-type]


def strays(page: TestResponse) -> list[str]:
    """Return each address in a page that is one of the host but not of the issuer."""
    found = [*ADDRESS.findall(page.text), *HIDDEN_NEXT.findall(page.text)]
    inside = (f"{ROOT}/", "#", "?")
    return [
        address
        for address in found
        if address and not urlsplit(address).scheme and not address.startswith(inside)
    ]


@pytest.mark.parametrize("person", [None, HANAKO, MANAGER], ids=["nobody", "an owner", "a member"])
def test_nothing_on_any_page_leads_beside_the_path(world: World, person: object) -> None:
    browser = world.browser(person)  # type: ignore[arg-type]
    rules = [rule for rule in world.app.url_map.iter_rules() if not rule.arguments]
    pages = sorted(str(rule) for rule in rules if "GET" in (rule.methods or ()))
    seen = 0
    for path in pages:
        answer = browser.get(path)
        assert answer.status_code < 500, path
        location = answer.headers.get("Location", "")
        assert not location.startswith("/") or location.startswith(f"{ROOT}/"), path
        if answer.mimetype == "text/html":
            seen += 1
            assert not strays(answer), path
    assert seen > 10


def test_strays_are_seen(world: World) -> None:
    answer = world.browser().get("/")
    answer.data = answer.data.replace(f'action="{ROOT}/language"'.encode(), b'action="/language"')
    assert strays(answer) == ["/language"]


def test_error_pages_lead_back_to_the_entrance_below_the_path(world: World) -> None:
    answer = world.browser().get("/nowhere?a=1")
    assert answer.status_code == 404
    assert f'href="{ROOT}/"' in answer.text
    assert HIDDEN_NEXT.findall(answer.text) == [f"{ROOT}/nowhere?a=1"]
    assert not strays(answer)


@pytest.mark.parametrize("path", ["/", "/sign-in", "/clubhouse", "/static/club.css", "/oauth/jwks", "/Club/"])
def test_what_is_beside_the_path_is_not_there(world: World, path: str) -> None:
    assert raw(world, path).status_code == 404
    assert raw(world, path.replace("/clubhouse", "/").replace("/Club/", "/")).status_code == 404


@pytest.mark.parametrize("path", [ROOT, f"{ROOT}/", f"{ROOT}/sign-in", f"{ROOT}/static/club.css"])
def test_what_is_below_the_path_is_there(world: World, path: str) -> None:
    assert raw(world, path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        f"{ROOT}/.well-known/openid-configuration",
        f"{ROOT}/.well-known/oauth-authorization-server",
        f"/.well-known/oauth-authorization-server{ROOT}",
        f"/.well-known/openid-configuration{ROOT}",
    ],
)
def test_the_metadata_is_where_clients_look_for_it(world: World, path: str) -> None:
    document = raw(world, path).get_json()
    assert document["issuer"] == f"{HOST}{ROOT}"
    endpoints = {name: value for name, value in document.items() if name.endswith(("_endpoint", "jwks_uri"))}
    assert len(endpoints) > 5
    assert all(value.startswith(f"{HOST}{ROOT}/oauth/") for value in endpoints.values())
    assert raw(world, "/.well-known/openid-configuration").status_code == 404


def test_signing_in_leads_back_below_the_path(world: World) -> None:
    browser = world.browser()
    asked = browser.get("/account/edit?agency=x").headers["Location"]
    assert urlsplit(asked).path == f"{ROOT}/sign-in"
    page = browser.client.get(asked, base_url=HOST)
    form = forms_of(page)[0]
    filled = {**form.fields, "email": HANAKO.email, "password": PASSWORD}
    answer = browser.client.post(asked, base_url=HOST, data=filled)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{ROOT}/account/edit?agency=x")
    assert browser.client.get(answer.headers["Location"], base_url=HOST).status_code == 200


@pytest.mark.parametrize("target", ["/account", "/clubhouse/account", "//club/account", "/club", "/club//x"])
def test_no_next_leads_beside_the_path(world: World, target: str) -> None:
    answer = world.browser().submit(f"/sign-in?next={target}", email=HANAKO.email, password=PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{ROOT}/account")
    inside = f"/sign-in?next={ROOT}/account/password"
    answer = world.browser().submit(inside, email=HANAKO.email, password=PASSWORD)
    assert answer.headers["Location"] == f"{ROOT}/account/password"


def test_cookies_belong_to_the_host_and_are_named_for_the_path(world: World) -> None:
    answer = world.browser().get("/")
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-idp_session-club=")
    parts = {part.strip() for part in cookie.split(";")[1:]}
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= parts
    assert not any(part.startswith("Domain") for part in parts)


def test_the_language_is_chosen_and_the_page_stays(world: World) -> None:
    browser = world.browser()
    page = browser.get("/store/linkaccounts?next=/club/account")
    language = forms_of(page)[-1]
    assert language.action == f"{ROOT}/language"
    answer = browser.client.post(language.action, base_url=HOST, data={**language.fields, "lang": "en"})
    assert answer.headers["Location"] == f"{ROOT}/store/linkaccounts?next=/club/account"


def test_the_postal_look_up_is_below_the_path(world: World) -> None:
    (url,) = re.findall(r'data-url="([^"]*)"', world.browser(MANAGER).get("/agency/profile").text)
    assert url == f"{ROOT}/postal-codes/0000000.json"
    assert raw(world, url.replace("0000000", "1000001")).get_json()["towns"]


def test_a_mail_leads_below_the_path(world: World) -> None:
    browser: Visitor = world.browser()
    browser.submit("/password/forgot", email=HANAKO.email)
    newest = re.findall(rf'href="{ROOT}(/dev/mails/[0-9a-f-]+)"', browser.get("/dev/mails").text)[0]
    shown = browser.get(newest)
    assert not strays(shown)
    (link,) = set(re.findall(rf'{HOST}[^\s"<]*/password/reset/[\w-]+', shown.text))
    assert link.startswith(f"{HOST}{ROOT}/password/reset/")
    assert browser.client.get(urlsplit(link).path, base_url=HOST).status_code == 200


def test_an_application_signs_somebody_in(world: World) -> None:
    mypage = parties_of(world)["mypage"]
    browser = world.browser()
    sent = mypage.authorize(browser=browser)
    sign_in = urlsplit(sent.response.headers["Location"])
    assert sign_in.path == f"{ROOT}/sign-in"
    (back,) = parse_qs(sign_in.query)["next"]
    assert back.startswith(f"{ROOT}/oauth/authorize/")
    page = browser.client.get(sent.response.headers["Location"], base_url=HOST)
    assert mypage.redirect_uri.rpartition("/oidc")[0] in page.headers["Content-Security-Policy"]
    filled = {**forms_of(page)[0].fields, "email": HANAKO.email, "password": PASSWORD}
    answer = browser.client.post(sent.response.headers["Location"], base_url=HOST, data=filled)
    assert answer.headers["Location"] == back
    final = urlsplit(browser.client.get(back, base_url=HOST).headers["Location"])
    given = parse_qs(final.query)
    assert given["iss"] == [f"{HOST}{ROOT}"]
    assert given["code"]


def test_a_device_is_let_in_below_the_path(world: World) -> None:
    device, browser = begin(parties_of(world)["display"]), world.browser(HANAKO)
    assert device.body["verification_uri"] == f"{HOST}{ROOT}/device"
    assert device.path.startswith(f"{ROOT}/device?user_code=")
    page = browser.get(device.path.removeprefix(ROOT))
    assert device.user_code in page.text
    assert strays(page) == []
