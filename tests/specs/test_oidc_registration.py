"""OpenID Connect Registration 1.0: addresses, keys, sectors and algorithms that a client may register."""

from collections.abc import Iterator
from typing import Any

import pytest
import responses
from joserfc.jwk import ECKey, RSAKey

from idp.demo import HANAKO
from idp.oauth.models import Client
from tests.oauth.registrar import CALLBACK, Registrar
from tests.world import World

METADATA, REDIRECT = "invalid_client_metadata", "invalid_redirect_uri"
EC, RSA = ECKey.generate_key("P-256"), RSAKey.generate_key(2048)
PUBLIC = [key.as_dict(private=False) for key in (EC, RSA)]
SECTOR = "https://sector.example/uris.json"
OTHER = "https://other.example/cb"


@pytest.fixture
def registrar(world: World) -> Registrar:
    return Registrar(world)


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as network:
        yield network


WRONG_EVERYWHERE = (
    "javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "ftp://app.example/cb",
    "https://app.example/cb#x", "https://app.example/cb#", "https://a:b@app.example/cb", "//app.example/cb",
    "https://@app.example/cb", "/cb", "app.example/cb", "", "https://", "https:///cb", "https:app.example",
    "http://app.example/cb", "http://localhost.evil.example/cb", "http://localhost:80@attacker.example/cb",
    "http://127.0.0.1.evil.example/cb", "http://127.0.0.2/cb", "https://app.example\\@evil.example/",
    "https://app.example/ b", "https://app.example/\n", "https://app.exämple/cb", "HTTPS://app.example/cb",
    "https://app.example:99999/", "https://app.example:x/", "https://[::1/cb", 'https://app.example/"',
    "about:x", "https://app.example/" + "x" * 2048, "https://app.example/*|", "https://app.example/<script>",
)  # fmt: skip


@pytest.mark.parametrize("uri", WRONG_EVERYWHERE, ids=lambda uri: uri[:40])
@pytest.mark.parametrize("kind", ["web", "native"])
def test_a_redirect_uri_that_is_unsafe_is_refused(registrar: Registrar, uri: str, kind: str) -> None:
    registrar.expect_refused(REDIRECT, "redirect_uris", redirect_uris=[uri], application_type=kind)
    registrar.expect_refused(REDIRECT, "redirect_uris", redirect_uris=[CALLBACK, uri], application_type=kind)
    if uri:
        registrar.expect_refused(
            METADATA, "post_logout_redirect_uris", post_logout_redirect_uris=[uri], application_type=kind
        )


@pytest.mark.parametrize(
    "uri",
    ["http://localhost/cb", "http://localhost:4321/cb", "http://127.0.0.1:4321/cb", "http://[::1]:4321/cb",
     "com.example.app:/cb", "com.example.app://cb", "jp.example.my-app:/oauth/cb?x=1"],
)  # fmt: skip
def test_what_an_app_may_have_a_website_may_not(registrar: Registrar, uri: str) -> None:
    registrar.expect_refused(REDIRECT, "redirect_uris", redirect_uris=[uri])
    registered = registrar.register(
        redirect_uris=[uri], application_type="native", token_endpoint_auth_method="none"
    )
    registrar.party(registered).authorize().expect_sign_in()


@pytest.mark.parametrize("scheme", ["myapp:/cb", "fb123:/cb", "intent:/cb", "localhost:/cb", "com..x:/cb"])
def test_the_scheme_of_an_app_is_a_name_that_its_maker_owns(registrar: Registrar, scheme: str) -> None:
    registrar.expect_refused(REDIRECT, "redirect_uris", redirect_uris=[scheme], application_type="native")


def test_redirect_uris_may_have_a_query_and_be_several(registrar: Registrar) -> None:
    uris = ["https://app.example/cb?foo=bar", "https://app.example/b", "https://app.example:8443/c"]
    registered = registrar.register(redirect_uris=uris)
    assert registered["redirect_uris"] == uris
    party = registrar.party(registered)
    party.authorize().expect_sign_in()
    party.authorize(redirect_uri="https://app.example/cb").expect_page()
    for wrong in (None, [], [7], CALLBACK, [CALLBACK, CALLBACK], [f"{CALLBACK}{one}" for one in range(51)]):
        registrar.expect_refused(REDIRECT, "redirect_uris", redirect_uris=wrong)


