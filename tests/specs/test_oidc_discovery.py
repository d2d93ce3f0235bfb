"""OIDC Discovery and RFC 8414: what the metadata says is what the server does, no more and no less."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy.orm import Session

from idp.demo import HANAKO
from idp.oauth.client_metadata import CLIENT_CREDENTIALS
from idp.oauth.models import Client
from idp.oauth.scopes import FOR_CLIENTS
from tests.oauth.assertions import unsigned
from tests.oauth.registrar import CALLBACK, Registrar
from tests.oauth.relying_party import RelyingParty
from tests.oauth.third_parties import third_party
from tests.world import World


@pytest.fixture
def metadata(world: World) -> dict[str, object]:
    return dict(world.api("GET", "/.well-known/openid-configuration").get_json())


def test_both_documents_are_the_same_and_may_be_read_by_anybody(world: World) -> None:
    documents = [world.api("GET", f"/.well-known/{name}")
                 for name in ("openid-configuration", "oauth-authorization-server")]  # fmt: skip
    assert documents[0].get_json() == documents[1].get_json()
    for document in documents:
        assert document.headers["Cache-Control"] == "public, max-age=300"
        assert document.headers["Access-Control-Allow-Origin"] == "*"
        assert "Set-Cookie" not in document.headers


POSTED = {"token_endpoint", "introspection_endpoint", "revocation_endpoint"}


def test_every_address_in_it_is_ours_and_served(world: World, metadata: dict[str, str]) -> None:
    assert metadata["issuer"] == world.settings.issuer
    adapter = world.app.url_map.bind(urlsplit(world.settings.issuer).netloc)
    addresses = {name: value for name, value in metadata.items()
                 if name.endswith(("_endpoint", "_uri")) and isinstance(value, str)}  # fmt: skip
    assert len(addresses) >= 5
    for name, address in addresses.items():
        assert address.startswith(f"{world.settings.issuer}/")
        answered = [
            method for method in ("GET", "POST") if adapter.test(urlsplit(address).path, method=method)
        ]
        assert answered == (["POST"] if name in POSTED else answered) != [], name


@pytest.mark.parametrize(
    "grant_type",
    ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:token-exchange",
     "client_credentials", "password", "implicit", "urn:ietf:params:oauth:grant-type:device_code"],
)  # fmt: skip
def test_a_grant_type_is_named_if_and_only_if_it_exists(
    metadata: dict[str, list[str]], mypage: RelyingParty, grant_type: str
) -> None:
    error = mypage.token({"grant_type": grant_type}).response.get_json().get("error")
    assert (error != "unsupported_grant_type") is (grant_type in metadata["grant_types_supported"])


@pytest.mark.parametrize(
    ("name", "parameter", "candidates"),
    [
        ("response_types_supported", "response_type", ["code", "token", "id_token", "code id_token", "none"]),
        ("response_modes_supported", "response_mode", ["query", "fragment", "form_post", "jwt"]),
        ("code_challenge_methods_supported", "code_challenge_method", ["S256", "plain", "S512"]),
        ("prompt_values_supported", "prompt", ["none", "login", "consent", "select_account", "create"]),
    ],
)
def test_a_value_is_named_if_and_only_if_it_is_accepted(
    world: World, metadata: dict[str, list[str]], mypage: RelyingParty, name: str, parameter: str,
    candidates: list[str],
) -> None:  # fmt: skip
    assert set(metadata[name]) <= set(candidates)
    browser = world.browser(HANAKO)
    for candidate in candidates:
        response = mypage.authorize(browser, **{parameter: candidate}).response
        accepted = response.status_code != 400 and "error=" not in response.headers.get("Location", "")
        assert accepted is (candidate in metadata[name]), candidate


def test_every_scope_that_is_named_can_be_had(
    world: World, metadata: dict[str, list[str]], parties: dict[str, RelyingParty]
) -> None:
    garden = third_party(world, scope="openid address phone offline_access")
    had = {one for party in (parties["mypage"], parties["agency-portal"], garden)
           for one in party.sign_in().scope}  # fmt: skip

    def let_it_speak_for_itself(session: Session) -> None:
        client = session.get_one(Client, "mypage")
        client.grant_types, client.scope = [CLIENT_CREDENTIALS], f"openid {' '.join(FOR_CLIENTS)}"

    world.write(let_it_speak_for_itself)
    had |= parties["mypage"].token({"grant_type": CLIENT_CREDENTIALS}).tokens().scope
    assert had == set(metadata["scopes_supported"])


def test_every_way_of_proving_oneself_that_is_named_works(
    metadata: dict[str, list[str]], parties: dict[str, RelyingParty]
) -> None:
    methods = {parties[name].method for name in ("mypage", "shop", "spa", "agency-portal")}
    assert methods == set(metadata["token_endpoint_auth_methods_supported"])
    assert "none" not in metadata["token_endpoint_auth_signing_alg_values_supported"]
    assert not [alg for alg in metadata["token_endpoint_auth_signing_alg_values_supported"] if alg[0] == "H"]


def test_the_registration_endpoint_registers(world: World, metadata: dict[str, str]) -> None:
    path = metadata["registration_endpoint"].removeprefix(world.settings.issuer)
    assert Registrar(world).send({"redirect_uris": [CALLBACK]}, path=path).status_code == 201
    assert metadata["subject_types_supported"] == ["public", "pairwise"]


def test_what_is_not_supported_is_said_so_and_refused(metadata: dict[str, Any], mypage: RelyingParty) -> None:
    unsigned_object = unsigned({"client_id": "mypage"}, header={"alg": "none"})
    mypage.authorize(request=unsigned_object).expect_error("request_not_supported")
    assert "none" not in metadata["request_object_signing_alg_values_supported"]
    assert metadata["request_uri_parameter_supported"] is False
    mypage.authorize(request_uri="https://x.example").expect_error("request_uri_not_supported")


def test_languages_that_are_named_are_spoken(
    world: World, metadata: dict[str, list[str]], mypage: RelyingParty
) -> None:
    assert metadata["ui_locales_supported"] == ["ja", "en"]
    for asked, spoken in (("ja", "ja"), ("en", "en"), ("fr en", "en"), ("fr", "ja"), (None, "ja")):
        browser = world.browser()
        page = browser.get(mypage.authorize(browser, ui_locales=asked).expect_sign_in())
        assert f'<html lang="{spoken}"' in page.text, asked


def test_claims_that_are_named_are_those_that_come(world: World, metadata: dict[str, list[str]]) -> None:
    tokens = third_party(world, scope="openid profile email address phone").sign_in()
    told = set(tokens.claims) | set(world.api("GET", "/oauth/userinfo", tokens.access_token).get_json())
    assert told - {"at_hash"} == set(metadata["claims_supported"]) - {"act", "delegation", "session_expiry"}
