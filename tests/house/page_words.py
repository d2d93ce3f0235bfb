"""What a person reads on a page, and what of it is Japanese."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, is_dataclass
from html.parser import HTMLParser
from typing import Any

JAPANESE = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]+")
"""Kana, kanji, and the full-width punctuation and letters that go with them."""
READ_ALOUD = {"alt", "aria-label", "placeholder", "title"}
UNSEEN = {"script", "style"}
VOID = {"br", "hr", "img", "input", "link", "meta", "line", "polyline"}


class PageWords(HTMLParser):
    """Collects the words of a page, those in attributes that are shown or read aloud included.

    What says ``lang="ja"`` of itself (the language switch) is Japanese in every language, and left out.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.language = ""
        self.words: list[str] = []
        self.headings: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the words of the attributes."""
        given = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = given.get("lang", "")
        silent = tag in UNSEEN or (tag != "html" and given.get("lang") == "ja")
        if not silent:
            self.words += [
                value for name, value in given.items() if name in READ_ALOUD or name.startswith("data-")
            ]
        if tag not in VOID:
            self._open.append((tag, silent))

    def handle_endtag(self, tag: str) -> None:
        """Leave the element, and whatever in it was not closed."""
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Take the words between tags."""
        if not any(silent for _, silent in self._open):
            self.words.append(data)
            if any(tag == "h1" for tag, _ in self._open):
                self.headings.append(data)


def japanese_in(page: PageWords, *, names: Iterable[str] = ()) -> set[str]:
    """Return the Japanese of a page, apart from names, which are the same in every language."""
    text = "\n".join(page.words)
    for name in sorted(set(names), key=len, reverse=True):
        text = text.replace(name, "")
    return set(JAPANESE.findall(text))


def texts_in(value: object) -> Iterator[str]:
    """Return every text of a record, however deep."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, str):
        yield from ({value} - {""})
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, Iterable):
        for inner in value:
            yield from texts_in(inner)


def brand_names(settings: Any) -> set[str]:
    """Return the names in the header and the contact block."""
    return {settings.brand_name, settings.contact_company, settings.contact_department}
