"""TK-026 to TK-032: a refresh token is for one client and one use, and ends with what allowed it."""

import json
import uuid
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from idp import credentials
from idp.accounts.models import BrowserSession
from idp.demo import HANAKO
from idp.oauth.models import Client, ClientStatus, RefreshToken, TokenFamily
from tests.attacks import events
from tests.attacks.cases import case
from tests.attacks.stage import Stage
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.personas import Casting
from tests.races.arena import to_token_endpoint

MANY = 50


@pytest.fixture
def tokens(stage: Stage, mypage: RelyingParty) -> Tokens:
    return mypage.sign_in(browser=stage.at_home(HANAKO))


def stored(token: str | None) -> object:
    """Return the condition for the row of a refresh token."""
    return RefreshToken.digest == credentials.digest(token or "")


@case("TK-026")
@pytest.mark.parametrize("client_id", ["mypage", "spa"])
def test_a_second_use_ends_the_family_and_the_person_is_told_once(
    stage: Stage, parties: dict[str, RelyingParty], casting: Casting, client_id: str
) -> None:
    party, person = parties[client_id], casting.owner()
    browser = stage.browser(person)
    first, bystander = party.sign_in(browser=browser), party.sign_in(browser=browser)
    second = party.refresh(first.refresh_token).tokens()
    third = party.refresh(second.refresh_token).tokens()
    assert stage.api("GET", "/oauth/userinfo", first.access_token).status_code == 200
    for token in (first, second, third):
        party.refresh(token.refresh_token).expect_error("invalid_grant")
    with stage.unchanged():
        for token in (first, third, second):
            party.refresh(token.refresh_token).expect_error("invalid_grant")
            assert stage.api("GET", "/oauth/userinfo", token.access_token).status_code == 401
            if client_id == "mypage":
                for one in (token.access_token, token.refresh_token):
                    assert party.introspect(one).response.get_json() == {"active": False}
    told = [letter for letter in stage.letters() if letter.to == person.email]
    assert [letter.name for letter in told] == ["signed_out_of_app"]
    assert told[0].data["app_name"] in {"マイページ", "アプリ"}
    recorded = [event for event in stage.events() if event.event == "token.reused"]
    assert recorded[-1].data["account"] == str(stage.account(person).id)
    party.refresh(bystander.refresh_token).tokens()


@case("TK-026")
def test_a_used_token_of_a_family_that_is_over_tells_nobody(
    stage: Stage, mypage: RelyingParty, casting: Casting
) -> None:
    person = casting.owner()
    first = mypage.sign_in(browser=stage.browser(person))
    second = mypage.refresh(first.refresh_token).tokens()
    assert mypage.revoke(second.refresh_token).response.status_code == 200
    with stage.unchanged():
        mypage.refresh(first.refresh_token).expect_error("invalid_grant")


@case("TK-027")
@pytest.mark.parametrize("client_id", ["mypage", "spa"])
def test_of_fifty_refreshes_at_once_one_counts_and_is_taken_back(
    stage: Stage, parties: dict[str, RelyingParty], client_id: str
) -> None:
    party = parties[client_id]
    tokens = party.sign_in(browser=stage.at_home(HANAKO))
    asked: dict[str, object] = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}
    known = len(stage.letters())
    answers = stage.arena.at_once([to_token_endpoint(party, asked) for _ in range(MANY)])
    told = Counter((one.status, json.loads(one.body).get("error")) for one in answers)
    assert told == {(200, None): 1, (400, "invalid_grant"): MANY - 1}
    [won] = [json.loads(one.body) for one in answers if one.status == 200]
    party.refresh(won["refresh_token"]).expect_error("invalid_grant")
    for token in (won["access_token"], tokens.access_token):
        assert stage.api("GET", "/oauth/userinfo", token).status_code == 401
    first = stage.read(
        lambda session: session.scalars(select(RefreshToken).where(stored(tokens.refresh_token))).one()
    )
    family = stage.read(
        lambda session: session.scalars(
            select(RefreshToken).where(RefreshToken.family_id == first.family_id)
        ).all()
    )
    assert len(family) == 2, "more than one successor was made"
    app = stage.read(lambda session: session.get_one(Client, client_id)).client_name
    told = [
        letter.data["app_name"] for letter in stage.letters()[known:] if letter.name == "signed_out_of_app"
    ]
    assert told == [app]


