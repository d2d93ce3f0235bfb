"""What an operator does at the command line: clients, units from the factory, the demo on other ports."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from idp.accounts.models import Product
from idp.cli import cli
from idp.demo import ClientSecrets, client_metadata, move_clients
from idp.oauth.clients import find_client
from idp.oauth.models import Client
from tests.world import World

CLIENT = {
    "client_id": "weather", "client_name": "お天気", "token_endpoint_auth_method": "client_secret_basic",
    "redirect_uris": ["https://weather.example/cb"], "scope": "openid profile",
}  # fmt: skip
Run = Callable[..., Result]


@pytest.fixture
def idp(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    settings = world.settings
    for name in ("issuer", "database_url", "secret_key", "encryption_key"):
        monkeypatch.setenv(f"IDP_{name.upper()}", getattr(settings, name))
    return lambda *arguments: CliRunner().invoke(cli, list(arguments))


def file(folder: Path, text: str) -> str:
    path = folder / "file"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_client_is_registered_once_and_its_secret_is_shown_once(
    idp: Run, world: World, tmp_path: Path
) -> None:
    described = file(tmp_path, json.dumps(CLIENT))
    told = idp("client", "register", described)
    assert told.exit_code == 0, told.output
    secret = told.output.rsplit(" ", 1)[1].strip()
    stored = world.read(lambda session: find_client(session, "weather"))
    assert stored is not None
    assert stored.check_client_secret(secret)
    again = idp("client", "register", described)
    assert again.exit_code == 1
    assert "client_id: is registered already" in again.output
    assert "weather" in idp("client", "list").output


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"redirect_uris": ["http://weather.example/cb"]}, "redirect_uris: must be https"),
        ({"redirect_uris": "https://weather.example/cb"}, "redirect_uris: must be a list"),
        ({"redirect_urls": []}, "redirect_urls: is not a field"),
        ({"client_name": None}, "client_name: has a value of the wrong type"),
        ({"grant_types": ["password"]}, "grant_types: must be some of"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "jwks: private_key_jwt and signed"),
        ({"act_as_supported": "yes"}, "act_as_supported: must be true or false"),
        ({"sign_in_page": "strangers"}, "sign_in_page: must be one of owners, agencies"),
    ],
)
def test_a_client_that_is_described_wrongly_is_refused_by_the_field(
    idp: Run, world: World, tmp_path: Path, change: dict[str, object], told: str
) -> None:
    result = idp("client", "register", file(tmp_path, json.dumps({**CLIENT, **change})))
    assert result.exit_code == 1
    assert told in result.output
    assert world.read(lambda session: find_client(session, "weather")) is None


def test_units_are_added_once(idp: Run, world: World, tmp_path: Path) -> None:
    listed = file(tmp_path, "product_id,model,serial_number\n9001,ESS-U4X1,HC-X1\n9002,ESS-U4X1,HC-X2\n")
    assert idp("product", "import", listed).output == "2 units added, 0 were there already.\n"
    assert idp("product", "import", listed).output == "0 units added, 2 were there already.\n"
    wanted = select(func.count()).select_from(Product).where(Product.serial_number.startswith("HC-X"))
    assert world.read(lambda session: session.scalar(wanted)) == 2


@pytest.mark.parametrize(
    "text", ["model,serial_number\na,b\n", "product_id,model,serial_number\nx,a,b\n", ""]
)
def test_a_list_of_units_that_cannot_be_read_adds_nothing(
    idp: Run, world: World, tmp_path: Path, text: str
) -> None:
    before = world.count(Product)
    assert idp("product", "import", file(tmp_path, text)).exit_code == 1
    assert world.count(Product) == before


def test_a_demo_on_other_ports_takes_its_addresses_along(world: World) -> None:
    moved = world.settings.model_copy(update={"mypage_url": "http://localhost:9001"})
    public = {name: value for name, value in world.template.portal_key.items() if name != "d"}
    secrets = ClientSecrets(world.template.mypage_secret, public)
    world.write(lambda session: move_clients(session, moved, secrets))
    mypage = world.read(lambda session: session.get(Client, "mypage"))
    assert mypage is not None
    assert mypage.redirect_uris == ["http://localhost:9001/oidc/callback"]
    assert mypage.check_client_secret(world.template.mypage_secret)
    assert client_metadata(moved, secrets)[0].client_id == "mypage"


def test_settings_that_are_wrong_are_named(idp: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert idp("client", "list").exit_code == 0
    monkeypatch.setenv("IDP_ISUER", "https://id.example")
    assert "IDP_ISUER is not a setting" in str(idp("client", "list").exception)
