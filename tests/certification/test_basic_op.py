"""oidcc-basic-certification-test-plan: response type code, client_secret_basic, static clients."""

import json
from typing import Any

from idp.demo import HANAKO
from idp.oauth.tokens import ACR_PASSWORD
from tests.certification.conditions import (
    ID_TOKEN_CLAIMS,
    came_back,
    came_back_with_error,
    check_token_error,
    check_tokens,
    check_userinfo,
    stayed,
    wait,
)
from tests.certification.suite import CONSENT, SIGN_IN, Callback, Suite
from tests.oauth.assertions import unsigned
from tests.oauth.relying_party import CHALLENGE, VERIFIER, RelyingParty, Tokens

PROFILE, EMAIL = frozenset({"name", "name#ja-Kana-JP"}), frozenset({"email", "email_verified"})
ADDRESS, PHONE = frozenset({"address"}), frozenset({"phone_number", "phone_number_verified"})


def authorized(suite: Suite, party: RelyingParty, **deviation: Any) -> tuple[Callback, Tokens]:
    """Run the code flow with everything checked, and call userinfo as every module does."""
    callback = came_back(suite, suite.visit(party, **deviation))
    answer = suite.redeem(party, callback)
    tokens = check_tokens(suite, party, answer, nonce=callback.sent.get("nonce"))
    check_userinfo(suite, tokens)
    return callback, tokens


def test_oidcc_server(suite: Suite, client: RelyingParty) -> None:
    callback, tokens = authorized(suite, client)
    assert callback.shown == (SIGN_IN, CONSENT)
    assert tokens.refresh_token  # registered for the grant type


def test_oidcc_response_type_missing(suite: Suite, client: RelyingParty) -> None:
    outcome = suite.visit(client, response_type=None)
    came_back_with_error(suite, outcome, "invalid_request", "unsupported_response_type")


def test_oidcc_idtoken_signature(suite: Suite, client: RelyingParty) -> None:
    authorized(suite, client)


def test_oidcc_userinfo_get(suite: Suite, client: RelyingParty) -> None:
    _, tokens = authorized(suite, client)
    assert check_userinfo(suite, tokens, names=frozenset())


def test_oidcc_userinfo_post_header(suite: Suite, client: RelyingParty) -> None:
    _, tokens = authorized(suite, client)
    answer = suite.userinfo(tokens.access_token, method="POST")
    assert (answer.status_code, answer.get_json()) == (200, {"sub": tokens.claims["sub"]})


def test_oidcc_userinfo_post_body(suite: Suite, client: RelyingParty) -> None:
    _, tokens = authorized(suite, client)
    answer = suite.userinfo("", method="POST", data={"access_token": tokens.access_token})
    assert (answer.status_code, answer.get_json()) == (200, {"sub": tokens.claims["sub"]})


def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(
    suite: Suite, client: RelyingParty
) -> None:
    _, tokens = authorized(suite, client, nonce=None)
    assert "nonce" not in tokens.claims


def returned(suite: Suite, client: RelyingParty, scope: str, names: frozenset[str]) -> None:
    """Expect what the scope opens in userinfo, and none of it in the ID token (OIDC Core §5.4)."""
    assert set(scope.split()) <= set(suite.metadata()["scopes_supported"])
    _, tokens = authorized(suite, client, scope=scope)
    check_userinfo(suite, tokens, names=names)
    assert set(tokens.claims) <= ID_TOKEN_CLAIMS


def test_oidcc_scope_profile(suite: Suite, client: RelyingParty) -> None:
    returned(suite, client, "openid profile", PROFILE)  # warns: docs/conformance.md


def test_oidcc_scope_email(suite: Suite, client: RelyingParty) -> None:
    returned(suite, client, "openid email", EMAIL)


def test_oidcc_scope_address(suite: Suite, client: RelyingParty) -> None:
    returned(suite, client, "openid address", ADDRESS)


def test_oidcc_scope_phone(suite: Suite, client: RelyingParty) -> None:
    returned(suite, client, "openid phone", PHONE)


