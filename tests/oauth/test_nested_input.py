"""Texts that parse and yet cannot be stored or written again: nesting, half characters, infinite numbers."""

import base64
import json

import pytest

from idp.demo import HANAKO
from idp.oauth.keys import new_client_key
from tests.accounts.visitor import Visitor
from tests.oauth.assertions import signed_freely
from tests.oauth.registrar import Registrar
from tests.oauth.relying_party import RelyingParty, parties_of
from tests.oauth.third_parties import signing_party
from tests.specs.test_rfc9101_request_objects import request_object
from tests.specs.test_rfc9126_par import send
from tests.world import World

DEPTHS = (700, 1500, 2500)
"""Python gives up at about a thousand levels, wherever it stands then."""


@pytest.fixture
def hanako(world: World) -> Visitor:
    return world.browser(HANAKO)


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_token_whose_header_is_nested_is_no_token(
    world: World, mypage: RelyingParty, hanako: Visitor, depth: int
) -> None:
    header = base64.urlsafe_b64encode(f'{{"alg":"ES256","x":{"[" * depth}{"]" * depth}}}'.encode()).decode()
    token = f"{header.rstrip('=')}.e30.AAAA"
    for path in ("/oauth/userinfo", "/api/me/profile"):
        assert world.api("GET", path, token).status_code == 401
    assert mypage.introspect(token).response.get_json() == {"active": False}
    assert mypage.revoke(token).response.status_code == 200
    mypage.authorize(hanako, id_token_hint=token).expect_error("invalid_request")
    assert hanako.get(f"/oauth/end-session?id_token_hint={token}").status_code == 200
    parties_of(world)["agency-portal"].exchange(token, world.grant().id).expect_error("invalid_request")


@pytest.mark.parametrize("depth", [*range(850, 1000, 25), 1900])
def test_claims_that_are_nested_are_refused_or_forgotten(
    mypage: RelyingParty, hanako: Visitor, depth: int
) -> None:
    claims = f'{{"userinfo":{{"name":{{"value":{"[" * depth}{"]" * depth}}}}}}}'
    answer = mypage.authorize(hanako, claims=claims)
    assert answer.response.status_code == 303
    mypage.authorize(hanako, claims='{"userinfo":{"name":{"value":"a"}}}').expect_code()


@pytest.mark.parametrize("name", ["state", "nonce", "login_hint", "ui_locales"])
def test_half_characters_in_a_request_object_are_refused(world: World, hanako: Visitor, name: str) -> None:
    """RFC 8259 §8.2: JSON can hold them, UTF-8 cannot."""
    bank = signing_party(world, first_party=True)
    claims = json.loads(base64.urlsafe_b64decode(request_object(bank).split(".")[1] + "=="))
    for browser in (hanako, world.browser()):
        text = signed_freely(bank.key, {**claims, name: "a\ud800@b.example"}, typ="oauth-authz-req+jwt")
        bank.authorize(browser, request=text).expect_error("invalid_request_object")
        pushed = send(bank, request=text)
        assert (pushed.status_code, pushed.get_json()["error"]) == (400, "invalid_request_object")
        whole = signed_freely(bank.key, {**claims, name: "あ@b.example"}, typ="oauth-authz-req+jwt")
        assert send(bank, request=whole).status_code == 201


@pytest.mark.parametrize(
    "junk", ["1e999", "-1e999", *("[" * depth + "]" * depth for depth in (30, 900, 920, 940, 5000))],
    ids=lambda junk: junk if len(junk) < 9 else f"{len(junk) // 2} levels",
)  # fmt: skip
def test_metadata_that_no_database_takes_is_refused(world: World, junk: str) -> None:
    registrar, public = Registrar(world), {k: v for k, v in new_client_key().items() if k != "d"}
    document = {
        "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [{**public, "more": "JUNK"}]},
    }  # fmt: skip
    before = world.digest()
    answer = registrar.send(None, raw=json.dumps(document).replace('"JUNK"', junk).encode())
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")
    assert world.digest() == before
    assert (
        registrar.send(None, raw=json.dumps(document).replace('"JUNK"', "[[1e9]]").encode()).status_code
        == 201
    )
