"""RFC 6749 §4.4: a client speaks for itself, and for nobody else."""

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine

from idp import clock, credentials
from idp.housekeeping import sweep
from idp.oauth.client_metadata import CLIENT_CREDENTIALS, ClientMetadata, ClientMetadataRefused
from idp.oauth.clients import register_client
from idp.oauth.models import Client, ClientStatus, RefreshToken, RevokedToken, TokenFamily
from idp.web import ScopeMissing, TokenMissing, require_client_scope
from tests.oauth.assertions import header_of
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import World

REPORT = "proxy_logins.report"
REPORTER = ClientMetadata(
    client_id="reporter", client_name="きろく", token_endpoint_auth_method="client_secret_basic",
    secret="ock_secret-of-the-reporter", grant_types=(CLIENT_CREDENTIALS,),
    scope=f"openid profile products act_as {REPORT}",
)  # fmt: skip


@pytest.fixture
def reporter(world: World) -> RelyingParty:
    world.write(lambda session: register_client(session, REPORTER))
    return RelyingParty(
        world, "reporter", "", REPORTER.scope, method="client_secret_basic", secret=REPORTER.secret or ""
    )


def own_token(party: RelyingParty, **deviation: object) -> Tokens:
    return party.token({"grant_type": CLIENT_CREDENTIALS, **deviation}).tokens()


def test_the_token_is_about_the_client_alone(world: World, reporter: RelyingParty) -> None:
    tokens = own_token(reporter)
    assert tokens.body.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert tokens.scope == {REPORT}
    claims = tokens.access_claims
    assert claims.keys() == {"iss", "sub", "aud", "client_id", "scope", "jti", "iat", "exp"}
    assert claims["sub"] == claims["client_id"] == "reporter"
    assert claims["aud"] == world.settings.issuer
    assert header_of(tokens.access_token)["typ"] == "at+jwt"
    assert (world.count(TokenFamily), world.count(RefreshToken)) == (0, 0)


@pytest.mark.parametrize("scope", ["openid", "profile", "products", "act_as", f"{REPORT} openid", "nonsense"])
def test_nothing_of_a_person_s_can_be_had(reporter: RelyingParty, scope: str) -> None:
    reporter.token({"grant_type": CLIENT_CREDENTIALS, "scope": scope}).expect_error("invalid_scope")
    assert own_token(reporter, scope=REPORT).scope == {REPORT}


def test_a_scope_that_is_not_registered_is_not_given(world: World, reporter: RelyingParty) -> None:
    world.write(lambda session: setattr(session.get_one(Client, "reporter"), "scope", "openid"))
    reporter.token({"grant_type": CLIENT_CREDENTIALS, "scope": REPORT}).expect_error("invalid_scope")
    body = reporter.token({"grant_type": CLIENT_CREDENTIALS}).response.get_json()
    assert "scope" not in body


def test_no_person_can_give_what_is_a_client_s(world: World, mypage: RelyingParty) -> None:
    world.write(lambda session: setattr(session.get_one(Client, "mypage"), "scope", f"openid {REPORT}"))
    mypage.authorize(world.browser(), scope=REPORT).expect_error("invalid_scope")
    mypage.authorize(world.browser(), scope="openid").expect_sign_in()


def test_only_clients_that_are_registered_for_it_and_keep_a_secret_get_one(
    world: World, shop: RelyingParty, spa: RelyingParty, reporter: RelyingParty
) -> None:
    for party in (shop, spa):
        party.token({"grant_type": CLIENT_CREDENTIALS}).expect_error("unauthorized_client")
    world.write(lambda session: setattr(session.get_one(Client, "spa"), "grant_types", [CLIENT_CREDENTIALS]))
    spa.token({"grant_type": CLIENT_CREDENTIALS}).expect_error("unauthorized_client")
    public = replace(REPORTER, client_id="x", secret=None, token_endpoint_auth_method="none")
    with pytest.raises(ClientMetadataRefused, match="client_credentials"):
        world.write(lambda session: register_client(session, public))
    reporter.secret = "another"
    reporter.token({"grant_type": CLIENT_CREDENTIALS}).expect_error("invalid_client")


