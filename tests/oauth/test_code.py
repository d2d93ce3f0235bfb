"""An authorization code: for one client, redirect URI, verifier and minute, one use, one living person."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine

from idp import clock, credentials
from idp.accounts.models import Account
from idp.accounts.rules import AccountStatus
from idp.accounts.sessions.service import end_all_sessions
from idp.demo import HANAKO, PASSWORD
from idp.oauth.models import Client, ClientStatus
from idp.oauth.scopes import FOR_CLIENTS
from tests.accounts.visitor import Visitor
from tests.oauth.relying_party import CHALLENGE, VERIFIER, RelyingParty
from tests.world import World


@pytest.fixture
def hanako(world: World) -> Visitor:
    return world.browser(HANAKO)


@pytest.fixture
def code(mypage: RelyingParty, hanako: Visitor) -> str:
    return mypage.code_for(hanako)


def test_a_code_gives_what_was_asked_for(world: World, mypage: RelyingParty, code: str) -> None:
    tokens = mypage.redeem(code).tokens()
    assert tokens.body["token_type"] == "Bearer"
    assert tokens.body["expires_in"] == 300
    assert tokens.scope == frozenset(mypage.scope.split()) - FOR_CLIENTS
    assert tokens.claims["sub"] == tokens.access_claims["sub"] == str(world.account(HANAKO).id)
    assert tokens.refresh_token is not None


@pytest.mark.parametrize(
    ("error", "deviation"),
    [
        ("invalid_request", {"code": None}),
        ("invalid_request", {"code": ""}),
        ("invalid_grant", {"code": "nonsense"}),
        ("invalid_grant", {"code": "occ_" + "x" * 43}),
        ("invalid_grant", {"code": "occ_" + "x" * 5000}),
        ("invalid_grant", {"redirect_uri": None}),
        ("invalid_grant", {"redirect_uri": "http://localhost:8001/oidc/callback/"}),
        ("invalid_grant", {"redirect_uri": "https://evil.example/"}),
        ("invalid_request", {"code_verifier": None}),
        ("invalid_grant", {"code_verifier": "another-verifier-that-is-quite-long-enough-too"}),
        ("invalid_grant", {"code_verifier": CHALLENGE}),
        ("invalid_grant", {"code_verifier": VERIFIER[:42]}),
        ("invalid_grant", {"code_verifier": VERIFIER + " "}),
        ("invalid_grant", {"code_verifier": "é" * 43}),
        ("invalid_grant", {"code_verifier": "v" * 129}),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_a_wrong_request_gets_nothing_and_does_not_burn_the_code(
    world: World, mypage: RelyingParty, code: str, error: str, deviation: dict[str, object]
) -> None:
    """RFC 7636 §4.6: an attacker who injects a code without its verifier must not even use it up."""
    before = world.digest()
    parameters = {"grant_type": "authorization_code", "code": code, "redirect_uri": mypage.redirect_uri,
                  "code_verifier": VERIFIER}  # fmt: skip
    mypage.token({**parameters, **deviation}).expect_error(error)
    assert world.digest() == before
    mypage.redeem(code).tokens()


def test_an_unknown_code_and_one_of_another_client_look_alike(
    world: World, parties: dict[str, RelyingParty], code: str
) -> None:
    before, shop = world.digest(), parties["shop"]
    foreign = shop.redeem(code, redirect_uri=parties["mypage"].redirect_uri).expect_error("invalid_grant")
    assert foreign.face == shop.redeem("occ_" + "x" * 43).expect_error("invalid_grant").face
    parties["spa"].redeem(code).expect_error("invalid_grant")
    assert world.digest() == before
    parties["mypage"].redeem(code).tokens()


@pytest.mark.parametrize(("age", "may"), [(59, True), (60, False), (61, False)])
def test_a_code_lives_for_one_minute(mypage: RelyingParty, hanako: Visitor, age: int, may: bool) -> None:
    now = clock.now()
    with time_machine.travel(now, tick=False):
        code = mypage.code_for(hanako)
    with time_machine.travel(now + timedelta(seconds=age), tick=False):
        answer = mypage.redeem(code)
    answer.tokens() if may else answer.expect_error("invalid_grant")


def test_a_second_use_gets_nothing_and_revokes_what_the_first_one_got(
    world: World, mypage: RelyingParty, hanako: Visitor, code: str
) -> None:
    """RFC 6749 §4.1.2: one of the two was a thief, and nobody can tell which."""
    bystander = mypage.redeem(mypage.code_for(hanako)).tokens()
    first = mypage.redeem(code).tokens()
    assert world.api("GET", "/oauth/userinfo", first.access_token).status_code == 200
    mypage.redeem(code).expect_error("invalid_grant")
    assert world.api("GET", "/oauth/userinfo", first.access_token).status_code == 401
    assert world.api("GET", "/api/me/profile", first.access_token).status_code == 401
    mypage.refresh(first.refresh_token).expect_error("invalid_grant")
    assert "code.replayed" in [event.event for event in world.events()]
    assert world.api("GET", "/oauth/userinfo", bystander.access_token).status_code == 200
    mypage.refresh(bystander.refresh_token).tokens()


def test_another_client_that_replays_a_code_revokes_nothing(
    world: World, parties: dict[str, RelyingParty], code: str
) -> None:
    first = parties["mypage"].redeem(code).tokens()
    before = world.digest()
    parties["shop"].redeem(code).expect_error("invalid_grant")
    assert world.digest() == before
    assert world.api("GET", "/oauth/userinfo", first.access_token).status_code == 200


def suspend_account(world: World) -> None:
    account_id = world.account(HANAKO).id
    world.write(
        lambda session: setattr(session.get_one(Account, account_id), "status", AccountStatus.SUSPENDED)
    )


def delete_account(world: World) -> None:
    account_id = world.account(HANAKO).id
    world.write(
        lambda session: setattr(session.get_one(Account, account_id), "status", AccountStatus.DELETED)
    )


def change_password_elsewhere(world: World) -> None:
    elsewhere = world.browser(HANAKO)
    new = "kaminari-taisaku-2027"
    answer = elsewhere.submit(
        "/account/password", current_password=PASSWORD, password=new, password_confirm=new
    )
    assert answer.status_code == 303, answer.text


def disable_client(world: World) -> None:
    world.write(lambda session: setattr(session.get_one(Client, "mypage"), "status", ClientStatus.DISABLED))


def sign_out_everywhere(world: World) -> None:
    account_id = world.account(HANAKO).id
    world.write(lambda session: end_all_sessions(session, account_id))


@pytest.mark.parametrize(
    "happens",
    [suspend_account, delete_account, change_password_elsewhere, disable_client, sign_out_everywhere],
)
def test_what_happens_before_the_code_is_used_counts(
    world: World, mypage: RelyingParty, code: str, happens: Callable[[World], None]
) -> None:
    refused = "invalid_client" if happens is disable_client else "invalid_grant"
    happens(world)
    before = world.digest()
    mypage.redeem(code).expect_error(refused)
    assert world.digest() == before


@pytest.mark.parametrize(
    "happens",
    [suspend_account, delete_account, change_password_elsewhere, disable_client, sign_out_everywhere],
)
def test_what_happens_after_the_tokens_were_issued_counts_too(
    world: World, mypage: RelyingParty, code: str, happens: Callable[[World], None]
) -> None:
    tokens = mypage.redeem(code).tokens()
    assert world.api("GET", "/api/me/profile", tokens.access_token).status_code == 200
    happens(world)
    before = world.digest()
    mypage.refresh(tokens.refresh_token).expect_error(
        "invalid_client" if happens is disable_client else "invalid_grant"
    )
    assert world.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 401
    assert world.api("GET", "/api/me/profile", tokens.access_token).status_code == 401
    assert world.digest() == before


def test_a_code_without_challenge_is_for_clients_that_may_leave_it_out(
    world: World, mypage: RelyingParty, hanako: Visitor
) -> None:
    """A verifier where there was no challenge is refused too: PKCE downgrade (RFC 9700 §2.1.1)."""
    world.write(lambda session: setattr(session.get_one(Client, "mypage"), "require_pkce", False))
    world.write(lambda session: setattr(session.get_one(Client, "spa"), "require_pkce", False))
    bare = {"code_challenge": None, "code_challenge_method": None}
    code = mypage.code_for(hanako, **bare)
    mypage.redeem(code).expect_error("invalid_grant")
    mypage.redeem(code, code_verifier=None).tokens()
    protected = mypage.code_for(hanako)
    mypage.redeem(protected, code_verifier=None).expect_error("invalid_request")
    spa = RelyingParty(world, "spa", "https://spa.example/cb", "openid", method="none")
    spa.authorize(hanako, **bare).expect_error("invalid_request")


def test_a_code_is_no_other_kind_of_secret(world: World, mypage: RelyingParty, code: str) -> None:
    mypage.refresh(code).expect_error("invalid_grant")
    assert world.api("GET", "/oauth/userinfo", code).status_code == 401
    token = mypage.redeem(code).tokens().refresh_token or ""
    mypage.redeem(token).expect_error("invalid_grant")
    mypage.redeem(credentials.mint_secret(credentials.SecretKind.ACT_AS_TICKET)).expect_error("invalid_grant")
