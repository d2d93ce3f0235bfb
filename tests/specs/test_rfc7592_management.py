"""RFC 7592: a client reads, replaces and deletes what it registered, by a token of its own."""

from typing import Any

import pytest

from idp.demo import HANAKO
from idp.oauth.clients import set_client_status
from idp.oauth.consent.models import ClientConsent
from idp.oauth.models import Client, ClientStatus
from idp.oauth.registration import service
from idp.oauth.registration.document import metadata_in, with_operators_word
from tests.oauth.registrar import CALLBACK, Registrar, expect_error
from tests.world import World

METADATA, REDIRECT = "invalid_client_metadata", "invalid_redirect_uri"
MANAGED = ("GET", "PUT", "DELETE")


@pytest.fixture
def registrar(world: World) -> Registrar:
    return Registrar(world)


@pytest.fixture
def registered(registrar: Registrar) -> dict[str, Any]:
    return registrar.register()


def document(registered: dict[str, Any], **deviation: Any) -> dict[str, Any]:
    """Return a replacement that changes nothing, and whatever deviates; None leaves a field out."""
    servers = ("registration_access_token", "registration_client_uri", "client_secret_expires_at",
               "client_id_issued_at")  # fmt: skip
    kept = {name: value for name, value in registered.items() if name not in servers}
    return {name: value for name, value in {**kept, **deviation}.items() if value is not None}


def test_reading_says_what_registering_said_but_for_the_secret(
    registrar: Registrar, registered: dict[str, Any]
) -> None:
    answer = registrar.manage(registered, "GET")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.get_json() == {name: one for name, one in registered.items() if name != "client_secret"}


def test_a_replacement_replaces_everything_and_what_is_left_out_gets_its_default(
    registrar: Registrar,
) -> None:
    first = registrar.register(contacts=["me@app.example"], application_type="native", scope="openid email")
    other = ["https://app.example/other"]
    answer = registrar.manage(first, "PUT", {"client_id": first["client_id"], "redirect_uris": other})
    assert answer.status_code == 200, answer.text
    body = answer.get_json()
    assert (body["redirect_uris"], body["application_type"]) == (other, "web")
    assert "contacts" not in body
    assert body["scope"].split()[-1] == "offline_access"
    assert body["registration_access_token"] == first["registration_access_token"]
    assert registrar.manage(first, "GET").get_json() == body
    registrar.party({**first, "redirect_uris": other}).authorize().expect_sign_in()
    registrar.party(first).authorize().expect_page()
    registrar.party(first).redeem("occ_x").expect_error("invalid_grant")  # the secret stays


@pytest.mark.parametrize(
    ("field", "value"),
    [("client_id", None), ("client_id", "mypage"), ("client_id", 7), ("client_secret", "ock_wrong"),
     ("client_secret", 7), ("registration_access_token", "x"), ("registration_client_uri", "https://x.example"),
     ("client_secret_expires_at", 0), ("client_id_issued_at", 0), ("subject_type", "other"),
     ("token_endpoint_auth_method", "client_secret_jwt")],
)  # fmt: skip
def test_a_replacement_that_is_wrong_changes_nothing(
    world: World, registrar: Registrar, registered: dict[str, Any], field: str, value: object
) -> None:
    before = world.digest()
    answer = registrar.manage(registered, "PUT", document(registered, **{field: value}))
    expect_error(answer, METADATA, field)
    wrong = document(registered, redirect_uris=["https://app.example/#x"])
    expect_error(registrar.manage(registered, "PUT", wrong), REDIRECT, "redirect_uris")
    assert world.digest() == before
    assert registrar.manage(registered, "PUT", document(registered)).status_code == 200


def test_a_client_that_comes_to_need_a_secret_gets_one(registrar: Registrar) -> None:
    public = registrar.register(token_endpoint_auth_method="none")
    changed = document(public, token_endpoint_auth_method="client_secret_post")
    body = registrar.manage(public, "PUT", changed).get_json()
    registrar.party(body).redeem("occ_x").expect_error("invalid_grant")
    again = registrar.manage(public, "PUT", document(body, token_endpoint_auth_method="none")).get_json()
    assert "client_secret_expires_at" not in again
    assert registrar.stored(again).secret_digest is None


