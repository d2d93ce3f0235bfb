"""A person at a browser: reads headings, fills in what has a label, presses what has a name.

Whatever a person must never meet is collected while the page lives and complained about at the end: errors of
scripts and of the console, refusals of the Content-Security-Policy, broken resources, foreign hosts.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    sync_playwright,
)

from idp.demo import PASSWORD
from tests.journeys.club import Club

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SECONDS = 10
_STATUS_LINE = "Failed to load resource: the server responded with a status of"


@dataclass(frozen=True)
class Equipment:
    """What somebody sits in front of."""

    width: int = 1280
    dark: bool = False
    javascript: bool = True


DESK = Equipment()
OLD_PHONE = Equipment(width=320, dark=True, javascript=False)
"""A small dark screen whose scripts do not run: the other end of what has to work."""


@dataclass
class Person:
    """Somebody with a browser of their own, or with another tab of one."""

    club: Club
    context: BrowserContext
    page: Page
    equipment: Equipment
    complaints: list[str] = field(default_factory=list)

    # --- what they do -------------------------------------------------------------------------------------

    def open(self, address: str) -> Self:
        """Type an address."""
        self.page.goto(address)
        return self

    def press(self, name: str) -> Self:
        """Press the button of this name; the page's own before one of its header."""
        here = self.page.locator("main").get_by_role("button", name=name, exact=True)
        anywhere = self.page.get_by_role("button", name=name, exact=True)
        (here if here.count() else anywhere).click()
        self.page.wait_for_load_state()
        return self

    def follow(self, name: str) -> Self:
        """Follow the link, or large menu entry, of this name."""
        exact = self.page.get_by_role("link", name=name, exact=True)
        link = exact if exact.count() else self.page.get_by_role("link", name=re.compile(rf"^\s*{name}"))
        link.first.click()
        self.page.wait_for_load_state()
        return self

    def fill(self, fields: Mapping[str, str]) -> Self:
        """Fill in fields by their label, replacing what stands there."""
        for label, text in fields.items():
            control = self.page.get_by_label(label, exact=True)
            if control.evaluate("control => control.tagName") == "SELECT":
                control.select_option(text)
            else:
                control.fill(text)
        return self

    def type(self, label: str, text: str) -> Self:
        """Press key after key, as somebody with a keyboard does, and leave the field."""
        self.page.get_by_label(label, exact=True).press_sequentially(text)
        self.page.keyboard.press("Tab")
        return self

    def choose(self, label: str) -> Self:
        """Tick a box or choose a radio button by clicking on its words."""
        self.page.locator(f'label:text-is("{label}")').click()
        assert self.page.get_by_label(label, exact=True).is_checked()
        return self

    def choose_service(self, service: str, word: str) -> Self:
        """Choose 加入する (join) or 加入しない (leave) for one of the services, which share these words."""
        self.page.locator(f"label[for={service}-{word}]").click()
        return self

    def back(self) -> Self:
        """Use the browser's back button."""
        self.page.go_back()
        return self

    def another_tab(self) -> "Person":
        """Open a second tab of the same browser."""
        tab = Person(self.club, self.context, self.context.new_page(), self.equipment, self.complaints)
        watch(tab)
        return tab

    # --- what they do all the time --------------------------------------------------------------------------

    def sign_in(self, email: str, password: str = PASSWORD) -> Self:
        """Fill in the sign-in form that is shown, whosever it is, and send it."""
        self.page.locator("input[name=email]").fill(email)
        self.page.locator("input[name=password]").fill(password)
        return self.press("ログイン")

    def enter_mypage(self, email: str, password: str = PASSWORD) -> Self:
        """Sign in to マイページ."""
        return self.open(f"{self.club.mypage}/home").sign_in(email, password)

    def enter_portal(self, email: str, password: str = PASSWORD) -> Self:
        """Sign in to the agencies' portal."""
        return self.open(f"{self.club.portal}/agency/login").press("ログイン").sign_in(email, password)

    # --- what they see --------------------------------------------------------------------------------------

    @property
    def heading(self) -> str:
        """The heading of the page."""
        return self.page.locator("h1").inner_text()

    @property
    def text(self) -> str:
        """Everything that the page says."""
        return self.page.locator("body").inner_text()

    @property
    def main(self) -> str:
        """What the page says between its header and its footer, notices included."""
        return self.page.locator("div.page").inner_text()

    @property
    def errors(self) -> list[str]:
        """The messages beside the fields."""
        return self.page.locator(".field-error p").all_inner_texts()

    def value(self, label: str) -> str:
        """What stands in a field."""
        return self.page.get_by_label(label, exact=True).input_value()

    def details(self) -> dict[str, str]:
        """The definition lists of the page; of a label that comes twice the last counts."""
        rows = self.page.locator("dl.details > div").all_inner_texts()
        return dict(re.split(r"\n+", row.strip(), maxsplit=1) for row in rows)  # type: ignore[misc]

    def is_offered(self, name: str) -> bool:
        """Tell whether the page has a button or link of this name."""
        named = re.compile(rf"^\s*{re.escape(name)}")
        links = self.page.get_by_role("link", name=named).count()
        return bool(links + self.page.get_by_role("button", name=named).count())


@contextmanager
def running_browser(*flags: str) -> Iterator[Browser]:
    """Run Debian's Chromium."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_FLAGS, *flags])
        yield launched
        launched.close()


class Crowd:
    """Everybody of one test. On the way out it complains of what nobody may meet."""

    def __init__(self, browser: Browser, club: Club) -> None:
        self.browser, self.club = browser, club
        self.people: list[Person] = []

    def __call__(self, equipment: Equipment = DESK) -> Person:
        """Bring a person with a fresh browser."""
        context = self.browser.new_context(
            locale="ja-JP",
            timezone_id="Asia/Tokyo",
            viewport={"width": equipment.width, "height": 900},
            color_scheme="dark" if equipment.dark else "light",
            java_script_enabled=equipment.javascript,
            reduced_motion="reduce",
            # Only a proxy of ours speaks https here, with a certificate made for the test.
            ignore_https_errors=self.club.idp.startswith("https://"),
        )
        context.set_default_timeout(SECONDS * 1000)
        person = Person(self.club, context, context.new_page(), equipment)
        watch(person)
        self.people.append(person)
        return person

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, at: object) -> None:
        for person in self.people:
            person.context.close()
        if kind is None:
            check_nobody_complains(self.people)


def check_nobody_complains(people: Iterable[Person]) -> None:
    """Raise when anybody met what nobody may meet."""
    complaints = [complaint for person in people for complaint in person.complaints]
    assert not complaints, "\n".join(complaints)


def watch(person: Person) -> None:
    """Collect what a person must never meet on this page."""
    page, complain = person.page, person.complaints.append

    def heard(message: ConsoleMessage) -> None:
        # A page that says "no" has a status of its own, and Chromium notes that of the page itself here too.
        is_page = message.text.startswith(_STATUS_LINE) and message.location["url"] == page.url
        if message.type in {"error", "warning"} and not is_page:
            complain(f"console of {page.url}: {message.text}")

    def answered(response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            complain(f"{response.url} on {page.url} answered {response.status}")

    def asked(request: Request) -> None:
        if not request.url.startswith((*(f"{origin}/" for origin in person.club.origins), "data:")):
            complain(f"{page.url} asked a stranger: {request.url}")

    page.on("console", heard)
    page.on("pageerror", lambda error: complain(f"script on {page.url}: {error}"))
    page.on("response", answered)
    page.on("request", asked)
