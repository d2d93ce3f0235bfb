"""AZ-047, AZ-052, AZ-053: a request that the client signed or pushed is that client's, whole, and for now."""

from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from idp import clock, credentials
from idp.demo import HANAKO
from idp.oauth.models import PushedRequest
from tests.accounts.visitor import Visitor
from tests.attacks.cases import case, row
from tests.attacks.stage import Stage
from tests.oauth.assertions import hmac_signed, public_pem, signed, unsigned
from tests.oauth.authorization_answer import AuthorizationAnswer
from tests.oauth.relying_party import RelyingParty
from tests.oauth.third_parties import fapi2_party, signing_party

NUMBERS = count(1)
METHODS = pytest.mark.parametrize("method", ["GET", "POST"])
PREFIX = "urn:ietf:params:oauth:request_uri:"


@pytest.fixture
def hanako(stage: Stage) -> Visitor:
    return stage.at_home(HANAKO)


@pytest.fixture
def bank(stage: Stage) -> RelyingParty:
    return signing_party(stage, f"bank{next(NUMBERS)}", first_party=True)


def claims_of_request(party: RelyingParty, **deviation: Any) -> dict[str, Any]:
    """Return what a request object says."""
    now = clock.epoch(clock.now())
    about = {"iss": party.client_id, "aud": party.world.settings.issuer, "exp": now + 300, "nbf": now,
             "iat": now, "jti": credentials.mint_jti()}  # fmt: skip
    return {**about, **party.request(), **deviation}


def forgeries(party: RelyingParty, foreign_key: dict[str, Any]) -> list[str]:
    """Return request objects that ask for more and are not signed by their client."""
    claims = claims_of_request(party, scope="openid agency.read delegations.manage admin")
    good = signed(party.key, claims, header={"typ": "oauth-authz-req+jwt"}) if party.key else "a.b.c"
    head, body, _ = good.split(".")
    made = [
        unsigned(claims, header={"alg": alg, "typ": "JWT"}, signature=signature)
        for alg in ("none", "None", "nOnE", "NONE", "", None) for signature in (b"", b"x")
    ]  # fmt: skip
    made += [f"{head}.{body}.", f"{head}.{body}", "x", "", signed(foreign_key, claims)]
    if party.key:
        for secret in (public_pem(party.key), party.key["x"].encode(), b""):
            made.append(hmac_signed(claims, header={"alg": "HS256"}, secret=secret))
    return [one for one in made if one]


@case("AZ-047")
@METHODS
@pytest.mark.parametrize("client_id", ["mypage", "bank", "agency-portal"])
def test_a_request_object_that_its_client_did_not_sign_asks_for_nothing(
    stage: Stage, parties: dict[str, RelyingParty], bank: RelyingParty, hanako: Visitor, client_id: str,
    method: str,
) -> None:  # fmt: skip
    party = bank if client_id == "bank" else parties[client_id]
    refused = {"request_not_supported", "invalid_request_object"}
    with stage.unchanged():
        for text in forgeries(party, parties["rival-portal"].key):
            answer = party.authorize(hanako, method=method, request=text)
            assert answer.parameters.get("error") in refused, text
            answer.expect_error(answer.parameters["error"])
    if client_id == "bank":
        text = signed(bank.key, claims_of_request(bank), header={"typ": "oauth-authz-req+jwt"})
        bank.authorize(hanako, method=method, request=text).expect_code()
    elif client_id == "mypage":
        party.authorize(hanako, method=method).expect_code()


def push(party: RelyingParty, **deviation: Any) -> str:
    """Push a request and return its name."""
    answer = party.post("/oauth/par", party.request(**deviation))
    assert answer.status_code == 201, answer.text
    assert answer.get_json()["expires_in"] <= 60
    return str(answer.get_json()["request_uri"])


def visit(
    party: RelyingParty, browser: Visitor, request_uri: str, *, method: str = "GET"
) -> AuthorizationAnswer:
    """Bring a pushed request to the authorization endpoint."""
    sent: dict[str, Any] = dict.fromkeys(party.request())
    answer = party.authorize(
        browser, method=method, **{**sent, "client_id": party.client_id, "request_uri": request_uri}
    )
    return AuthorizationAnswer(answer.response, party, party.request())


