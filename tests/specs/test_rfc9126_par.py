"""RFC 9126: a request pushed by the client itself, and the name under which a browser brings it."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from werkzeug.test import TestResponse

from idp import clock
from idp.demo import HANAKO
from idp.oauth.models import AuthorizationCode, PushedRequest
from tests.accounts.visitor import Visitor
from tests.oauth.assertions import ASSERTION_TYPE
from tests.oauth.authorization_answer import AuthorizationAnswer
from tests.oauth.relying_party import CHALLENGE, RelyingParty
from tests.oauth.third_parties import fapi2_party, third_party
from tests.world import World

PREFIX = "urn:ietf:params:oauth:request_uri:"


@pytest.fixture
def hanako(world: World) -> Visitor:
    return world.browser(HANAKO)


def send(party: RelyingParty, **deviation: Any) -> TestResponse:
    """Push a request as it should be, but for the deviation."""
    return party.post("/oauth/par", party.request(**deviation))


def push(party: RelyingParty, **deviation: Any) -> str:
    """Push a request and return its name (§2.2)."""
    answer = send(party, **deviation)
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["request_uri"])


def refused(answer: TestResponse) -> str:
    """Expect a refusal in JSON (§2.3) and return its error."""
    assert answer.status_code in {400, 401}, answer.text
    body = answer.get_json()
    assert set(body) == {"error", "error_description"}
    assert body["error_description"].isascii()
    assert answer.headers["Cache-Control"] == "no-store"
    return str(body["error"])


def visit(party: RelyingParty, browser: Visitor, request_uri: str, **more: str) -> AuthorizationAnswer:
    """Bring the name to the authorization endpoint (§4)."""
    query = {"client_id": party.client_id, "request_uri": request_uri, **more}
    response = browser.get("/oauth/authorize", query_string=query)
    return AuthorizationAnswer(response, party, party.request())


@pytest.mark.parametrize("name", ["mypage", "shop", "spa", "agency-portal"])
def test_every_kind_of_client_can_push(parties: dict[str, RelyingParty], name: str) -> None:
    """§2: authenticated as at the token endpoint; a public client says who it is."""
    answer = send(parties[name])
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.get_json()
    assert set(body) == {"request_uri", "expires_in"}
    assert body["expires_in"] == 60
    assert body["request_uri"].startswith(PREFIX)
    assert len(body["request_uri"]) > len(PREFIX) + 40


def test_a_pushed_request_is_answered_like_any_other(mypage: RelyingParty, hanako: Visitor) -> None:
    code = visit(mypage, hanako, push(mypage)).expect_code()
    assert mypage.redeem(code).tokens().claims["nonce"] == "N1"


def test_what_stands_beside_the_name_is_ignored(mypage: RelyingParty, hanako: Visitor) -> None:
    """§4 with RFC 9101 §6.3: only what was pushed counts."""
    uri = push(mypage, scope="openid")
    answer = visit(mypage, hanako, uri, scope="openid email", state="other", redirect_uri="https://x.example",
                   response_type="token", nonce="other", prompt="none login")  # fmt: skip
    tokens = mypage.redeem(answer.expect_code()).tokens()
    assert (tokens.scope, tokens.claims["nonce"]) == ({"openid"}, "N1")


@pytest.mark.parametrize(
    ("error", "deviation"),
    [
        ("invalid_request", {"request_uri": PREFIX + "ocq_x"}),
        ("invalid_request", {"request_uri": "https://x.example/request"}),
        ("invalid_request", {"redirect_uri": "https://evil.example/cb"}),
        ("invalid_request", {"redirect_uri": None}),
        ("invalid_request", {"response_type": None}),
        ("unsupported_response_type", {"response_type": "token"}),
        ("invalid_request", {"response_mode": "fragment"}),
        ("invalid_request", {"code_challenge": None}),
        ("invalid_request", {"code_challenge_method": "plain"}),
        ("invalid_request", {"prompt": "none login"}),
        ("invalid_request", {"max_age": "-1"}),
        ("invalid_request", {"claims": "{"}),
        ("invalid_request", {"dpop_jkt": "short"}),
        ("invalid_request", {"nonce": "n" * 4097}),
        ("invalid_request", {"state": ["a", "b"]}),
        ("invalid_request", {"id_token_hint": "nonsense"}),
        ("invalid_scope", {"scope": "act_as"}),
        ("invalid_request_object", {"request": "nonsense"}),
        ("registration_not_supported", {"registration": "{}"}),
        ("invalid_client", {"client_id": "shop"}),
        ("invalid_request", {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "x"}),
    ],
    ids=str,
)  # fmt: skip
def test_errors_are_told_to_the_client_itself_and_nothing_is_stored(
    world: World, mypage: RelyingParty, error: str, deviation: dict[str, Any]
) -> None:
    """§2.1, §2.3."""
    assert refused(send(mypage, **deviation)) == error
    assert world.count(PushedRequest) == 0
    push(mypage)
    assert world.count(PushedRequest) == 1


def test_nobody_pushes_for_a_confidential_client(world: World, mypage: RelyingParty) -> None:
    answer = mypage.post("/oauth/par", mypage.request(), headers={})
    assert refused(answer) == "invalid_client"
    assert answer.status_code == 401
    assert world.count(PushedRequest) == 0


def test_only_post_is_served_and_only_the_body_is_read(world: World, mypage: RelyingParty) -> None:
    assert world.api("GET", "/oauth/par").status_code == 405
    assert refused(mypage.post("/oauth/par?scope=openid", mypage.request())) == "invalid_request"


def test_a_name_is_good_for_one_answer(world: World, mypage: RelyingParty, hanako: Visitor) -> None:
    """§7.3."""
    uri = push(mypage)
    visit(mypage, hanako, uri).expect_code()
    codes = world.count(AuthorizationCode)
    visit(mypage, hanako, uri).expect_page()
    visit(mypage, world.browser(HANAKO), uri).expect_page()
    assert world.count(AuthorizationCode) == codes


def test_loading_the_sign_in_page_again_uses_nothing_up(world: World, mypage: RelyingParty) -> None:
    """FAPI 2.0 Security Profile §5.3.2.2, note 3; of two browsers that began, one gets the answer."""
    uri, first, second = push(mypage), world.browser(), world.browser()
    visit(mypage, first, uri).expect_sign_in()
    path = visit(mypage, first, uri).expect_sign_in()
    other = visit(mypage, second, uri).expect_sign_in()
    for browser, one in ((first, path), (second, other)):
        browser.submit(one, email=HANAKO.email, password="hidamari-denchi-2026")
    mypage.resume(first, path).expect_code()
    mypage.resume(second, other).expect_page()
    assert world.count(AuthorizationCode) == 1


def test_a_refusal_is_an_answer_too(world: World, mypage: RelyingParty) -> None:
    uri, browser = push(mypage, prompt="none"), world.browser()
    visit(mypage, browser, uri).expect_error("login_required")
    visit(mypage, browser, uri).expect_page()


@pytest.mark.parametrize(("age", "may"), [(59, True), (60, False), (61, False)])
def test_a_name_lives_for_a_minute(
    world: World, mypage: RelyingParty, hanako: Visitor, age: int, may: bool
) -> None:
    """§2.2: a short lifetime."""
    now = clock.now()
    with time_machine.travel(now, tick=False):
        uri = push(mypage)
    with time_machine.travel(now + timedelta(seconds=age), tick=False):
        answer = visit(mypage, hanako, uri)
        answer.expect_code() if may else answer.expect_page()


@pytest.mark.parametrize(
    "guess", ["AAAA", "", "ocq_" + "A" * 43, "ocq_" + "x" * 4000, "occ_" + "A" * 43, "あ"]
)
def test_a_guessed_name_gets_a_page(world: World, mypage: RelyingParty, hanako: Visitor, guess: str) -> None:
    before = world.digest()
    visit(mypage, hanako, PREFIX + guess).expect_page()
    assert world.digest() == before


def test_a_name_belongs_to_the_client_that_pushed(
    world: World, mypage: RelyingParty, shop: RelyingParty, hanako: Visitor
) -> None:
    """§2.2: the request_uri is bound to the client."""
    uri = push(mypage)
    visit(shop, hanako, uri).expect_page()
    twin = third_party(world, "twin", redirect_uris=(mypage.redirect_uri,), scope=mypage.scope)
    visit(twin, hanako, uri).expect_page()
    assert "Location" not in hanako.get("/oauth/authorize", query_string={"request_uri": uri}).headers
    visit(mypage, hanako, uri).expect_code()


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:9/x", "https://x.example/r", "file:///etc/passwd", "urn:x"]
)
def test_a_request_by_any_other_reference_is_not_supported(
    mypage: RelyingParty, hanako: Visitor, uri: str
) -> None:
    """RFC 9101 §10.4: nobody is called."""
    mypage.authorize(hanako, request_uri=uri).expect_error("request_uri_not_supported")
    mypage.authorize(hanako).expect_code()


def test_a_client_can_ask_to_be_served_pushed_requests_only(world: World, hanako: Visitor) -> None:
    """§6."""
    party = third_party(world, first_party=True, require_pushed_authorization_requests=True, scope="openid")
    party.authorize(hanako).expect_error("invalid_request")
    visit(party, hanako, push(party)).expect_code()


def test_of_the_fapi_profile_only_pushed_requests_are_served(world: World, hanako: Visitor) -> None:
    """FAPI 2.0 Security Profile §5.3.2.2."""
    party = fapi2_party(world, first_party=True)
    party.authorize(hanako).expect_error("invalid_request")
    visit(party, hanako, push(party)).expect_code()


def test_what_was_pushed_is_unreadable_in_the_database(world: World, mypage: RelyingParty) -> None:
    uri = push(mypage, login_hint="oct_a-ticket-that-nobody-may-read", state="S-in-the-database")
    rows = world.read(lambda session: [repr(vars(row)) for row in session.query(PushedRequest)])
    for secret in ("a-ticket-that", "S-in-the-database", uri.removeprefix(PREFIX), CHALLENGE):
        assert secret not in "".join(rows)
