"""``idp apply``: the database becomes what a file says, wholly or not at all, and the second time nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from argon2 import PasswordHasher
from click.testing import CliRunner, Result
from sqlalchemy import select

from idp.accounts.models import Account, Agency, Member, Product
from idp.cli import cli
from idp.delegation.permissions.service import steps_of
from idp.demo import HANAKO, PASSWORD
from idp.oauth.clients import find_client
from idp.oauth.models import Client
from tests.house.tree import ROOT
from tests.oauth.relying_party import RelyingParty
from tests.world import World

EXAMPLE = ROOT / "docs/examples/conformance.yaml"
RELYING_PARTY = ROOT / "docs/examples/relying-party.yaml"
CLIENT = {"client_id": "weather", "client_name": "お天気", "redirect_uris": ["https://weather.example/cb"],
          "scope": "openid profile"}  # fmt: skip
PRODUCT = {"product_id": 77001, "model": "ESS-U4X1", "serial_number": "HC-Z00001WN1"}
OWNER = {"email": "new@owner.example", "name": "新井 新", "furigana": "アライ シン",
         "password_env": "NEW_PASSWORD", "phone": "0751112222", "products": ["HC-Z00001WN1"]}  # fmt: skip
AGENCY = {"email": "info@new-agency.example", "name": "新電工",
          "members": [{"email": "m@new-agency.example", "name": "森 明", "furigana": "モリ アキラ",
                       "role": "approver", "password_file": "member.txt"}]}  # fmt: skip
EVERYTHING = {"clients": [CLIENT], "products": [PRODUCT], "owners": [OWNER], "agencies": [AGENCY]}
LEVELS = [
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}' if level else 'x'] * 9)}]" for level in range(7)
]
BOMB = "\n".join([*LEVELS, "? *a6", ": 1"])
"""Five million names in one, by aliases of aliases."""
Apply = Callable[..., Result]


@pytest.fixture
def apply(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Apply:
    for name in ("issuer", "database_url", "secret_key", "encryption_key"):
        monkeypatch.setenv(f"IDP_{name.upper()}", getattr(world.settings, name))
    monkeypatch.setenv("NEW_PASSWORD", PASSWORD)
    monkeypatch.setenv("CONFORMANCE_PASSWORD", PASSWORD)
    (tmp_path / "member.txt").write_text(f"{PASSWORD}\n", encoding="utf-8")

    def run(content: Any, *options: str) -> Result:
        file = content if isinstance(content, Path) else tmp_path / "club.yaml"
        if not isinstance(content, Path):
            text = content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True)
            file.write_text(text, encoding="utf-8")
        return CliRunner().invoke(cli, ["apply", str(file), *options])

    return run


def test_everything_in_the_file_is_there_afterwards_and_stays_the_second_time(
    world: World, apply: Apply
) -> None:
    first = apply(EVERYTHING)
    assert first.exit_code == 0, first.output
    assert "5 added, 0 changed, 0 unchanged" in first.output
    secret = first.output.rsplit(" ", 1)[1].strip()
    stored = world.read(lambda session: find_client(session, "weather"))
    assert stored is not None
    assert stored.check_client_secret(secret)
    browser = world.browser()
    assert browser.sign_in("new@owner.example", PASSWORD).status_code == 303
    staff = world.browser()
    assert staff.sign_in("m@new-agency.example", PASSWORD, path="/store/linkaccounts").status_code == 303
    before = world.digest(without=("browser_sessions",))
    again = apply(EVERYTHING)
    assert "0 added, 0 changed, 5 unchanged" in again.output
    assert "secret" not in again.output
    assert world.digest(without=("browser_sessions",)) == before
    as_json = apply(json.dumps(EVERYTHING))
    assert "0 added, 0 changed, 5 unchanged" in as_json.output


def test_a_dry_run_shows_what_would_change_and_stores_nothing(world: World, apply: Apply) -> None:
    apply(EVERYTHING)
    changed = {
        "clients": [{**CLIENT, "client_name": "雨", "redirect_uris": ["https://weather.example/new"]}],
        "owners": [{**OWNER, "phone": "0759999999"}],
    }
    before = world.digest()
    shown = apply(changed, "--dry-run").output
    assert "client_name: お天気 → 雨" in shown
    assert "redirect_uris: https://weather.example/cb → https://weather.example/new" in shown
    assert "phone: 0751112222 → 0759999999" in shown
    assert "dry run" in shown
    assert world.digest() == before
    assert "0 added, 2 changed" in apply(changed).output
    assert world.read(lambda session: session.get_one(Client, "weather").client_name) == "雨"
    told = apply({"clients": [{**CLIENT, "client_id": "other"}]}, "--dry-run").output
    assert "secret" not in told


def test_no_secret_is_ever_shown(
    world: World, apply: Apply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.txt").write_text("ock_first-secret", encoding="utf-8")
    described = {**EVERYTHING, "clients": [{**CLIENT, "secret_file": "secret.txt"}]}
    outputs = [apply(described).output]
    (tmp_path / "secret.txt").write_text("ock_second-secret", encoding="utf-8")
    monkeypatch.setenv("NEW_PASSWORD", "another-long-password-2026")
    outputs.append(apply(described, "--dry-run").output)
    outputs.append(apply(described).output)
    assert "secret: (old) → (new)" in outputs[1]
    assert "password: (old) → (new)" in outputs[2]
    for output in outputs:
        for secret in ("ock_", PASSWORD, "another-long-password-2026", "argon2"):
            assert secret not in output
    stored = world.read(lambda session: session.get_one(Client, "weather"))
    assert stored.check_client_secret("ock_second-secret")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"clients": [CLIENT, {**CLIENT, "client_id": "b", "redirect_uris": ["https://a.example/", "http://x/"]}]},
         "clients[1].redirect_uris[1]: must be https"),
        ({"clients": [{**CLIENT, "redirect_urls": []}]}, "clients[0].redirect_urls: is not known here"),
        ({"clients": [{**CLIENT, "secret": "x"}]}, "clients[0].secret: is not known here"),
        ({"clients": [{**CLIENT, "scope": "openid nonsense"}]}, "clients[0].scope: must be some of"),
        ({"clients": [{**CLIENT, "secret_env": "NOT_SET"}]}, "clients[0].secret_env: must name"),
        ({"clients": [{**CLIENT, "secret_file": "no.txt"}]}, "clients[0].secret_file: must name a file"),
        ({"clients": [{**CLIENT, "status": "gone"}]}, "clients[0].status: is not a valid value"),
        ({"clients": [CLIENT, CLIENT]}, "clients[1].client_id: stands twice"),
        ({"clients": [{"client_id": "x"}]}, "clients[0].client_name: is missing"),
        ({"clients": {}}, "clients: must be a list"), ({"clients": [7]}, "clients[0]: must be a mapping"),
        ({"client": []}, "client: is not known here"), ([], "file: must be a mapping"),
        ({"owners": [{**OWNER, "email": "x"}]}, "owners[0].email: is not a valid value"),
        ({"owners": [{**OWNER, "products": ["HC-NONE"]}]}, "owners[0].products: names a unit that never"),
        ({"owners": [{**OWNER, "products": list(HANAKO.serials)}]},
         "owners[0].products: names a unit that is another"),
        ({"owners": [{**OWNER, "phone": 75}]}, "owners[0].phone: must be a text"),
        ({"owners": [{**OWNER, "password_hash": "plain"}]}, "owners[0].password_hash: is not a valid value"),
        ({"products": [{**PRODUCT, "product_id": "x"}]}, "products[0].product_id: must be a whole number"),
        ({"agencies": [{**AGENCY, "members": []}]}, "agencies[0].members: must hold"),
        ({"agencies": [{**AGENCY, "members": [{"email": HANAKO.email}]}]},
         "agencies[0].members[0].name: is missing"),
        ("a: [", "line 1: is no YAML"), ("clients: []\nclients: []", "names something twice"),
        ("a: !!python/object/apply:os.system ['id']", "is no YAML"),
        (BOMB, "is no YAML"), ("? {a: 1}\n: b", "is no YAML"), ("? !!set {a}\n: b", "is no YAML"),
        ({"clients": [{**CLIENT, "localized": {"client_name#ja": [1]}}]}, "clients[0].localized: must hold"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_path_and_nothing_is_stored(
    world: World, apply: Apply, change: Any, told: str
) -> None:
    before = world.digest()
    content = {**EVERYTHING, **change} if isinstance(change, dict) else change
    result = apply(content)
    assert result.exit_code == 1
    assert "Nothing was stored." in result.output
    assert told in result.output
    assert world.digest() == before


def test_a_password_may_come_as_its_hash(world: World, apply: Apply) -> None:
    owner = {name: value for name, value in OWNER.items() if name not in {"password_env", "products"}}
    hashed = {"owners": [{**owner, "password_hash": PasswordHasher().hash(PASSWORD)}]}
    assert "1 added" in apply(hashed).output
    assert "1 unchanged" in apply(hashed).output
    assert world.browser().sign_in("new@owner.example", PASSWORD).status_code == 303
    assert "1 unchanged" in apply(hashed).output  # though it was hashed anew at the sign-in
    assert world.browser().sign_in("new@owner.example", PASSWORD).status_code == 303


def test_scopes_of_other_apis_are_put_with_their_words(world: World, apply: Apply) -> None:
    scope = {
        "name": "energy.read",
        "words": "発電量の記録を見ること",
        "words_en": "See how much was generated",
    }
    content = {"scopes": [scope], "clients": [{**CLIENT, "scope": "openid energy.read"}]}
    assert "2 added" in apply(content).output
    assert "2 unchanged" in apply(content).output
    changed = apply({"scopes": [{**scope, "words": "発電量を見ること"}]}, "--dry-run")
    assert "words: 発電量の記録を見ること → 発電量を見ること" in changed.output
    for wrong, told in (({"name": "openid"}, "no scope of this server"), ({"name": "a b"}, "visible ASCII"),
                        ({"for_clients": "yes"}, "true or false")):  # fmt: skip
        refused = apply({"scopes": [{**scope, **wrong}]})
        assert refused.exit_code == 1
        assert told in refused.output


def test_what_the_file_does_not_name_stays(world: World, apply: Apply) -> None:
    def everything() -> list[int]:
        return [world.count(model) for model in (Client, Account, Agency, Member, Product)]

    before = everything()
    assert apply({}).exit_code == 0
    assert everything() == before


def test_the_conformance_example_can_be_applied(world: World, apply: Apply) -> None:
    assert apply(EXAMPLE).exit_code == 0
    assert "6 unchanged" in apply(EXAMPLE).output
    clients = world.read(
        lambda session: session.scalars(
            select(Client).where(Client.client_id.startswith("conformance"))
        ).all()
    )
    assert {one.token_endpoint_auth_method for one in clients} == {
        "client_secret_basic", "client_secret_post", "private_key_jwt",
    }  # fmt: skip
    browser = world.browser()
    browser.sign_in("conformance@owner.example", PASSWORD)
    [basic] = [one for one in clients if one.client_id == "conformance"]
    party = RelyingParty(world, basic.client_id, basic.redirect_uris[0], basic.scope, "client_secret_basic")
    answer = party.authorize(browser, code_challenge=None, code_challenge_method=None)
    assert answer.response.status_code in {200, 303}
    assert "error=" not in answer.location


def test_a_relying_party_brings_its_permissions_with_the_words_that_owners_read(
    world: World, apply: Apply
) -> None:
    first = apply(RELYING_PARTY)
    assert "3 added" in first.output, first.output
    assert "0 added, 0 changed, 3 unchanged" in apply(RELYING_PARTY).output
    garden = world.read(lambda session: find_client(session, "garden"))
    assert garden is not None
    steps = world.read(lambda session: steps_of(session, garden.act_as_permissions))
    assert [step.names for step in steps] == [{"garden.read"}, {"garden.read", "garden.write"}]
    assert steps[1].words.can == ("お庭の記録を見ること", "散水の時刻を変えること")
    content = yaml.safe_load(RELYING_PARTY.read_text(encoding="utf-8"))
    content["clients"][0]["permissions"][0]["can"] = ["お庭を見ること"]
    assert "can: お庭の記録を見ること → お庭を見ること" in apply(content).output


@pytest.mark.parametrize(
    ("deviation", "told"),
    [
        ({"title": None}, "clients[0].permissions[0].title: is missing; owners read it"),
        ({"can_en": []}, "clients[0].permissions[0].can_en: must have as many lines as can"),
        ({"can": [], "can_en": []}, "clients[0].permissions[0].can: must hold at least one line"),
        ({"can": ["一\n二"]}, "clients[0].permissions[0].can[0]: must be a text of 1 to 120 characters"),
        ({"items": "all"}, "clients[0].permissions[0].items: must be a list"),
        ({"words": "x"}, "clients[0].permissions[0].words: is not a field"),
        ({"name": "openid"}, "clients[0].permissions.name: openid must be"),
        ({"name": "garden.write"}, "clients[0].permissions: must not name a permission twice"),
    ],
)
def test_a_step_without_words_is_refused_and_nothing_is_stored(
    world: World, apply: Apply, deviation: dict[str, Any], told: str
) -> None:
    content = yaml.safe_load(RELYING_PARTY.read_text(encoding="utf-8"))
    content["clients"][0]["permissions"][0] |= deviation
    before = world.digest()
    assert told in apply(content).output
    assert world.digest() == before


def test_a_relying_party_that_supports_acting_without_permissions_is_refused(
    world: World, apply: Apply
) -> None:
    content = yaml.safe_load(RELYING_PARTY.read_text(encoding="utf-8"))
    del content["clients"][0]["permissions"]
    assert "clients[0].act_as_permissions: must name at least one" in apply(content).output
    content["clients"][0]["act_as_permissions"] = ["garden.read"]
    assert "garden.read is not registered; a permission needs the words" in apply(content).output
    assert world.read(lambda session: find_client(session, "garden")) is None
    scope = {"name": "mypage.read", "words": "見ること", "words_en": "Look"}
    assert "scopes[0].name: is a permission of delegation grants" in apply({"scopes": [scope]}).output
