"""AZ-001 to AZ-034: only the registered address gets an answer; for every other one there is a page here."""

import re

import pytest

from idp.demo import HANAKO
from idp.oauth.models import AuthorizationCode, Client, ClientStatus
from tests.attacks.cases import case, row
from tests.attacks.stage import MYPAGE_URL, Stage
from tests.oauth.relying_party import RelyingParty

HOST = MYPAGE_URL.removeprefix("https://")
GOOD = f"{MYPAGE_URL}/oidc/callback"
METHODS = pytest.mark.parametrize("method", ["GET", "POST"])


def expect_page(stage: Stage, party: RelyingParty, *, method: str = "GET", **deviation: object) -> str:
    """Expect a page, no redirect, and no trace; the request without the deviation brings a code."""
    browser, codes = stage.at_home(HANAKO), stage.count(AuthorizationCode)
    with stage.unchanged():
        page = party.authorize(browser, method=method, **deviation).expect_page().response
    assert stage.count(AuthorizationCode) == codes
    party.authorize(browser, method=method).expect_code()
    return page.text


@METHODS
@pytest.mark.parametrize(
    "evil",
    [
        row("AZ-001", "traversal", f"{GOOD}/../open"),
        row("AZ-001", "encoded traversal", f"{GOOD}/%2e%2e/open"),
        row("AZ-001", "twice encoded traversal", f"{GOOD}/%252e%252e%252fopen"),
        row("AZ-001", "traversal back to it", f"{MYPAGE_URL}/oidc/x/../callback"),
        row("AZ-001", "a dot inside", f"{MYPAGE_URL}/oidc/./callback"),
        row("AZ-002", "matrix traversal", f"{GOOD}/..;/open"),
        row("AZ-002", "matrix parameter", f"{GOOD};x=1"),
        row("AZ-004", "host as user", f"https://{HOST}@evil.test/oidc/callback"),
        row("AZ-004", "host as user and port", f"https://{HOST}:443@evil.test/oidc/callback"),
        row("AZ-004", "user at our host", f"https://evil@{HOST}/oidc/callback"),
        row("AZ-004", "backslash before user", f"https://evil.test\\@{HOST}/oidc/callback"),
        row("AZ-004", "backslash behind host", f"https://{HOST}\\@evil.test/oidc/callback"),
        row("AZ-007", "fragment", f"{GOOD}#x"),
        row("AZ-007", "empty fragment", f"{GOOD}#"),
        row("AZ-007", "encoded fragment", f"{GOOD}%23x"),
        row("AZ-009", "other port", f"https://{HOST}:8443/oidc/callback"),
        row("AZ-009", "default port", f"https://{HOST}:443/oidc/callback"),
        row("AZ-009", "empty port", f"https://{HOST}:/oidc/callback"),
        row("AZ-011", "http", f"http://{HOST}/oidc/callback"),
        row("AZ-011", "no scheme", f"//{HOST}/oidc/callback"),
        row("AZ-011", "script", f"javascript:alert(1)//{HOST}/oidc/callback"),
        row("AZ-011", "data", "data:text/html,x"),
        row("AZ-011", "path alone", "/oidc/callback"),
        row("AZ-012", "upper case", f"HTTPS://{HOST.upper()}/oidc/callback"),
        row("AZ-012", "scheme in upper case", f"HTTPS://{HOST}/oidc/callback"),
        row("AZ-012", "path in upper case", f"{MYPAGE_URL}/OIDC/callback"),
        row("AZ-012", "encoded letter", f"{MYPAGE_URL}/oidc/%63allback"),
        row("AZ-012", "full-width host", "https://ｍｙｐａｇｅ.example.test/oidc/callback"),
        row("AZ-014", "slash behind", f"{GOOD}/"),
        row("AZ-014", "double slash", f"{MYPAGE_URL}//oidc/callback"),
        row("AZ-014", "space before", f" {GOOD}"),
        row("AZ-014", "space behind", f"{GOOD} "),
        row("AZ-014", "dot behind the host", f"https://{HOST}./oidc/callback"),
        row("AZ-015", "query", f"{GOOD}?x=1"),
        row("AZ-015", "empty query", f"{GOOD}?"),
        row("AZ-016", "code and issuer", f"{GOOD}?code=evil&iss=evil"),
        row("AZ-016", "state", f"{GOOD}?state=evil"),
        row("AZ-017", "host goes on", f"https://{HOST}.evil.test/oidc/callback"),
        row("AZ-017", "host begins elsewhere", f"https://evil{HOST}/oidc/callback"),
        row("AZ-017", "subdomain", f"https://evil.{HOST}/oidc/callback"),
        row("AZ-017", "prefix of it", f"{MYPAGE_URL}/oidc/call"),
        row("AZ-020", "line break", f"{GOOD}\r\nSet-Cookie: a=1"),
        row("AZ-020", "line feed", f"{GOOD}\nSet-Cookie: a=1"),
        row("AZ-020", "twice encoded line break", f"{GOOD}%0d%0aSet-Cookie:%20a=1"),
        row("AZ-020", "tab inside", f"{MYPAGE_URL}/oidc/call\tback"),
        row("AZ-020", "wide line break", f"{GOOD}\u560d\u560aSet-Cookie: a=1"),
        row("AZ-022", "shop's", "https://shop.example/cb?shop=1"),
        row("AZ-022", "evilrp's", "https://evilrp.example.test/cb"),
        row("AZ-022", "the portal's", "https://portal-a.example.test/oidc/callback"),
    ],
)  # fmt: skip
def test_an_address_that_is_not_registered_to_the_letter_gets_nothing(
    stage: Stage, mypage: RelyingParty, evil: str, method: str
) -> None:
    text = expect_page(stage, mypage, method=method, redirect_uri=evil)
    assert evil not in text
    assert not re.search(r"(?:href|src|action)=.[^\"]*evil", text)


