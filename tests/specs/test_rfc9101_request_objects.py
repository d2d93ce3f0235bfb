"""RFC 9101 and OIDC Core §6.1: requests that the client signed, by value."""

from typing import Any

import pytest

from idp import clock
from idp.demo import HANAKO
from idp.oauth.keys import new_client_key
from tests.accounts.visitor import Visitor
from tests.oauth.assertions import client_assertion, hmac_signed, public_pem, signed, unsigned
from tests.oauth.authorization_answer import AuthorizationAnswer
from tests.oauth.relying_party import RelyingParty
from tests.oauth.third_parties import fapi2_party, signing_party
from tests.specs.test_rfc9126_par import push, refused, send, visit
from tests.world import World

OUTSIDE = {"redirect_uri": None, "state": None, "nonce": None, "code_challenge": None,
           "code_challenge_method": None}  # fmt: skip
"""What a test of RFC 9101 leaves out beside the request object; OIDC Core §6.1 wants the rest to stay."""


@pytest.fixture
def hanako(world: World) -> Visitor:
    return world.browser(HANAKO)


@pytest.fixture
def bank(world: World) -> RelyingParty:
    return signing_party(world, first_party=True)


def request_object(
    party: RelyingParty, *, key: dict[str, Any] | None = None, header: dict[str, Any] | None = None,
    **deviation: Any,
) -> str:  # fmt: skip
    """Return a request object in order, but for the deviation; None leaves a claim out."""
    now = clock.epoch(clock.now())
    about = {"iss": party.client_id, "aud": party.world.settings.issuer, "exp": now + 300, "nbf": now,
             "iat": now, "jti": "J1"}  # fmt: skip
    claims = {name: value for name, value in {**about, **party.request(), **deviation}.items()
              if value is not None}  # fmt: skip
    return signed(key or party.key, claims, header={"typ": "oauth-authz-req+jwt", **(header or {})})


def authorize(party: RelyingParty, browser: Visitor, text: str, **outside: Any) -> AuthorizationAnswer:
    """Send a request object; outside of it stand client_id, response_type and scope alone."""
    sent = {**OUTSIDE, **outside}
    answer = party.authorize(browser, request=text, **sent)
    return AuthorizationAnswer(answer.response, party, party.request())


def test_what_the_client_signed_is_what_is_asked(bank: RelyingParty, hanako: Visitor) -> None:
    """§4, §5: redirect URI, state, nonce and challenge are inside alone."""
    code = authorize(bank, hanako, request_object(bank)).expect_code()
    assert bank.redeem(code).tokens().claims["nonce"] == "N1"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_stands_beside_it_is_ignored(bank: RelyingParty, hanako: Visitor, method: str) -> None:
    """§6.3."""
    answer = bank.authorize(
        hanako, method=method, request=request_object(bank, scope="openid"), scope="openid profile",
        nonce="other", state="S 1/äé+あ&=", prompt="none login", max_age="x",
    )  # fmt: skip
    tokens = bank.redeem(answer.expect_code()).tokens()
    assert (tokens.scope, tokens.claims["nonce"]) == ({"openid"}, "N1")


def test_parameters_only_outside_do_not_count(bank: RelyingParty, hanako: Visitor) -> None:
    """§5: the server must only use what is inside."""
    text = request_object(bank, code_challenge=None, code_challenge_method=None)
    bank.authorize(hanako, request=text).expect_error("invalid_request")


def test_numbers_and_objects_are_read_as_oidc_writes_them(
    world: World, bank: RelyingParty, hanako: Visitor
) -> None:
    """OIDC Core §6.1: max_age is a number and claims an object in there."""
    asked = {"userinfo": {"name": None}}
    text = request_object(bank, max_age=3600, claims=asked, scope="openid")
    tokens = bank.redeem(authorize(bank, hanako, text).expect_code()).tokens()
    assert world.api("GET", "/oauth/userinfo", tokens.access_token).get_json()["name"] == HANAKO.name


@pytest.mark.parametrize("typ", ["oauth-authz-req+jwt", "OAuth-AuthZ-Req+JWT", "JWT", None])
def test_types_that_are_accepted(bank: RelyingParty, hanako: Visitor, typ: str | None) -> None:
    """§10.8.1."""
    authorize(
        bank, hanako, request_object(bank, header={"typ": typ} if typ else {"typ": "jwt"})
    ).expect_code()


@pytest.mark.parametrize(
    "deviation",
    [
        {"iss": None}, {"iss": "mypage"}, {"aud": None}, {"aud": "https://other.example"},
        {"aud": ["https://other.example"]}, {"exp": 1}, {"exp": "soon"}, {"nbf": 4102444800}, {"nbf": True},
        {"client_id": None}, {"client_id": "mypage"}, {"response_type": "token"},
        {"response_type": None},
        {"request": "x"}, {"request_uri": "https://x.example"}, {"sub": "bank"}, {"scope": ["openid"]},
        {"state": {"a": 1}}, {"nonce": "a\0b"},
        {"header": {"typ": "at+jwt"}}, {"header": {"typ": "dpop+jwt"}},
        {"header": {"kid": "unknown"}},
    ],
    ids=str,
)  # fmt: skip
def test_an_object_out_of_order_is_refused(
    world: World, bank: RelyingParty, hanako: Visitor, deviation: dict[str, Any]
) -> None:
    """§4, §5, §6, §10.8."""
    before = world.digest()
    text = request_object(bank, **deviation)
    bank.authorize(hanako, request=text).expect_error("invalid_request_object")
    assert world.digest() == before
    bank.authorize(hanako, request=request_object(bank)).expect_code()


