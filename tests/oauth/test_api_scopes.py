"""Scopes of the maker's other APIs: registered with their words, allowed by people, told in the metadata."""

import pytest

from idp.demo import HANAKO
from idp.oauth.api_scopes import ScopeWords, put_scope
from idp.oauth.client_metadata import CLIENT_CREDENTIALS, ClientMetadataRefused
from tests.oauth.third_parties import third_party
from tests.world import World

READ = ScopeWords("energy.read", "発電量の記録を見ること", "See how much was generated")
EXPORT = ScopeWords("energy.export", "発電量を集計すること", "Count what was generated", for_clients=True)


@pytest.fixture(autouse=True)
def scopes(world: World) -> None:
    for scope in (READ, EXPORT):
        world.write(lambda session, scope=scope: put_scope(session, scope))


def test_a_person_reads_what_an_api_can_be_allowed_and_the_token_carries_it(world: World) -> None:
    garden, hanako = third_party(world, scope="openid energy.read offline_access"), world.browser(HANAKO)
    path = garden.authorize(hanako, scope="openid energy.read offline_access").expect_consent()
    page = hanako.get(path).text
    assert page.index(READ.words) < page.index("上のことを続けること")
    assert EXPORT.words not in page
    code = garden.allow(hanako, path).expect_code()
    assert garden.redeem(code).tokens().scope == {"openid", "energy.read", "offline_access"}
    assert READ.words in hanako.get("/account/apps").text
    hanako.client.set_cookie("lang", "en", domain="localhost")
    assert READ.words_en in hanako.get("/account/apps").text


def test_a_scope_that_nobody_registered_can_be_registered_for_no_client(world: World) -> None:
    with pytest.raises(ClientMetadataRefused) as refused:
        third_party(world, scope="openid energy.delete")
    assert refused.value.field_name == "scope"
    assert "energy.read" in refused.value.reason
    with pytest.raises(ClientMetadataRefused):
        third_party(world, scope="openid mypage.read")
    third_party(world, scope="openid energy.read")


def test_a_client_has_for_itself_only_what_is_for_clients(world: World) -> None:
    counter = third_party(
        world, "counter", scope="energy.read energy.export", grant_types=(CLIENT_CREDENTIALS,),
        redirect_uris=(),
    )  # fmt: skip
    granted = counter.token({"grant_type": "client_credentials", "scope": "energy.export"}).tokens()
    assert granted.scope == {"energy.export"}
    counter.token({"grant_type": "client_credentials", "scope": "energy.read"}).expect_error("invalid_scope")


def test_the_metadata_name_the_scopes_of_the_apis(world: World) -> None:
    told = world.api("GET", "/.well-known/openid-configuration").get_json()["scopes_supported"]
    assert {"openid", "energy.read", "energy.export"} <= set(told)
    assert "mypage.read" not in told


def test_a_scope_is_registered_once_and_changed_in_place(world: World) -> None:
    better = ScopeWords(READ.name, "発電量を見ること", READ.words_en)
    assert world.write(lambda session: put_scope(session, better)) == READ
    assert world.write(lambda session: put_scope(session, better)) == better
