"""Python: idpyoidc, of the authors of the test tools of the OpenID Foundation's first years."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from idpyoidc.client.rp_handler import RPHandler

from idp.demo import HANAKO
from tests.foreign.browser import Person
from tests.foreign.club import ServedClub

pytestmark = pytest.mark.xdist_group("foreign clients")
APPLICATION = "http://localhost:4712"


def handler_of(club: ServedClub, client_id: str, *, method: str, **more: Any) -> RPHandler:
    """Return idpyoidc configured as its documentation shows it, for a client registered by the operator."""
    keys = {"key_defs": [{"type": "EC", "crv": "P-256", "use": ["sig"]}], "uri_path": "jwks.json"}
    return RPHandler(
        base_url=APPLICATION,
        key_conf=keys,
        client_configs={
            club.issuer: {
                "issuer": club.issuer, "client_id": client_id, "client_type": "oidc",
                "redirect_uris": [f"{APPLICATION}/callback"],
                "preference": {"scopes_supported": ["openid", "profile", "email"]},
                "token_endpoint_auth_method": method, "client_authn_methods": [method], "add_ons": {
                    "pkce": {
                        "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
                        "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
                    }
                }, **more,
            }
        },
    )  # fmt: skip


def test_idpyoidc_signs_in_and_reads_userinfo(club: ServedClub) -> None:
    secret = club.register({
        "client_id": "idpyoidc", "client_name": "Python のアプリ", "scope": "openid profile email",
        "token_endpoint_auth_method": "client_secret_basic", "redirect_uris": [f"{APPLICATION}/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
    })  # fmt: skip
    handler = handler_of(club, "idpyoidc", method="client_secret_basic", client_secret=secret)
    started = handler.begin(issuer_id=club.issuer)
    arrived = Person().visit(started, until=f"{APPLICATION}/callback")
    answer = dict(parse_qsl(urlsplit(arrived.headers["Location"]).query))
    done = handler.finalize(club.issuer, answer)
    assert "error" not in done, done
    assert done["userinfo"]["name"] == HANAKO.name
    assert done["id_token"]["iss"] == club.issuer
    renewed = handler.refresh_access_token(answer["state"])
    assert renewed["access_token"] != done["token"]
