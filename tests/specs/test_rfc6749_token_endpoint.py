"""RFC 6749 §2.3, §3.2, §4.1.3, §5, §6: what the token endpoint must do, a test for each MUST."""

from typing import Any
from urllib.parse import urlencode

import pytest

from idp import clock
from idp.demo import HANAKO
from tests.oauth.relying_party import FORM, VERIFIER, RelyingParty, Tokens, basic
from tests.world import World


@pytest.fixture
def code(world: World, mypage: RelyingParty) -> str:
    return mypage.code_for(world.browser(HANAKO))


@pytest.fixture
def tokens(mypage: RelyingParty) -> Tokens:
    return mypage.sign_in(HANAKO)


def test_clients_with_a_password_may_send_it_by_http_basic(mypage: RelyingParty, code: str) -> None:
    """§2.3.1 MUST support; §3.2.1 MUST authenticate confidential clients."""
    mypage.redeem(code, headers={}, client_id="mypage").expect_error("invalid_client")
    mypage.redeem(code, headers={"Authorization": basic("mypage", mypage.secret)}).tokens()


def test_a_client_uses_one_method_in_each_request(mypage: RelyingParty, code: str) -> None:
    """§2.3."""
    mypage.redeem(code, client_secret=mypage.secret).expect_error("invalid_request")
    mypage.redeem(code).tokens()


def test_a_parameter_without_a_value_counts_as_left_out(mypage: RelyingParty, code: str) -> None:
    """§3.2."""
    mypage.redeem(code, code="").expect_error("invalid_request")
    mypage.redeem(code, scope="", resource="", client_id="", unknown="").tokens()


def test_a_parameter_that_nobody_knows_is_ignored(mypage: RelyingParty, code: str) -> None:
    """§3.2."""
    mypage.redeem(code, unknown="x", 日本="語", state="s").tokens()


def test_no_parameter_comes_twice(mypage: RelyingParty, code: str) -> None:
    """§3.2."""
    mypage.redeem(code, code=[code, code]).expect_error("invalid_request")
    mypage.redeem(code, unknown=["1", "1"]).expect_error("invalid_request")
    mypage.redeem(code).tokens()


@pytest.mark.parametrize(
    ("missing", "error"),
    [("grant_type", "invalid_request"), ("code", "invalid_request"), ("code_verifier", "invalid_request"),
     ("redirect_uri", "invalid_grant")],
)  # fmt: skip
def test_what_the_grant_needs_is_missed(mypage: RelyingParty, code: str, missing: str, error: str) -> None:
    """§4.1.3; ``redirect_uri`` is needed because the authorization request had one."""
    mypage.redeem(code, **{missing: None}).expect_error(error)
    mypage.redeem(code).tokens()


def test_a_code_is_for_the_client_that_it_was_issued_to(
    mypage: RelyingParty, shop: RelyingParty, spa: RelyingParty, code: str
) -> None:
    """§4.1.3 MUST ensure, of confidential and of public clients."""
    for other in (shop, spa):
        other.redeem(code, redirect_uri=mypage.redirect_uri).expect_error("invalid_grant")
    mypage.redeem(code).tokens()


@pytest.mark.parametrize("change", ["{}/", "{}?x=1", "{}#x", "x{}", "HTTP{}", "", "https://evil.example/cb"])
def test_the_redirect_uri_is_identical(mypage: RelyingParty, code: str, change: str) -> None:
    """§4.1.3."""
    wrong = change.format(mypage.redirect_uri) or None
    mypage.redeem(code, redirect_uri=wrong).expect_error("invalid_grant")
    mypage.redeem(code).tokens()


def test_a_good_answer_has_its_form(mypage: RelyingParty, code: str) -> None:
    """§5.1: JSON, not cached, token_type, expires_in; scope as it was granted."""
    body = mypage.redeem(code).tokens().body
    assert set(body) == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert body["token_type"].lower() == "bearer"
    assert isinstance(body["expires_in"], int)
    assert 0 < body["expires_in"] <= 300


def test_the_scope_is_told_even_where_less_was_granted_than_asked(world: World, mypage: RelyingParty) -> None:
    """§5.1 REQUIRED if it differs."""
    code = mypage.code_for(world.browser(HANAKO), scope="openid email act_as unknown")
    assert mypage.redeem(code).tokens().scope == {"openid", "email"}


