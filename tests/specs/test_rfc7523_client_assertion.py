"""RFC 7523 §3 and OIDC Core §9: a signed assertion proves who the client is, once, to this server alone."""

import json
from typing import Any

import pytest
import responses
import time_machine
from sqlalchemy import update

from idp import clock
from idp.credentials import mint_jti
from idp.oauth.keys import new_client_key
from idp.oauth.models import Client
from tests.oauth.assertions import client_assertion, hmac_signed, public_pem, signed, signed_freely, unsigned
from tests.oauth.proofs import new_proof_key, public_of
from tests.oauth.relying_party import RelyingParty, TokenAnswer
from tests.world import World

NOBODYS_TOKEN = {"grant_type": "refresh_token", "refresh_token": "ocr_" + "x" * 43}
"""With this, a client that has proved itself gets ``invalid_grant``, and only then."""
MINUTE = 60


def prove(portal: RelyingParty, assertion: str, **deviation: Any) -> TokenAnswer:
    """Send an assertion."""
    return portal.token(NOBODYS_TOKEN, **{"client_assertion": assertion, **deviation})


def expect_proved(portal: RelyingParty, assertion: str, **deviation: Any) -> None:
    prove(portal, assertion, **deviation).expect_error("invalid_grant")


def expect_refused(world: World, portal: RelyingParty, assertion: str, **deviation: Any) -> None:
    before = world.digest()
    prove(portal, assertion, **deviation).expect_error("invalid_client")
    assert world.digest() == before


