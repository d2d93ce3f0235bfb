"""RFC 8693 with ``sub_profile: service``: an agency's own system acts, with nobody at a browser."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from idp import clock
from idp.delegation import proxy_logins
from idp.delegation.models import ActAsSession
from idp.demo import HANAKO, MIRAI, SAKURA, SETSUKO
from idp.oauth.client_metadata import CLIENT_CREDENTIALS
from idp.oauth.keys import new_client_key
from idp.oauth.models import Client, ClientStatus
from tests.delegation.steps import end, suspend
from tests.oauth.relying_party import TICKET, RelyingParty, TokenAnswer, Tokens
from tests.oauth.systems import own_token, system_of
from tests.world import World

NAME = "みらい基幹システム"


@pytest.fixture
def system(world: World) -> RelyingParty:
    return system_of(world)


def act(world: World, system: RelyingParty) -> Tokens:
    return system.exchange(own_token(system), world.grant().id).tokens()


def set_client(world: World, client_id: str, **values: object) -> None:
    change = update(Client).where(Client.client_id == client_id).values(**values)
    world.write(lambda session: session.execute(change).close())


def test_a_system_of_the_agency_acts_as_a_service_and_the_owner_is_told_its_name(
    world: World, system: RelyingParty
) -> None:
    acting = act(world, system)
    claims, grant = acting.access_claims, world.grant()
    assert claims["act"] == {
        "sub": "mirai-system", "sub_profile": "service", "org": {"id": str(world.agency(MIRAI).id)},
    }  # fmt: skip
    assert (claims["sub"], claims["aud"]) == (str(world.account(HANAKO).id), "mypage")
    told = [letter.data for letter in world.letters() if letter.name == "proxy_login_started"]
    assert [(data["staff_name"], data["by_system"]) for data in told] == [(NAME, True)]
    started = world.read(lambda session: session.get_one(ActAsSession, UUID(claims["sid"])))
    assert (started.member_id, started.actor_name, started.kind) == (None, NAME, "api")
    [issued] = [e for e in world.events(grant_id=grant.id) if e.event == "delegation.exchange.issued"]
    assert (issued.actor_id, issued.client_id, issued.data["jti"]) == (None, "mirai-system", claims["jti"])


def test_introspection_userinfo_and_the_api_know_the_system_as_long_as_everything_holds(
    world: World, system: RelyingParty
) -> None:
    token = act(world, system).access_token
    assert system.introspect(token).response.get_json()["act"]["sub"] == "mirai-system"
    assert world.api("GET", "/api/me/products", token).status_code == 200
    set_client(world, "mirai-system", status=ClientStatus.DISABLED)
    assert world.api("GET", "/api/me/products", token).status_code == 401


@pytest.mark.parametrize(
    "lost",
    [{"scope": "delegations.read"}, {"agency_id": None}, {"grant_types": [CLIENT_CREDENTIALS]},
     {"act_as_audiences": []}, {"grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange"]}],
)  # fmt: skip
def test_a_system_that_loses_what_it_was_registered_for_stops_at_the_next_call(
    world: World, system: RelyingParty, lost: dict[str, object]
) -> None:
    token = act(world, system).access_token
    set_client(world, "mirai-system", **lost)
    assert world.api("GET", "/api/me/products", token).status_code == 401


def test_a_system_of_another_agency_now_stops_at_the_next_call(world: World, system: RelyingParty) -> None:
    token = act(world, system).access_token
    set_client(world, "mirai-system", agency_id=world.agency(SAKURA).id)
    assert world.api("GET", "/api/me/products", token).status_code == 401


def test_the_end_of_the_grant_and_of_the_agency_ends_what_systems_do(
    world: World, system: RelyingParty
) -> None:
    first = act(world, system).access_claims["sid"]
    suspend(world)
    suspend(world, suspended=False)
    second = act(world, system).access_claims["sid"]
    end(world, world.grant().id)
    assert [sid for _, sid in world.logout_calls()] == [first, second]
    system.exchange(own_token(system), world.grant().id).expect_error("invalid_request")


def test_a_system_that_is_taken_away_has_its_proxy_logins_ended(world: World, system: RelyingParty) -> None:
    sid = act(world, system).access_claims["sid"]
    world.write(lambda session: proxy_logins.end_all_of_system(session, "mirai-system"))
    ended = world.read(lambda session: session.get_one(ActAsSession, UUID(sid)))
    assert ended.end_reason == "left"


def test_a_system_gets_no_ticket_because_it_has_no_browser(world: World, system: RelyingParty) -> None:
    before = world.count(ActAsSession)
    answer = system.exchange(own_token(system), world.grant().id, requested_token_type=TICKET)
    answer.expect_error("invalid_request")
    assert b"no browser" in answer.response.data
    assert world.count(ActAsSession) == before


def staff_token(_world: World, system: RelyingParty, portal: RelyingParty) -> TokenAnswer:
    return system.exchange(portal.sign_in().access_token, _world.grant().id)


def staff_token_of_this_client(world: World, _system: RelyingParty, portal: RelyingParty) -> TokenAnswer:
    token = portal.sign_in().access_token
    scopes = world.read(lambda session: session.get_one(Client, "agency-portal"))
    set_client(world, "agency-portal", agency_id=world.agency().id,
               grant_types=[*scopes.grant_types, CLIENT_CREDENTIALS])  # fmt: skip
    return portal.exchange(token, world.grant().id)


def system_token_at_the_portal(world: World, system: RelyingParty, portal: RelyingParty) -> TokenAnswer:
    return portal.exchange(own_token(system), world.grant().id)


def portals_own_token(world: World, _system: RelyingParty, portal: RelyingParty) -> TokenAnswer:
    grants = world.read(lambda session: session.get_one(Client, "agency-portal")).grant_types
    set_client(world, "agency-portal", grant_types=[*grants, CLIENT_CREDENTIALS])
    token = portal.token({"grant_type": CLIENT_CREDENTIALS}).response.get_json()["access_token"]
    return portal.exchange(token, world.grant().id)


def another_agencys_system(world: World, _system: RelyingParty, _portal: RelyingParty) -> TokenAnswer:
    rival = system_of(world, SAKURA, client_id="rival-reader")
    return rival.exchange(own_token(rival), world.grant().id)


def another_system_of_the_agency(world: World, system: RelyingParty, _portal: RelyingParty) -> TokenAnswer:
    other = system_of(world, client_id="second-reader")
    return other.exchange(own_token(system), world.grant().id)


def without_the_scope(world: World, system: RelyingParty, _portal: RelyingParty) -> TokenAnswer:
    return system.exchange(own_token(system, scope="delegations.read"), world.grant().id)


def revoked(world: World, system: RelyingParty, _portal: RelyingParty) -> TokenAnswer:
    token = own_token(system)
    assert system.revoke(token).response.status_code == 200
    return system.exchange(token, world.grant().id)


def own_act_as_token(world: World, system: RelyingParty, _portal: RelyingParty) -> TokenAnswer:
    return system.exchange(act(world, system).access_token, world.grant().id)


def other_owner(world: World, system: RelyingParty, _portal: RelyingParty) -> TokenAnswer:
    return system.exchange(own_token(system), world.grant(SETSUKO, SAKURA).id)


def bound_to_a_key(world: World, system: RelyingParty, _portal: RelyingParty) -> TokenAnswer:
    system.dpop_key = new_client_key()
    token = own_token(system)
    system.dpop_key = {}
    return system.exchange(token, world.grant().id)


Mixture = Callable[[World, RelyingParty, RelyingParty], TokenAnswer]
MIXTURES: dict[Mixture, str] = {
    staff_token: "actor_of_other_client", staff_token_of_this_client: "actor_of_other_kind",
    system_token_at_the_portal: "actor_of_other_client", portals_own_token: "actor_token_may_not_act",
    another_agencys_system: "grant_of_other_agency", another_system_of_the_agency: "actor_of_other_client",
    without_the_scope: "actor_token_may_not_act", revoked: "actor_missing",
    own_act_as_token: "actor_missing", other_owner: "grant_of_other_agency",
    bound_to_a_key: "actor_missing",
}  # fmt: skip


@pytest.mark.parametrize("mixture", MIXTURES, ids=lambda mixture: mixture.__name__)
def test_every_mixture_of_people_and_systems_is_refused_alike(
    world: World, system: RelyingParty, portal: RelyingParty, mixture: Mixture
) -> None:
    reference = system.exchange(own_token(system), uuid4()).expect_error("invalid_request").face
    answer = mixture(world, system, portal)
    refused = [event for event in world.events() if event.event == "delegation.exchange.refused"][-1]
    assert answer.face == reference
    assert refused.data["reason"] == MIXTURES[mixture]


def test_a_system_with_a_key_that_it_proves_is_let_in(world: World, system: RelyingParty) -> None:
    system.dpop_key = new_client_key()
    acting = system.exchange(own_token(system), world.grant().id).tokens()
    assert acting.body["token_type"] == "DPoP"


def test_a_system_of_a_suspended_agency_is_as_unknown(world: World, system: RelyingParty) -> None:
    token = own_token(system)
    suspend(world)
    system.exchange(token, world.grant().id).expect_error("invalid_client")


def test_a_system_in_its_last_minute_of_the_grant_gets_no_longer_token(
    world: World, system: RelyingParty
) -> None:
    assert act(world, system).access_claims["exp"] <= clock.epoch(clock.now() + timedelta(seconds=300))
