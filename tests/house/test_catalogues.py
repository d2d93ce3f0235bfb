"""The English catalogues have every message of the sources, and are compiled as they are written."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import cast

import pytest
from babel.messages import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

from tests.house.tree import ROOT, text_of, told

DOMAINS = {
    "idp/translations": ("idp", "templates"),
    "clients/relying_party/translations": ("clients",),
}
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[sd]|\{\w*\}")
KEYWORDS = {**DEFAULT_KEYWORDS, **parse_keywords(["_l", "lazy_gettext", "lazy_ngettext:1,2"])}
RULE = "Run make catalog, then translate what is empty:"

MessageId = str | tuple[str, ...]


def messages_of(folders: tuple[str, ...]) -> set[MessageId]:
    """Return every message of the sources, as ``make catalog`` finds them."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as configuration:
        mapping, options = parse_mapping_cfg(configuration)  # type: ignore[no-untyped-call]  # Babel's gap
    return {
        found[2]
        for folder in folders
        for found in extract_from_dir(
            ROOT / folder, mapping, options, KEYWORDS, directory_filter=lambda path: True
        )
    }


def catalogue_of(translations: str) -> Catalog:
    """Return the English catalogue, as the translator wrote it."""
    with (ROOT / translations / "en/LC_MESSAGES/messages.po").open("rb") as source:
        return read_po(source, locale="en")


def texts(value: object) -> list[str]:
    """Return the one or more forms of a message."""
    return [value] if isinstance(value, str) else [str(form) for form in cast(tuple[str, ...], value)]


def stored_texts(catalogue: Catalog) -> dict[tuple[str, ...], list[str]]:
    """Return the forms of every message, in one shape whichever kind of file they were read from."""
    return {tuple(texts(message.id)): texts(message.string) for message in catalogue if message.id}


def faults(expected: set[MessageId], catalogue: Catalog) -> Iterator[str]:
    """Tell every way in which a catalogue falls short of the messages."""
    present = {message.id: message for message in catalogue if message.id}
    yield from (f"missing: {name}" for name in sorted(map(str, expected - present.keys())))
    yield from (f"no longer used: {name}" for name in sorted(map(str, present.keys() - expected)))
    for message in present.values():
        if message.fuzzy:
            yield f"fuzzy: {message.id}"
        if not all(texts(message.string)) or not message.string:
            yield f"not translated: {message.id}"
        elif not placeholders_agree(texts(message.id), texts(message.string)):
            yield f"other placeholders: {message.id} → {message.string}"


def placeholders_agree(source: list[str], translated: list[str]) -> bool:
    """Tell whether the translation uses nothing that the message does not give, and all that it gives."""
    given = {name for text in source for name in PLACEHOLDER.findall(text)}
    used = [set(PLACEHOLDER.findall(text)) for text in translated]
    return set().union(*used) == given


@pytest.mark.parametrize("translations", DOMAINS)
def test_every_message_has_its_english(translations: str) -> None:
    found = list(faults(messages_of(DOMAINS[translations]), catalogue_of(translations)))
    assert not found, told(found, rule=RULE)


@pytest.mark.parametrize("translations", DOMAINS)
def test_the_compiled_catalogue_is_up_to_date(translations: str) -> None:
    fresh = BytesIO()
    write_mo(fresh, catalogue_of(translations))
    fresh.seek(0)
    with (ROOT / translations / "en/LC_MESSAGES/messages.mo").open("rb") as compiled:
        assert stored_texts(read_mo(compiled)) == stored_texts(read_mo(fresh)), RULE


@pytest.mark.parametrize("folders", DOMAINS.values())
def test_the_macros_are_among_the_sources(folders: tuple[str, ...]) -> None:
    assert "必須" in messages_of(folders), "Babel passes over folders like _macros unless it is told not to"


def test_each_fault_of_a_catalogue_is_seen() -> None:
    catalogue = Catalog(locale="en")
    catalogue.add("はい", "Yes")
    catalogue.add("%(name)s 様", "Dear customer")
    catalogue.add("いいえ", "")
    catalogue.add("たぶん", "Perhaps", flags=["fuzzy"])
    expected: set[MessageId] = {"はい", "%(name)s 様", "いいえ", "新しい"}
    found = [fault.partition(":")[0] for fault in faults(expected, catalogue)]
    assert sorted(found) == ["fuzzy", "missing", "no longer used", "not translated", "other placeholders"]


def test_a_complete_catalogue_has_no_fault() -> None:
    catalogue = Catalog(locale="en")
    catalogue.add("%(name)s 様", "%(name)s")
    assert not list(faults({"%(name)s 様"}, catalogue))


GLOSSARY_ROW = re.compile(
    r"^\| (?P<japanese>[^|—]+) \| (?P<english>[^|]+) \|[^|]+\| (?P<where>[^|]+) \|$", re.M
)


def test_the_catalogues_use_the_words_of_the_glossary() -> None:
    pairs = [
        (japanese, english)
        for translations in DOMAINS
        for message in catalogue_of(translations)
        for japanese, english in zip(texts(message.id), texts(message.string), strict=True)
    ]
    rows = [row for row in GLOSSARY_ROW.finditer(text_of("docs/glossary.md")) if "pages" in row["where"]]
    unused = [
        f"{row['japanese']} → {word}"
        for row in rows
        for word in row["english"].split("; ")
        if not any(
            row["japanese"] in japanese and word.lower() in english.lower() for japanese, english in pairs
        )
    ]
    assert len(rows) > 30
    assert not unused, told(
        unused, rule="Write the word of docs/glossary.md in the English catalogue, or change it:"
    )
