"""AZ-045, AZ-061 to AZ-066, TK-044: a code is for one client, one verifier, one minute and one use."""

import json
from collections import Counter
from datetime import timedelta

import pytest

from idp import credentials
from idp.demo import HANAKO
from idp.oauth.models import AuthorizationCode, ClientStatus, TokenFamily
from tests.attacks import events
from tests.attacks.cases import case, row
from tests.attacks.stage import Stage
from tests.oauth.relying_party import CHALLENGE, VERIFIER, RelyingParty
from tests.personas import Casting
from tests.races.arena import to_token_endpoint, with_token

MANY = 50


@case("AZ-045")
@pytest.mark.parametrize("client_id", ["mypage", "spa"])
def test_a_code_that_was_begun_elsewhere_is_worth_nothing(
    stage: Stage, parties: dict[str, RelyingParty], client_id: str
) -> None:
    """The attacker has the victim's code and, in a session of their own, only their own verifier."""
    party, victim = parties[client_id], stage.at_home(HANAKO)
    code = party.code_for(victim)
    for verifier in ("the-verifier-of-the-attacker-is-long-enough-too", VERIFIER[::-1], VERIFIER.upper()):
        with stage.unchanged():
            party.redeem(code, code_verifier=verifier).expect_error("invalid_grant")
    party.redeem(code).tokens()


@pytest.mark.parametrize(
    ("error", "deviation"),
    [
        row("TK-044", "no verifier", "invalid_request", {"code_verifier": None}),
        row("TK-044", "an empty one", "invalid_request", {"code_verifier": ""}),
        row("TK-044", "a wrong one", "invalid_grant",
            {"code_verifier": "another-verifier-that-is-quite-long-enough-too"}),
        row("TK-044", "a short one", "invalid_grant", {"code_verifier": VERIFIER[:42]}),
        row("TK-044", "a long one", "invalid_grant", {"code_verifier": "v" * 129}),
        row("TK-044", "the challenge", "invalid_grant", {"code_verifier": CHALLENGE}),
        row("TK-044", "a space behind", "invalid_grant", {"code_verifier": f"{VERIFIER} "}),
        row("TK-044", "a line feed behind", "invalid_grant", {"code_verifier": f"{VERIFIER}\n"}),
        row("TK-044", "letters of Japan", "invalid_grant", {"code_verifier": "あ" * 43}),
        row("TK-044", "two", "invalid_request", {"code_verifier": [VERIFIER, "x" * 43]}),
        row("TK-044", "no redirect URI", "invalid_grant", {"redirect_uri": None}),
        row("TK-044", "another redirect URI", "invalid_grant", {"redirect_uri": "https://evil.test/cb"}),
    ],
)  # fmt: skip
def test_without_its_verifier_a_code_gives_nothing_and_is_not_used_up(
    stage: Stage, mypage: RelyingParty, error: str, deviation: dict[str, object]
) -> None:
    code = mypage.code_for(stage.at_home(HANAKO))
    with stage.unchanged():
        mypage.redeem(code, **deviation).expect_error(error)
    mypage.redeem(code).tokens()


@case("AZ-061")
def test_a_second_use_takes_back_what_the_first_one_gave(stage: Stage, mypage: RelyingParty) -> None:
    bystander = mypage.sign_in(browser=stage.at_home(HANAKO))
    code = mypage.code_for(stage.at_home(HANAKO))
    first = mypage.redeem(code).tokens()
    renewed = mypage.refresh(first.refresh_token).tokens()
    assert mypage.introspect(renewed.access_token).response.get_json()["active"] is True
    assert stage.api("GET", "/api/me/profile", first.access_token).status_code == 200
    mypage.redeem(code).expect_error("invalid_grant")
    for token in (first.access_token, first.refresh_token, renewed.access_token, renewed.refresh_token):
        assert mypage.introspect(token).response.get_json() == {"active": False}
    for token in (first.access_token, renewed.access_token):
        assert stage.api("GET", "/api/me/profile", token).status_code == 401
        assert stage.api("GET", "/oauth/userinfo", token).status_code == 401
    for token in (first.refresh_token, renewed.refresh_token):
        mypage.refresh(token).expect_error("invalid_grant")
    assert stage.api("GET", "/api/me/profile", bystander.access_token).status_code == 200
    assert stage.events()[-1].event in {"code.replayed", "token.reused"}


