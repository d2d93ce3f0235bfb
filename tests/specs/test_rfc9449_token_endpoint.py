"""RFC 9449 §5, §8, §10 at the token endpoint: tokens bound to a key, and who else may not use them."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from idp.demo import HANAKO
from idp.oauth.dpop import current_nonce
from idp.oauth.models import Client, RefreshToken, TokenFamily, UsedAssertion, UsedProof
from tests.oauth.proofs import new_proof_key, proof, thumbprint_of
from tests.oauth.relying_party import TICKET, VERIFIER, RelyingParty, TokenAnswer
from tests.world import World

KEY, OTHER = new_proof_key(), new_proof_key("EdDSA")


def change(world: World, client_id: str, **values: object) -> None:
    world.write(
        lambda session: session.execute(
            update(Client).where(Client.client_id == client_id).values(**values)
        ).close()
    )


def bind(world: World, code_or_token: type[TokenFamily | RefreshToken], jkt: str | None) -> None:
    world.write(lambda session: session.execute(update(code_or_token).values(jkt=jkt)).close())


def expect_bound(answer: TokenAnswer, key: dict[str, Any]) -> None:
    tokens = answer.tokens()
    assert tokens.body["token_type"] == "DPoP"
    assert tokens.access_claims["cnf"] == {"jkt": thumbprint_of(key)}


def expect_bearer(answer: TokenAnswer) -> None:
    tokens = answer.tokens()
    assert tokens.body["token_type"] == "Bearer"
    assert "cnf" not in tokens.access_claims


@pytest.fixture
def code(world: World) -> Callable[[RelyingParty], str]:
    return lambda party: party.code_for(world.browser(HANAKO))


Code = Callable[[RelyingParty], str]


@pytest.mark.parametrize("name", ["mypage", "shop", "spa", "native"])
def test_any_client_may_have_its_tokens_bound_to_a_key(
    parties: dict[str, RelyingParty], code: Code, name: str
) -> None:
    party = parties[name]
    expect_bearer(party.redeem(code(party)))
    party.dpop_key = KEY
    answer = party.redeem(code(party))
    expect_bound(answer, KEY)
    assert answer.response.headers["DPoP-Nonce"] == current_nonce(party.world.settings)


def test_a_client_that_registered_so_gets_no_token_without_a_proof(
    world: World, mypage: RelyingParty, code: Code
) -> None:
    """§5.2; the code is still there for a request with a proof."""
    change(world, "mypage", dpop_bound_access_tokens=True)
    one = code(mypage)
    before = world.digest()
    mypage.redeem(one).expect_error("invalid_request")
    assert world.digest() == before
    mypage.dpop_key = KEY
    tokens = mypage.redeem(one).tokens()
    mypage.dpop_key = {}
    mypage.refresh(tokens.refresh_token).expect_error("invalid_request")
    mypage.dpop_key = KEY
    expect_bound(mypage.refresh(tokens.refresh_token), KEY)


def test_a_client_that_lacks_a_nonce_is_given_one_and_has_used_nothing_up(
    world: World, portal: RelyingParty
) -> None:
    """§8: the same code, and even the same client assertion, may be sent again with the nonce."""
    one, sent = portal.code_for(world.browser(_manager())), portal.asserted()
    before = world.digest()
    parameters = {"grant_type": "authorization_code", "code": one, "redirect_uri": portal.redirect_uri,
                  "code_verifier": VERIFIER, **sent}  # fmt: skip
    without = proof(KEY, settings=world.settings, path="/oauth/token", nonce=None)
    answer = portal.token(parameters, headers={"DPoP": without}).expect_error("use_dpop_nonce")
    assert world.digest() == before
    nonce = answer.response.headers["DPoP-Nonce"]
    right = proof(KEY, settings=world.settings, path="/oauth/token", nonce=nonce)
    expect_bound(portal.token(parameters, headers={"DPoP": right}), KEY)


def test_nonces_are_not_asked_for_where_the_operator_does_not_want_them(
    world: World, spa: RelyingParty, code: Code, monkeypatch: pytest.MonkeyPatch
) -> None:
    relaxed = world.settings.model_copy(update={"dpop_nonce_required": False})
    monkeypatch.setitem(world.app.extensions, "settings", relaxed)
    answer = spa.redeem(code(spa), headers={"DPoP": spa.proof(key=KEY, nonce=None)})
    expect_bound(answer, KEY)
    assert "DPoP-Nonce" not in answer.response.headers


@pytest.mark.parametrize(
    "deviation",
    [{"method": "GET"}, {"path": "/oauth/userinfo"}, {"iat": None}, {"jti": None}, {"header": {"typ": "JWT"}},
     {"header": {"jwk": OTHER}}, {"header": {"alg": "none"}}],
    ids=lambda deviation: str(deviation)[:16],
)  # fmt: skip
def test_a_wrong_proof_is_refused_and_uses_nothing_up(
    world: World, spa: RelyingParty, code: Code, deviation: dict[str, Any]
) -> None:
    one = code(spa)
    before = world.digest()
    wrong = proof(KEY, **{"settings": world.settings, "path": "/oauth/token", **deviation})
    answer = spa.redeem(one, headers={"DPoP": wrong}).expect_error("invalid_dpop_proof")
    assert answer.response.headers["DPoP-Nonce"]
    assert world.digest() == before
    expect_bound(spa.redeem(one, headers={"DPoP": spa.proof(key=KEY)}), KEY)


@pytest.mark.parametrize("header", ["", "x", "a.b.c", "{one}, {one}", "{one}, {two}", "é", "x" * 9000])
def test_a_header_that_is_not_exactly_one_proof_is_refused(
    world: World, spa: RelyingParty, code: Code, header: str
) -> None:
    one = code(spa)
    before = world.digest()
    text = header.format(one=spa.proof(key=KEY), two=spa.proof(key=KEY))
    spa.redeem(one, headers={"DPoP": text}).expect_error("invalid_dpop_proof")
    assert world.digest() == before


def test_a_proof_is_used_once(world: World, spa: RelyingParty, code: Code) -> None:
    """§11.1; a client that is not authenticated uses none up."""
    right = {"DPoP": spa.proof(key=KEY)}
    spa.redeem(code(spa), client_id="nobody", headers=right).expect_error("invalid_client")
    expect_bound(spa.redeem(code(spa), headers=right), KEY)
    assert world.count(UsedProof) == 1
    spa.redeem(code(spa), headers=right).expect_error("invalid_dpop_proof")
    assert world.count(UsedProof) == 1


def test_a_code_that_is_bound_to_a_key_is_for_nobody_else(
    world: World, spa: RelyingParty, code: Code
) -> None:
    """§10; a wrong key does not burn the code."""
    one = code(spa)
    bind(world, TokenFamily, thumbprint_of(KEY))
    before = world.digest(without=["used_proofs"])
    spa.redeem(one).expect_error("invalid_grant")
    spa.dpop_key = OTHER
    spa.redeem(one).expect_error("invalid_grant")
    assert world.digest(without=["used_proofs"]) == before
    spa.dpop_key = KEY
    expect_bound(spa.redeem(one), KEY)


def test_the_refresh_token_of_a_public_client_is_bound_to_its_key(
    world: World, spa: RelyingParty, code: Code
) -> None:
    """§5: whoever stole it cannot use it, nor burn it."""
    spa.dpop_key = KEY
    token = spa.redeem(code(spa)).tokens().refresh_token
    before = world.digest(without=["used_proofs"])
    for key in ({}, OTHER):
        spa.dpop_key = key
        spa.refresh(token).expect_error("invalid_grant")
    assert world.digest(without=["used_proofs"]) == before
    spa.dpop_key = KEY
    fresh = spa.refresh(token)
    expect_bound(fresh, KEY)
    spa.dpop_key = OTHER
    spa.refresh(fresh.response.get_json()["refresh_token"]).expect_error("invalid_grant")


def test_a_public_client_may_begin_to_bind_its_tokens(spa: RelyingParty, code: Code) -> None:
    token = spa.redeem(code(spa)).tokens().refresh_token
    spa.dpop_key = KEY
    bound = spa.refresh(token).tokens().refresh_token
    spa.dpop_key = {}
    spa.refresh(bound).expect_error("invalid_grant")


def test_the_refresh_token_of_a_confidential_client_is_bound_to_the_client(
    mypage: RelyingParty, code: Code
) -> None:
    """§5: such a client may change its key."""
    mypage.dpop_key = KEY
    token = mypage.redeem(code(mypage)).tokens().refresh_token
    mypage.dpop_key = OTHER
    expect_bound(mypage.refresh(token), OTHER)


def test_introspection_tells_how_a_token_is_bound(mypage: RelyingParty, code: Code) -> None:
    """§6.2."""
    mypage.dpop_key = KEY
    tokens = mypage.redeem(code(mypage)).tokens()
    mypage.dpop_key = {}
    told = mypage.introspect(tokens.access_token).response.get_json()
    assert (told["active"], told["token_type"]) == (True, "DPoP")
    assert told["cnf"] == {"jkt": thumbprint_of(KEY)}
    plain = mypage.introspect(mypage.redeem(code(mypage)).tokens().access_token).response.get_json()
    assert plain["token_type"] == "Bearer"
    assert "cnf" not in plain


def test_an_act_as_token_may_be_bound_and_a_bound_actor_needs_its_key(
    world: World, portal: RelyingParty
) -> None:
    portal.dpop_key = KEY
    staff, grant = portal.sign_in(), world.grant().id
    expect_bound(portal.exchange(staff.access_token, grant), KEY)
    portal.dpop_key = {}
    stolen = portal.exchange(staff.access_token, grant).expect_error("invalid_request")
    portal.dpop_key = OTHER
    other = portal.exchange(staff.access_token, grant).expect_error("invalid_request")
    unknown = portal.exchange("no token", grant).expect_error("invalid_request")
    assert stolen.response.get_json() == other.response.get_json() == unknown.response.get_json()


def test_a_ticket_is_no_access_token_and_needs_the_key_of_its_actor_all_the_same(
    world: World, portal: RelyingParty
) -> None:
    portal.dpop_key = KEY
    staff, grant = portal.sign_in(), world.grant().id
    ticket = portal.exchange(staff.access_token, grant, requested_token_type=TICKET).tokens()
    assert ticket.body["token_type"] == "N_A"
    portal.dpop_key = {}
    portal.exchange(staff.access_token, grant, requested_token_type=TICKET).expect_error("invalid_request")


def test_with_an_unbound_actor_the_act_as_token_is_bound_to_whoever_proves_a_key(
    world: World, portal: RelyingParty
) -> None:
    staff, grant = portal.sign_in(), world.grant().id
    expect_bearer(portal.exchange(staff.access_token, grant))
    portal.dpop_key = KEY
    expect_bound(portal.exchange(staff.access_token, grant), KEY)


def test_a_refused_proof_uses_no_client_assertion_up(world: World, portal: RelyingParty) -> None:
    portal.dpop_key = KEY
    wrong = {"DPoP": portal.proof("/oauth/elsewhere")}
    used = world.count(UsedAssertion)
    portal.refresh("ocr_" + "x" * 43, headers=wrong).expect_error("invalid_dpop_proof")
    assert world.count(UsedAssertion) == used


def _manager() -> Any:
    from tests.world import MANAGER

    return MANAGER
