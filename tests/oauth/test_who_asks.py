"""Clients that register what belongs to somebody else: addresses, names, a sector."""

from typing import Any
from urllib.parse import urlencode

import pytest

from idp.demo import HANAKO
from idp.oauth.client_metadata import DEVICE_CODE
from tests.accounts.visitor import Visitor
from tests.oauth.registrar import CALLBACK, Registrar
from tests.oauth.third_parties import third_party
from tests.world import World

TRUSTED, EVIL = "https://trusted.example/cb", "https://evil.example/cb"
NATIVE = {"application_type": "native", "token_endpoint_auth_method": "none"}


@pytest.fixture
def hanako(world: World) -> Visitor:
    return world.browser(HANAKO)


@pytest.fixture
def registrar(world: World) -> Registrar:
    return Registrar(world)


@pytest.mark.parametrize("claimed", [None, "https://trusted.example/"])
def test_the_consent_page_names_the_host_that_the_answer_goes_to(
    registrar: Registrar, hanako: Visitor, claimed: str | None
) -> None:
    """RFC 7591 §5: anybody can register an address of somebody else's, first or last, beside their own."""
    both = {"redirect_uris": [TRUSTED, EVIL], "client_name": "アプリ", "client_uri": claimed}
    party = registrar.party(registrar.register(**both))
    for uri, host, other in (
        (EVIL, "evil.example", "trusted.example"),
        (TRUSTED, "trusted.example", "evil."),
    ):
        asked = {"redirect_uri": uri, "scope": "openid", "prompt": "consent"}
        path = party.authorize(hanako, **asked).expect_consent()
        page = hanako.get(path).text
        assert f"<bdi>{host}</bdi>" in page
        assert other not in page
        party.allow(hanako, path, **asked).expect_code()
    assert "trusted.example / evil.example" in hanako.get("/account/apps").text


@pytest.mark.parametrize(
    "name", [" ", "   ", "\u3164", "\uffa0 \u115f", "\u2800", "\u202eabc", "\u200b", "\ufeff"]
)
def test_a_name_that_shows_nothing_or_turns_the_page_round_is_refused(
    registrar: Registrar, name: str
) -> None:
    registrar.expect_refused("invalid_client_metadata", "client_name", client_name=name)
    registrar.expect_refused("invalid_client_metadata", "localized", **{"client_name#ja": name})
    registrar.register(client_name="تطبيق 한 アプリ", **{"client_name#ja": "お庭 アプリ"})


@pytest.mark.parametrize(
    "host", ["a;sandbox", "a.example,b.example", "a'b", "(a)", "a.example:", "a@b", "*.a.example", "%2e"]
)  # fmt: skip
def test_a_host_is_a_name_or_an_address(registrar: Registrar, host: str) -> None:
    """Its origin stands in our Content-Security-Policy, where a semicolon begins another directive."""
    registrar.expect_refused("invalid_redirect_uri", "redirect_uris", redirect_uris=[f"https://{host}/cb"])
    for good in ("a_b.example", "192.0.2.1:8443", "[2001:db8::1]:8443", "xn--eckwd4c7c.example"):
        registrar.register(redirect_uris=[f"https://{good}/cb;x,y"])


@pytest.mark.parametrize(
    "uri", ["com.evil.app://app.example/cb", "http://127.0.0.1/cb", "http://localhost/cb"]
)
def test_only_https_proves_whose_a_sector_is(registrar: Registrar, uri: str) -> None:
    """OIDC Core §8.1: a scheme of one's own can name any host, and everybody has a loopback address."""
    theirs = registrar.register(redirect_uris=[CALLBACK], subject_type="pairwise")
    others = registrar.register(redirect_uris=[uri], subject_type="pairwise", **NATIVE)
    assert (registrar.stored(theirs).sector, registrar.stored(others).sector) == ("app.example", None)


@pytest.mark.parametrize("grant_types", [[DEVICE_CODE], ["authorization_code", DEVICE_CODE]])
def test_who_never_comes_to_a_redirect_uri_has_no_sector(
    registrar: Registrar, grant_types: list[str]
) -> None:
    """A device gets tokens without one, and so with anybody's."""
    device: dict[str, Any] = {"grant_types": grant_types, "redirect_uris": [CALLBACK]}
    registrar.expect_refused("invalid_client_metadata", "subject_type", subject_type="pairwise", **device)
    registrar.register(**device)


def test_an_app_is_opened_at_its_own_origin_alone(world: World, hanako: Visitor) -> None:
    """OIDC Core §4: ``target_link_uri`` must not lead to somebody else's pages."""
    third_party(world, initiate_login_uri="http://[::1]:9/login")
    for target, is_own in (("http://evil.example/", False), ("http://[::1]:9/page", True)):
        query = urlencode({"client_id": "garden", "target_link_uri": target})
        sent = hanako.get(f"/account/apps/open?{query}").location
        assert sent.startswith("http://[::1]:9/login?")
        assert ("target_link_uri" in sent) is is_own


@pytest.mark.parametrize("mark", ["%0d", "%0a", "%1b%5b31m", "%e2%80%a8", "%c2%85"])
def test_a_path_stays_in_its_line_of_the_log(
    hanako: Visitor, capsys: pytest.CaptureFixture[str], mark: str
) -> None:
    """CWE-117."""
    capsys.readouterr()
    hanako.get(f"/nowhere{mark}event=signed_in")
    hanako.get("/nowhere/日本")
    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert f"/nowhere{mark}event" in text.lower()
    assert "/nowhere/日本" in text