def test_oidcc_scope_all(suite: Suite, client: RelyingParty) -> None:
    returned(suite, client, "openid profile email address phone", PROFILE | EMAIL | ADDRESS | PHONE)


def test_oidcc_ensure_other_scope_order_succeeds(suite: Suite, client: RelyingParty) -> None:
    returned(suite, client, "email openid", EMAIL)


def test_oidcc_display_page(suite: Suite, client: RelyingParty) -> None:
    assert SIGN_IN in authorized(suite, client, display="page")[0].shown


def test_oidcc_display_popup(suite: Suite, client: RelyingParty) -> None:
    assert SIGN_IN in authorized(suite, client, display="popup")[0].shown


def test_oidcc_prompt_login(suite: Suite, client: RelyingParty) -> None:
    _, first = authorized(suite, client)
    with wait(2):
        callback, second = authorized(suite, client, prompt="login")
    assert SIGN_IN in callback.shown
    assert second.claims["auth_time"] > first.claims["auth_time"]
    assert second.claims["sub"] == first.claims["sub"]


def test_oidcc_prompt_none_not_logged_in(suite: Suite, client: RelyingParty) -> None:
    outcome = suite.visit(client, prompt="none")
    answer = came_back_with_error(
        suite, outcome, "login_required", "interaction_required", "consent_required"
    )
    assert answer.shown == ()


def silent_again(suite: Suite, client: RelyingParty, first: Tokens, **deviation: Any) -> None:
    """Expect a second authorization at once, about the same sign-in."""
    with wait(2):
        callback, second = authorized(suite, client, **deviation)
    assert callback.shown == ()
    for name in ("sub", "auth_time"):
        assert second.claims[name] == first.claims[name]


def test_oidcc_prompt_none_logged_in(suite: Suite, client: RelyingParty) -> None:
    silent_again(suite, client, authorized(suite, client)[1], prompt="none")


def test_oidcc_max_age_1(suite: Suite, client: RelyingParty) -> None:
    _, first = authorized(suite, client)
    with wait(2):
        callback, second = authorized(suite, client, max_age=1)
    assert SIGN_IN in callback.shown
    assert second.claims["auth_time"] > first.claims["auth_time"]
    assert second.claims["iat"] - second.claims["auth_time"] <= 5


def test_oidcc_max_age_10000(suite: Suite, client: RelyingParty) -> None:
    _, first = authorized(suite, client, max_age=10000)
    assert isinstance(first.claims["auth_time"], int)
    silent_again(suite, client, first, max_age=10000)


def test_oidcc_ensure_request_with_unknown_parameter_succeeds(suite: Suite, client: RelyingParty) -> None:
    authorized(suite, client, extra="foobar")


def test_oidcc_id_token_hint(suite: Suite, client: RelyingParty) -> None:
    _, first = authorized(suite, client)
    silent_again(suite, client, first, prompt="none", id_token_hint=first.hint)


def test_oidcc_login_hint(suite: Suite, client: RelyingParty) -> None:
    authorized(suite, client, login_hint="buffy@localhost")


def test_oidcc_ui_locales(suite: Suite, client: RelyingParty) -> None:
    authorized(suite, client, ui_locales="se")


def test_oidcc_claims_locales(suite: Suite, client: RelyingParty) -> None:
    authorized(suite, client, claims_locales="se")


def test_oidcc_ensure_request_with_acr_values_succeeds(suite: Suite, client: RelyingParty) -> None:
    supported = suite.metadata()["acr_values_supported"]
    _, tokens = authorized(suite, client, acr_values=" ".join(supported))
    assert tokens.claims["acr"] in supported
    _, tokens = authorized(suite, client, acr_values="1 2")
    assert tokens.claims["acr"] == ACR_PASSWORD  # voluntary (OIDC Core §5.5.1.1)


def test_oidcc_codereuse(suite: Suite, client: RelyingParty) -> None:
    callback, _ = authorized(suite, client)
    check_token_error(suite.redeem(client, callback), "invalid_grant")


