"""RFC 8414 §2, OIDC Discovery §3: each algorithm and method that is announced works, and no other does."""

from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy.orm import Session

from idp.demo import HANAKO
from idp.oauth.algorithms import signatures
from idp.oauth.client_metadata import GRANT_TYPES
from idp.oauth.discovery import ADDRESSES
from idp.oauth.introspection import JWT_ANSWER
from idp.oauth.models import Client
from tests.oauth.assertions import signed
from tests.oauth.proofs import new_proof_key, proof, public_of
from tests.oauth.registrar import Registrar
from tests.oauth.relying_party import RelyingParty
from tests.world import World

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "ES384", "HS256", "RS512", "none")
KeysByAlg = dict[str, dict[str, Any]]
METADATA = "/.well-known/oauth-authorization-server"


@pytest.fixture
def metadata(world: World) -> dict[str, Any]:
    return dict(world.api("GET", METADATA).get_json())


def write(world: World, client_id: str, **values: Any) -> None:
    def change(session: Session) -> None:
        for name, value in values.items():
            setattr(session.get_one(Client, client_id), name, value)

    world.write(change)


def test_what_is_said_is_said_in_the_types_of_the_texts(metadata: dict[str, Any]) -> None:
    for name, value in metadata.items():
        if name.endswith("_supported") and isinstance(value, list):
            assert value, name
            assert all(isinstance(one, str) for one in value), name
            assert len(value) == len(set(value)), name
        else:
            assert isinstance(value, bool if name.startswith("require") else bool | str), name
    needed = {"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported",
              "subject_types_supported", "id_token_signing_alg_values_supported"}  # fmt: skip
    assert needed <= metadata.keys()


@pytest.mark.parametrize("name", ADDRESSES)
def test_each_address_answers(world: World, metadata: dict[str, Any], name: str) -> None:
    """Whatever it answers to an empty request, it is there, and it is no failure of ours."""
    path = metadata[name].removeprefix(world.settings.issuer)
    statuses = {world.api(method, path).status_code for method in ("GET", "POST")} - {404, 405}
    assert statuses
    assert max(statuses) < 500


def test_pages_are_named_where_the_operator_has_them(world: World, metadata: dict[str, Any]) -> None:
    assert not {"service_documentation", "op_policy_uri", "op_tos_uri"} & metadata.keys()
    pages = {"service_documentation": "https://d.example/", "policy_uri": "https://p.example/",
             "terms_uri": "https://t.example/"}  # fmt: skip
    world.settings = world.settings.model_copy(update=pages)
    world.restart()
    told = world.api("GET", METADATA).get_json()
    assert [told[name] for name in ("service_documentation", "op_policy_uri", "op_tos_uri")] == list(
        pages.values()
    )


def test_what_the_token_endpoint_knows_can_be_registered_and_nothing_else(
    world: World, metadata: dict[str, Any]
) -> None:
    assert set(metadata["grant_types_supported"]) == set(GRANT_TYPES)


@pytest.mark.parametrize("alg", ALGORITHMS)
@pytest.mark.parametrize("place", ["id_token", "userinfo", "introspection"])
def test_an_algorithm_of_ours_signs_if_and_only_if_it_is_announced(
    world: World, metadata: dict[str, Any], mypage: RelyingParty, place: str, alg: str
) -> None:
    announced = alg in metadata[f"{place}_signing_alg_values_supported"]
    answer = Registrar(world).attempt(**{f"{place}_signed_response_alg": alg})
    assert answer.status_code == (201 if announced else 400), answer.text
    if not announced:
        return
    write(world, "mypage", **{f"{place}_signed_response_alg": alg})
    tokens = mypage.sign_in(HANAKO)
    text = {
        "id_token": lambda: tokens.hint,
        "userinfo": lambda: world.api("GET", "/oauth/userinfo", tokens.access_token).text,
        "introspection": lambda: mypage.introspect(tokens.access_token, accept=JWT_ANSWER).response.text,
    }[place]()
    keys = KeySet.import_key_set(world.api("GET", "/oauth/jwks").get_json())
    assert jwt.decode(text, keys, registry=signatures([alg])).header["alg"] == alg


