"""RFC 7591: a client registers itself by an operator's permission, and hears what is wrong."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from idp import clock
from idp.audit.events import Event
from idp.demo import HANAKO
from idp.oauth.models import Client
from idp.oauth.registration.models import InitialAccessToken
from idp.oauth.registration.service import revoke_initial_token
from tests.oauth.registrar import CALLBACK, REGISTER, Registrar, expect_error
from tests.world import World

METADATA, REDIRECT = "invalid_client_metadata", "invalid_redirect_uri"


@pytest.fixture
def registrar(world: World) -> Registrar:
    return Registrar(world)


def test_the_answer_says_everything_that_is_registered(world: World, registrar: Registrar) -> None:
    registered = registrar.register(client_name=None)
    token, secret = registered.pop("registration_access_token"), registered.pop("client_secret")
    assert (token[:4], secret[:4]) == ("ocm_", "ock_")
    issued, own = registered.pop("client_id_issued_at"), registered.pop("client_id")
    assert abs(issued - clock.epoch(clock.now())) < 10
    assert registered == {
        "client_secret_expires_at": 0, "redirect_uris": [CALLBACK], "client_name": "app.example",
        "registration_client_uri": f"{world.settings.issuer}{REGISTER}/{own}",
        "token_endpoint_auth_method": "client_secret_basic", "grant_types": ["authorization_code"],
        "response_types": ["code"], "scope": "openid profile email address phone offline_access",
        "application_type": "web", "subject_type": "public", "id_token_signed_response_alg": "RS256",
        "require_auth_time": False, "require_pushed_authorization_requests": False,
        "require_signed_request_object": False, "dpop_bound_access_tokens": False,
        "backchannel_logout_session_required": False,
    }  # fmt: skip
    stored = world.read(lambda session: session.get_one(Client, own))
    assert secret not in repr(vars(stored))
    assert token not in repr(vars(stored))


def test_a_registered_client_signs_people_in_and_is_nobodys_favourite(registrar: Registrar) -> None:
    wishes = {"first_party": True, "act_as_supported": True, "profile": "fapi2", "sign_in_page": "agencies",
              "allowed_resources": ["https://api.example"]}  # fmt: skip
    registered = registrar.register(**wishes)
    stored = registrar.stored(registered)
    assert (stored.first_party, stored.act_as_supported, stored.profile) == (False, False, "baseline")
    assert (stored.allowed_resources, stored.sign_in_page) == ([], "owners")
    assert not set(wishes) & set(registered)
    party = registrar.party(registered)
    party.authorize().expect_sign_in()
    party.redeem("occ_wrong").expect_error("invalid_grant")
    party.secret = "ock_wrong"
    party.redeem("occ_wrong").expect_error("invalid_client")


def test_people_are_asked_about_a_client_that_registered_itself(world: World, registrar: Registrar) -> None:
    party, browser = registrar.party(registrar.register()), world.browser(HANAKO)
    party.authorize(browser, prompt="none").expect_error("consent_required")
    asked = party.authorize(browser)
    assert asked.response.status_code == 303
    assert "アプリ" in browser.get(asked.location).text
    party.world.write(lambda session: setattr(session.get_one(Client, party.client_id), "first_party", True))
    party.authorize(browser, prompt="none").expect_code()


def test_the_address_of_management_lies_below_the_issuer(world: World) -> None:
    world.settings = world.settings.model_copy(update={"issuer": "http://localhost:8000/club"})
    world.restart()
    registrar = Registrar(world)
    answer = registrar.send({"redirect_uris": [CALLBACK]}, path="/oauth/register")
    assert answer.status_code == 201, answer.text
    body = answer.get_json()
    assert body["registration_client_uri"] == f"http://localhost:8000/club{REGISTER}/{body['client_id']}"
    assert registrar.manage(body, "GET").status_code == 200


def test_each_kind_of_client_gets_the_credentials_that_it_needs(registrar: Registrar) -> None:
    assert "client_secret" in registrar.register(token_endpoint_auth_method="client_secret_post")
    public = registrar.register(token_endpoint_auth_method="none")
    assert not {"client_secret", "client_secret_expires_at"} & set(public)
    assert registrar.stored(public).require_pkce
    registrar.party(public).authorize(code_challenge=None, code_challenge_method=None).expect_error(
        "invalid_request"
    )


def test_unknown_fields_are_ignored_and_tagged_ones_kept(registrar: Registrar) -> None:
    tagged = {"client_name#en": "App", "policy_uri#ja-JP": "https://app.example/ja"}
    ignored = {"nonsense": [1], "client_name#": "x", "request_uris": [CALLBACK],
               "frontchannel_logout_uri": "x", "redirect_uris#ja": "x", "client_id": "mypage",
               "client_secret": "mine"}  # fmt: skip
    registered = registrar.register(**tagged, **ignored)
    assert {name: registered[name] for name in tagged} == tagged
    assert not set(ignored) - {"client_id", "client_secret"} & set(registered)
    assert registered["client_id"] != "mypage"
    assert registered["client_secret"] != "mine"


@pytest.mark.parametrize(
    ("field", "wrong", "right"),
    [
        ("token_endpoint_auth_method", ["client_secret_jwt", "tls_client_auth", "", 7], "client_secret_post"),
        ("grant_types", [["implicit"], ["password"], ["authorization_code", "implicit"], "code", [7],
                         ["urn:ietf:params:oauth:grant-type:token-exchange"], ["client_credentials"],
                         ["refresh_token"]], ["authorization_code", "refresh_token"]),
        ("response_types", [["token"], ["code", "code id_token"], ["id_token"], "code", []], ["code"]),
        ("scope", ["act_as", "nonsense", 7, "", "delegations.read"], "openid email act_as"),
        ("client_name", [7, "", "\u3000", "x\x07", "x" * 2049], "アプリ\u3000☀"),
        ("client_uri", ["javascript:alert(1)", "data:,x", "app.example", "https://a@b/", "https://"],
         "http://app.example"),
        ("logo_uri", ["ftp://app.example/logo", "javascript:1", 7], "https://app.example/logo.png"),
        ("client_name#en", [7, ""], "App"), ("tos_uri#en", ["javascript:1"], "https://app.example/en"),
        ("contacts", ["me@app.example", [7], ["a"] * 2, [str(one) for one in range(51)]], ["me@app.example"]),
        ("software_id", [7, "x" * 3000], "4NRB1-0XZABZI9E6-5SM3R"),
        ("dpop_bound_access_tokens", ["true", 1], True),
        ("require_pushed_authorization_requests", ["yes"], True),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_name(
    registrar: Registrar, field: str, wrong: list[Any], right: Any
) -> None:
    for value in wrong:
        named = "localized" if "#" in field and value == "" else field
        registrar.expect_refused(METADATA, named, **{field: value})
    registrar.register(**{field: right})


def test_a_software_statement_is_never_approved(registrar: Registrar) -> None:
    registrar.expect_refused(
        "unapproved_software_statement", "software_statement", software_statement="e30.e."
    )


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"7", b"nonsense", b'{"a":1', b'\xff{"redirect_uris":[]}', b'{"a":NaN}', b'{"a":"\\ud800"}',
     b'{"client_name":"a","client_name":"b"}', b'{"client_name":"a\\u0000"}', b"[" * 60_000, b"null",
     b'{"a":' + b"9" * 5000 + b"}"],
    ids=lambda raw: repr(raw[:30]),
)  # fmt: skip
def test_what_is_no_json_object_is_refused(world: World, registrar: Registrar, raw: bytes) -> None:
    before = world.digest()
    expect_error(registrar.send(None, raw=raw), METADATA, "body")
    assert world.digest() == before


def test_documents_are_json_of_at_most_64_kib(registrar: Registrar) -> None:
    document = {"redirect_uris": [CALLBACK]}
    expect_error(registrar.send(document, content_type="text/plain"), METADATA, "body")
    assert registrar.send({**document, "x": "y" * 65_536}).status_code == 413
    assert registrar.send({**document, "x": "y" * 60_000}).status_code == 201
    assert registrar.send(document, content_type="application/json; charset=utf-8").status_code == 201


@pytest.mark.parametrize("token", [None, "", " ", "nonsense", "oci_" + "x" * 43, "oci_é", "x" * 4000, "a b"])
def test_without_a_good_initial_token_nothing_is_looked_at(
    world: World, registrar: Registrar, token: str | None
) -> None:
    before = world.digest()
    for document in ({"redirect_uris": [CALLBACK]}, {"redirect_uris": ["javascript:1"]}):
        answer = registrar.send(document, token=f" {token}" if token == "" else token)
        assert answer.status_code == 401
        told = answer.headers["WWW-Authenticate"]
        assert told.startswith("Bearer ")
        assert ("error" in told) == (token is not None)
        assert answer.get_json()["error"] == "invalid_token"
    assert world.digest() == before
    registrar.register()


def test_an_access_token_is_no_initial_token(world: World, registrar: Registrar) -> None:
    from tests.oauth.relying_party import parties_of

    tokens = parties_of(world)["mypage"].sign_in(HANAKO)
    assert registrar.send({"redirect_uris": [CALLBACK]}, token=tokens.access_token).status_code == 401


def test_uses_are_counted_and_a_refusal_uses_nothing_up(world: World) -> None:
    registrar = Registrar(world, uses=2)
    registrar.expect_refused(REDIRECT, "redirect_uris", redirect_uris=["javascript:1"])
    registrar.register()
    registrar.register()
    before = world.digest()
    assert registrar.attempt().status_code == 401
    assert world.digest() == before
    left = world.read(lambda session: session.get_one(InitialAccessToken, registrar.token_id).uses_left)
    assert left == 0


def test_a_token_that_is_over_or_revoked_registers_nobody(world: World, registrar: Registrar) -> None:
    with time_machine.travel(clock.now() + timedelta(days=1, seconds=1)):
        assert registrar.attempt().status_code == 401
    first = registrar.register()
    world.write(lambda session: revoke_initial_token(session, registrar.token_id))
    assert registrar.attempt().status_code == 401
    assert registrar.manage(first, "GET").status_code == 200


def test_registrations_are_written_down(world: World, registrar: Registrar) -> None:
    registered = registrar.register()
    [event] = [one for one in world.events() if one.client_id == registered["client_id"]]
    assert event.event == Event.CLIENT_REGISTERED
    assert Event.REGISTRATION_TOKEN_ISSUED in {one.event for one in world.events()}
    assert registrar.token not in repr([vars(one) for one in world.events()])
