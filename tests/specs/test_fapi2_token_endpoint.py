"""FAPI 2.0 Security Profile §5.3.2, §5.4 at the token endpoint: signed, bound to a key, and not rotated."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import update

from idp import clock
from idp.credentials import mint_jti
from idp.demo import HANAKO
from idp.oauth.models import Client, RefreshToken, TokenFamily
from tests.oauth.assertions import signed_freely
from tests.oauth.proofs import new_proof_key, public_of, thumbprint_of
from tests.oauth.relying_party import RelyingParty
from tests.world import World

NOBODYS_TOKEN = "ocr_" + "x" * 43
"""With it, a client that has proved itself gets ``invalid_grant``, and only then."""
KEY, OTHER = new_proof_key(), new_proof_key("EdDSA")
BANK_KEY = {**new_proof_key(), "kid": "B"}


@pytest.fixture
def bank(world: World, shop: RelyingParty) -> RelyingParty:
    """A client that has become one of the profile, with a code's worth of trust from before."""
    shop.method, shop.key, shop.dpop_key = "private_key_jwt", BANK_KEY, KEY
    change(world, token_endpoint_auth_method="private_key_jwt", jwks={"keys": [public_of(BANK_KEY)]})
    return shop


def change(world: World, **values: object) -> None:
    world.write(
        lambda session: session.execute(
            update(Client).where(Client.client_id == "shop").values(**values)
        ).close()
    )


@pytest.fixture
def code(world: World, bank: RelyingParty) -> Callable[[], str]:
    """Make codes; PAR, which the profile asks for, is tried in another place."""

    def make(**deviation: Any) -> str:
        change(world, profile="baseline")
        made = bank.code_for(world.browser(HANAKO), **deviation)
        change(world, profile="fapi2")
        return made

    return make


Code = Callable[..., str]


def asserted(bank: RelyingParty, key: dict[str, Any] = BANK_KEY, **deviation: Any) -> str:
    now = clock.epoch(clock.now())
    claims = {"iss": "shop", "sub": "shop", "aud": bank.world.settings.issuer, "iat": now, "exp": now + 60,
              "jti": mint_jti(), **deviation}  # fmt: skip
    return signed_freely(key, {name: value for name, value in claims.items() if value is not None})


def expect_proved(bank: RelyingParty, assertion: str) -> None:
    bank.refresh(NOBODYS_TOKEN, client_assertion=assertion).expect_error("invalid_grant")


def expect_refused(bank: RelyingParty, assertion: str) -> None:
    bank.refresh(NOBODYS_TOKEN, client_assertion=assertion).expect_error("invalid_client")


def test_tokens_are_bound_to_a_key_and_none_is_given_without(bank: RelyingParty, code: Code) -> None:
    one = code()
    bank.dpop_key = {}
    bank.redeem(one).expect_error("invalid_request", status=400)
    bank.dpop_key = KEY
    tokens = bank.redeem(one).tokens()
    assert tokens.body["token_type"] == "DPoP"
    assert tokens.access_claims["cnf"] == {"jkt": thumbprint_of(KEY)}
    bank.dpop_key = {}
    bank.refresh(tokens.refresh_token).expect_error("invalid_request", status=400)


def test_nothing_but_a_signature_proves_such_a_client(world: World, bank: RelyingParty, code: Code) -> None:
    """§5.3.2.1; even where somebody has given it a secret in the database."""
    code()
    for method in ("client_secret_post", "client_secret_basic", "none"):
        change(world, token_endpoint_auth_method=method)
        bank.method = method
        bank.refresh(NOBODYS_TOKEN).expect_error("invalid_client")
        change(world, profile="baseline")
        if method != "none":
            bank.refresh(NOBODYS_TOKEN).expect_error("invalid_grant")
        change(world, profile="fapi2")


@pytest.mark.parametrize("alg", ["PS256", "ES256", "EdDSA"])
def test_the_algorithms_of_the_profile_are_accepted(
    world: World, bank: RelyingParty, code: Code, alg: str
) -> None:
    code()
    key = new_proof_key(alg)
    change(world, jwks={"keys": [public_of(key)]})
    expect_proved(bank, asserted(bank, key))


def test_rs256_is_not_among_them(world: World, bank: RelyingParty, code: Code) -> None:
    """§5.4.1."""
    code()
    key = new_proof_key("RS256")
    change(world, jwks={"keys": [public_of(key)]})
    expect_refused(bank, asserted(bank, key))
    change(world, profile="baseline")
    expect_proved(bank, asserted(bank, key))
    change(world, profile="fapi2", token_endpoint_auth_signing_alg="RS256")
    expect_refused(bank, asserted(bank, key))