def made(portal: RelyingParty, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Return an assertion of the portal that deviates in header or claims; times are from now."""
    now = clock.epoch(clock.now())
    moved = {name: now + value if name in {"exp", "iat", "nbf"} and type(value) is int else value
             for name, value in claims.items()}  # fmt: skip
    return client_assertion(
        portal.key, client_id="agency-portal", settings=portal.world.settings, header=header, **moved
    )


@pytest.mark.parametrize(
    "claims",
    [{}, {"exp": 1}, {"exp": 5 * MINUTE}, {"iat": None}, {"iat": 30}, {"iat": -9999}, {"nbf": 30},
     {"nbf": -30}, {"jti": "a"}, {"jti": "j" * 256}, {"extra": {"nested": [1]}}],
    ids=str,
)  # fmt: skip
def test_an_assertion_in_order_is_accepted(portal: RelyingParty, claims: dict[str, Any]) -> None:
    expect_proved(portal, made(portal, **claims))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://evil.example"}, {"aud": ["http://localhost:8000", "https://evil.example"]},
        {"aud": ["http://localhost:8000"]}, {"aud": "http://localhost:8000/oauth/token"},
        {"aud": "http://localhost:8000/"}, {"aud": None}, {"aud": ""}, {"aud": {"http://localhost:8000": 1}},
        {"iss": "mypage"}, {"iss": None}, {"iss": ["agency-portal"]}, {"sub": "mypage"}, {"sub": None},
        {"sub": "rival-portal"}, {"iss": "rival-portal", "sub": "rival-portal"}, {"sub": "nobody"},
        {"sub": 7}, {"sub": ["agency-portal"]}, {"sub": {}}, {"sub": ""}, {"sub": "\0"},
        {"exp": None}, {"exp": 0}, {"exp": -1}, {"exp": 7 * MINUTE}, {"exp": 10 * 365 * 86400},
        {"exp": "soon"}, {"exp": True}, {"exp": 1e300}, {"exp": float("inf")}, {"exp": float("nan")},
        {"exp": {}}, {"iat": 10 * MINUTE}, {"iat": "now"}, {"nbf": 10 * MINUTE}, {"nbf": []},
        {"jti": None}, {"jti": ""}, {"jti": 7}, {"jti": "j" * 257}, {"jti": ["a"]},
    ],
    ids=str,
)  # fmt: skip
def test_an_assertion_that_says_something_wrong_is_refused(
    world: World, portal: RelyingParty, claims: dict[str, Any]
) -> None:
    expect_refused(world, portal, made(portal, **claims))


def test_an_assertion_is_accepted_once(world: World, portal: RelyingParty) -> None:
    one = made(portal)
    expect_proved(portal, one)
    expect_refused(world, portal, one)
    expect_refused(world, portal, made(portal, jti=json.loads(_payload(one))["jti"]))
    expect_proved(portal, made(portal))


def test_an_assertion_is_remembered_for_as_long_as_it_could_be_used_again(
    world: World, portal: RelyingParty
) -> None:
    now = clock.now().timestamp()
    with time_machine.travel(now, tick=False):
        one = made(portal, exp=5 * MINUTE)
        expect_proved(portal, one)
    for later in (1, 4 * MINUTE, 5 * MINUTE - 1, 5 * MINUTE, 6 * MINUTE):
        with time_machine.travel(now + later, tick=False):
            expect_proved(portal, made(portal))
            expect_refused(world, portal, one)


def test_two_clients_may_use_the_same_jti(portal: RelyingParty, parties: dict[str, RelyingParty]) -> None:
    expect_proved(portal, made(portal, jti="the same"))
    rival = parties["rival-portal"]
    theirs = client_assertion(
        rival.key, client_id="rival-portal", settings=rival.world.settings, jti="the same"
    )
    expect_proved(rival, theirs)


def test_a_refused_assertion_does_not_use_up_its_jti(world: World, portal: RelyingParty) -> None:
    expect_refused(world, portal, made(portal, jti="J", exp=-1))
    expect_proved(portal, made(portal, jti="J"))


@pytest.mark.parametrize(
    "deviation",
    [{"client_id": "rival-portal"}, {"client_id": "nobody"}, {"client_assertion_type": None},
     {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}],
    ids=str,
)  # fmt: skip
def test_an_assertion_under_another_name_or_type_is_refused(
    world: World, portal: RelyingParty, deviation: dict[str, Any]
) -> None:
    expect_refused(world, portal, made(portal), **deviation)
    expect_proved(portal, made(portal), client_id="agency-portal")


def test_the_key_of_another_client_proves_nothing(
    world: World, portal: RelyingParty, parties: dict[str, RelyingParty]
) -> None:
    rival = parties["rival-portal"].key
    for kid in (rival["kid"], portal.key["kid"]):
        forged = client_assertion(
            rival, client_id="agency-portal", settings=world.settings, header={"kid": kid}
        )
        expect_refused(world, portal, forged)


@pytest.mark.parametrize(
    "alg", ["none", "None", "nOnE", "NONE", "", None, "HS256", "ES256", "RS256", 7, ["ES256"]]
)
@pytest.mark.parametrize("signature", [b"", b"x"], ids=["no signature", "some signature"])
def test_an_assertion_without_a_good_signature_is_refused(
    world: World, portal: RelyingParty, alg: object, signature: bytes
) -> None:
    header = {"alg": alg, "kid": portal.key["kid"]}
    expect_refused(world, portal, unsigned(_claims(portal), header=header, signature=signature))


def test_a_public_key_is_no_shared_secret(world: World, portal: RelyingParty) -> None:
    public = {name: value for name, value in portal.key.items() if name != "d"}
    for secret in (public_pem(portal.key), json.dumps(public).encode(), public["x"].encode(), b""):
        for kid in (portal.key["kid"], None, "../../../../dev/null"):
            header = {"alg": "HS256", "kid": kid}
            expect_refused(world, portal, hmac_signed(_claims(portal), header=header, secret=secret))


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_comes_with_the_assertion_is_not_looked_at(
    world: World, portal: RelyingParty, name: str
) -> None:
    own = new_client_key()
    public = {field: value for field, value in own.items() if field != "d"}
    content = {"jwk": public, "x5c": ["MIIB"]}.get(name, "https://evil.example/keys")
    for kid in (own["kid"], portal.key["kid"]):
        expect_refused(world, portal, signed(own, _claims(portal), header={name: content, "kid": kid}))


@pytest.mark.parametrize(
    "kid",
    ["../../dev/null", "x' UNION SELECT 'k'--", "k" * 4000, ["a"], None, 7, {"a": 1}, "", "\0", True],
    ids=lambda kid: str(kid)[:20],
)
def test_a_strange_kid_finds_no_key(world: World, portal: RelyingParty, kid: object) -> None:
    own = new_client_key()
    header = {"alg": "ES256", "kid": kid}
    expect_refused(world, portal, unsigned(_claims(portal), header=header, signature=b"s" * 64))
    if isinstance(kid, str):
        expect_refused(world, portal, signed(own, _claims(portal), header={"kid": kid}))


@pytest.mark.parametrize(
    "text",
    ["", "a", "a.b", "a.b.c", "a.b.c.d", "..", "é.é.é", "e30.e30.e30", "e30.W10.e30", "e30.IiI.e30",
     "e30." + "W" * 8000 + ".e30", "x" * 30_000, "e30.eyJzdWIiOiAi", "=.=.=",
     unsigned({"sub": "\ud800"}, header={"alg": "ES256"}), unsigned({"sub": "\0"}, header={"alg": "ES256"})],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_is_no_assertion_at_all_is_refused(world: World, portal: RelyingParty, text: str) -> None:
    expect_refused(world, portal, text)


def _claims(portal: RelyingParty) -> dict[str, Any]:
    now = clock.epoch(clock.now())
    return {"iss": "agency-portal", "sub": "agency-portal", "aud": portal.world.settings.issuer, "iat": now,
            "exp": now + 60, "jti": mint_jti()}  # fmt: skip


def _payload(token: str) -> bytes:
    import base64

    part = token.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
def test_each_announced_algorithm_proves_a_client_and_only_the_registered_one(
    world: World, portal: RelyingParty, alg: str
) -> None:
    """OIDC Registration §2, ``token_endpoint_auth_signing_alg``."""
    assert alg in world.api("GET", "/.well-known/openid-configuration").get_json()[
        "token_endpoint_auth_signing_alg_values_supported"
    ]  # fmt: skip
    portal.key = {**new_proof_key(alg), "kid": "K"}
    register(world, jwks={"keys": [public_of(portal.key)]})
    expect_proved(portal, asserted(portal))
    for registered in ("RS256", "PS256", "ES256", "EdDSA", "HS256"):
        register(world, token_endpoint_auth_signing_alg=registered)
        if registered == alg:
            expect_proved(portal, asserted(portal))
        else:
            expect_refused(world, portal, asserted(portal))


@pytest.mark.parametrize("alg", ["RS384", "PS512", "ES384"])
def test_an_algorithm_that_is_not_announced_proves_nothing(
    world: World, portal: RelyingParty, alg: str
) -> None:
    key = {**new_proof_key("ES384" if alg == "ES384" else "RS256"), "alg": alg}
    register(world, jwks={"keys": [{**public_of(portal.key)}, public_of(key)]})
    expect_refused(world, portal, signed_freely(key, _claims(portal)))
    expect_proved(portal, made(portal))


def test_keys_are_changed_without_a_gap_and_an_old_one_is_worth_nothing(
    world: World, portal: RelyingParty
) -> None:
    """KM-009, OIDC Core §10.1.1: both keys while both are registered, then the new one alone."""
    old, new = portal.key, new_client_key()
    register(world, jwks={"keys": [public_of(old), public_of(new)]})
    for key in (old, new):
        portal.key = key
        expect_proved(portal, made(portal))
    register(world, jwks={"keys": [public_of(new)]})
    expect_proved(portal, made(portal))
    portal.key = old
    expect_refused(world, portal, made(portal))
    expect_refused(world, portal, made(portal, header={"kid": new["kid"]}))


def test_published_keys_prove_a_client(world: World, portal: RelyingParty) -> None:
    """RFC 7591 §2, ``jwks_uri``; how long they are kept is tried in tests/oauth/test_client_keys.py."""
    register(world, jwks=None, jwks_uri="https://portal.example/jwks")
    with responses.RequestsMock() as calls:
        calls.get("https://portal.example/jwks", json={"keys": [public_of(portal.key)]})
        expect_proved(portal, made(portal))


@pytest.mark.parametrize("kid", [None, "absent"])
def test_without_a_name_each_key_that_fits_is_tried(
    world: World, portal: RelyingParty, kid: str | None
) -> None:
    register(world, jwks={"keys": [public_of(new_client_key()), public_of(portal.key)]})
    if kid is None:
        nameless = {name: value for name, value in portal.key.items() if name != "kid"}
        expect_proved(portal, signed_freely(nameless, _claims(portal)))
    else:
        expect_refused(world, portal, made(portal, header={"kid": kid}))


@pytest.mark.parametrize("typ", [None, "JWT", "jwt", "client-authentication+jwt"])
def test_an_assertion_may_say_what_it_is(portal: RelyingParty, typ: str | None) -> None:
    expect_proved(portal, made(portal, header={"typ": typ} if typ else {}))


@pytest.mark.parametrize("typ", ["dpop+jwt", "oauth-authz-req+jwt", "at+jwt", "logout+jwt", "", 7, None, []])
def test_another_kind_of_text_that_the_client_signed_is_no_assertion(
    world: World, portal: RelyingParty, typ: object
) -> None:
    """RFC 8725 §3.11."""
    expect_refused(world, portal, signed_freely(portal.key, _claims(portal), typ=typ))


def test_header_members_that_nobody_knows_are_ignored_unless_they_are_critical(
    world: World, portal: RelyingParty
) -> None:
    """RFC 7515 §4, §4.1.11."""
    expect_proved(portal, signed_freely(portal.key, _claims(portal), tx_id="7"))
    critical = signed_freely(portal.key, _claims(portal), tx_id="7", crit=["tx_id"])
    expect_refused(world, portal, critical)


def test_a_disabled_client_proves_nothing(world: World, portal: RelyingParty) -> None:
    register(world, status="disabled")
    expect_refused(world, portal, made(portal))


def register(world: World, **values: object) -> None:
    """Change what the portal has registered."""
    world.write(
        lambda session: session.execute(
            update(Client).where(Client.client_id == "agency-portal").values(**values)
        ).close()
    )


def asserted(portal: RelyingParty) -> str:
    return signed_freely(portal.key, _claims(portal))
