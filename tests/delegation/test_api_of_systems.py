"""An agency's own system at the API: it reads its agency's grants, and decides nothing."""

from uuid import uuid4

import pytest
from sqlalchemy import update

from idp.accounts.models import Agency
from idp.accounts.rules import AgencyStatus
from idp.demo import HANAKO, ICHIRO, SAKURA, SETSUKO
from idp.oauth.client_metadata import CLIENT_CREDENTIALS
from idp.oauth.clients import set_client_status
from idp.oauth.models import Client, ClientStatus
from tests.delegation.steps import state_of
from tests.oauth.relying_party import RelyingParty
from tests.oauth.systems import own_token, system_of
from tests.world import World


def test_a_system_lists_its_agencys_grants_as_staff_do(world: World, portal: RelyingParty) -> None:
    token = own_token(system_of(world))
    for path in ("/api/delegations?state=active", f"/api/delegations/{world.grant(HANAKO).id}"):
        shown = world.api("GET", path, token)
        assert shown.status_code == 200
        assert shown.get_json() == world.api("GET", path, portal.sign_in().access_token).get_json()
        assert HANAKO.name in shown.text


def test_another_agencys_grant_and_one_that_does_not_exist_look_the_same(world: World) -> None:
    token = own_token(system_of(world, SAKURA))
    answers = [
        world.api("GET", f"/api/delegations/{grant_id}", token)
        for grant_id in (world.grant(HANAKO).id, uuid4())
    ]
    bodies = [{**one.get_json(), "request_id": ""} for one in answers]
    assert bodies[0] == bodies[1]
    assert [one.status_code for one in answers] == [404, 404]
    own = world.api("GET", "/api/delegations?state=active", token).get_json()
    assert [item["owner"]["user_id"] for item in own["items"]] == [SETSUKO.user_id]


@pytest.mark.parametrize("action", ["approve", "deny", "release"])
def test_people_decide_and_a_system_does_not(world: World, action: str) -> None:
    grant = world.grant(ICHIRO if action != "release" else HANAKO)
    before = grant.state
    refused = world.api("POST", f"/api/delegations/{grant.id}/{action}", own_token(system_of(world)))
    assert (refused.status_code, refused.get_json()["code"]) == (403, "people_decide")
    assert state_of(world, grant.id).state == before


def test_a_system_needs_the_scope_and_reads_nothing_of_persons(world: World) -> None:
    system = system_of(world)
    narrow = own_token(system, "act_as")
    assert world.api("GET", "/api/delegations", narrow).status_code == 403
    for path in ("/api/me/profile", "/api/me/products", "/api/me/delegations", "/api/me/agency"):
        assert world.api("GET", path, own_token(system)).status_code in {403, 404}
    assert world.api("GET", "/api/delegations", own_token(system)).status_code == 200


@pytest.mark.parametrize("standing", [AgencyStatus.SUSPENDED, AgencyStatus.CLOSED, ClientStatus.DISABLED])
def test_a_system_is_out_with_its_agency_from_the_next_request_on(world: World, standing: str) -> None:
    system = system_of(world)
    token = own_token(system)
    assert system.introspect(token).response.get_json()["active"] is True
    if standing == ClientStatus.DISABLED:
        world.write(
            lambda session: set_client_status(
                session, session.get_one(Client, system.client_id), ClientStatus.DISABLED
            )
        )
    else:
        here = Agency.id == world.agency().id
        world.write(lambda session: session.execute(update(Agency).where(here).values(status=standing)))
    assert world.api("GET", "/api/delegations", token).status_code == 401
    system.token({"grant_type": CLIENT_CREDENTIALS}).expect_error("invalid_client")


def test_what_is_a_systems_no_other_client_has_for_itself(world: World) -> None:
    system = system_of(world)
    world.write(lambda session: setattr(session.get_one(Client, system.client_id), "agency_id", None))
    asked = {"grant_type": CLIENT_CREDENTIALS, "scope": "delegations.read"}
    system.token(asked).expect_error("invalid_scope")