def test_a_deleted_client_is_as_unknown_with_everything_it_was_given(
    world: World, registrar: Registrar, registered: dict[str, Any]
) -> None:
    party = registrar.party(registered)
    world.write(lambda session: setattr(session.get_one(Client, party.client_id), "first_party", True))
    tokens = party.sign_in(HANAKO)
    assert world.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 200
    answer = registrar.manage(registered, "DELETE")
    assert (answer.status_code, answer.data, answer.headers["Cache-Control"]) == (204, b"", "no-store")
    assert world.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 401
    party.redeem("occ_x").expect_error("invalid_client")
    party.authorize().expect_page()
    assert [registrar.manage(registered, method).status_code for method in MANAGED] == [401] * 3
    living = world.read(
        lambda session: [
            one
            for one in session.query(ClientConsent).all()
            if one.client_id == party.client_id and one.revoked_at is None
        ]
    )
    assert living == []


def test_a_client_that_moves_asks_people_again(
    world: World, registrar: Registrar, registered: dict[str, Any]
) -> None:
    party, hanako = registrar.party(registered), world.browser(HANAKO)
    path = party.authorize(hanako, scope="openid").expect_consent()
    party.allow(hanako, path, scope="openid").expect_code()
    renamed = document(registered, client_name="別の名前")
    assert registrar.manage(registered, "PUT", renamed).status_code == 200
    party.authorize(hanako, scope="openid", prompt="none").expect_code()
    moved = document(registered, redirect_uris=[CALLBACK, "https://elsewhere.example/cb"])
    assert registrar.manage(registered, "PUT", moved).status_code == 200
    party.authorize(hanako, scope="openid", prompt="none").expect_error("consent_required")


@pytest.mark.parametrize("method", MANAGED)
def test_any_other_token_and_any_other_client_get_one_and_the_same_answer(
    world: World, registrar: Registrar, registered: dict[str, Any], method: str
) -> None:
    other, before = registrar.register(), world.digest()
    foreign = {**registered, "registration_access_token": other["registration_access_token"]}
    unknown = {**registered, "registration_client_uri": f"{world.settings.issuer}/oauth/register/nobody"}
    mypage = {**registered, "registration_client_uri": f"{world.settings.issuer}/oauth/register/mypage"}
    initial = {**registered, "registration_access_token": registrar.token}
    empty = {**registered, "registration_access_token": None}
    before = world.digest()
    answers = [registrar.manage(one, method, {}) for one in (foreign, unknown, mypage, initial)]
    assert {(one.status_code, one.data, one.headers["WWW-Authenticate"]) for one in answers} == {
        (401, answers[0].data, 'Bearer realm="registration", error="invalid_token"')
    }
    assert registrar.manage(empty, method, {}).status_code == 401
    assert world.digest() == before


def test_a_disabled_client_manages_nothing_until_it_is_enabled(
    world: World, registrar: Registrar, registered: dict[str, Any]
) -> None:
    def set_status(status: ClientStatus) -> None:
        world.write(
            lambda session: set_client_status(
                session, session.get_one(Client, registered["client_id"]), status
            )
        )

    set_status(ClientStatus.DISABLED)
    assert [registrar.manage(registered, method, {}).status_code for method in MANAGED] == [401] * 3
    set_status(ClientStatus.ACTIVE)
    assert registrar.manage(registered, "GET").status_code == 200


def test_other_methods_are_told_which_there_are(registrar: Registrar, registered: dict[str, Any]) -> None:
    for method in ("POST", "PATCH"):
        answer = registrar.manage(registered, method, {})
        assert answer.status_code == 405
        assert {"GET", "PUT", "DELETE"} <= set(answer.headers["Allow"].split(", "))
    answer = registrar.send({}, method="GET")
    assert (answer.status_code, answer.get_json()["error"]) == (405, "invalid_request")
    assert CALLBACK not in answer.text


def test_what_an_operator_decides_while_a_replacement_is_read_stays(world: World) -> None:
    """§2.2. Reading one can take seconds: the host of ``sector_identifier_uri`` is asked."""
    registrar = Registrar(world)
    app = registrar.register()
    document = {"redirect_uris": [CALLBACK], "client_name": "新しい名前"}
    read = with_operators_word(metadata_in(document, client_id=app["client_id"]), registrar.stored(app))
    world.write(lambda session: setattr(session.get_one(Client, app["client_id"]), "first_party", True))
    world.write(lambda session: service.replace(session, read, app["registration_access_token"]))
    assert (registrar.stored(app).client_name, registrar.stored(app).first_party) == ("新しい名前", True)