@pytest.mark.parametrize(
    "aud",
    [["http://localhost:8000"], ["http://localhost:8000", "https://evil.example"], "http://localhost:8000/",
     "http://localhost:8000/oauth/token", "https://evil.example", None],
    ids=str,
)  # fmt: skip
def test_the_audience_is_our_issuer_as_one_text(bank: RelyingParty, code: Code, aud: object) -> None:
    """§5.3.2.1."""
    code()
    expect_refused(bank, asserted(bank, aud=aud))
    expect_proved(bank, asserted(bank))


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead", "good"), [(0, True), (10, True), (61, False), (3600, False)])
def test_clocks_may_differ_by_ten_seconds_and_not_by_more_than_sixty(
    bank: RelyingParty, code: Code, name: str, *, ahead: int, good: bool
) -> None:
    """§5.3.2.1."""
    code()
    with time_machine.travel(clock.now(), tick=False):
        assertion = asserted(bank, **{name: clock.epoch(clock.now()) + ahead})
        (expect_proved if good else expect_refused)(bank, assertion)


def test_the_client_id_may_be_left_out_and_must_be_right(bank: RelyingParty, code: Code) -> None:
    code()
    expect_proved(bank, asserted(bank))
    bank.refresh(NOBODYS_TOKEN, client_id="shop").expect_error("invalid_grant")
    bank.refresh(NOBODYS_TOKEN, client_id="mypage").expect_error("invalid_client")


def test_the_refresh_token_is_kept_and_may_be_used_again(bank: RelyingParty, code: Code) -> None:
    """§5.3.2.1: no rotation, so that a lost answer loses nothing."""
    first = bank.redeem(code()).tokens()
    for _ in range(3):
        again = bank.refresh(first.refresh_token).tokens()
        assert again.refresh_token is None
        assert again.access_claims["jti"] != first.access_claims["jti"]
        assert again.claims["auth_time"] == first.claims["auth_time"]


def test_the_refresh_token_is_of_no_use_to_another_client(
    bank: RelyingParty, code: Code, portal: RelyingParty
) -> None:
    token = bank.redeem(code()).tokens().refresh_token
    portal.dpop_key = KEY
    portal.refresh(token).expect_error("invalid_grant")
    bank.refresh(token).tokens()


def test_a_kept_refresh_token_ends_when_it_is_revoked(bank: RelyingParty, code: Code) -> None:
    token = bank.redeem(code()).tokens().refresh_token
    assert bank.revoke(token).response.status_code == 200
    bank.refresh(token).expect_error("invalid_grant")


def test_a_kept_offline_token_lives_while_it_is_used_and_ends_with_its_family(
    world: World, bank: RelyingParty, code: Code
) -> None:
    """30 days idle, 90 days at most."""
    now = clock.now()
    with time_machine.travel(now, tick=False) as travel:
        token, unused = bank.redeem(code()).tokens().refresh_token, bank.redeem(code()).tokens().refresh_token
        world.write(_make_offline)
        bank.refresh(token).tokens()
        bank.refresh(unused).tokens()
        for days in (20, 20, 9, 20, 20):
            travel.shift(timedelta(days=days))
            bank.refresh(token).tokens()
        bank.refresh(unused).expect_error("invalid_grant")
        travel.shift(timedelta(days=1))
        bank.refresh(token).expect_error("invalid_grant")


def _make_offline(session: Any) -> None:
    now = clock.now()
    ends = now + timedelta(days=90)
    session.execute(update(TokenFamily).values(offline=True, expires_at=ends))
    session.execute(update(RefreshToken).values(expires_at=now + timedelta(days=30)))


def test_a_code_is_used_once_and_its_second_use_ends_what_came_of_it(
    world: World, bank: RelyingParty, code: Code
) -> None:
    one = code()
    tokens = bank.redeem(one).tokens()
    headers = bank.with_proof(tokens.access_token, "/oauth/userinfo")
    assert world.api("GET", "/oauth/userinfo", headers=headers).status_code == 200
    bank.redeem(one).expect_error("invalid_grant")
    headers = bank.with_proof(tokens.access_token, "/oauth/userinfo")
    assert world.api("GET", "/oauth/userinfo", headers=headers).status_code == 401
    bank.refresh(tokens.refresh_token).expect_error("invalid_grant")


def test_a_code_lives_for_a_minute_at_most(world: World, bank: RelyingParty, code: Code) -> None:
    """§5.3.2.1."""
    assert world.settings.authorization_code_lifetime <= 60
    now = clock.now()
    with time_machine.travel(now, tick=False) as travel:
        late, early = code(), code()
        travel.shift(59)
        bank.redeem(early).tokens()
        travel.shift(1)
        bank.redeem(late).expect_error("invalid_grant")
