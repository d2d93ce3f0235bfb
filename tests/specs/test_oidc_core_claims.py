"""OIDC Core §5: claims about people, by scope (§5.4) and one by one (§5.5)."""

import json
from typing import Any

import pytest

from idp.accounts.models import Account
from idp.demo import HANAKO, ICHIRO
from idp.oauth.models import SignInPage
from idp.oauth.tokens import ACR_PASSWORD
from tests.accounts.visitor import Visitor
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.oauth.third_parties import third_party
from tests.world import BOTH, World

ABOUT_THE_TOKEN = {"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash"}
HOME = {
    "formatted": "〒604-0845\n京都府京都市中京区\n烏丸通御池上る1-2", "postal_code": "6040845",
    "region": "京都府", "locality": "京都市中京区", "street_address": "烏丸通御池上る1-2", "country": "JP",
}  # fmt: skip


@pytest.fixture
def hanako(world: World) -> Visitor:
    return world.browser(HANAKO)


@pytest.fixture
def garden(world: World) -> RelyingParty:
    return third_party(world)


def tokens_for(party: RelyingParty, browser: Visitor, claims: Any = None, scope: str = "openid") -> Tokens:
    """Return tokens for a request with this ``claims`` parameter."""
    text = None if claims is None else claims if isinstance(claims, str) else json.dumps(claims)
    return party.redeem(party.code_for(browser, scope=scope, claims=text)).tokens()


def told(party: RelyingParty, tokens: Tokens) -> dict[str, Any]:
    """Return what userinfo says."""
    answer = party.world.api("GET", "/oauth/userinfo", tokens.access_token)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("", {}),
        ("profile", {"name": HANAKO.name, "name#ja-Kana-JP": HANAKO.furigana}),
        ("email", {"email": HANAKO.email, "email_verified": True}),
        ("address", {"address": HOME}),
        ("phone", {"phone_number": "+81751234567", "phone_number_verified": False}),
    ],
)  # fmt: skip
def test_each_scope_opens_its_claims_at_userinfo_alone(
    garden: RelyingParty, hanako: Visitor, scope: str, claims: dict[str, Any]
) -> None:
    """§5.4, §5.1; the ID token carries none of them, for an access token was issued too."""
    tokens = tokens_for(garden, hanako, scope=f"openid {scope}")
    assert told(garden, tokens) == {"sub": tokens.claims["sub"], **claims}
    assert set(tokens.claims) <= ABOUT_THE_TOKEN


def test_only_what_is_known_is_told(world: World, garden: RelyingParty) -> None:
    """§5.3.2: a claim without a value is left out, never null or empty."""

    def forget(session: Any) -> None:
        account = session.get(Account, world.account(ICHIRO).id)
        account.furigana, account.owner.phone, account.owner.street = "", "", ""
        account.owner.postal_code = account.owner.prefecture = account.owner.city = ""

    world.write(forget)
    tokens = tokens_for(garden, world.browser(ICHIRO), scope="openid profile address phone")
    assert told(garden, tokens) == {"sub": tokens.claims["sub"], "name": ICHIRO.name}


def test_an_agencys_app_learns_of_people_at_work_and_not_at_home(world: World) -> None:
    """Somebody who is an owner as well."""
    scope = "openid profile email address phone"
    tool = third_party(world, "tool", sign_in_page=SignInPage.AGENCIES, scope=scope)
    tokens = tokens_for(tool, world.browser(BOTH), {"userinfo": {"phone_number": {"essential": True}}}, scope)
    assert set(told(tool, tokens)) == {"sub", "name", "name#ja-Kana-JP", "email", "email_verified"}


@pytest.mark.parametrize("member", [None, {"essential": True}, {"essential": False}, {}, {"value": "x"},
                                    {"values": ["a", "b"]}, {"unheard_of": 1}], ids=str)  # fmt: skip
def test_claims_are_given_one_by_one(garden: RelyingParty, hanako: Visitor, member: Any) -> None:
    """§5.5.1: at the place that was named, essential or not."""
    at_userinfo = tokens_for(garden, hanako, {"userinfo": {"name": member}})
    assert set(told(garden, at_userinfo)) == {"sub", "name"}
    assert "name" not in at_userinfo.claims
    in_token = tokens_for(garden, hanako, {"id_token": {"name": member, "phone_number": member}})
    assert (in_token.claims["name"], in_token.claims["phone_number"]) == (HANAKO.name, "+81751234567")
    assert set(told(garden, in_token)) == {"sub"}


