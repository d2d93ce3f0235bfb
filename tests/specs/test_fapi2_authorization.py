"""FAPI 2.0 Security Profile §5.3.2.2: the front channel of clients that are registered for it."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.demo import HANAKO
from idp.oauth.models import AuthorizationCode, Client, PushedRequest, TokenFamily
from tests.accounts.visitor import Visitor
from tests.oauth.assertions import ASSERTION_TYPE, client_assertion
from tests.oauth.proofs import new_proof_key, proof, thumbprint_of
from tests.oauth.relying_party import CHALLENGE, RelyingParty
from tests.oauth.third_parties import GARDEN_SECRET, fapi2_party
from tests.specs.test_rfc9126_par import push, refused, send, visit
from tests.world import World


@pytest.fixture
def hanako(world: World) -> Visitor:
    return world.browser(HANAKO)


@pytest.fixture
def bank(world: World) -> RelyingParty:
    return fapi2_party(world, first_party=True)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_was_not_pushed_is_refused(
    world: World, bank: RelyingParty, hanako: Visitor, method: str
) -> None:
    """No. 2 and 3: with PAR only."""
    bank.authorize(hanako, method=method).expect_error("invalid_request")
    assert world.count(AuthorizationCode) == 0
    visit(bank, hanako, push(bank)).expect_code()


@pytest.mark.parametrize(
    ("error", "deviation"),
    [
        ("invalid_request", {"code_challenge": None, "code_challenge_method": None}),
        ("invalid_request", {"code_challenge_method": "plain", "code_challenge": CHALLENGE}),
        ("invalid_request", {"code_challenge_method": None}),
        ("invalid_request", {"redirect_uri": None}),
        ("invalid_request", {"redirect_uri": None, "scope": "profile"}),
        ("invalid_request", {"redirect_uri": "https://bank.example/other"}),
        ("invalid_request", {"request_uri": "urn:ietf:params:oauth:request_uri:x"}),
        ("unsupported_response_type", {"response_type": "token"}),
        ("unsupported_response_type", {"response_type": "code id_token"}),
    ],
    ids=str,
)  # fmt: skip
def test_what_the_profile_asks_of_a_request(
    world: World, bank: RelyingParty, error: str, deviation: dict[str, Any]
) -> None:
    """No. 4 to 8: response_type code, PKCE with S256, redirect_uri in each request."""
    assert refused(send(bank, **deviation)) == error
    assert world.count(PushedRequest) == 0
    push(bank)


def test_pkce_cannot_be_waived(world: World) -> None:
    """Not even by a registration that was changed behind the server's back."""
    party = fapi2_party(world)
    world.write(lambda session: setattr(session.get_one(Client, "bank"), "require_pkce", False))
    assert refused(send(party, code_challenge=None, code_challenge_method=None)) == "invalid_request"
    push(party)


def test_who_pushes_proves_itself_by_its_key_and_names_this_server(world: World, bank: RelyingParty) -> None:
    """§5.3.2.1 no. 6 to 8: private_key_jwt, with the issuer as the one audience."""
    settings = world.settings

    def proven(**deviation: Any) -> str:
        assertion = client_assertion(bank.key, client_id="bank", settings=settings, **deviation)
        answer = bank.post("/oauth/par", bank.request(client_assertion=assertion))
        return "" if answer.status_code == 201 else refused(answer)

    assert proven() == ""
    for audience in (
        [settings.issuer],
        f"{settings.issuer}/oauth/token",
        f"{settings.issuer}/oauth/par",
        "x",
    ):
        assert proven(aud=audience) == "invalid_client", audience
    stolen = {"client_assertion_type": None, "client_assertion": None, "client_secret": GARDEN_SECRET}
    assert refused(send(bank, **stolen)) == "invalid_client"
    two = {"client_assertion_type": ASSERTION_TYPE, "client_secret": GARDEN_SECRET}
    assert refused(send(bank, **two)) == "invalid_request"


def test_the_answer_is_sent_on_by_303_with_its_issuer(
    world: World, bank: RelyingParty, hanako: Visitor
) -> None:
    """No. 9 and 12: no 307, and iss (RFC 9207)."""
    answer = visit(bank, hanako, push(bank))
    answer.expect_code()
    assert answer.response.status_code == 303
    assert answer.parameters["iss"] == world.settings.issuer


def test_a_name_lives_for_less_than_ten_minutes(bank: RelyingParty) -> None:
    """No. 10."""
    assert 5 <= send(bank).get_json()["expires_in"] < 600


def test_no_other_client_uses_it(world: World, bank: RelyingParty, hanako: Visitor) -> None:
    other, uri = fapi2_party(world, "other", first_party=True), push(bank)
    visit(other, hanako, uri).expect_page()
    visit(bank, hanako, uri).expect_code()


# --- RFC 9449 §10 -----------------------------------------------------------------------------------------


def jkts(world: World) -> list[str | None]:
    """Return the key that each authorization is bound to."""
    return world.read(lambda session: [family.jkt for family in session.query(TokenFamily)])


def test_the_code_can_be_bound_to_a_key(world: World, bank: RelyingParty, hanako: Visitor) -> None:
    """By dpop_jkt (§10), or by a proof with the pushed request (§10.1)."""
    key = new_proof_key()
    visit(bank, hanako, push(bank, dpop_jkt=thumbprint_of(key))).expect_code()
    proven = {"DPoP": proof(key, settings=world.settings, path="/oauth/par")}
    answer = bank.post("/oauth/par", bank.request(), more=proven)
    visit(bank, hanako, answer.get_json()["request_uri"]).expect_code()
    assert jkts(world) == [thumbprint_of(key), thumbprint_of(key)]


def test_a_proof_out_of_order_binds_nothing(world: World, bank: RelyingParty) -> None:
    key = new_proof_key()

    def pushed(text: str, **more: str) -> TestResponse:
        return bank.post("/oauth/par", bank.request(**more), more={"DPoP": text})

    def made(**deviation: Any) -> str:
        return proof(key, **{"settings": world.settings, "path": "/oauth/par", **deviation})

    for answer in (
        pushed("nonsense"), pushed(made(method="GET")), pushed(made(path="/oauth/token")),
        pushed(made(), dpop_jkt=thumbprint_of(new_proof_key())),
    ):  # fmt: skip
        assert refused(answer) == "invalid_dpop_proof"
        assert answer.headers["DPoP-Nonce"]
    assert refused(pushed(made(nonce="old"))) == "use_dpop_nonce"
    good = made()
    for status in (201, 400):  # a proof is good for one request
        assert pushed(good).status_code == status