def test_oidcc_codereuse_30seconds(suite: Suite, client: RelyingParty) -> None:
    callback, tokens = authorized(suite, client)
    with wait(30):
        assert suite.userinfo(tokens.access_token).status_code == 200
        check_token_error(suite.redeem(client, callback), "invalid_grant")
        assert suite.userinfo(tokens.access_token).status_code == 401


def test_oidcc_ensure_registered_redirect_uri(suite: Suite, client: RelyingParty) -> None:
    stayed(suite.visit(client, redirect_uri=f"{client.redirect_uri}/aBcDeF"), "redirect_uri")


def test_oidcc_ensure_post_request_succeeds(suite: Suite, client: RelyingParty) -> None:
    authorized(suite, client, method="POST")


def test_oidcc_server_client_secret_post(suite: Suite, client_secret_post: RelyingParty) -> None:
    authorized(suite, client_secret_post)


def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(
    suite: Suite, client: RelyingParty
) -> None:
    assert "none" not in suite.metadata()["request_object_signing_alg_values_supported"]  # skipped
    assert suite.metadata()["request_uri_parameter_supported"] is False
    outcome = suite.visit(client, request_uri="https://suite.example/test/a/ownersclub/requri/1")
    came_back_with_error(suite, outcome, "request_uri_not_supported")


def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(
    suite: Suite, client: RelyingParty
) -> None:
    assert "none" not in suite.metadata()["request_object_signing_alg_values_supported"]  # skipped
    sent = suite.request(client)
    inside = unsigned(dict(sent), header={"alg": "none"})
    came_back_with_error(suite, suite.follow(client, {**sent, "request": inside}), "request_not_supported")


def test_oidcc_ensure_request_object_with_redirect_uri(suite: Suite, client: RelyingParty) -> None:
    inside = unsigned(suite.request(client), header={"alg": "none"})
    outcome = suite.visit(client, request=inside, redirect_uri=f"{client.redirect_uri}/aBcDeF")
    stayed(outcome, "redirect_uri")


def test_oidcc_claims_essential(suite: Suite, client: RelyingParty) -> None:
    claims = json.dumps({"userinfo": {"name": {"essential": True}}})
    _, tokens = authorized(suite, client, claims=claims)
    assert check_userinfo(suite, tokens, names=frozenset({"name"}))["name"] == HANAKO.name
    assert "name" not in tokens.claims


def refreshed(suite: Suite, party: RelyingParty, *, scope: str | None) -> Tokens:
    """Get a refresh token and use it as RefreshTokenRequestSteps do."""
    _, first = authorized(suite, party, scope="openid offline_access", prompt="consent")
    with wait(1):
        second = check_tokens(suite, party, party.refresh(first.refresh_token, scope=scope), nonce=None)
        check_userinfo(suite, second)
    assert second.access_token != first.access_token
    for name in ("iss", "sub", "aud", "auth_time"):  # OIDC Core §12.2
        assert second.claims[name] == first.claims[name]
    assert second.claims["iat"] > first.claims["iat"]
    return second


def test_oidcc_refresh_token(suite: Suite, client: RelyingParty, client2: RelyingParty) -> None:
    assert "refresh_token" in suite.metadata()["grant_types_supported"]
    refreshed(suite, client, scope="openid offline_access")
    of_second = refreshed(suite, client2, scope=None)
    check_token_error(client.refresh(of_second.refresh_token), "invalid_grant")
    client2.refresh(of_second.refresh_token).tokens()


def test_oidcc_ensure_request_with_valid_pkce_succeeds(suite: Suite, client: RelyingParty) -> None:
    outcome = suite.visit(client, code_challenge=CHALLENGE, code_challenge_method="S256")
    callback = came_back(suite, outcome)
    answer = suite.redeem(client, callback, code_verifier=VERIFIER)
    check_userinfo(suite, check_tokens(suite, client, answer, nonce=callback.sent["nonce"]))
