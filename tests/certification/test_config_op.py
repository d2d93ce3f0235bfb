"""oidcc-config-certification-test-plan: the metadata document, read with static clients."""

import base64
from typing import Any

import pytest

from tests.certification.suite import Suite
from tests.oauth.proofs import PRIVATE
from tests.world import World


@pytest.fixture
def document(suite: Suite) -> dict[str, Any]:
    return suite.metadata()


def test_the_document_is_read_as_json(world: World) -> None:
    answer = world.api("GET", "/.well-known/openid-configuration")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.get_json()["issuer"] == world.settings.issuer  # what the address begins with


def test_oidcc_discovery_endpoint_verification(document: dict[str, Any]) -> None:
    assert "code" in document["response_types_supported"]
    assert set(document["subject_types_supported"]) <= {"public", "pairwise"}
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert "RS256" in document["userinfo_signing_alg_values_supported"]
    assert "RS256" in document["request_object_signing_alg_values_supported"]
    assert "authorization_code" in document["grant_types_supported"]
    assert "openid" in document["scopes_supported"]
    assert all(isinstance(scope, str) and " " not in scope for scope in document["scopes_supported"])
    assert document["claims_supported"]
    assert document["claims_parameter_supported"] is True
    assert document["request_parameter_supported"] is True
    assert document["request_uri_parameter_supported"] is False  # the default would be true
    assert document["ui_locales_supported"] == ["ja", "en"]
    assert isinstance(document["code_challenge_methods_supported"], list)
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri",
                 "registration_endpoint", "end_session_endpoint"):  # fmt: skip
        assert document[name]
    for name, value in document.items():
        if name.endswith(("_endpoint", "_uri")):
            assert value.startswith(f"{document['issuer']}/"), name  # https, where that is


def test_the_keys_are_public_and_of_different_names(suite: Suite) -> None:
    keys = suite.jwks()["keys"]
    assert len({key["kid"] for key in keys}) == len(keys)
    needed = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
    for key in keys:
        assert not set(PRIVATE) & set(key)
        assert (key["use"], bool(key["alg"])) == ("sig", True)
        for name in set(needed[key["kty"]]) - {"crv"}:
            assert "=" not in key[name]
            assert base64.urlsafe_b64decode(key[name] + "==")
    by_kty = {key["kty"] for key in keys}
    assert by_kty == {"RSA", "EC", "OKP"}


def test_rsa_keys_are_long_enough_for_fapi(suite: Suite) -> None:
    for key in suite.jwks()["keys"]:
        if key["kty"] == "RSA":
            assert len(base64.urlsafe_b64decode(key["n"] + "==")) >= 256
