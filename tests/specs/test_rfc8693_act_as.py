"""RFC 8693 as this server uses it: what an exchange gives, where, how much, and what that is good for."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import time_machine
from sqlalchemy import update

from idp import clock
from idp.accounts.models import BrowserSession
from idp.delegation.models import ActAsSession, ActAsTicket, Grant
from idp.demo import HANAKO, MIRAI, SETSUKO
from idp.oauth.models import Client, ClientStatus
from tests.delegation.steps import answer, ask, end, suspend
from tests.oauth.assertions import header_of
from tests.oauth.relying_party import ACCESS_TOKEN, TICKET, RelyingParty, Tokens
from tests.world import LOGIN_ONLY, MANAGER, World

Parties = dict[str, RelyingParty]


@pytest.fixture
def staff(portal: RelyingParty) -> Tokens:
    return portal.sign_in(MANAGER)


@pytest.fixture
def acting(world: World, portal: RelyingParty, staff: Tokens) -> Tokens:
    """An act-as token for everything that the owner allowed.

    The clock stands still meanwhile: a token that is signed in the second after its session began lives one
    second less, because it never outlives the session.
    """
    with time_machine.travel(clock.now(), tick=False):
        answered = portal.exchange(staff.access_token, world.grant().id, scope="mypage.read mypage.write")
        return answered.tokens()


def test_an_act_as_token_says_who_acts_for_whom_in_opaque_ids(
    world: World, staff: Tokens, acting: Tokens
) -> None:
    claims, grant = acting.access_claims, world.grant()
    assert header_of(acting.access_token)["typ"] == "at+jwt"
    assert header_of(acting.access_token)["alg"] == "ES256"
    assert claims["act"] == {
        "sub": staff.claims["sub"], "sub_profile": "user", "org": {"id": str(world.agency(MIRAI).id)},
    }  # fmt: skip
    assert (claims["sub"], claims["aud"], claims["client_id"]) == (
        str(world.account(HANAKO).id), "mypage", "agency-portal",
    )  # fmt: skip
    assert claims["delegation"] == str(grant.id)
    assert claims["scope"] == "mypage.read mypage.write"
    assert claims["exp"] - claims["iat"] == 300
    assert claims["sid"] not in {staff.claims["sid"], claims["act"]["sub"]}
    assert len(claims["jti"]) >= 20
    told = str(claims)
    assert not [part for part in (HANAKO.email, HANAKO.name, MANAGER.email, MANAGER.name, MIRAI.name)
                if part in told]  # fmt: skip
    assert acting.body | {"access_token": ""} == {
        "access_token": "", "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 300,
        "scope": "mypage.read mypage.write",
    }  # fmt: skip


def test_an_act_as_token_ends_with_the_grant_at_the_latest(
    world: World, portal: RelyingParty, staff: Tokens
) -> None:
    end_of_grant = clock.now().replace(microsecond=0) + timedelta(seconds=180)
    world.write(lambda session: session.execute(update(Grant).values(expires_at=end_of_grant)).close())
    tokens = portal.exchange(staff.access_token, world.grant().id).tokens()
    assert tokens.access_claims["exp"] == clock.epoch(end_of_grant)
    assert 0 < tokens.body["expires_in"] <= 180


def test_an_exchange_leaves_an_audit_row_and_the_time_of_its_use(
    world: World, portal: RelyingParty, staff: Tokens
) -> None:
    grant = world.grant()
    assert grant.last_used_at is None
    begun = len(world.events())
    acting = portal.exchange(staff.access_token, grant.id).tokens()
    started, issued = world.events()[begun:]
    assert (started.event, issued.event) == ("proxy_login.started", "delegation.exchange.issued")
    for event in (started, issued):
        assert str(event.actor_id) == staff.claims["sub"]
        assert (event.owner_id, event.agency_id, event.grant_id) == (
            grant.owner_id,
            grant.agency_id,
            grant.id,
        )
        assert event.address
        assert event.request_id
    assert issued.data == {
        "audience": "mypage", "scope": "mypage.read", "issued": ACCESS_TOKEN,
        "jti": acting.access_claims["jti"],
    }  # fmt: skip
    assert world.grant().last_used_at is not None


@pytest.mark.parametrize(
    ("asked", "given"),
    [(None, "mypage.read"), ("", "mypage.read"), ("mypage.read", "mypage.read"),
     ("mypage.write", "mypage.write"), ("mypage.write mypage.read", "mypage.read mypage.write")],
)  # fmt: skip
def test_scope_is_what_was_asked_for_and_the_least_if_nothing_was(
    world: World, portal: RelyingParty, staff: Tokens, asked: str | None, given: str
) -> None:
    tokens = portal.exchange(staff.access_token, world.grant().id, scope=asked).tokens()
    assert tokens.body["scope"] == given == tokens.access_claims["scope"]


@pytest.mark.parametrize(
    "scope", ["mypage.read mypage.write", "mypage.write", "openid", "offline_access", "mypage.read profile",
              "act_as", "delegations.manage", " ", "*", "mypage.*", "MYPAGE.READ"],
)  # fmt: skip
@pytest.mark.parametrize("token_type", [ACCESS_TOKEN, TICKET])
def test_scope_beyond_the_grant_is_refused(
    world: World, portal: RelyingParty, staff: Tokens, scope: str, token_type: str
) -> None:
    again = ask(world, SETSUKO)
    answer(world, again)
    refused = portal.exchange(staff.access_token, again, scope=scope, requested_token_type=token_type)
    refused.expect_error("invalid_scope")
    assert (world.count(ActAsTicket), world.count(ActAsSession)) == (0, 0)
    portal.exchange(staff.access_token, again, requested_token_type=token_type).tokens()


@pytest.mark.parametrize(
    "deviation",
    [{"audience": None}, {"audience": ""}, {"audience": "shop"}, {"audience": "radio"}, {"audience": "myapp"},
     {"audience": "agency-portal"}, {"audience": "nobody"}, {"audience": "MYPAGE"},
     {"audience": "mypage", "resource": "mypage"}, {"audience": "mypage", "resource": "https://x.example"},
     {"audience": "http://localhost:8000"}, {"audience": None, "resource": "https://x.example"}],
    ids=str,
)  # fmt: skip
def test_an_audience_that_is_not_allowed_is_an_invalid_target(
    world: World, portal: RelyingParty, staff: Tokens, deviation: dict[str, str | None]
) -> None:
    refused = portal.exchange(staff.access_token, world.grant().id, **deviation)
    refused.expect_error("invalid_target")
    assert world.count(ActAsSession) == 0


def test_two_audiences_are_one_too_many(world: World, portal: RelyingParty, staff: Tokens) -> None:
    twice = portal.exchange(staff.access_token, world.grant().id, audience=["mypage", "mypage"])
    twice.expect_error("invalid_target")


def test_an_audience_that_was_disabled_is_an_invalid_target(
    world: World, portal: RelyingParty, staff: Tokens
) -> None:
    grant_id = world.grant().id
    world.write(lambda session: setattr(session.get_one(Client, "mypage"), "status", ClientStatus.DISABLED))
    portal.exchange(staff.access_token, grant_id).expect_error("invalid_target")


@pytest.mark.parametrize(
    "token_type",
    ["urn:ietf:params:oauth:token-type:refresh_token", "urn:ietf:params:oauth:token-type:id_token",
     "urn:ietf:params:oauth:token-type:saml2", "urn:ietf:params:oauth:token-type:jwt", "access_token"],
)  # fmt: skip
def test_only_act_as_tokens_and_tickets_can_be_asked_for(
    world: World, portal: RelyingParty, staff: Tokens, token_type: str
) -> None:
    refused = portal.exchange(staff.access_token, world.grant().id, requested_token_type=token_type)
    refused.expect_error("invalid_request")


def test_nothing_is_ever_issued_without_act(world: World, portal: RelyingParty, staff: Tokens) -> None:
    """What the server receives decides, never which parameters are absent."""
    optional = ("scope", "requested_token_type", "reason")
    required = ("subject_token_type", "actor_token", "actor_token_type", "audience")
    grant_id = world.grant().id
    for name in optional:
        assert "act" in portal.exchange(staff.access_token, grant_id, **{name: None}).tokens().access_claims
    for name in required:
        refused = portal.exchange(staff.access_token, grant_id, **{name: None}).response
        assert refused.status_code == 400
        assert "access_token" not in refused.get_json()


def test_a_client_that_was_not_registered_to_act_is_unauthorized(world: World, parties: Parties) -> None:
    portal = parties["agency-portal"]
    staff, grant_id = portal.sign_in(), world.grant().id
    for other in ("mypage", "shop", "spa"):
        parties[other].exchange(staff.access_token, grant_id).expect_error("unauthorized_client")
    world.write(lambda session: setattr(session.get_one(Client, "agency-portal"), "act_as_audiences", []))
    portal.exchange(staff.access_token, grant_id).expect_error("unauthorized_client")
    portal.exchange(staff.access_token, uuid4()).expect_error("unauthorized_client")


def test_a_member_for_proxy_logins_may_act(world: World, portal: RelyingParty) -> None:
    token = portal.sign_in(LOGIN_ONLY).access_token
    portal.exchange(token, world.grant().id).tokens()


# --- what an act-as token is good for -------------------------------------------------------------------


def test_an_act_as_token_reads_what_it_was_issued_for(world: World, acting: Tokens) -> None:
    profile = world.api("GET", "/api/me/profile", acting.access_token).get_json()
    assert profile["email"] == HANAKO.email
    products = world.api("GET", "/api/me/products", acting.access_token).get_json()["items"]
    assert [product["serial_number"] for product in products] == list(HANAKO.serials)


def test_changing_settings_takes_the_permission_to_change_them(
    world: World, portal: RelyingParty, staff: Tokens, acting: Tokens
) -> None:
    reading = portal.exchange(staff.access_token, world.grant().id).tokens().access_token
    product = world.api("GET", "/api/me/products", reading).get_json()["items"][0]
    address, change = f"/api/me/products/{product['id']}", {"services": {"weather_warning": True}}
    before = world.digest()
    assert world.api("PATCH", address, reading, json=change).status_code == 403
    assert world.digest() == before
    changed = world.api("PATCH", address, acting.access_token, json=change)
    assert changed.get_json()["services"]["weather_warning"]["joined"] is True
    [event] = [event for event in world.events() if event.event == "product.changed"]
    assert str(event.actor_id) == staff.claims["sub"]
    assert event.owner_id == world.account(HANAKO).id


def test_an_act_as_token_opens_no_page_and_no_api_of_accounts_consents_and_delegations(
    world: World, acting: Tokens
) -> None:
    """Every route but those written for it, with every method, whatever the scope."""
    grant_id, before, opened = world.grant().id, world.digest(), set()
    for rule in world.app.url_map.iter_rules():
        is_anybodys = rule.rule in {"/agency/staff/left", "/api/openapi.json"}
        if is_anybodys or rule.rule.startswith(("/static", "/dev", "/.well-known", "/oauth")):
            continue
        path = rule.rule
        for argument in rule.arguments:
            start = path.index("<")
            path = path[:start] + (str(grant_id) if "id" in argument else "x") + path[path.index(">") + 1 :]
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            told = world.api(method, path, acting.access_token)
            if path.startswith("/api/") and told.status_code < 400:
                opened.add(f"{method} {path}")
            elif path.startswith(("/account", "/agency/")):
                assert told.status_code in {303, 400, 403, 404}, (method, path, told.status_code)
    assert opened == {"GET /api/me/profile", "GET /api/me/products"}
    assert world.digest() == before


@pytest.mark.parametrize("what", ["revoked", "suspended", "signed out", "client", "audience", "term"])
def test_an_act_as_token_is_worth_nothing_once_anything_behind_it_has_ended(
    world: World, staff: Tokens, acting: Tokens, what: str
) -> None:
    assert world.api("GET", "/api/me/profile", acting.access_token).status_code == 200
    disabled = ClientStatus.DISABLED
    if what == "revoked":
        end(world, world.grant().id)
    elif what == "suspended":
        suspend(world)
    elif what == "signed out":
        sid = UUID(staff.claims["sid"])
        world.write(lambda session: setattr(session.get_one(BrowserSession, sid), "ended_at", clock.now()))
    elif what == "client":
        world.write(lambda session: setattr(session.get_one(Client, "agency-portal"), "status", disabled))
    elif what == "audience":
        world.write(lambda session: setattr(session.get_one(Client, "mypage"), "status", disabled))
    else:
        world.write(lambda session: session.execute(update(Grant).values(expires_at=clock.now())).close())
    assert world.api("GET", "/api/me/profile", acting.access_token).status_code == 401


def test_an_act_as_token_lives_for_five_minutes(world: World, acting: Tokens) -> None:
    now = clock.from_epoch(acting.access_claims["iat"])
    for age, status in ((299, 200), (300, 401)):
        with time_machine.travel(now + timedelta(seconds=age), tick=False):
            assert world.api("GET", "/api/me/profile", acting.access_token).status_code == status