def test_where_a_person_is_needed_the_token_opens_nothing(
    world: World, mypage: RelyingParty, reporter: RelyingParty
) -> None:
    """RFC 6750 §3.1: the token is good, and does not reach so far."""
    token = own_token(reporter).access_token
    for path in ("/oauth/userinfo", "/api/me/profile", "/api/me/products", "/api/me/delegations",
                 "/api/delegations"):  # fmt: skip
        answer = world.api("GET", path, token)
        assert answer.status_code == 403
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert world.api("GET", "/oauth/userinfo", mypage.sign_in().access_token).status_code == 200


def test_it_is_nobody_s_actor_token(world: World, portal: RelyingParty, reporter: RelyingParty) -> None:
    def let_the_portal_speak_for_itself() -> None:
        grants = [*portal_client().grant_types, CLIENT_CREDENTIALS]
        world.write(lambda session: setattr(session.get_one(Client, "agency-portal"), "grant_types", grants))

    def portal_client() -> Client:
        return world.read(lambda session: session.get_one(Client, "agency-portal"))

    let_the_portal_speak_for_itself()
    own = portal.token({"grant_type": CLIENT_CREDENTIALS}).response.get_json()["access_token"]
    portal.exchange(own, world.grant().id).expect_error("invalid_request")
    portal.exchange(own_token(reporter).access_token, world.grant().id).expect_error("invalid_request")
    assert portal.exchange(portal.sign_in().access_token, world.grant().id).response.status_code == 200


def answered(world: World, token: str) -> int:
    """Return what an API for clients answers to a token."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with world.app.test_request_context("/api/any", base_url=world.settings.issuer, headers=headers):
        world.app.preprocess_request()
        try:
            assert require_client_scope(REPORT).client_id == "reporter"
        except (TokenMissing, ScopeMissing) as refused:
            return refused.status
    return 200


def test_the_client_is_known_at_an_api_for_clients(
    world: World, mypage: RelyingParty, reporter: RelyingParty
) -> None:
    token = own_token(reporter).access_token
    assert answered(world, token) == 200
    assert answered(world, "") == 401
    assert answered(world, mypage.sign_in().access_token) == 403
    world.write(lambda session: setattr(session.get_one(Client, "reporter"), "scope", "openid"))
    assert answered(world, token) == 403


def test_a_token_ends_with_the_standing_of_its_client(world: World, reporter: RelyingParty) -> None:
    token = own_token(reporter).access_token
    assert answered(world, token) == 200

    def change(**values: object) -> None:
        def write(session: object) -> None:
            for name, value in values.items():
                setattr(session.get_one(Client, "reporter"), name, value)  # type: ignore[attr-defined]

        world.write(write)

    change(grant_types=[])
    assert answered(world, token) == 401
    change(grant_types=[CLIENT_CREDENTIALS])
    assert answered(world, token) == 200
    change(status=ClientStatus.DISABLED)
    assert answered(world, token) == 401


def test_a_revoked_token_is_over_and_its_siblings_go_on(
    world: World, reporter: RelyingParty, shop: RelyingParty
) -> None:
    """RFC 7009: it stands in no family, so its ``jti`` is remembered until it would be over anyway."""
    token, other = own_token(reporter).access_token, own_token(reporter).access_token
    shop.revoke(token)
    assert answered(world, token) == 200
    for _ in range(2):
        assert reporter.revoke(token, token_type_hint="unheard_of").response.status_code == 200
    assert (answered(world, token), answered(world, other)) == (401, 200)
    assert reporter.introspect(token).response.get_json() == {"active": False}
    body = reporter.introspect(other).response.get_json()
    assert (body["active"], body["sub"], body["token_type"]) == (True, "reporter", "Bearer")
    [stored] = world.read(lambda session: session.query(RevokedToken).all())
    assert stored.jti_digest == credentials.digest(
        Tokens(token, None, None, frozenset(), {}).access_claims["jti"]
    )
    with time_machine.travel(clock.now() + timedelta(minutes=6), tick=False):
        sweep(world.database)
    assert world.count(RevokedToken) == 0