@pytest.fixture(scope="module")
def new_keys() -> KeysByAlg:
    return {alg: {**new_proof_key(alg), "kid": alg} for alg in ("RS256", "PS256", "ES256", "EdDSA", "ES384")}


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA", "ES384"])
def test_an_algorithm_of_clients_counts_if_and_only_if_it_is_announced(
    world: World,
    metadata: dict[str, Any],
    portal: RelyingParty,
    new_keys: dict[str, dict[str, Any]],
    alg: str,
) -> None:
    """At every endpoint where a client authenticates, in a request object, and in a DPoP proof."""
    key = new_keys[alg]
    write(world, "agency-portal", jwks={"keys": [public_of(key)]})
    party = replace(portal, key=key)
    for endpoint, path in (("token", "/oauth/token"), ("introspection", "/oauth/introspect"),
                           ("revocation", "/oauth/revoke")):  # fmt: skip
        announced = alg in metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        answer = party.post(path, {"token": "x", "grant_type": "refresh_token", "refresh_token": "x"})
        assert (answer.status_code == 401) is not announced, answer.text
    asked = {**party.request(), "iss": party.client_id, "aud": world.settings.issuer}
    location = party.authorize(request=signed(key, asked)).location
    announced = alg in metadata["request_object_signing_alg_values_supported"]
    assert ("error=" in location) is not announced, location


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA", "ES384"])
def test_a_proof_counts_if_and_only_if_its_algorithm_is_announced(
    world: World,
    metadata: dict[str, Any],
    mypage: RelyingParty,
    new_keys: dict[str, dict[str, Any]],
    alg: str,
) -> None:
    key = {name: value for name, value in new_keys[alg].items() if name != "kid"}
    shown = proof(key, settings=world.settings, path="/oauth/token")
    code = mypage.code_for(world.browser(HANAKO))
    message = {"grant_type": "authorization_code", "code": code, "redirect_uri": mypage.redirect_uri}
    answer = mypage.post("/oauth/token", message, more={"DPoP": shown})
    refused = answer.get_json()["error"] == "invalid_dpop_proof"  # the right one lacks the verifier
    assert refused is (alg not in metadata["dpop_signing_alg_values_supported"])


def test_each_method_works_where_it_is_announced_and_nowhere_else(
    metadata: dict[str, Any], parties: dict[str, RelyingParty]
) -> None:
    by_method = {party.method: party for name, party in parties.items() if name != "rival-portal"}
    for endpoint, path in (("token", "/oauth/token"), ("introspection", "/oauth/introspect"),
                           ("revocation", "/oauth/revoke")):  # fmt: skip
        announced = metadata[f"{endpoint}_endpoint_auth_methods_supported"]
        assert set(announced) <= by_method.keys()
        for method, party in by_method.items():
            answer = party.post(path, {"token": "x", "grant_type": "refresh_token", "refresh_token": "x"})
            assert (answer.status_code == 401) is (method not in announced), (endpoint, method)


@pytest.mark.parametrize(
    ("name", "parameter", "candidates"),
    [("acr_values_supported", "acr_values", ["urn:ownersclub:acr:password"]),
     ("display_values_supported", "display", ["page", "popup", "touch", "wap"])],
)  # fmt: skip
def test_wishes_that_are_announced_are_no_errors(
    world: World, metadata: dict[str, Any], mypage: RelyingParty, name: str, parameter: str,
    candidates: list[str],
) -> None:  # fmt: skip
    assert set(metadata[name]) <= set(candidates)
    for value in metadata[name]:
        mypage.authorize(world.browser(HANAKO), **{parameter: value}).expect_code()
