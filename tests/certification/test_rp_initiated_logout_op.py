"""oidcc-rp-initiated-logout-certification-test-plan."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from werkzeug.test import TestResponse

from tests.accounts.visitor import forms_of
from tests.certification.conditions import came_back, came_back_with_error, check_tokens
from tests.certification.conftest import static_client
from tests.certification.suite import Suite
from tests.oauth.assertions import claims_of, unsigned
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import World

BYE = "https://suite.example/test/a/ownersclub/post_logout_redirect"
STATE = "s" * 128
Leave = Callable[..., TestResponse]


@pytest.fixture
def client(world: World) -> RelyingParty:
    return static_client(world, "conformance-1", post_logout_redirect_uris=(BYE,))


@pytest.fixture
def tokens(suite: Suite, client: RelyingParty) -> Tokens:
    callback = came_back(suite, suite.visit(client))
    return check_tokens(suite, client, suite.redeem(client, callback), nonce=callback.sent["nonce"])


@pytest.fixture
def leave(suite: Suite, tokens: Tokens) -> Leave:
    """Send the browser to the end-session endpoint with what the suite sends; None leaves a part out."""

    def go(**deviation: Any) -> TestResponse:
        sent = {"id_token_hint": tokens.hint, "post_logout_redirect_uri": BYE, "state": STATE, **deviation}
        query = urlencode({name: value for name, value in sent.items() if value is not None})
        return suite.browser.get(f"/oauth/end-session?{query}")

    return go


def returned(answer: TestResponse) -> dict[str, str]:
    """Expect the browser at the registered address, and return the query."""
    assert answer.status_code in {302, 303}
    address, _, query = answer.headers["Location"].partition("?")
    assert address == BYE
    return dict(parse_qsl(query, strict_parsing=True)) if query else {}


def logged_out(suite: Suite, client: RelyingParty) -> None:
    outcome = suite.visit(client, prompt="none")
    came_back_with_error(suite, outcome, "login_required", "interaction_required", "consent_required")


def still_here(suite: Suite, client: RelyingParty) -> None:
    came_back(suite, suite.visit(client, prompt="none"))


def not_sent_back(answer: TestResponse) -> None:
    """Expect an error page, of which a tester takes a screenshot."""
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert answer.mimetype == "text/html"


def confirmed(suite: Suite, answer: TestResponse) -> TestResponse:
    """Say yes on the page that asks whether to sign out, and see what comes."""
    assert answer.status_code == 200
    form = next(form for form in forms_of(answer) if form.action.endswith("/sign-out"))
    after = suite.browser.post(form.action, dict(form.fields))
    assert after.status_code == 303
    return after


def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(suite: Suite) -> None:
    assert urlsplit(suite.metadata()["end_session_endpoint"]).path == "/oauth/end-session"


def test_oidcc_rp_initiated_logout(suite: Suite, client: RelyingParty, leave: Leave) -> None:
    assert returned(leave()) == {"state": STATE}
    logged_out(suite, client)


def test_oidcc_rp_initiated_logout_no_state(suite: Suite, client: RelyingParty, leave: Leave) -> None:
    assert returned(leave(state=None)) == {}
    logged_out(suite, client)


def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(
    suite: Suite, client: RelyingParty, leave: Leave
) -> None:
    not_sent_back(leave(post_logout_redirect_uri=f"{BYE}/bad"))
    still_here(suite, client)


def test_oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(
    suite: Suite, client: RelyingParty, leave: Leave
) -> None:
    not_sent_back(leave(post_logout_redirect_uri=f"{BYE}?foo=bar"))
    still_here(suite, client)


def test_oidcc_rp_initiated_logout_modified_id_token_hint(
    suite: Suite, client: RelyingParty, leave: Leave, tokens: Tokens
) -> None:
    not_sent_back(leave(id_token_hint=unsigned(claims_of(tokens.hint), header={"alg": "none"})))
    still_here(suite, client)


def test_oidcc_rp_initiated_logout_bad_id_token_hint(
    suite: Suite, client: RelyingParty, leave: Leave, tokens: Tokens
) -> None:
    broken = tokens.hint[:-8] + ("AAAAAAAA" if not tokens.hint.endswith("AAAAAAAA") else "BBBBBBBB")
    not_sent_back(leave(id_token_hint=broken))
    still_here(suite, client)


def test_oidcc_rp_initiated_logout_no_id_token_hint(suite: Suite, client: RelyingParty, leave: Leave) -> None:
    not_sent_back(leave(id_token_hint=None))
    still_here(suite, client)


def test_oidcc_rp_initiated_logout_no_params(suite: Suite, client: RelyingParty, leave: Leave) -> None:
    asked = leave(id_token_hint=None, post_logout_redirect_uri=None, state=None)
    assert urlsplit(confirmed(suite, asked).headers["Location"]).path == "/signed-out"
    logged_out(suite, client)


def test_oidcc_rp_initiated_logout_only_state(suite: Suite, client: RelyingParty, leave: Leave) -> None:
    asked = leave(id_token_hint=None, post_logout_redirect_uri=None)
    assert urlsplit(confirmed(suite, asked).headers["Location"]).path == "/signed-out"
    logged_out(suite, client)


def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(
    suite: Suite, client: RelyingParty, leave: Leave
) -> None:
    answer = leave(post_logout_redirect_uri=None)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    logged_out(suite, client)
