"""OIDC Core §4: from 連携中のアプリ the browser goes to an app, which then signs the person in here."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from idp.demo import HANAKO
from tests.accounts.visitor import Visitor
from tests.oauth.third_parties import third_party
from tests.world import World

OPEN = "/account/apps/open"
INITIATE = "https://garden.example/start?from=club"


@pytest.fixture
def hanako(world: World) -> Visitor:
    third_party(world, initiate_login_uri=INITIATE)
    third_party(world, "mute")
    return world.browser(HANAKO)


def opened(browser: Visitor, **query: str) -> tuple[str, dict[str, str]]:
    """Return where opening an app leads to: the address, and the parameters."""
    answer = browser.get(OPEN, query_string=query)
    assert answer.status_code == 303, answer.text
    parts = urlsplit(answer.headers["Location"])
    return f"{parts.scheme}://{parts.netloc}{parts.path}", dict(parse_qsl(parts.query))


def test_the_app_is_told_who_sends_the_person(world: World, hanako: Visitor) -> None:
    """iss is required, and what the registered address has in its query stays."""
    address, told = opened(hanako, client_id="garden")
    assert address == "https://garden.example/start"
    assert told == {"from": "club", "iss": world.settings.issuer}


def test_a_page_of_the_app_itself_can_be_named(world: World, hanako: Visitor) -> None:
    target = "https://garden.example/roses?red=1&x=ä"
    assert opened(hanako, client_id="garden", target_link_uri=target)[1]["target_link_uri"] == target


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "https://garden.example.evil.example/", "https://garden.example@evil.example/",
     "http://garden.example/", "//garden.example/", "/roses", "javascript:alert(1)", "https://garden.example"],
)  # fmt: skip
def test_a_page_of_anybody_else_is_left_out(hanako: Visitor, target: str) -> None:
    """§4: the client verifies target_link_uri against open redirects; we send none that could be one."""
    assert "target_link_uri" not in opened(hanako, client_id="garden", target_link_uri=target)[1]


@pytest.mark.parametrize("client_id", ["mute", "nobody", "", "garden "])
def test_an_app_that_cannot_be_opened_is_not_found(hanako: Visitor, client_id: str) -> None:
    assert hanako.get(OPEN, query_string={"client_id": client_id}).status_code == 404


def test_nobody_is_sent_anywhere_without_signing_in(world: World, hanako: Visitor) -> None:
    answer = world.browser().get(OPEN, query_string={"client_id": "garden"})
    assert urlsplit(answer.headers["Location"]).path == "/sign-in"


def test_the_page_offers_to_open_what_can_be_opened(world: World, hanako: Visitor) -> None:
    for client_id in ("garden", "mute"):
        party = third_party(world, f"{client_id}-2", **(
            {"initiate_login_uri": INITIATE} if client_id == "garden" else {}
        ))  # fmt: skip
        party.code_for(hanako)
    page = hanako.get("/account/apps").text
    assert f"{OPEN}?client_id=garden-2" in page
    assert f"{OPEN}?client_id=mute-2" not in page