@pytest.mark.parametrize("alg", ["none", "None", "NONE"])
def test_an_unsigned_object_is_not_supported(bank: RelyingParty, hanako: Visitor, alg: str) -> None:
    """§10.5."""
    text = unsigned(bank.request(iss="bank", aud=bank.world.settings.issuer), header={"alg": alg})
    bank.authorize(hanako, request=text).expect_error("request_not_supported")


def test_only_the_clients_own_keys_sign_for_it(
    world: World, bank: RelyingParty, mypage: RelyingParty, hanako: Visitor
) -> None:
    """§6.2; and a client without keys can sign nothing."""
    stranger = new_client_key()
    public = {name: value for name, value in stranger.items() if name != "d"}
    claims = {"iss": "bank", "aud": world.settings.issuer, **bank.request()}
    for text in (
        request_object(bank, key={**stranger, "kid": bank.key["kid"]}),
        request_object(bank, key=stranger, header={"jwk": public, "kid": "x"}),
        hmac_signed(claims, header={"alg": "HS256"}, secret=public_pem(bank.key)),
        request_object(bank)[:-8] + "AAAAAAAA",
        client_assertion(bank.key, client_id="bank", settings=world.settings),
        "x", "a.b.c", "x" * 40_000,
    ):  # fmt: skip
        bank.authorize(hanako, method="POST", request=text).expect_error("invalid_request_object")
    bank.authorize(hanako, method="POST", request=request_object(bank)).expect_code()
    mypage.authorize(hanako, request=request_object(mypage, key=bank.key)).expect_error(
        "invalid_request_object"
    )


def test_only_the_algorithm_that_was_registered_signs(world: World, hanako: Visitor) -> None:
    """OIDC Registration §2, request_object_signing_alg."""
    other = signing_party(world, "other", first_party=True, request_object_signing_alg="PS256")
    other.authorize(hanako, request=request_object(other)).expect_error("invalid_request_object")
    same = signing_party(world, "same", first_party=True, request_object_signing_alg="ES256")
    same.authorize(hanako, request=request_object(same)).expect_code()


def test_a_client_can_ask_that_nothing_unsigned_is_served(world: World, hanako: Visitor) -> None:
    """§10.5, require_signed_request_object."""
    party = signing_party(world, first_party=True, require_signed_request_object=True)
    party.authorize(hanako).expect_error("invalid_request")
    party.authorize(hanako, request=request_object(party)).expect_code()
    assert refused(send(party)) == "invalid_request"
    visit(party, hanako, push(party, **OUTSIDE, request=request_object(party))).expect_code()


def test_an_object_whose_redirect_uri_cannot_be_trusted_gets_a_page(
    bank: RelyingParty, hanako: Visitor
) -> None:
    text = request_object(bank, redirect_uri="https://evil.example/cb")
    bank.authorize(hanako, request=text).expect_page()
    bank.authorize(hanako, request="x", redirect_uri="https://evil.example/cb").expect_page()
    bank.authorize(hanako, request="x", redirect_uri=None).expect_page()


def test_an_object_can_be_pushed(bank: RelyingParty, hanako: Visitor) -> None:
    """RFC 9126 §3."""
    uri = push(bank, **OUTSIDE, request=request_object(bank, scope="openid"), scope="profile")
    assert bank.redeem(visit(bank, hanako, uri).expect_code()).tokens().scope == {"openid"}
    assert refused(send(bank, request=request_object(bank, aud="x"))) == "invalid_request_object"


@pytest.mark.parametrize(
    ("deviation", "may"),
    [
        ({"nbf": 0, "exp": 300}, True), ({"nbf": -3500, "exp": 60}, True), ({"nbf": None}, False),
        ({"exp": None}, False), ({"nbf": -3700}, False), ({"nbf": 0, "exp": 3700}, False),
    ],
    ids=str,
)  # fmt: skip
def test_of_the_fapi_profile_an_object_lives_for_an_hour_at_most(
    world: World, hanako: Visitor, deviation: dict[str, int | None], may: bool
) -> None:
    """FAPI 2.0 Message Signing §5.3.1."""
    party, now = fapi2_party(world, first_party=True), clock.epoch(clock.now())
    times = {name: None if value is None else now + value for name, value in deviation.items()}
    answer = send(party, **OUTSIDE, request=request_object(party, **times))
    if may:
        assert answer.status_code == 201, answer.text
    else:
        assert refused(answer) == "invalid_request_object"
