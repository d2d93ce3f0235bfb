"""oidcc-backchannel-rp-initiated-logout-certification-test-plan."""

from urllib.parse import urlencode

import responses

from tests.certification.conditions import came_back, came_back_with_error, check_tokens
from tests.certification.suite import CALLBACK, Suite
from tests.oauth.registrar import Registrar
from tests.oauth.relying_party import RelyingParty
from tests.specs.test_oidc_backchannel_logout import EVENT, deliver, tokens_sent, verified

BYE = "https://suite.example/test/a/ownersclub/post_logout_redirect"
LOGOUT = "https://suite.example/test/a/ownersclub/backchannel_logout"


def test_oidcc_backchannel_logout_discovery_endpoint_verification(suite: Suite) -> None:
    metadata = suite.metadata()
    assert metadata["backchannel_logout_supported"] is True
    assert metadata["backchannel_logout_session_supported"] is True
    assert metadata["end_session_endpoint"]


def test_oidcc_backchannel_rp_initiated_logout(suite: Suite, registrar: Registrar) -> None:
    registered = registrar.register(
        redirect_uris=[CALLBACK], post_logout_redirect_uris=[BYE], backchannel_logout_uri=LOGOUT,
        backchannel_logout_session_required=True,
    )  # fmt: skip
    party: RelyingParty = registrar.party(registered)
    callback = came_back(suite, suite.visit(party))
    tokens = check_tokens(suite, party, suite.redeem(party, callback), nonce=callback.sent["nonce"])
    query = urlencode({"id_token_hint": tokens.hint, "post_logout_redirect_uri": BYE, "state": "x" * 128})
    answer = suite.browser.get(f"/oauth/end-session?{query}")
    assert answer.headers["Location"] == f"{BYE}?state={'x' * 128}"
    with responses.RequestsMock() as network:
        network.post(LOGOUT, status=200)
        assert deliver(suite.world) == []
        claims = verified(suite.world, tokens_sent(network)[LOGOUT])  # one parameter, a form, RS256, a kid
    assert (claims["iss"], claims["aud"]) == (suite.world.settings.issuer, party.client_id)
    assert (claims["sub"], claims["sid"]) == (tokens.claims["sub"], tokens.claims["sid"])
    assert claims["events"] == {EVENT: {}}
    assert "nonce" not in claims
    assert {"iat", "jti"} <= set(claims)
    outcome = suite.visit(party, prompt="none")
    came_back_with_error(suite, outcome, "login_required", "interaction_required", "consent_required")
