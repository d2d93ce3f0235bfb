"""Forms of a page, with the hidden fields that a person sends along without seeing them."""

from collections.abc import Mapping
from html.parser import HTMLParser

from werkzeug.test import TestResponse


class Form:
    """A form of a page."""

    def __init__(self, attributes: Mapping[str, str | None]) -> None:
        self.action = attributes.get("action") or ""
        self.method = (attributes.get("method") or "get").lower()
        self.all_hidden: dict[str, list[str]] = {}

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden fields of a form that repeats none."""
        return {name: values[0] for name, values in self.all_hidden.items()}


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "form":
            self.forms.append(Form(attributes))
        elif tag == "input" and attributes.get("type") == "hidden" and self.forms:
            name, value = attributes["name"] or "", attributes.get("value") or ""
            self.forms[-1].all_hidden.setdefault(name, []).append(value)


def forms_of(page: TestResponse) -> list[Form]:
    """Return the forms of a page."""
    reader = _FormReader()
    reader.feed(page.text)
    return reader.forms
