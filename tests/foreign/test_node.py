"""Node.js: openid-client and oauth4webapi, which certify themselves against the specifications."""

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from idp.demo import HANAKO, PASSWORD
from idp.oauth.keys import new_client_key
from tests.foreign.club import ServedClub
from tests.house.tree import ROOT

pytestmark = pytest.mark.xdist_group("foreign clients")
NODE = ROOT / "tests/foreign/node"
APPLICATION = "http://localhost:4711"


def register(club: ServedClub, client_id: str, **deviation: Any) -> dict[str, Any]:
    """Register a client as most applications are, and return what its program must know."""
    metadata = {
        "client_id": client_id, "client_name": "よその会社のアプリ",
        "token_endpoint_auth_method": "client_secret_basic", "redirect_uris": [f"{APPLICATION}/callback"],
        "post_logout_redirect_uris": [f"{APPLICATION}/left"], "scope": "openid profile email",
        "grant_types": ["authorization_code", "refresh_token"],
    } | deviation  # fmt: skip
    secret = club.register(metadata)
    return {
        "issuer": club.issuer, "client_id": client_id, "secret": secret, "scope": metadata["scope"],
        "redirect_uri": metadata["redirect_uris"][0],
        "post_logout_redirect_uri": metadata["post_logout_redirect_uris"][0],
        "person": {"email": HANAKO.email, "password": PASSWORD}, "name": HANAKO.name,
    }  # fmt: skip


def run(program: str, scenario: str, task: Mapping[str, Any]) -> None:
    """Let a program of Node.js play a scenario; it checks what it gets, and says what was wrong."""
    ended = subprocess.run(
        ["node", f"{program}.mjs", scenario],  # noqa: S607 - the one that is installed
        cwd=NODE, env={**os.environ, "TASK": json.dumps(task)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_openid_client_signs_in_refreshes_and_signs_out(club: ServedClub) -> None:
    run("openid_client", "code_flow", register(club, "node-code-flow"))


def test_openid_client_stays_in_touch_offline(club: ServedClub) -> None:
    run("openid_client", "offline_access", register(club, "node-offline", scope="openid offline_access"))


def test_openid_client_takes_its_answer_as_a_form(club: ServedClub) -> None:
    run("openid_client", "form_post", register(club, "node-form-post"))


@pytest.mark.parametrize(
    ("scenario", "registered"),
    [
        ("private_key_and_dpop", {"dpop_bound_access_tokens": True}),
        ("fapi2", {"profile": "fapi2", "id_token_signed_response_alg": "ES256"}),
        ("request_object", {"require_signed_request_object": True}),
    ],
)
def test_openid_client_uses_its_own_key(club: ServedClub, scenario: str, registered: dict[str, Any]) -> None:
    key = new_client_key()
    public = {name: value for name, value in key.items() if name != "d"}
    task = register(
        club, f"node-{scenario}", token_endpoint_auth_method="private_key_jwt", jwks={"keys": [public]},
        **registered,
    )  # fmt: skip
    run("openid_client", scenario, {**task, "jwk": key})


def test_openid_client_speaks_for_itself_and_asks_what_a_token_is_worth(club: ServedClub) -> None:
    api = "https://api.example"
    task = register(
        club, "node-machine", grant_types=["client_credentials"], allowed_resources=[api],
        introspection_signed_response_alg="RS256",
    )  # fmt: skip
    run("openid_client", "client_credentials", {**task, "resource": api})


def test_openid_client_on_a_device_is_let_in(club: ServedClub) -> None:
    device = ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]
    run("openid_client", "device", register(club, "node-device", grant_types=device))


def test_openid_client_registers_itself_with_permission(club: ServedClub) -> None:
    said = club.idp("registration-token", "create", "--label", "Node")
    elsewhere = "https://foreign.example"
    task = register(club, "node-unused") | {
        "initial_access_token": said.split()[-1], "redirect_uri": f"{elsewhere}/callback",
        "post_logout_redirect_uri": f"{elsewhere}/left",
    }  # fmt: skip
    run("openid_client", "registration", task)


@pytest.mark.parametrize("scenario", ["public_client", "api_verifies_access_token"])
def test_oauth4webapi_signs_in_without_a_secret(club: ServedClub, scenario: str) -> None:
    task = register(club, f"node-{scenario}", token_endpoint_auth_method="none")
    run("oauth4webapi", scenario, task)
