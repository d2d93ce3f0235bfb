"""AZ-026 to AZ-049: a wrong request is refused at the registered address, with state and issuer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from idp.demo import HANAKO
from tests.attacks.cases import case, row
from tests.attacks.stage import Stage
from tests.oauth.relying_party import CHALLENGE, RelyingParty

METHODS = pytest.mark.parametrize("method", ["GET", "POST"])


def expect_refused(
    stage: Stage, party: RelyingParty, errors: set[str], *, method: str = "GET", **deviation: object
) -> None:
    """Expect one of these errors at the client and no trace; without the deviation there is a code."""
    browser = stage.at_home(HANAKO)
    with stage.unchanged():
        answer = party.authorize(browser, method=method, **deviation)
        answer.expect_error(answer.parameters.get("error", ""))
    assert answer.parameters["error"] in errors
    party.authorize(browser, method=method).expect_code()


@METHODS
@pytest.mark.parametrize(
    "deviation",
    [
        row("AZ-026", "state", {"state": ["S1", "S2"]}),
        row("AZ-026", "the same state", {"state": ["S1", "S1"]}),
        row("AZ-026", "state and an empty one", {"state": ["S1", ""]}),
        row("AZ-026", "response type", {"response_type": ["code", "token"]}),
        row("AZ-026", "scope", {"scope": ["openid", "admin"]}),
        row("AZ-026", "nonce", {"nonce": ["N1", "N2"]}),
        row("AZ-026", "challenge", {"code_challenge": [CHALLENGE, "other"]}),
        row("AZ-026", "method of the challenge", {"code_challenge_method": ["S256", "plain"]}),
        row("AZ-026", "prompt", {"prompt": ["none", "login"]}),
        row("AZ-026", "a parameter that nobody knows", {"unknown": ["a", "b"]}),
    ],
)
def test_a_parameter_is_given_once(
    stage: Stage, mypage: RelyingParty, deviation: dict[str, object], method: str
) -> None:
    expect_refused(stage, mypage, {"invalid_request"}, method=method, **deviation)


@METHODS
@pytest.mark.parametrize("mode", [
    row("AZ-036", mode or "empty list", mode)
    for mode in ("fragment", "form_post.jwt", "query.jwt", "fragment.jwt", "jwt", "web_message", "QUERY",
                 "query fragment", "bogus")
])  # fmt: skip
def test_a_response_mode_that_is_not_served_is_refused(
    stage: Stage, mypage: RelyingParty, mode: str, method: str
) -> None:
    expect_refused(stage, mypage, {"invalid_request"}, method=method, response_mode=mode)


@METHODS
@pytest.mark.parametrize("kind", [
    row("AZ-038", kind, kind)
    for kind in ("token", "id_token", "id_token token", "code token", "code id_token", "code id_token token",
                 "none", "CODE", "code code", "bogus")
])  # fmt: skip
def test_no_response_type_but_code_is_served(
    stage: Stage, mypage: RelyingParty, kind: str, method: str
) -> None:
    errors = {"unsupported_response_type", "unauthorized_client"}
    expect_refused(stage, mypage, errors, method=method, response_type=kind)
    expect_refused(stage, mypage, errors, method=method, response_type=kind, code_challenge=None,
                   code_challenge_method=None, nonce=None, scope=None)  # fmt: skip


@METHODS
@pytest.mark.parametrize(
    ("client_id", "deviation"),
    [
        row("AZ-039", "left out", "mypage", {"response_type": None}),
        row("AZ-039", "empty", "mypage", {"response_type": ""}),
        row("AZ-039", "and nothing else", "mypage",
            {"response_type": None, "scope": None, "nonce": None, "code_challenge": None,
             "code_challenge_method": None}),
        row("AZ-040", "no challenge", "spa", {"code_challenge": None, "code_challenge_method": None}),
        row("AZ-040", "method alone", "spa", {"code_challenge": None}),
        row("AZ-040", "empty challenge", "spa", {"code_challenge": ""}),
        row("AZ-041", "no challenge", "mypage", {"code_challenge": None, "code_challenge_method": None}),
        row("AZ-041", "no challenge, no nonce", "mypage",
            {"code_challenge": None, "code_challenge_method": None, "nonce": None}),
        row("AZ-041", "empty challenge", "mypage", {"code_challenge": ""}),
        row("AZ-042", "plain", "mypage", {"code_challenge_method": "plain"}),
        row("AZ-042", "no method, which means plain", "mypage", {"code_challenge_method": None}),
        row("AZ-042", "empty method", "mypage", {"code_challenge_method": ""}),
        row("AZ-042", "lower case", "mypage", {"code_challenge_method": "s256"}),
        row("AZ-042", "another hash", "mypage", {"code_challenge_method": "S512"}),
        row("AZ-042", "plain, public", "spa", {"code_challenge_method": "plain"}),
        row("AZ-044", "42 characters", "mypage", {"code_challenge": CHALLENGE[:42]}),
        row("AZ-044", "44 characters", "mypage", {"code_challenge": f"{CHALLENGE}A"}),
        row("AZ-044", "129 characters", "mypage", {"code_challenge": "A" * 129}),
        row("AZ-044", "padded", "mypage", {"code_challenge": f"{CHALLENGE}="}),
        row("AZ-044", "a plus", "mypage", {"code_challenge": f"{CHALLENGE[:42]}+"}),
        row("AZ-044", "a slash", "mypage", {"code_challenge": f"{CHALLENGE[:42]}/"}),
        row("AZ-044", "line feed behind", "mypage", {"code_challenge": f"{CHALLENGE}\n"}),
        row("AZ-044", "full-width digits", "mypage", {"code_challenge": "１" * 43}),
        row("AZ-044", "space", "mypage", {"code_challenge": f" {CHALLENGE[1:]}"}),
    ],
)  # fmt: skip
def test_a_request_that_lacks_its_protection_is_refused(
    stage: Stage, parties: dict[str, RelyingParty], client_id: str, deviation: dict[str, object], method: str
) -> None:
    expect_refused(stage, parties[client_id], {"invalid_request"}, method=method, **deviation)


@contextmanager
def sink() -> Iterator[tuple[int, list[object]]]:
    """Listen on a port of this machine; yield it, and who connected."""
    met: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    connection, address = listening.accept()
                except TimeoutError:
                    continue
                met.append(address)
                connection.close()

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield listening.getsockname()[1], met
        finally:
            over.set()
            thread.join()


@case("AZ-049")
@METHODS
def test_nobody_is_called_for_a_request_by_reference(stage: Stage, mypage: RelyingParty, method: str) -> None:
    errors = {"request_uri_not_supported", "invalid_request_uri", "invalid_request"}
    with sink() as (port, met):
        for uri in (f"http://127.0.0.1:{port}/x", f"https://127.0.0.1:{port}/x", f"http://localhost:{port}#f",
                    f"http://[::1]:{port}/", f"gopher://127.0.0.1:{port}/", "file:///etc/passwd",
                    "http://169.254.169.254/", "urn:example:x", "x"):  # fmt: skip
            expect_refused(stage, mypage, errors, method=method, request_uri=uri)
        with socket.create_connection(("127.0.0.1", port)):
            pass
    assert len(met) == 1, "the listener did not listen, or somebody else called"


@case("AZ-046")
@METHODS
def test_each_answer_names_its_issuer(stage: Stage, mypage: RelyingParty, method: str) -> None:
    document = stage.api("GET", "/.well-known/openid-configuration").get_json()
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["issuer"] == stage.settings.issuer
    hanako, nobody = stage.at_home(HANAKO), stage.browser()
    good = mypage.authorize(hanako, method=method)
    good.expect_code()
    answers = [good, mypage.authorize(nobody, method="GET", prompt="none").expect_error("login_required")]
    for deviation in ({"response_type": "token"}, {"code_challenge": None}, {"scope": "bogus"},
                      {"request": "x"}, {"state": ["a", "b"]}, {"iss": "https://evil.test"}):  # fmt: skip
        answers.append(mypage.authorize(hanako, method=method, **deviation))
    for answer in answers:
        assert answer.parameters["iss"] == document["issuer"]
        assert answer.location.count("iss=") == 1
