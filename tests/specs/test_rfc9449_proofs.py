"""RFC 9449 §4.3, §8, §11.1: which DPoP proofs are accepted, and that each is accepted once."""

from typing import Any

import pytest
import time_machine

from idp import clock
from idp.housekeeping import sweep
from idp.oauth.dpop import ProofRefused, check_proof, current_nonce
from idp.oauth.models import UsedProof
from tests.oauth.assertions import header_of, hmac_signed, public_pem, unsigned
from tests.oauth.proofs import ath, new_proof_key, proof, public_of, thumbprint_of
from tests.world import World

KEY = new_proof_key()
PATH = "/oauth/userinfo"
TOKEN = "an.access.token"
HOUR = 3600


def check(world: World, text: str, *, nonce_required: bool = True, **asked: Any) -> str:
    """Check a proof for ``GET /oauth/userinfo`` unless the test asks otherwise."""
    request: dict[str, Any] = {
        "method": "GET",
        "uri": f"{world.settings.issuer}{PATH}",
        "access_token": TOKEN,
        **asked,
    }
    return world.write(
        lambda session: check_proof(
            session, world.settings, proof=text, nonce_required=nonce_required, **request
        )
    )


def made(world: World, key: dict[str, Any] = KEY, **deviation: Any) -> str:
    return proof(
        key, **{"settings": world.settings, "path": PATH, "method": "GET", "token": TOKEN, **deviation}
    )


def expect_refused(world: World, text: str, error: str = "invalid_dpop_proof", **asked: Any) -> None:
    before = world.digest()
    with pytest.raises(ProofRefused) as refused:
        check(world, text, **asked)
    assert refused.value.error == error, refused.value.description
    assert refused.value.description.isascii()
    assert world.digest() == before


@pytest.mark.parametrize("alg", ["ES256", "PS256", "EdDSA"])
def test_a_proof_in_order_tells_whose_key_it_is(world: World, alg: str) -> None:
    key = new_proof_key(alg)
    assert check(world, made(world, key)) == thumbprint_of(key)


@pytest.mark.parametrize(
    "deviation",
    [
        {"jti": "j"}, {"jti": "j" * 256}, {"nbf": 0}, {"extra": {"nested": [1]}},
        {"header": {"kid": "any", "tx_id": 7}}, {"iat": 1.5},
    ],
    ids=str,
)  # fmt: skip
def test_what_the_specification_leaves_open_is_accepted(world: World, deviation: dict[str, Any]) -> None:
    assert check(world, made(world, **deviation)) == thumbprint_of(KEY)


@pytest.mark.parametrize("offset", [-60, -30, 0, 10, 60])
def test_a_proof_without_nonce_may_be_a_minute_off_where_none_is_required(world: World, offset: int) -> None:
    iat = clock.epoch(clock.now()) + offset
    text = made(world, iat=iat, nonce=None)
    with time_machine.travel(iat - offset, tick=False):
        check(world, text, nonce_required=False)


@pytest.mark.parametrize("offset", [-HOUR, -70, 70, HOUR])
def test_a_proof_without_nonce_of_another_time_is_refused(world: World, offset: int) -> None:
    text = made(world, iat=clock.epoch(clock.now()) + offset, nonce=None)
    expect_refused(world, text, nonce_required=False)


@pytest.mark.parametrize("offset", [-HOUR, HOUR])
def test_the_time_of_a_nonce_counts_more_than_the_clock_of_the_client(world: World, offset: int) -> None:
    """§4.3: the time is that of ``iat`` or of the nonce; a client whose clock is wrong can so be right."""
    text = made(world, iat=clock.epoch(clock.now()) + offset)
    check(world, text)
    expect_refused(world, text)


