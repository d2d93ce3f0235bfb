"""What a client signed is verified with its registered keys, and with nothing else."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from idp.oauth.algorithms import CLIENT_ASSERTION, signatures
from idp.oauth.client_keys import ClientSignatureInvalid, KeyUnusable, decode_by_client, import_public
from idp.oauth.models import Client, ClientProfile
from tests.oauth.assertions import unsigned

RSA = RSAKey.generate_key(2048)
EC, OTHER = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
ED = OKPKey.generate_key("Ed25519")
ALL = CLIENT_ASSERTION


def public(key: Any, **more: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), **more}


def client_with(*keys: dict[str, Any], **fields: Any) -> Client:
    return Client(client_id="c", jwks={"keys": list(keys)}, **{"profile": "baseline", **fields})


def made(key: Any, *, alg: str, kid: str | None = None) -> str:
    header = {"alg": alg} | ({"kid": kid} if kid else {})
    return jwt.encode(header, {"a": 1}, key, registry=signatures([alg]))


def decode(client: Client, token: str, algorithms: tuple[str, ...] = ALL) -> dict[str, Any]:
    return dict(decode_by_client(client, token, algorithms=algorithms).claims)


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (ED, "EdDSA")])
@pytest.mark.parametrize("kid", [None, "k1"])
def test_each_fitting_key_is_tried_where_the_header_names_none(key: Any, alg: str, kid: str | None) -> None:
    keys = (public(OTHER, kid="other"), public(key, kid="k1"), public(RSAKey.generate_key(2048), kid="last"))
    assert decode(client_with(*keys), made(key, alg=alg, kid=kid)) == {"a": 1}


@pytest.mark.parametrize(
    "keys",
    [
        (), (public(OTHER),), (public(EC, kid="k2"),), (public(EC, kid="k1", use="enc"),),
        (public(EC, kid="k1", alg="RS256"),), (public(EC, kid="k1", kty="RSA"),), ({"kty": ["EC"]},),
        (public(EC, kid="k1", crv="P-384"),), (public(EC, kid="k1", x="AAAA"),),
    ],
)  # fmt: skip
def test_a_key_that_is_not_meant_for_it_proves_nothing(keys: tuple[dict[str, Any], ...]) -> None:
    token = made(EC, alg="ES256", kid="k1")
    with pytest.raises(ClientSignatureInvalid):
        decode(client_with(*keys), token)
    assert decode(client_with(*keys, public(EC, kid="k1", use="sig", alg="ES256")), token) == {"a": 1}


def test_the_algorithm_must_be_one_for_this_purpose_and_for_this_profile() -> None:
    client, fapi2 = client_with(public(RSA)), client_with(public(RSA), profile=ClientProfile.FAPI2)
    token = made(RSA, alg="RS256")
    assert decode(client, token) == {"a": 1}
    assert decode(fapi2, made(RSA, alg="PS256")) == {"a": 1}
    for one, algorithms in ((client, ("PS256", "ES256")), (fapi2, ALL)):
        with pytest.raises(ClientSignatureInvalid):
            decode(one, token, algorithms)


@pytest.mark.parametrize(
    "header",
    [{"alg": "none"}, {"alg": "HS256"}, {}, {"alg": ["ES256"]}, {"alg": "ES256", "kid": 7},
     {"alg": "ES256", "crit": ["x"], "x": 1}],
)  # fmt: skip
def test_a_header_cannot_choose_its_own_rules(header: dict[str, Any]) -> None:
    for text in (unsigned({"a": 1}, header=header), unsigned({"a": 1}, header=header, signature=b"s" * 64)):
        with pytest.raises(ClientSignatureInvalid):
            decode(client_with(public(EC)), text)


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "e30.e30.e30", "W10.e30.", "x" * 70_000, "é.é.é"])
def test_what_is_no_jwt_is_refused(text: str) -> None:
    with pytest.raises(ClientSignatureInvalid):
        decode(client_with(public(EC)), text)


@pytest.mark.parametrize(
    ("jwk", "reason"),
    [
        (EC.as_dict(private=True), "private"), (RSA.as_dict(private=True), "private"),
        ({"kty": "oct", "k": "c2VjcmV0"}, "private"), ({"kty": "oct"}, "kty"), ({}, "kty"),
        ({"kty": "RSA", "e": "AQAB", "n": "v" * 171}, "2048"), (public(EC, crv="P-521"), "P-256"),
        (public(EC, y="AAAA"), "valid"), (public(EC, kid=7), "kid"), ({"kty": "RSA", "n": 7}, "2048"),
        (public(ECKey.generate_key("P-384")), "P-256"), (public(EC, x=None), "valid"),
    ],
)  # fmt: skip
def test_a_key_that_is_unsafe_or_none_at_all_is_refused(jwk: dict[str, Any], reason: str) -> None:
    with pytest.raises(KeyUnusable, match=reason):
        import_public(jwk)


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=lambda key: key.key_type)
def test_a_good_key_is_read(key: Any) -> None:
    assert import_public(public(key, use="sig", x5c=["ignored"])).thumbprint() == key.thumbprint()
    assert JWKRegistry.import_key(public(key)).thumbprint() == key.thumbprint()