@METHODS
@pytest.mark.parametrize(
    "both",
    [
        row("AZ-024", "good one first", [GOOD, "https://evil.test/"]),
        row("AZ-024", "evil one first", ["https://evil.test/", GOOD]),
        row("AZ-024", "the same twice", [GOOD, GOOD]),
        row("AZ-024", "an empty one too", [GOOD, ""]),
    ],
)
def test_two_addresses_are_one_too_many(
    stage: Stage, mypage: RelyingParty, both: list[str], method: str
) -> None:
    expect_page(stage, mypage, method=method, redirect_uri=both)


@case("AZ-024")
@METHODS
def test_two_clients_are_one_too_many(stage: Stage, mypage: RelyingParty, method: str) -> None:
    for both in (["mypage", "evilrp"], ["evilrp", "mypage"], ["mypage", "mypage"]):
        expect_page(stage, mypage, method=method, client_id=both)


@case("AZ-028")
@METHODS
def test_no_address_is_chosen_for_a_client_that_has_two(
    stage: Stage, parties: dict[str, RelyingParty], method: str
) -> None:
    expect_page(stage, parties["spa"], method=method, redirect_uri=None)
    expect_page(stage, parties["spa"], method=method, redirect_uri="")
    expect_page(stage, parties["spa"], method=method, redirect_uri=None, scope="profile")


@METHODS
@pytest.mark.parametrize(
    "deviation",
    [
        row("AZ-029", "response type", {"response_type": "bogus"}),
        row("AZ-029", "no response type", {"response_type": None}),
        row("AZ-029", "response mode", {"response_mode": "fragment"}),
        row("AZ-029", "no challenge", {"code_challenge": None}),
        row("AZ-029", "two states", {"state": ["a", "b"]}),
        row("AZ-029", "silent", {"prompt": "none"}),
        row("AZ-029", "request object", {"request": "x"}),
        row("AZ-029", "scope", {"scope": "bogus"}),
        row("AZ-029", "NUL", {"nonce": "\0"}),
    ],
)
def test_no_error_is_sent_to_an_address_that_is_not_registered(
    stage: Stage, mypage: RelyingParty, deviation: dict[str, object], method: str
) -> None:
    expect_page(stage, mypage, method=method, **deviation, redirect_uri="https://evil.test/steal")


@case("AZ-032")
@METHODS
def test_an_unknown_client_gets_the_page_of_a_disabled_one(
    stage: Stage, mypage: RelyingParty, parties: dict[str, RelyingParty], method: str
) -> None:
    def told(client_id: str | None) -> str:
        text = expect_page(stage, mypage, method=method, client_id=client_id)
        shown = re.search("<main.*</main>", text, re.DOTALL)
        assert shown is not None
        return re.sub("[A-Za-z0-9_-]{12}", "", shown[0])  # the number of the request

    def set_status(status: ClientStatus) -> None:
        stage.write(lambda session: setattr(session.get_one(Client, "radio"), "status", status))

    parties["radio"].authorize(stage.at_home(HANAKO), method=method).expect_code()
    set_status(ClientStatus.DISABLED)
    try:
        assert told("radio") == told("nope") == told("NOPE") == told("mypage ") == told("mypage'--")
    finally:
        set_status(ClientStatus.ACTIVE)
    told("")
    told(None)
    told("😀")
