"""The stage of マイページ's tests: the application, and browsers that send forms as a person would."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Flask
from werkzeug.test import TestResponse

from clients.mypage.settings import MyPageSettings
from tests.clients.played_server import ISSUER, MYPAGE, PORTAL, PlayedServer


def mypage_settings(database: Path, **deviation: Any) -> MyPageSettings:
    """Return the settings of マイページ as in the demo, with deviations."""
    given = {
        "base_url": MYPAGE,
        "issuer": ISSUER,
        "client_secret": "of the demo",
        "database_url": f"sqlite:///{database}",
        "secret_key": "of the stage, at least 32 characters",
        "agency_portal_url": PORTAL,
        "reports_by_thread": False,
    }
    return MyPageSettings.model_validate(given | deviation)


@dataclass
class Form:
    """A form of a page, with the values that it would send untouched."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.append(found.get("href", ""))
        elif tag == "form":
            self.forms.append(Form(found.get("action", ""), found.get("method", "get").lower()))
        elif tag == "input" and self.forms:
            is_chosen = found.get("type") not in {"radio", "checkbox"} or "checked" in found
            if is_chosen and "name" in found:
                self.forms[-1].fields[found["name"]] = found.get("value", "")


def forms_of(page: TestResponse) -> list[Form]:
    """Return the forms of a page."""
    reader = _Reader()
    reader.feed(page.text)
    return reader.forms


def links_of(page: TestResponse) -> list[str]:
    """Return the addresses that a page links to."""
    reader = _Reader()
    reader.feed(page.text)
    return reader.links


class Browser:
    """One browser at マイページ."""

    def __init__(self, app: Flask, server: PlayedServer, *, base_url: str = MYPAGE) -> None:
        self.server = server
        self.base_url = base_url
        self.client = app.test_client()

    def open(self, path: str, **options: Any) -> TestResponse:
        """Open an address of マイページ."""
        return self.client.get(path.removeprefix(self.base_url), base_url=self.base_url, **options)

    def asked(self, answer: TestResponse) -> dict[str, str]:
        """Return the parameters of the authorization request that an answer redirects to."""
        assert answer.location.startswith(f"{ISSUER}/oauth/authorize?"), answer.location
        asked = dict(parse_qsl(urlsplit(answer.location).query))
        self.server.nonce = asked["nonce"]
        return asked

    def begin(self, path: str = "/home") -> dict[str, str]:
        """Ask for a page that needs a sign-in, up to the server, and return what it is asked."""
        answer = self.open(path)
        while answer.location and not answer.location.startswith(ISSUER):
            answer = self.open(answer.location)
        return self.asked(answer)

    def call_back(self, asked: dict[str, str], **deviation: str | None) -> TestResponse:
        """Return from the server with a code, or with the deviations; None leaves a parameter out."""
        query = {"code": "code-1", "iss": ISSUER, "state": asked["state"]} | deviation
        return self.open("/oidc/callback", query_string={k: v for k, v in query.items() if v is not None})

    def sign_in(self, path: str = "/home") -> TestResponse:
        """Sign in as the server says, and return the answer of the callback."""
        return self.call_back(self.begin(path))

    def start_proxy_login(self, path: str = "/home", **act: Any) -> TestResponse:
        """Arrive from the portal with a ticket, and return the answer of the callback."""
        self.server.act(**act)
        query = {"iss": ISSUER, "login_hint": "ticket-1", "target_link_uri": f"{self.base_url}{path}"}
        return self.call_back(self.asked(self.open("/oidc/initiate", query_string=query)))

    def press(self, page: TestResponse, action: str, *, headers: Any = None, **typed: str) -> TestResponse:
        """Send the form of a page whose action begins so, with what is typed over it."""
        form = next(form for form in forms_of(page) if form.action.startswith(action))
        fields = form.fields | typed
        if form.method == "get":
            return self.open(form.action, query_string=fields)
        return self.client.post(form.action, data=fields, base_url=self.base_url, headers=headers)

    def cookie(self, name: str) -> str | None:
        """Return the value of a cookie."""
        found = self.client.get_cookie(name, domain="localhost")
        return found.value if found else None
