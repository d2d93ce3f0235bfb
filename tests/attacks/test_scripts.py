"""AZ-034: whatever stands in a parameter, no page makes a script of it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from idp.demo import HANAKO
from tests.accounts.visitor import Visitor
from tests.attacks.cases import case
from tests.attacks.stage import Stage
from tests.journeys.person import running_browser
from tests.oauth.relying_party import RelyingParty, pairs, parties_of

PAYLOADS = (
    "<svg onload=alert(1)>", '"><script>alert(1)</script>', "'-alert(1)-'",
    "</title><script>alert(1)</script>",
    "{{7*7}}${7*7}<%= 7*7 %>", 'x" onmouseover="alert(1)', "＜script＞alert(1)＜/script＞",
    "\u2028<img src=x onerror=alert(1)>", "%3Cscript%3Ealert(1)%3C/script%3E", "javascript:alert(1)",
)  # fmt: skip
NAMES = (
    "client_id", "redirect_uri", "scope", "state", "nonce", "login_hint", "ui_locales", "acr_values",
    "prompt", "response_type", "response_mode", "id_token_hint", "max_age", "claims", "display",
    "code_challenge", "request", "request_uri", "post_logout_redirect_uri", "next", "lang",
    "<svg onload=alert(1)>",
)  # fmt: skip
OTHER_PAGES = ("/oauth/end-session", "/sign-in", "/store/linkaccounts", "/nowhere", "/password/forgot", "/")


def check_page(browser: Visitor, answer: Any) -> None:
    """Check that a page shows the payload as text or not at all, and would run no script of its own."""
    location = answer.headers.get("Location", "")
    if location.startswith("/"):
        answer = browser.get(location)
    assert answer.status_code < 500
    if answer.mimetype == "text/html":
        text = answer.text
        assert "<svg onload" not in text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert '" onmouseover' not in text
        assert "49$" not in text
        assert 'href="javascript' not in text
        assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]


@case("AZ-034")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_parameter_becomes_part_of_a_page(
    stage: Stage, mypage: RelyingParty, name: str, method: str
) -> None:
    browsers = [stage.browser(), stage.at_home(HANAKO)]
    with stage.unchanged():
        for payload in PAYLOADS:
            # A request that is wrong otherwise, too, so that no code comes of it.
            deviation = {"code_challenge": None, name: payload}
            for browser in browsers:
                check_page(browser, mypage.authorize(browser, method=method, **deviation).response)
    mypage.authorize(browsers[1], method=method).expect_code()


@case("AZ-034")
@pytest.mark.parametrize("path", OTHER_PAGES)
def test_no_other_page_takes_a_parameter_for_its_own_text(stage: Stage, path: str) -> None:
    browsers = [stage.browser(), stage.at_home(HANAKO)]
    with stage.unchanged():
        for payload in PAYLOADS:
            query = urlencode(pairs(dict.fromkeys(NAMES, payload)))
            for browser in browsers:
                check_page(browser, browser.get(f"{path}?{query}"))
                check_page(browser, browser.get(f"{path}/{urlencode({payload: ''})}"))


def attacked_addresses(stage: Stage, mypage: RelyingParty) -> Iterator[str]:
    """Yield addresses whose pages show, or might show, what stands in them."""
    script = '"><script>document.title="attacked";alert(1)</script><svg onload=alert(1)>'
    for name in ("client_id", "redirect_uri", "state", "login_hint", "ui_locales", "acr_values", "nonce"):
        yield "/oauth/authorize?" + urlencode(pairs(mypage.request(**{name: script})))
    yield f"/oauth/authorize?client_id={script}"
    for path in OTHER_PAGES:
        yield f"{path}?" + urlencode({"next": script, "login_hint": script, "lang": script})


@case("AZ-034")
def test_a_browser_that_opens_such_addresses_runs_no_script(open_stage: Callable[[str], Stage]) -> None:
    stage = open_stage("sqlite")
    issuer, port = stage.settings.issuer, stage.arena.port
    addresses = [issuer + path for path in attacked_addresses(stage, parties_of(stage)["mypage"])]

    def probe() -> list[str]:
        with running_browser(f"--host-resolver-rules=MAP localhost:8000 127.0.0.1:{port}") as browser:
            page, seen = browser.new_page(), list[str]()
            page.on("dialog", lambda dialog: (seen.append(f"dialog: {dialog.message}"), dialog.dismiss()))
            for address in addresses:
                page.goto(address)
                seen.append(page.title())
                assert page.evaluate("document.querySelector('svg[onload], script:not([src])')") is None
            return seen

    with ThreadPoolExecutor(1) as aside:  # Playwright allows one browser for each thread
        seen = aside.submit(probe).result()
    assert len(seen) == len(addresses)
    assert "attacked" not in seen
    assert all("ニチコン" in unescape(title) for title in seen), seen
