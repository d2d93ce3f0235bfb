"""oidcc-3rdparty-init-login-certification-test-plan: dynamic clients with ``initiate_login_uri``."""

from tests.certification.suite import CALLBACK
from tests.oauth.registrar import Registrar

INITIATE = "https://suite.example/test/a/ownersclub/initiate"


def test_oidcc_3rd_party_init_login(registrar: Registrar) -> None:
    registered = registrar.register(redirect_uris=[CALLBACK], initiate_login_uri=INITIATE)
    assert registered["initiate_login_uri"] == INITIATE
    assert registered["client_secret"]
    assert registered["client_secret_expires_at"] == 0  # RFC 7591 §3.2.1: never
    assert registered["registration_client_uri"]
    assert registered["registration_access_token"]
    answer = registrar.manage(registered, "GET")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.get_json()["initiate_login_uri"] == INITIATE


def test_oidcc_3rd_party_init_login_nohttps(registrar: Registrar) -> None:
    answer = registrar.attempt(redirect_uris=[CALLBACK], initiate_login_uri=INITIATE.replace("https", "http"))
    assert (answer.status_code, answer.mimetype) == (400, "application/json")
    assert answer.get_json()["error"] == "invalid_client_metadata"