@pytest.mark.parametrize(
    ("field", "wrong", "right"),
    [
        ("application_type", ["desktop", 7, ["web"]], "web"),
        ("subject_type", ["private", 7], "pairwise"),
        ("id_token_signed_response_alg", ["none", "HS256", "RS512", "", 7], "ES256"),
        ("userinfo_signed_response_alg", ["none", "HS256"], "RS256"),
        ("request_object_signing_alg", ["none", "HS256"], "PS256"),
        ("token_endpoint_auth_signing_alg", ["none", "HS256"], "ES256"),
        ("default_max_age", [-1, "60", 1.5, True, 2**40], 3600), ("require_auth_time", ["yes", 1], True),
        ("default_acr_values", ["a", [7], [""]], ["urn:ownersclub:acr:password"]),
        ("initiate_login_uri", ["http://app.example/", "javascript:1", "x", "https://a/#x"],
         "https://app.example/start"),
        ("backchannel_logout_uri", ["http://app.example/", "http://localhost/", "https://app.example/#x", 7],
         "https://app.example/out?x=1"),
        ("backchannel_logout_session_required", ["true"], True),
        ("jwks_uri", ["http://app.example/keys", "ftp://app.example/", 7], "https://app.example/keys"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_name(
    registrar: Registrar, field: str, wrong: list[Any], right: Any
) -> None:
    for value in wrong:
        registrar.expect_refused(METADATA, field, **{field: value})
    assert registrar.register(**{field: right})[field] == right


@pytest.mark.parametrize(
    "field",
    ["id_token_encrypted_response_alg", "id_token_encrypted_response_enc", "userinfo_encrypted_response_alg",
     "request_object_encryption_alg", "request_object_encryption_enc", "userinfo_encrypted_response_enc"],
)  # fmt: skip
def test_encryption_is_refused_and_not_ignored(registrar: Registrar, field: str) -> None:
    registrar.expect_refused(METADATA, field, **{field: "RSA-OAEP"})


@pytest.mark.parametrize(
    "jwks",
    [
        {}, {"keys": []}, {"keys": 7}, [], "x", {"keys": ["x"]}, {"keys": [EC.as_dict(private=True)]},
        {"keys": [PUBLIC[0], RSA.as_dict(private=True)]}, {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
        {"keys": [{"kty": "RSA", "e": "AQAB", "n": "v" * 171}]}, {"keys": PUBLIC[:1] * 21},
        {"keys": [{**PUBLIC[0], "x": "AAAA"}]}, {"keys": [{**PUBLIC[0], "crv": "P-521"}]},
    ],
    ids=["no keys member", "no key", "a number", "a list", "a text", "a text as key", "a private EC key",
         "a private RSA key", "a secret", "a weak RSA key", "too many", "a short x", "another curve"],
)  # fmt: skip
def test_keys_that_are_private_weak_or_none_are_refused(registrar: Registrar, jwks: object) -> None:
    registrar.expect_refused(METADATA, "jwks", jwks=jwks)
    registrar.register(jwks={"keys": PUBLIC})


def test_a_client_that_signs_needs_keys_from_one_place(registrar: Registrar) -> None:
    signing = {"token_endpoint_auth_method": "private_key_jwt"}
    both = {"jwks": {"keys": PUBLIC}, "jwks_uri": "https://app.example/keys"}
    registrar.expect_refused(METADATA, "jwks", **signing)
    registrar.expect_refused(METADATA, "jwks", **signing, **both)
    for name in both:
        registered = registrar.register(**signing, **{name: both[name]})
        assert "client_secret" not in registered
        assert registered[name] == both[name]


def test_a_published_key_proves_the_client(registrar: Registrar, network: responses.RequestsMock) -> None:
    uri = "https://app.example/published"
    registered = registrar.register(token_endpoint_auth_method="private_key_jwt", jwks_uri=uri)
    network.get(uri, json={"keys": [{**PUBLIC[0], "kid": "k1"}]})
    key = {**EC.as_dict(private=True), "kid": "k1", "alg": "ES256"}
    party = registrar.party(registered, key=key)
    party.redeem("occ_x").expect_error("invalid_grant")
    party.key = {**ECKey.generate_key("P-256").as_dict(private=True), "kid": "k1", "alg": "ES256"}
    party.redeem("occ_x").expect_error("invalid_client")
    assert len(network.calls) == 1


def test_a_sector_is_believed_when_its_document_lists_every_redirect_uri(
    world: World, registrar: Registrar, network: responses.RequestsMock
) -> None:
    wish = {"sector_identifier_uri": SECTOR, "redirect_uris": [CALLBACK, OTHER], "subject_type": "pairwise"}
    for document in ([CALLBACK], [], {}, {"0": CALLBACK}, CALLBACK, [[CALLBACK, OTHER]], None, [CALLBACK, 7]):
        network.upsert(responses.GET, SECTOR, json=document)
        registrar.expect_refused(METADATA, "sector_identifier_uri", **wish)
        registrar.expect_refused(METADATA, "sector_identifier_uri", **{**wish, "subject_type": "public"})
    for failure in ({"status": 404}, {"body": "nonsense"}, {"status": 302, "headers": {"Location": OTHER}}):
        network.upsert(responses.GET, SECTOR, **failure)
        registrar.expect_refused(METADATA, "sector_identifier_uri", **wish)
    for uri in ("http://sector.example/", "javascript:1", "https://a@sector.example/"):
        registrar.expect_refused(METADATA, "sector_identifier_uri", **{**wish, "sector_identifier_uri": uri})
    network.upsert(responses.GET, SECTOR, json=["https://third.example/cb", OTHER, CALLBACK])
    registered = registrar.register(**wish)
    assert registered["sector_identifier_uri"] == SECTOR
    assert registrar.stored(registered).sector == "sector.example"


def test_pairwise_needs_one_host_or_a_sector(registrar: Registrar) -> None:
    pairwise = {"subject_type": "pairwise"}
    registrar.expect_refused(METADATA, "sector_identifier_uri", redirect_uris=[CALLBACK, OTHER], **pairwise)
    app = {"redirect_uris": ["com.example.app:/cb"], "application_type": "native"}
    registrar.expect_refused(METADATA, "sector_identifier_uri", **app, **pairwise)
    registrar.register(redirect_uris=[CALLBACK, OTHER])
    same_host = registrar.register(redirect_uris=[CALLBACK, "https://app.example:8443/cb"], **pairwise)
    assert registrar.stored(same_host).sector == "app.example"


def test_the_registered_algorithm_signs_the_id_token(world: World, registrar: Registrar) -> None:
    from tests.oauth.assertions import header_of

    for alg in ("RS256", "ES256", "PS256", "EdDSA"):
        registered = registrar.register(id_token_signed_response_alg=alg)
        world.write(
            lambda session, one=registered: setattr(
                session.get_one(Client, one["client_id"]), "first_party", True
            )
        )
        assert header_of(registrar.party(registered).sign_in(HANAKO).hint)["alg"] == alg
