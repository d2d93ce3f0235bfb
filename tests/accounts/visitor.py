"""A person at a browser: opens pages and sends the very forms that stand on them, tokens included."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Protocol

from werkzeug.test import Client, TestResponse

from idp.settings import Settings


@dataclass
class PostForm:
    """A form as the page shows it: where it goes, and what it would send untouched."""

    action: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PostForm] = []
        self._form: PostForm | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = PostForm(given.get("action", ""))
            if given.get("method", "").lower() == "post":
                self.forms.append(self._form)
        elif self._form is not None:
            self._read_control(tag, given)

    def _read_control(self, tag: str, given: dict[str, str]) -> None:
        assert self._form is not None
        name, value = given.get("name", ""), given.get("value", "")
        if tag == "select":
            self._select = name
            self._form.fields.setdefault(name, [""])
        elif tag == "option" and "selected" in given:
            self._form.fields[self._select] = [value]
        elif tag == "button" and name:
            self._form.buttons.append((name, value))
        elif tag == "input" and name:
            if given.get("type") in {"radio", "checkbox"} and "checked" not in given:
                return
            self._form.fields.setdefault(name, []).append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None


def forms_of(page: TestResponse) -> list[PostForm]:
    """Return the POST forms of a page in their order; the language switch is the last one."""
    return read_forms(page.text)


def read_forms(html: str) -> list[PostForm]:
    """Return the POST forms of a page that came in another way."""
    reader = _Reader()
    reader.feed(html)
    return reader.forms


class Served(Protocol):
    """What browsers and relying parties speak to: an application in this process, or a server elsewhere."""

    def test_client(self, *, use_cookies: bool = True) -> Client:
        """Return a new browser."""


class Visitor:
    """One browser with its own cookies."""

    def __init__(self, served: Served, settings: Settings) -> None:
        self.settings = settings
        self.client = served.test_client()

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open a page; redirects are not followed."""
        return self.client.get(path, base_url=self.settings.issuer, **options)

    def post(self, path: str, data: dict[str, Any], **options: Any) -> TestResponse:
        """Send exactly this."""
        return self.client.post(path, base_url=self.settings.issuer, data=data, **options)

    def token(self, path: str = "/") -> str:
        """Return a form token of this browser."""
        return forms_of(self.get(path))[0].fields["csrf_token"][0]

    def submit(self, path: str, *, page: TestResponse | None = None, **typed: Any) -> TestResponse:
        """Open a page (or take the one at hand), type into its form and send that; fields keep their values.

        The form is the first one that goes to the page's own address.
        """
        page = page if page is not None else self.get(path)
        assert page.status_code < 500, page.text
        form = next(form for form in forms_of(page) if form.action in {"", path})
        return self.post(path, {**form.fields, **typed})

    def sign_in(self, email: str, password: str, *, path: str = "/sign-in") -> TestResponse:
        """Sign in on the owners' page, or another."""
        return self.submit(path, email=email, password=password)