@case("TK-028")
@pytest.mark.parametrize(
    "scope",
    ["openid offline_access delegation.manage", "openid act_as", "mypage.read", "mypage.write openid",
     "admin", "openid agency.read", "OPENID", "  ", "openid\tact_as", "あ"],
)  # fmt: skip
def test_a_refresh_never_gives_more_than_was_granted(stage: Stage, mypage: RelyingParty, scope: str) -> None:
    tokens = mypage.redeem(mypage.code_for(stage.at_home(HANAKO), scope="openid")).tokens()
    with stage.unchanged():
        mypage.refresh(tokens.refresh_token, scope=scope).expect_error("invalid_scope")
    same = mypage.refresh(tokens.refresh_token, scope="openid").tokens()
    assert same.scope == {"openid"} == set(same.access_claims["scope"].split())


@case("TK-029")
@pytest.mark.parametrize("thief", ["shop", "spa", "evilrp", "agency-portal"])
def test_a_refresh_token_is_worth_nothing_to_another_client(
    stage: Stage, mypage: RelyingParty, parties: dict[str, RelyingParty], tokens: Tokens, thief: str
) -> None:
    other = parties[thief]
    with stage.unchanged():
        foreign = other.refresh(tokens.refresh_token).expect_error("invalid_grant")
        assert foreign.face == other.refresh("ocr_" + "x" * 43).expect_error("invalid_grant").face
    renewed = mypage.refresh(tokens.refresh_token).tokens()
    with stage.unchanged():  # a used one neither: the thief must not even end the family
        other.refresh(tokens.refresh_token).expect_error("invalid_grant")
    mypage.refresh(renewed.refresh_token).tokens()


@case("TK-030")
@pytest.mark.parametrize(
    "happening",
    [events.sign_out, events.change_password, events.suspend, events.delete, events.sign_out_everywhere],
)
@pytest.mark.parametrize("client_id", ["mypage", "spa"])
def test_what_happens_to_a_person_ends_what_was_issued(
    stage: Stage, parties: dict[str, RelyingParty], casting: Casting, client_id: str,
    happening: events.Happening,
) -> None:  # fmt: skip
    person, party = casting.owner(), parties[client_id]
    browser = stage.browser(person)
    tokens = party.sign_in(browser=browser)
    tokens = party.refresh(tokens.refresh_token).tokens()
    assert stage.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 200
    happening(stage, person, browser)
    with stage.unchanged():
        party.refresh(tokens.refresh_token).expect_error("invalid_grant")
        assert stage.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 401
        if client_id == "mypage":
            for token in (tokens.access_token, tokens.refresh_token):
                assert party.introspect(token).response.get_json() == {"active": False}


@case("TK-030")
def test_what_happens_to_a_client_ends_what_was_issued(
    stage: Stage, parties: dict[str, RelyingParty]
) -> None:
    shop = parties["shop"]
    tokens = shop.sign_in(browser=stage.at_home(HANAKO))
    events.set_client_status(stage, "shop", ClientStatus.DISABLED)
    try:
        with stage.unchanged():
            shop.refresh(tokens.refresh_token).expect_error("invalid_client")
            assert stage.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 401
    finally:
        events.set_client_status(stage, "shop", ClientStatus.ACTIVE)
    shop.refresh(tokens.refresh_token).tokens()


@case("TK-032")
def test_no_rotation_moves_the_end_of_a_family(stage: Stage, mypage: RelyingParty) -> None:
    """The family and its sign-in grow older by an hour at a time; the person is there all the while."""
    browser = stage.browser(HANAKO)
    tokens = mypage.sign_in(browser=browser)
    sid = tokens.claims["sid"]
    row = stage.read(
        lambda session: session.scalars(select(RefreshToken).where(stored(tokens.refresh_token))).one()
    )
    lifetime = row.family.expires_at - row.family.created_at
    hours = int(lifetime / timedelta(hours=1))
    for _ in range(1, hours):
        stage.age(TokenFamily, TokenFamily.id == row.family_id, by=timedelta(hours=1))
        stage.age(RefreshToken, stored(tokens.refresh_token), by=timedelta(hours=1))
        tokens = mypage.refresh(tokens.refresh_token).tokens()
        latest = stage.read(
            lambda session, token=tokens.refresh_token: session.scalars(
                select(RefreshToken).where(stored(token))
            ).one()
        )
        assert latest.expires_at <= latest.family.expires_at
    assert stage.read(lambda session: session.get_one(BrowserSession, uuid.UUID(sid))).ended_at is None
    stage.age(TokenFamily, TokenFamily.id == row.family_id, by=timedelta(hours=1))
    with stage.unchanged():
        mypage.refresh(tokens.refresh_token).expect_error("invalid_grant")
        assert stage.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 401
    mypage.sign_in(browser=browser)
