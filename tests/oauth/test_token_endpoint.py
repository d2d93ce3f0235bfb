"""The token endpoint before any grant is looked at: where parameters stand, how often, which grants exist."""

from urllib.parse import urlencode

import pytest

from idp.oauth.client_metadata import DEVICE_CODE
from idp.oauth.models import AuthorizationCode, RefreshToken
from tests.databases import contents
from tests.oauth.relying_party import FORM, VERIFIER, RelyingParty, pairs
from tests.world import World


@pytest.fixture
def code(world: World, mypage: RelyingParty) -> str:
    from idp.demo import HANAKO

    return mypage.code_for(world.browser(HANAKO))


def test_a_code_becomes_tokens(mypage: RelyingParty, code: str) -> None:
    assert mypage.redeem(code).tokens().body["token_type"] == "Bearer"


def test_a_request_without_grant_type_is_refused(mypage: RelyingParty, code: str) -> None:
    mypage.redeem(code, grant_type=None).expect_error("invalid_request")
    mypage.redeem(code, grant_type="").expect_error("invalid_request")
    mypage.redeem(code).tokens()


@pytest.mark.parametrize(
    "grant_type",
    ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer",
     "urn:openid:params:grant-type:ciba", "é", "x" * 3000],
)  # fmt: skip
def test_a_grant_type_that_does_not_exist_here_is_refused(mypage: RelyingParty, grant_type: str) -> None:
    answer = mypage.token({"grant_type": grant_type, "username": "o1@example.jp", "password": "pw"})
    answer.expect_error("unsupported_grant_type")
    assert grant_type[:20] not in answer.response.get_json()["error_description"]


@pytest.mark.parametrize("grant_type", ["client_credentials", DEVICE_CODE])
def test_a_grant_type_of_other_clients_is_refused(shop: RelyingParty, grant_type: str) -> None:
    shop.token({"grant_type": grant_type, "device_code": "ocd_x"}).expect_error("unauthorized_client")


def test_a_grant_type_that_the_client_did_not_register_is_refused(
    world: World, mypage: RelyingParty, portal: RelyingParty
) -> None:
    staff, grant = portal.sign_in(), world.grant()
    before = world.digest()
    mypage.exchange(staff.access_token, grant.id).expect_error("unauthorized_client")
    assert world.digest() == before
    portal.exchange(staff.access_token, grant.id).tokens()


def test_a_client_without_refresh_tokens_gets_none_and_can_use_none(
    world: World, parties: dict[str, RelyingParty]
) -> None:
    native, spa = parties["native"], parties["spa"]
    assert native.sign_in().refresh_token is None
    token = spa.sign_in().refresh_token
    assert token is not None
    native.refresh(token).expect_error("unauthorized_client")
    spa.refresh(token).tokens()


@pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "x"])
def test_a_parameter_that_is_given_twice_is_refused_and_burns_nothing(
    world: World, mypage: RelyingParty, code: str, name: str
) -> None:
    before = world.digest()
    right = {"grant_type": "authorization_code", "code": code, "redirect_uri": mypage.redirect_uri,
             "code_verifier": VERIFIER, "client_id": "mypage"}  # fmt: skip
    for second in (right.get(name, "1"), "other"):
        mypage.redeem(code, **{name: [right.get(name, "1"), second]}).expect_error("invalid_request")
    assert world.digest() == before
    mypage.redeem(code).tokens()


def test_parameters_in_the_address_are_refused_even_beside_a_good_body(
    world: World, mypage: RelyingParty, code: str
) -> None:
    before = world.digest()
    query = "?" + urlencode({"grant_type": "authorization_code", "code": code})
    mypage.token({}, query=query).expect_error("invalid_request")
    mypage.redeem(code, query="?x=1").expect_error("invalid_request")
    assert world.digest() == before
    mypage.redeem(code).tokens()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_only_post_is_served(world: World, method: str) -> None:
    before = world.digest()
    answer = world.app.test_client().open(
        "/oauth/token?grant_type=authorization_code", method=method, base_url=world.settings.issuer
    )
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}
    assert world.digest() == before


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:8001"])
def test_no_page_of_another_origin_may_read_the_token_endpoint(world: World, origin: str) -> None:
    answer = world.app.test_client().options(
        "/oauth/token", base_url=world.settings.issuer,
        headers={"Origin": origin, "Access-Control-Request-Method": "POST"},
    )  # fmt: skip
    assert not [name for name in dict(answer.headers) if name.startswith("Access-Control-")]


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/form-data; boundary=x", "", "text/plain"]
)
def test_only_a_form_is_read(mypage: RelyingParty, code: str, content_type: str) -> None:
    body = urlencode(pairs({"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}))
    answer = mypage.world.app.test_client().post(
        "/oauth/token", base_url=mypage.world.settings.issuer, data=body, content_type=content_type,
        headers=mypage.authentication()[1],
    )  # fmt: skip
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    mypage.redeem(code).tokens()


@pytest.mark.parametrize(
    "body",
    [b"", b"grant_type", b"grant_type=authorization_code&code=%00", b"code=%FF%FE&grant_type=refresh_token",
     b"grant_type=\xff", b"&".join(b"p%d=1" % number for number in range(200)), b"%zz=%zz&grant_type=x",
     b"grant_type=refresh_token&refresh_token=" + b"r" * 60_000,
     b"grant_type=refresh_token&refresh_token=" + b"r" * 70_000,
     b"grant_type=authorization_code&code=" + b"c" * 1_100_000],
    ids=lambda body: f"{body[:24]!r} of {len(body)}",
)  # fmt: skip
def test_a_body_that_is_no_good_is_refused_whatever_it_is(
    world: World, mypage: RelyingParty, body: bytes
) -> None:
    before = world.digest()
    answer = world.app.test_client().post(
        "/oauth/token", base_url=world.settings.issuer, data=body, content_type=FORM,
        headers=mypage.authentication()[1],
    )  # fmt: skip
    assert answer.status_code == 400, answer.text
    assert answer.get_json()["error"] in {"invalid_request", "invalid_grant", "unsupported_grant_type"}
    assert world.digest() == before


def test_a_cookie_is_no_authority_at_the_token_endpoint(world: World, mypage: RelyingParty) -> None:
    from idp.demo import HANAKO

    browser = world.browser(HANAKO)
    answer = browser.client.post(
        "/oauth/token", base_url=world.settings.issuer, content_type=FORM,
        data=urlencode({"grant_type": "authorization_code", "code": mypage.code_for(browser)}),
    )  # fmt: skip
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")


def test_codes_and_refresh_tokens_are_stored_as_digests(world: World, mypage: RelyingParty) -> None:
    tokens = mypage.sign_in()
    assert world.count(AuthorizationCode) == world.count(RefreshToken) == 1
    content = contents(world.settings.database_url)
    assert tokens.refresh_token is not None
    assert b"refresh_tokens" in content
    assert not [secret for secret in mypage.received if secret.encode() in content]