@METHODS
@pytest.mark.parametrize(
    "which",
    [row("AZ-052", "too old", "old"), row("AZ-052", "guessed", "guessed"), row("AZ-052",
                                                                               "of another client",
                                                                               "foreign"),
     row("AZ-052", "used", "used"), row("AZ-052", "short", "short"), row("AZ-052", "changed", "changed"),
     row("AZ-052", "its digest", "digest"), row("AZ-052", "without its prefix", "bare")],
)  # fmt: skip
def test_a_name_that_names_nothing_any_more_gets_a_page(
    stage: Stage, mypage: RelyingParty, parties: dict[str, RelyingParty], hanako: Visitor, which: str,
    method: str,
) -> None:  # fmt: skip
    pushed = push(mypage)
    secret = pushed.removeprefix(PREFIX)
    shown = {
        "guessed": f"{PREFIX}AAAA", "short": pushed[:-1],
        "changed": f"{pushed[:-1]}{'B' if pushed[-1] == 'A' else 'A'}",
        "digest": PREFIX + credentials.digest(secret), "bare": secret,
        "foreign": push(parties["shop"]) if which == "foreign" else "",
    }.get(which, pushed)  # fmt: skip
    if which == "old":
        it_is_this_one = PushedRequest.digest == credentials.digest(secret)
        stage.age(PushedRequest, it_is_this_one, by=timedelta(seconds=61))
    if which == "used":
        visit(mypage, hanako, pushed, method=method).expect_code()
    with stage.unchanged():
        answer = visit(mypage, hanako, shown, method=method)
        if which == "bare":
            assert answer.parameters["error"] == "request_uri_not_supported"
            assert answer.location.startswith(mypage.redirect_uri)
        else:
            answer.expect_page()
    visit(mypage, hanako, push(mypage), method=method).expect_code()


@METHODS
@pytest.mark.parametrize(
    "profile", [row("AZ-053", "registered so", "par"), row("AZ-053", "FAPI 2.0", "fapi2")]
)
def test_a_client_whose_requests_are_pushed_sends_none_by_the_browser(
    stage: Stage, hanako: Visitor, profile: str, method: str
) -> None:
    number = next(NUMBERS)
    if profile == "par":
        party = signing_party(stage, f"pusher{number}", first_party=True,
                              require_pushed_authorization_requests=True)  # fmt: skip
    else:
        party = fapi2_party(stage, f"pusher{number}", first_party=True)
    with stage.unchanged():
        party.authorize(hanako, method=method).expect_error("invalid_request")
        party.authorize(hanako, method=method, nonce=None, state="s").expect_error("invalid_request")
        party.authorize(hanako, method=method, redirect_uri="https://evil.test/").expect_page()
    visit(party, hanako, push(party), method=method).expect_code()


@case("AZ-053")
def test_what_stands_beside_a_pushed_request_changes_nothing(
    stage: Stage, mypage: RelyingParty, hanako: Visitor
) -> None:
    pushed = push(mypage, scope="openid", state="pushed", nonce="pushed")
    answer = mypage.authorize(hanako, request_uri=pushed, scope="openid profile", state="other",
                              nonce="other",
                              redirect_uri="https://evil.test/", code_challenge="A" * 43)  # fmt: skip
    assert answer.location.startswith(mypage.redirect_uri)
    got = AuthorizationAnswer(answer.response, mypage, mypage.request(state="pushed"))
    tokens = mypage.redeem(got.expect_code()).tokens()
    assert tokens.scope == {"openid"}
    assert tokens.claims["nonce"] == "pushed"


@case("AZ-052")
@pytest.mark.parametrize(
    "deviation",
    [{"request_uri": f"{PREFIX}x"}, {"redirect_uri": "https://evil.test/"}, {"code_challenge": None},
     {"code_challenge_method": "plain"}, {"response_type": "token"}, {"scope": "admin"}, {"state": ["a",
                                                                                                    "b"]},
     {"client_id": "shop"}, {"nonce": "\0"}],
    ids=str,
)  # fmt: skip
def test_what_would_be_refused_from_the_browser_is_refused_when_it_is_pushed(
    stage: Stage, mypage: RelyingParty, deviation: dict[str, Any]
) -> None:
    with stage.unchanged():
        answer = mypage.post("/oauth/par", mypage.request(**deviation))
        assert answer.status_code in {400, 401}
        assert "request_uri" not in answer.get_json()
        nobody = mypage.post("/oauth/par", mypage.request(), headers={})
        assert (nobody.status_code, nobody.get_json()["error"]) == (401, "invalid_client")
    push(mypage)
