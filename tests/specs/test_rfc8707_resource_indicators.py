"""RFC 8707: a token is for one API, one that the client named and may name."""

from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from idp.demo import HANAKO
from idp.oauth.client_metadata import CLIENT_CREDENTIALS, ClientMetadata
from idp.oauth.clients import register_client
from idp.oauth.models import Client, TokenFamily
from idp.oauth.resource_indicators import InvalidTargetError, check_resources
from tests.oauth.relying_party import RelyingParty
from tests.world import World

CARS, SOLAR, FOREIGN = "https://cars.example/api", "https://solar.example/", "https://foreign.example/"
API = ClientMetadata(
    client_id="cars", client_name="くるまのAPI", token_endpoint_auth_method="client_secret_basic",
    secret="ock_secret-of-the-cars", grant_types=(), resources=(CARS,),
)  # fmt: skip


@pytest.fixture(autouse=True)
def allowed(world: World) -> None:
    def write(session: Session) -> None:
        session.get_one(Client, "mypage").allowed_resources = [CARS, SOLAR]

    world.write(write)


def client_of(world: World) -> Client:
    return world.read(lambda session: session.get_one(Client, "mypage"))


@pytest.mark.parametrize(
    ("text", "found"),
    [(None, ()), ("", ()), (CARS, (CARS,)), (f"{SOLAR} {CARS} {SOLAR}", (SOLAR, CARS)),
     ("http://localhost:8000", ("http://localhost:8000",))],
)  # fmt: skip
def test_resources_that_may_be_asked_for(world: World, text: str | None, found: tuple[str, ...]) -> None:
    assert check_resources(client_of(world), text, issuer=world.settings.issuer) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [("cars", "absolute"),
     ("//cars.example/api", "absolute"), (f"{CARS}#x", "fragment"), (f"{CARS}#", "fragment"),
     ("https://[", "absolute"), ("あ:b", "absolute"), (FOREIGN, "registered"), (f"{CARS}/", "registered"),
     (f"{CARS} {FOREIGN}", "registered"), (" ".join(f"{CARS}?{n}" for n in range(11)), "at most 10")],
)  # fmt: skip
def test_resources_that_may_not_be_asked_for(world: World, text: str, said: str) -> None:
    with pytest.raises(InvalidTargetError) as refused:
        check_resources(client_of(world), text, issuer=world.settings.issuer)
    assert said in refused.value.description
    assert refused.value.description.isascii()
    assert "foreign" not in refused.value.description


def test_resources_are_named_when_the_person_is_asked(world: World, mypage: RelyingParty) -> None:
    """§2.1: several at the authorization endpoint; a wrong one goes back to the client as an error."""
    browser = world.browser(HANAKO)
    for wrong in (FOREIGN, [CARS, FOREIGN], f"{CARS}#x", "cars"):
        mypage.authorize(browser, resource=wrong).expect_error("invalid_target")
    tokens = mypage.redeem(mypage.code_for(browser, resource=[CARS, SOLAR]), resource=SOLAR).tokens()
    assert tokens.access_claims["aud"] == SOLAR
    assert mypage.refresh(tokens.refresh_token, resource=CARS).tokens().access_claims["aud"] == CARS


def granted_code(world: World, party: RelyingParty, *resources: str) -> str:
    """Return a code of an authorization that named these resources."""
    code = party.code_for(world.browser(HANAKO))
    world.write(lambda session: session.execute(update(TokenFamily).values(resources=list(resources))))
    return code


@pytest.mark.parametrize(
    ("granted", "asked", "audience"),
    [
        ((), None, "issuer"),
        ((CARS,), None, CARS),
        ((CARS, SOLAR), SOLAR, SOLAR),
        ((SOLAR, CARS), None, SOLAR),
    ],
)
def test_the_token_is_for_the_resource(
    world: World, mypage: RelyingParty, granted: tuple[str, ...], asked: str | None, audience: str
) -> None:
    tokens = mypage.redeem(granted_code(world, mypage, *granted), resource=asked).tokens()
    own = audience == "issuer"
    assert tokens.access_claims["aud"] == (world.settings.issuer if own else audience)
    for path in ("/oauth/userinfo", "/api/me/profile"):  # RFC 9068 §4: our APIs are for our own audience
        assert world.api("GET", path, tokens.access_token).status_code == (200 if own else 401)


