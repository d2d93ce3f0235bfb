"""oidcc-3rdparty-init-login-certification-test-plan: dynamic clients with ``initiate_login_uri``."""

from tests.certification.suite import CALLBACK
from tests.oauth.registrar import Registrar

INITIATE = "https://suite.example/test/a/ownersclub/initiate"


def test_oidcc_3rd_party_init_login(registrar: Registrar) -> None:
    registered = registrar.register(redirect_uris=[CALLBACK], initiate_login_uri=INITIATE)
    assert registered["initiate_login_uri"] == INITIATE
    answer = registrar.manage(registered, "GET")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.get_json()["initiate_login_uri"] == INITIATE


def test_oidcc_3rd_party_init_login_nohttps(registrar: Registrar) -> None:
    answer = registrar.attempt(redirect_uris=[CALLBACK], initiate_login_uri=INITIATE.replace("https", "http"))
    assert (answer.status_code, answer.mimetype) == (400, "application/json")
    assert answer.get_json()["error"] == "invalid_client_metadata"