@pytest.mark.parametrize(
    "deviation",
    [
        *({name: value} for name in ("jti", "htm", "htu", "iat") for value in (None, "", 7.5e300, [], {})),
        {"jti": "j" * 257}, {"jti": 7}, {"htm": "POST"}, {"htm": "get"}, {"htm": 7},
        {"iat": "now"}, {"iat": True}, {"iat": float("nan")}, {"iat": float("inf")},
        {"nbf": HOUR * 10**6}, {"nbf": "x"}, {"exp": 1}, {"exp": 0}, {"exp": "x"}, {"exp": []},
        {"ath": ath("another.access.token")}, {"ath": ath(TOKEN) + "="}, {"ath": TOKEN}, {"ath": 7},
        {"token": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_proof_that_says_something_wrong_is_refused(world: World, deviation: dict[str, Any]) -> None:
    expect_refused(world, made(world, **deviation))
    check(world, made(world))


@pytest.mark.parametrize(
    "htu",
    ["http://localhost:8000/oauth/userinfo", "HTTP://LOCALHOST:8000/oauth/userinfo",
     "http://localhost:8000/oauth/%75serinfo", "http://localhost:8000/oauth/./x/../userinfo",
     "http://localhost:8000/oauth/userinfo?query#fragment"],
)  # fmt: skip
def test_other_spellings_of_the_address_are_the_same_address(world: World, htu: str) -> None:
    check(world, made(world, htu=htu))


@pytest.mark.parametrize("issuer", ["https://id.example", "http://id.example"])
def test_the_port_that_the_scheme_has_anyway_may_be_written(world: World, issuer: str) -> None:
    port = {"https": 443, "http": 80}[issuer.split(":", 1)[0]]
    check(world, made(world, htu=f"{issuer}:{port}{PATH}"), uri=f"{issuer}{PATH}")
    expect_refused(world, made(world, htu=f"{issuer}:{443 + 80 - port}{PATH}"), uri=f"{issuer}{PATH}")


@pytest.mark.parametrize(
    "htu",
    ["/oauth/userinfo", "http://localhost:8000/oauth/userinfo/", "http://localhost:8000/oauth/userInfo",
     "https://localhost:8000/oauth/userinfo", "http://localhost/oauth/userinfo", "http://localhost:8000",
     "http://evil.example:8000/oauth/userinfo", "http://localhost:8000/oauth/token", "http://[", "urn:x:y",
     "http://u@localhost:8000/oauth/userinfo", "http://localhost:8000/oauth%2Fuserinfo", "http://",
     "http://localhost:8000\\@evil/oauth/userinfo", "http://localhost:80000000/oauth/userinfo",
     "http://localhost:8000/oauth/userinfo\n", "http://localhost:8000/oauth/user\tinfo", "http://é/\0"],
)  # fmt: skip
def test_a_proof_for_another_address_is_refused(world: World, htu: str) -> None:
    expect_refused(world, made(world, htu=htu))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": None}, {"typ": "JWT"}, {"typ": "dpop+jwt+x"}, {"typ": 7}, {"typ": ["dpop+jwt"]},
        {"jwk": None}, {"jwk": "x"}, {"jwk": []}, {"jwk": {}}, {"jwk": KEY}, {"jwk": {"kty": "EC"}},
        {"jwk": {**public_of(KEY), "k": "c2VjcmV0"}}, {"jwk": {**public_of(KEY), "kty": ["EC"]}},
        {"jwk": {**public_of(KEY), "x": "AAAA"}}, {"jwk": {**public_of(KEY), "crv": "P-384"}},
        {"jwk": public_of(new_proof_key())}, {"jwk": public_of(new_proof_key("EdDSA"))},
        {"crit": ["b64"], "b64": False}, {"crit": ["unknown"], "unknown": 1},
    ],
)  # fmt: skip
def test_a_proof_with_a_wrong_header_is_refused(world: World, header: dict[str, Any]) -> None:
    expect_refused(world, made(world, header=header))


@pytest.mark.parametrize("alg", ["RS256", "PS384", "ES384"])
def test_an_algorithm_that_is_not_announced_is_refused(world: World, alg: str) -> None:
    expect_refused(world, made(world, new_proof_key(alg)))


def test_an_unsigned_proof_and_one_signed_with_a_shared_secret_are_refused(world: World) -> None:
    right = made(world)
    claims, header = _claims(right), header_of(right)
    for alg in ("none", "None", "ES256", "", None, 7, ["ES256"]):
        for signature in (b"", b"x" * 64):
            expect_refused(world, unsigned(claims, header={**header, "alg": alg}, signature=signature))
    secret = {"kty": "oct", "k": "c2VjcmV0"}
    for jwk in (header["jwk"], secret):
        forged = hmac_signed(claims, header={**header, "alg": "HS256", "jwk": jwk}, secret=public_pem(KEY))
        expect_refused(world, forged)


@pytest.mark.filterwarnings("ignore:Key size should be")
def test_a_weak_rsa_key_is_refused(world: World) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from joserfc.jwk import RSAKey

    weak = RSAKey(rsa.generate_private_key(65537, 1024), None)  # noqa: S505 - what is refused
    expect_refused(world, made(world, {**weak.as_dict(private=True), "alg": "PS256"}))


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a.b.c", "..", "é.é.é", "e30.e30.e30", "e30.W10.e30", "x" * 9000, "a.b.c.d",
             "{proof}, {proof}", "{proof},{other}", "{proof} {other}", "{proof}x", "{cut}"],
)  # fmt: skip
def test_what_is_not_exactly_one_jwt_is_refused(world: World, text: str) -> None:
    right = made(world)
    expect_refused(world, text.format(proof=right, other=made(world), cut=right.rpartition(".")[0]))
    check(world, right)