ERRORS: list[tuple[str, dict[str, Any]]] = [
    ("invalid_request", {"grant_type": None}),
    ("invalid_client", {"headers": {"Authorization": basic("mypage", "wrong")}}),
    ("invalid_client", {"headers": {"Authorization": basic("nobody", "wrong")}}),
    ("invalid_client", {"headers": {}}),
    ("invalid_grant", {"code": "occ_" + "x" * 43}),
    ("unauthorized_client", {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"}),
    ("unsupported_grant_type", {"grant_type": "password"}),
    ("unsupported_grant_type", {"grant_type": "implicit"}),
]


@pytest.mark.parametrize(("error", "deviation"), ERRORS, ids=str)
def test_each_error_has_its_code_and_form(
    mypage: RelyingParty, code: str, error: str, deviation: dict[str, Any]
) -> None:
    """§5.2; the form is checked in `expect_error`: status, characters, no caching, challenge, request id."""
    answer = mypage.redeem(code, **deviation).expect_error(error)
    described = answer.response.get_json()["error_description"]
    assert len(described) > 10
    mypage.redeem(code).tokens()


@pytest.mark.parametrize("sent", ["<script>", '"quoted"', "日本", "\\", "x" * 500])
def test_no_error_repeats_what_was_sent(mypage: RelyingParty, sent: str) -> None:
    for parameters in ({"grant_type": sent}, {"grant_type": "authorization_code", "code": sent},
                       {"grant_type": "refresh_token", "refresh_token": sent}):  # fmt: skip
        answer = mypage.token(parameters)
        assert answer.response.status_code == 400
        assert sent not in answer.response.get_json()["error_description"]


def test_a_refresh_needs_its_client(mypage: RelyingParty, shop: RelyingParty, tokens: Tokens) -> None:
    """§6 MUST require client authentication, and that the token is this client's."""
    mypage.refresh(tokens.refresh_token, headers={}, client_id="mypage").expect_error("invalid_client")
    shop.refresh(tokens.refresh_token).expect_error("invalid_grant")
    mypage.refresh(tokens.refresh_token).tokens()


@pytest.mark.parametrize("wider", ["openid act_as", "OPENID", "openid\tprofile", "openid unknown", " "])
def test_a_refresh_never_widens_the_scope(mypage: RelyingParty, tokens: Tokens, wider: str) -> None:
    """§6 MUST NOT; §3.3: scopes are case-sensitive and parted by spaces."""
    mypage.refresh(tokens.refresh_token, scope=wider).expect_error("invalid_scope")
    assert mypage.refresh(tokens.refresh_token).tokens().scope == tokens.scope


def test_a_narrower_refresh_leaves_the_new_refresh_token_as_wide(
    mypage: RelyingParty, tokens: Tokens
) -> None:
    """§6: its scope MUST be identical to that of the one in the request."""
    narrow = mypage.refresh(tokens.refresh_token, scope="email openid").tokens()
    assert narrow.scope == {"openid", "email"}
    assert mypage.refresh(narrow.refresh_token).tokens().scope == tokens.scope


def test_the_id_token_of_a_refresh_is_about_the_same_sign_in(mypage: RelyingParty, tokens: Tokens) -> None:
    """OIDC Core §12.2: iss, sub, aud, auth_time stay; iat is new; no nonce, for none was asked."""
    fresh = mypage.refresh(tokens.refresh_token).tokens()
    for name in ("iss", "sub", "aud", "auth_time", "acr", "amr", "sid"):
        assert fresh.claims[name] == tokens.claims[name], name
    assert fresh.claims["iat"] >= tokens.claims["iat"]
    assert fresh.claims["exp"] > clock.epoch(clock.now())
    assert "nonce" not in fresh.claims


def test_a_refresh_without_openid_has_no_id_token(mypage: RelyingParty, tokens: Tokens) -> None:
    assert mypage.refresh(tokens.refresh_token, scope="products").tokens().id_token is None


def test_the_endpoint_takes_a_form_by_post_and_no_token_type_but_in_the_body(
    world: World, mypage: RelyingParty, code: str
) -> None:
    """§3.2 MUST use POST; §2.3.1 MUST NOT be included in the request URI."""
    right = {"grant_type": "authorization_code", "code": code, "redirect_uri": mypage.redirect_uri,
             "code_verifier": VERIFIER}  # fmt: skip
    headers = {"Authorization": basic("mypage", mypage.secret)}
    client = world.app.test_client(use_cookies=False)
    path, base = f"/oauth/token?{urlencode(right)}", world.settings.issuer
    assert client.get(path, base_url=base, headers=headers).status_code == 405
    in_address = client.post(path, base_url=base, headers=headers, content_type=FORM)
    assert (in_address.status_code, in_address.get_json()["error"]) == (400, "invalid_request")
    mypage.redeem(code).tokens()