def test_what_is_asked_for_one_by_one_comes_beside_the_scopes(garden: RelyingParty, hanako: Visitor) -> None:
    tokens = tokens_for(garden, hanako, {"userinfo": {"address": None}}, scope="openid email")
    assert set(told(garden, tokens)) == {"sub", "email", "email_verified", "address"}


def test_a_refreshed_token_keeps_them(garden: RelyingParty, hanako: Visitor) -> None:
    tokens = tokens_for(garden, hanako, {"userinfo": {"name": None}})
    assert set(told(garden, garden.refresh(tokens.refresh_token).tokens())) == {"sub", "name"}


@pytest.mark.parametrize(
    "claims",
    [{}, {"userinfo": None}, {"userinfo": {}},
     {"id_token": {"given_name": None, "birthdate": {"essential": True}}},
     {"unheard_of": {"x": 1}}, {"userinfo": {"sid": None, "password": None}},
     {"id_token": {"auth_time": {"essential": True}, "acr": {"values": ["urn:other"]}}}],
    ids=str,
)  # fmt: skip
def test_what_means_nothing_here_is_ignored(garden: RelyingParty, hanako: Visitor, claims: Any) -> None:
    """§5.5: members that are not understood must be ignored."""
    tokens = tokens_for(garden, hanako, claims)
    assert set(tokens.claims) <= ABOUT_THE_TOKEN
    assert {"auth_time", "acr"} <= set(tokens.claims)
    assert set(told(garden, tokens)) == {"sub"}


@pytest.mark.parametrize(
    "claims",
    ["", "{", "[]", "null", "1", '"x"',
     '{"userinfo": []}', '{"id_token": "name"}', '{"userinfo": {"name": 1}}',
     '{"userinfo": {"name": "x"}}', '{"userinfo": {"name": {"essential": "yes"}}}',
     '{"id_token": {"acr": {"values": "x"}}}', "[" * 3000, '{"userinfo": {"name": null}'],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_a_parameter_that_cannot_be_read_is_refused(
    mypage: RelyingParty, hanako: Visitor, claims: str
) -> None:
    if claims == "":  # as good as left out (RFC 6749 §3.1)
        mypage.authorize(hanako, claims=claims).expect_code()
    else:
        mypage.authorize(hanako, claims=claims).expect_error("invalid_request")


@pytest.mark.parametrize("place", ["id_token", "userinfo"])
def test_sub_names_who_must_be_signed_in(
    world: World, mypage: RelyingParty, hanako: Visitor, place: str
) -> None:
    """§5.5.1: nobody else's tokens, even when somebody else is signed in."""
    own, other = str(world.account(HANAKO).id), str(world.account(ICHIRO).id)

    def asking(**member: Any) -> str:
        return json.dumps({place: {"sub": member}})

    for named in (asking(value=own), asking(values=[other, own]), asking(essential=True)):
        mypage.authorize(hanako, claims=named, prompt="none").expect_code()
    for named in (asking(value=other), asking(values=[other]), asking(value=17), asking(value="")):
        mypage.authorize(hanako, claims=named, prompt="none").expect_error("login_required")
        mypage.authorize(hanako, claims=named).expect_sign_in()


def test_an_essential_acr_that_cannot_be_met_fails(mypage: RelyingParty, hanako: Visitor) -> None:
    """§5.5.1.1, OIDC Core Error Code unmet_authentication_requirements."""
    for member in ({"value": "urn:mfa"}, {"values": ["urn:mfa", "urn:iris"]}):
        asked = json.dumps({"id_token": {"acr": {"essential": True, **member}}})
        mypage.authorize(hanako, claims=asked).expect_error("unmet_authentication_requirements")
    for member in ({"values": ["urn:mfa", ACR_PASSWORD]}, {"value": ACR_PASSWORD}, {}):
        asked = json.dumps({"id_token": {"acr": {"essential": True, **member}}})
        tokens = mypage.redeem(mypage.authorize(hanako, claims=asked).expect_code()).tokens()
        assert tokens.claims["acr"] == ACR_PASSWORD


def test_claims_supported_is_what_can_be_had(world: World, garden: RelyingParty, hanako: Visitor) -> None:
    """OIDC Discovery §3."""
    named = world.api("GET", "/.well-known/openid-configuration").get_json()["claims_supported"]
    every = dict.fromkeys(named)
    tokens = tokens_for(garden, hanako, {"userinfo": every, "id_token": every})
    person = set(named) - ABOUT_THE_TOKEN - {"act", "delegation", "session_expiry"}
    assert person == set(told(garden, tokens)) - {"sub"}
    assert person <= set(tokens.claims)