def test_a_proof_is_accepted_once_and_remembered_for_as_long_as_its_nonce_is_good(world: World) -> None:
    """Whatever is tidied up meanwhile."""
    start = clock.epoch(clock.now()) // 120 * 120 + 120
    with time_machine.travel(start, tick=False) as travel:
        right = made(world)
        check(world, right)
        for _ in range(3):
            travel.shift(79)
            sweep(world.database)
            expect_refused(world, right)
        travel.shift(3)
        expect_refused(world, right, "use_dpop_nonce")
        travel.shift(1)
        sweep(world.database)
        assert world.count(UsedProof) == 0


def test_a_proof_without_nonce_is_remembered_for_as_long_as_its_time_is_near(world: World) -> None:
    start = clock.epoch(clock.now())
    with time_machine.travel(start, tick=False) as travel:
        right = made(world, nonce=None, iat=start + 60)
        check(world, right, nonce_required=False)
        for _ in range(2):
            travel.shift(60)
            sweep(world.database)
            expect_refused(world, right, nonce_required=False)
        travel.shift(2)
        sweep(world.database)
        assert world.count(UsedProof) == 0


def test_the_same_jti_under_another_key_is_another_proof(world: World) -> None:
    check(world, made(world, jti="J"))
    expect_refused(world, made(world, jti="J"))
    check(world, made(world, new_proof_key(), jti="J"))


def test_a_refused_proof_does_not_use_up_its_jti(world: World) -> None:
    expect_refused(world, made(world, jti="J", htm="PUT"))
    expect_refused(world, made(world, jti="J", nonce=None), "use_dpop_nonce")
    check(world, made(world, jti="J"))


@pytest.mark.parametrize("nonce", [None, "", "x", 7, [], "n" * 43, "é"])
def test_a_nonce_that_we_did_not_give_is_refused(world: World, nonce: object) -> None:
    """§8: the client is told to use the nonce that comes with the answer."""
    expect_refused(world, made(world, nonce=nonce), "use_dpop_nonce")
    if nonce is not None:  # whoever sends one means it, even where none is required
        expect_refused(world, made(world, nonce=nonce), "use_dpop_nonce", nonce_required=False)


def test_a_nonce_is_good_in_its_window_and_the_next_one(world: World) -> None:
    start = clock.epoch(clock.now()) // 120 * 120
    with time_machine.travel(start, tick=False):
        nonce = current_nonce(world.settings)
    for later, good in ((0, True), (119, True), (239, True), (240, False), (-1, False)):
        with time_machine.travel(start + later, tick=False):
            text = made(world, nonce=nonce)
            if good:
                check(world, text)
            else:
                expect_refused(world, text, "use_dpop_nonce")


def test_a_nonce_of_another_server_is_refused(world: World) -> None:
    elsewhere = world.settings.model_copy(update={"secret_key": "another server's secret, long enough"})
    expect_refused(world, made(world, nonce=current_nonce(elsewhere)), "use_dpop_nonce")


def _claims(text: str) -> dict[str, Any]:
    from tests.oauth.assertions import claims_of

    return claims_of(text)