@case("AZ-062")
def test_of_fifty_uses_at_once_one_counts_and_is_taken_back(stage: Stage, mypage: RelyingParty) -> None:
    code, families = mypage.code_for(stage.at_home(HANAKO)), stage.count(TokenFamily)
    parameters: dict[str, object] = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": mypage.redirect_uri,
        "code_verifier": VERIFIER,
    }  # fmt: skip
    answers = stage.arena.at_once([to_token_endpoint(mypage, parameters) for _ in range(MANY)])
    told = Counter((one.status, json.loads(one.body).get("error")) for one in answers)
    assert told == {(200, None): 1, (400, "invalid_grant"): MANY - 1}
    [won] = [json.loads(one.body) for one in answers if one.status == 200]
    for _ in range(6):  # in both processes
        assert (
            stage.arena.send(with_token(won["access_token"], "/oauth/userinfo", method="GET")).status == 401
        )
    mypage.refresh(won["refresh_token"]).expect_error("invalid_grant")
    stored = stage.read(lambda session: session.get_one(AuthorizationCode, credentials.digest(code)))
    assert stored.used_at is not None
    assert stage.count(TokenFamily) == families
    mypage.sign_in(browser=stage.at_home(HANAKO))


@case("AZ-063")
@pytest.mark.parametrize("thief", ["shop", "spa", "evilrp", "agency-portal"])
def test_a_code_is_worth_nothing_to_another_client(
    stage: Stage, parties: dict[str, RelyingParty], thief: str
) -> None:
    mypage, other = parties["mypage"], parties[thief]
    code = mypage.code_for(stage.at_home(HANAKO))
    with stage.unchanged():
        for uri in (mypage.redirect_uri, other.redirect_uri):
            other.redeem(code, redirect_uri=uri).expect_error("invalid_grant")
    mypage.redeem(code).tokens()


@case("AZ-064")
@pytest.mark.parametrize(("age", "may"), [(50, True), (61, False), (3600, False)])
def test_a_code_is_good_for_a_minute(stage: Stage, mypage: RelyingParty, age: int, may: bool) -> None:
    code = mypage.code_for(stage.at_home(HANAKO))
    it_is_this_one = AuthorizationCode.digest == credentials.digest(code)
    stage.age(AuthorizationCode, it_is_this_one, by=timedelta(seconds=age))
    if may:
        mypage.redeem(code).tokens()
    else:
        with stage.unchanged():
            mypage.redeem(code).expect_error("invalid_grant")
    mypage.redeem(mypage.code_for(stage.at_home(HANAKO))).tokens()


@case("AZ-066")
@pytest.mark.parametrize(
    "happening",
    [events.suspend, events.delete, events.change_password, events.sign_out, events.sign_out_everywhere],
)
def test_a_code_of_somebody_who_lost_their_standing_gives_nothing(
    stage: Stage, mypage: RelyingParty, casting: Casting, happening: events.Happening
) -> None:
    person = casting.owner()
    browser = stage.browser(person)
    code, control = mypage.code_for(browser), mypage.code_for(browser)
    mypage.redeem(control).tokens()
    happening(stage, person, browser)
    with stage.unchanged():
        mypage.redeem(code).expect_error("invalid_grant")


@case("AZ-066")
def test_a_code_of_a_client_that_was_disabled_gives_nothing(
    stage: Stage, parties: dict[str, RelyingParty]
) -> None:
    radio = parties["radio"]
    code = radio.code_for(stage.at_home(HANAKO))
    events.set_client_status(stage, "radio", ClientStatus.DISABLED)
    try:
        with stage.unchanged():
            radio.redeem(code).expect_error("invalid_client")
    finally:
        events.set_client_status(stage, "radio", ClientStatus.ACTIVE)
    radio.redeem(code).tokens()
