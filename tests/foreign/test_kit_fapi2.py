"""The kit under the FAPI 2.0 Security Profile signs in at the real server: both halves were tested apart."""

import json
from pathlib import Path

import pytest

from idp.demo import HANAKO
from idp.oauth.keys import new_client_key
from tests.foreign.browser import Person
from tests.foreign.club import ServedClub, free_port
from tests.foreign.guides import SERVER, Guide
from tests.foreign.test_flask_guide import flask_run

pytestmark = pytest.mark.xdist_group("foreign clients")


def test_the_kit_and_the_server_agree_on_the_fapi2_profile(club: ServedClub, tmp_path: Path) -> None:
    strict, key = f"http://localhost:{free_port()}", new_client_key()
    guide = Guide("flask", {SERVER: club.issuer, "http://localhost:5000": strict})
    public = {name: value for name, value in key.items() if name != "d"}
    club.register(guide.registration() | {
        "client_id": "strict", "profile": "fapi2", "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [public]}, "id_token_signed_response_alg": "ES256",
    })  # fmt: skip
    program = guide.blocks("python")[0]
    program += """

@app.get("/products")
@rp.login_required
def products() -> dict[str, object]:
    return {"items": len(rp.api("GET", "/api/me/products").object["items"])}
"""
    (tmp_path / "hello.py").write_text(
        program.replace("openid profile email", "openid profile email products")
    )
    environment = guide.environment(RP_CLIENT_ID="strict")
    environment.pop("RP_CLIENT_SECRET")
    environment |= {
        "RP_PROFILE": "fapi2", "RP_PRIVATE_KEY": json.dumps(key), "RP_ID_TOKEN_ALG": "ES256"
    }  # fmt: skip
    with flask_run(tmp_path, "hello", strict, environment=environment):
        person = Person()
        assert f"Hello, {HANAKO.name}" in person.visit(strict).text
        assert person.visit(f"{strict}/products").json()["items"] > 0
