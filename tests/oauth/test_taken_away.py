"""What an operator takes away from a client, or an agency from a member, is gone for tokens issued before."""

from datetime import datetime

import pytest
from sqlalchemy import update

from idp import clock
from idp.accounts.models import Member
from idp.delegation import standing
from idp.demo import HANAKO
from idp.oauth.client_metadata import DEVICE_CODE, REFRESH_TOKEN
from idp.oauth.keys import new_client_key
from idp.oauth.models import Client
from tests.oauth.device import begin, decide
from tests.oauth.registrar import Registrar, expect_error
from tests.oauth.relying_party import RelyingParty, parties_of
from tests.oauth.third_parties import third_party
from tests.world import MANAGER, World

ELSEWHERE = "https://elsewhere.example/"


def test_a_scope_that_is_taken_from_a_client_is_gone_at_once(world: World) -> None:
    garden = third_party(world)
    tokens = garden.redeem(garden.code_for(world.browser(HANAKO))).tokens()
    assert "email" in world.api("GET", "/oauth/userinfo", tokens.access_token).get_json()
    assert world.api("GET", "/api/me/products", tokens.access_token).status_code == 200
    world.write(lambda session: setattr(session.get_one(Client, "garden"), "scope", "openid profile"))
    told = world.api("GET", "/oauth/userinfo", tokens.access_token).get_json()
    assert set(told) == {"sub", "name", "name#ja-Kana-JP"}
    assert world.api("GET", "/api/me/products", tokens.access_token).status_code == 403
    for token in (tokens.access_token, tokens.refresh_token):
        assert garden.introspect(token).response.get_json()["scope"] == "openid profile"
    garden.refresh(tokens.refresh_token, scope="openid products").expect_error("invalid_scope")
    assert garden.refresh(tokens.refresh_token).tokens().scope == {"openid", "profile"}


def test_the_right_to_act_that_is_taken_from_a_client_is_gone_at_once(world: World) -> None:
    portal, grant_id = parties_of(world)["agency-portal"], world.grant().id
    tokens = portal.sign_in()
    portal.exchange(tokens.access_token, grant_id).tokens()
    world.write(lambda session: setattr(session.get_one(Client, "agency-portal"), "scope", "openid"))
    portal.exchange(tokens.access_token, grant_id).expect_error("invalid_request")


def test_a_token_for_another_api_is_no_actor_token(world: World) -> None:
    """RFC 9068 §4: whoever serves that API holds the token too."""
    change = {"allowed_resources": [ELSEWHERE]}
    world.write(lambda s: s.execute(update(Client).where(Client.client_id == "agency-portal").values(change)))
    portal, browser, grant_id = parties_of(world)["agency-portal"], world.browser(MANAGER), world.grant().id
    foreign = portal.redeem(portal.code_for(browser, resource=ELSEWHERE)).tokens()
    assert (foreign.access_claims["aud"], "act_as" in foreign.scope) == (ELSEWHERE, True)
    portal.exchange(foreign.access_token, grant_id).expect_error("invalid_request")
    portal.exchange(portal.sign_in(browser=browser).access_token, grant_id).tokens()


@pytest.fixture
def portal(world: World) -> RelyingParty:
    """The portal of the agencies, which keeps its people signed in."""
    change = {"grant_types": ["authorization_code", "refresh_token"], "scope": "openid email offline_access"}
    world.write(lambda s: s.execute(update(Client).where(Client.client_id == "agency-portal").values(change)))
    return parties_of(world)["agency-portal"]


@pytest.mark.parametrize("scope", ["openid email", "openid email offline_access"])
@pytest.mark.parametrize("by", ["member left", "agency suspended"])
def test_nobody_stays_signed_in_at_a_portal_that_they_could_not_sign_in_at(
    world: World, portal: RelyingParty, scope: str, by: str
) -> None:
    member, agency, browser = world.member(MANAGER), world.agency(), world.browser(MANAGER)
    tokens = portal.redeem(portal.code_for(browser, scope=scope)).tokens()
    refresh_token = portal.refresh(tokens.refresh_token).tokens().refresh_token
    waiting = portal.code_for(browser, scope=scope)

    def set_out(out: bool) -> None:
        left_at: datetime | None = clock.now() if out else None
        if by == "member left":
            change = update(Member).where(Member.id == member.id).values(left_at=left_at)
            world.write(lambda session: session.execute(change))
        else:
            world.write(lambda session: standing.set_agency_suspended(session, agency.id, suspended=out))

    set_out(True)
    portal.refresh(refresh_token).expect_error("invalid_grant")
    portal.redeem(waiting).expect_error("invalid_grant")
    assert portal.introspect(refresh_token).response.get_json() == {"active": False}
    set_out(False)
    portal.refresh(refresh_token).tokens()


@pytest.mark.parametrize("own", [True, False])
def test_what_no_registered_scope_opens_cannot_be_asked_for_by_name(world: World, own: bool) -> None:
    """An operator who registers a client for ``openid`` alone says what it is to know of people."""
    narrow, wide = (
        third_party(world, name, scope=scope, first_party=own)
        for name, scope in (("narrow", "openid profile"), ("wide", "openid profile email"))
    )
    claims = '{"userinfo":{"email":null,"name":null},"id_token":{"email":null,"name":null}}'

    def known(party: RelyingParty) -> set[str]:
        browser = world.browser(HANAKO)
        tokens = party.redeem(party.code_for(browser, scope="openid", claims=claims)).tokens()
        told = world.api("GET", "/oauth/userinfo", tokens.access_token).get_json()
        return {"email", "name"} & (told.keys() | tokens.claims.keys())

    assert (known(narrow), known(wide)) == ({"name"}, {"email", "name"})


def test_a_device_without_refresh_tokens_has_nothing_to_go_on_with(world: World) -> None:
    for name, more in (("lamp", []), ("clock", [REFRESH_TOKEN])):
        party = third_party(world, name, grant_types=(DEVICE_CODE, *more), redirect_uris=())
        device = begin(party, scope="openid offline_access")
        decide(world.browser(HANAKO), device)
        tokens = device.poll().tokens()
        assert ("offline_access" in tokens.scope, tokens.refresh_token is not None) == (
            bool(more),
            bool(more),
        )


def test_a_client_cannot_take_back_what_an_operator_decided(world: World) -> None:
    """RFC 7592 §2.2: a replacement is of what a client may register, and a token can leak."""
    public = {name: value for name, value in new_client_key().items() if name != "d"}
    document = {"redirect_uris": ["https://app.example/cb"], "jwks": {"keys": [public]},
                "token_endpoint_auth_method": "private_key_jwt"}  # fmt: skip
    registrar = Registrar(world)
    registered = registrar.register(**document)
    client_id = registered["client_id"]
    decided = {"profile": "fapi2", "require_pkce": True, "allowed_resources": [ELSEWHERE]}
    world.write(lambda s: s.execute(update(Client).where(Client.client_id == client_id).values(decided)))
    changed = {**document, "client_id": client_id, "client_name": "新しい名前"}
    assert registrar.manage(registered, "PUT", changed).status_code == 200
    stored = registrar.stored(registered)
    assert stored.client_name == "新しい名前"
    assert {name: getattr(stored, name) for name in decided} == decided
    weaker = {**changed, "token_endpoint_auth_method": "client_secret_basic"}
    expect_error(registrar.manage(registered, "PUT", weaker), "invalid_client_metadata",
                 "token_endpoint_auth_method")  # fmt: skip
