"""What an operator does with clients and initial access tokens at the command line."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from idp.audit.events import Event
from idp.cli import cli
from idp.demo import MIRAI
from idp.oauth.client_metadata import CLIENT_CREDENTIALS
from idp.oauth.clients import find_client
from idp.oauth.models import Client
from tests.clients_of_the_world import SHOP_SECRET
from tests.oauth.registrar import CALLBACK, Registrar
from tests.oauth.relying_party import RelyingParty
from tests.oauth.systems import system_of
from tests.world import World

Run = Callable[..., Result]


@pytest.fixture
def idp(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("issuer", "database_url", "secret_key", "encryption_key"):
        monkeypatch.setenv(f"IDP_{name.upper()}", getattr(world.settings, name))
    return lambda *arguments: CliRunner().invoke(cli, list(arguments))


def test_a_client_is_shown_without_any_secret(idp: Run, world: World) -> None:
    shown = idp("client", "show", "shop")
    body = json.loads(shown.output)
    assert (body["client_id"], body["status"], body["registered_itself"]) == ("shop", "active", False)
    digest = world.read(lambda session: session.get_one(Client, "shop").secret_digest)
    assert SHOP_SECRET not in shown.output
    assert str(digest) not in shown.output


def test_a_disabled_client_is_as_unknown_until_it_is_enabled(idp: Run, shop: RelyingParty) -> None:
    assert idp("client", "disable", "shop").output == "shop is disabled.\n"
    shop.authorize().expect_page()
    shop.redeem("occ_x").expect_error("invalid_client")
    assert idp("client", "disable", "shop").exit_code == 1
    assert idp("client", "enable", "shop").exit_code == 0
    shop.authorize().expect_sign_in()


def test_a_deleted_client_does_not_come_back(idp: Run, world: World, shop: RelyingParty) -> None:
    assert idp("client", "delete", "shop").exit_code == 1  # nobody said yes
    shop.authorize().expect_sign_in()
    assert idp("client", "delete", "shop", "--yes").exit_code == 0
    for command in ("enable", "show", "rotate-secret", "disable"):
        assert "There is no client shop" in idp("client", command, "shop").output
    assert world.read(lambda session: find_client(session, "shop")) is None
    assert "deleted" in idp("client", "list").output


def test_a_new_secret_replaces_the_old_one_at_once(idp: Run, shop: RelyingParty) -> None:
    shop.redeem("occ_x").expect_error("invalid_grant")
    told = idp("client", "rotate-secret", "shop")
    shop.redeem("occ_x").expect_error("invalid_client")
    shop.secret = told.output.split()[-1]
    shop.redeem("occ_x").expect_error("invalid_grant")
    assert "has no secret" in idp("client", "rotate-secret", "spa").output


def test_an_initial_token_is_made_listed_and_revoked(idp: Run, world: World) -> None:
    made = idp("registration-token", "create", "--label", "partner", "--days", "2", "--uses", "3")
    token_id, token = made.output.split()
    registrar = Registrar(world)
    assert registrar.send({"redirect_uris": [CALLBACK]}, token=token).status_code == 201
    listed = idp("registration-token", "list").output
    assert "uses left: 2  partner" in listed
    assert token not in listed
    assert idp("registration-token", "revoke", token_id).exit_code == 0
    assert idp("registration-token", "revoke", token_id).exit_code == 1
    assert registrar.send({"redirect_uris": [CALLBACK]}, token=token).status_code == 401
    assert Event.REGISTRATION_TOKEN_REVOKED in {one.event for one in world.events()}


def test_an_agencys_own_system_is_listed_with_its_agency(idp: Run, world: World) -> None:
    system = system_of(world)
    line = next(one for one in idp("client", "list").output.splitlines() if one.startswith(system.client_id))
    assert MIRAI.name in line
    idp("client", "disable", system.client_id)
    system.token({"grant_type": CLIENT_CREDENTIALS}).expect_error("invalid_client")