@pytest.mark.parametrize("asked", [FOREIGN, SOLAR, "cars", [CARS, SOLAR], "http://localhost:8000"])
def test_another_resource_is_refused_and_does_not_burn_the_code(
    world: World, mypage: RelyingParty, asked: str | list[str]
) -> None:
    code = granted_code(world, mypage, CARS)
    mypage.redeem(code, resource=asked).expect_error("invalid_target")
    assert mypage.redeem(code, resource=[CARS, CARS]).tokens().access_claims["aud"] == CARS


def test_each_refresh_may_be_for_another_granted_resource(world: World, mypage: RelyingParty) -> None:
    tokens = mypage.redeem(granted_code(world, mypage, CARS, SOLAR)).tokens()
    for asked in (SOLAR, CARS, SOLAR):
        mypage.refresh(tokens.refresh_token, resource=FOREIGN).expect_error("invalid_target")
        tokens = mypage.refresh(tokens.refresh_token, resource=asked).tokens()
        assert tokens.access_claims["aud"] == asked


def test_what_the_client_is_no_longer_registered_for_it_does_not_get(
    world: World, mypage: RelyingParty
) -> None:
    tokens = mypage.redeem(granted_code(world, mypage, CARS)).tokens()
    tokens = mypage.refresh(tokens.refresh_token).tokens()
    world.write(lambda session: setattr(session.get_one(Client, "mypage"), "allowed_resources", []))
    mypage.refresh(tokens.refresh_token).expect_error("invalid_target")


def test_a_proxy_login_is_at_one_relying_party(world: World, portal: RelyingParty) -> None:
    staff, grant = portal.sign_in(), world.grant().id
    portal.exchange(staff.access_token, grant, resource=CARS).expect_error("invalid_target")
    portal.exchange(staff.access_token, grant, audience=None, resource=CARS).expect_error("invalid_target")
    assert portal.exchange(staff.access_token, grant).response.status_code == 200


def test_a_client_that_speaks_for_itself_names_one_resource(world: World, mypage: RelyingParty) -> None:
    def own(**asked: Any) -> Any:
        return mypage.token({"grant_type": CLIENT_CREDENTIALS, **asked})

    world.write(
        lambda session: setattr(session.get_one(Client, "mypage"), "grant_types", [CLIENT_CREDENTIALS])
    )
    token = own(resource=CARS).response.get_json()["access_token"]
    assert mypage.introspect(token).response.get_json()["aud"] == CARS
    assert world.api("GET", "/oauth/userinfo", token).status_code == 401
    for wrong in (FOREIGN, [CARS, SOLAR], f"{CARS}#x"):
        own(resource=wrong).expect_error("invalid_target")


def test_the_api_that_a_token_is_for_may_introspect_it(world: World, mypage: RelyingParty) -> None:
    """RFC 7662 §4: it is the audience; what is for somebody else it learns nothing of."""
    world.write(lambda session: register_client(session, API))
    cars = RelyingParty(world, "cars", "", "", method="client_secret_basic", secret=API.secret or "")
    tokens = mypage.redeem(granted_code(world, mypage, CARS, SOLAR)).tokens()
    body = cars.introspect(tokens.access_token).response.get_json()
    assert (body["active"], body["aud"], body["client_id"]) == (True, CARS, "mypage")
    assert cars.introspect(tokens.refresh_token).response.get_json() == {"active": False}
    other = mypage.refresh(tokens.refresh_token, resource=SOLAR).tokens()
    assert cars.introspect(other.access_token).response.get_json() == {"active": False}
    assert mypage.introspect(other.access_token).response.get_json()["active"] is True
