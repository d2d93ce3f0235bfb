"""Watches what the application tells clients' developers: every ``error_description`` of every test."""

import re
from urllib.parse import parse_qs, urlsplit

from flask import Flask, Response

DESCRIPTION = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 6749 §4.1.2.1, §5.2; RFC 6750 §3 for a challenge."""
_CHALLENGED = re.compile(r'error_description="((?:[^"\\]|\\.)*)"')


class WordsRefused(Exception):
    """An answer told of an error in characters that the specification does not allow."""


def watch_error_words(app: Flask) -> Flask:
    """Let the application fail when it says what it must not, and return it."""
    app.after_request(_check)
    return app


def _check(answer: Response) -> Response:
    for description in _descriptions(answer):
        if not DESCRIPTION.fullmatch(description):
            raise WordsRefused(ascii(description))
    return answer


def _descriptions(answer: Response) -> list[str]:
    """Return the descriptions in the body, in the address of a redirect and in the challenges."""
    found = parse_qs(urlsplit(answer.headers.get("Location", "")).query).get("error_description", [])
    for challenge in answer.headers.getlist("WWW-Authenticate"):
        found += _CHALLENGED.findall(challenge)
    body = answer.get_json(silent=True) if answer.mimetype == "application/json" else None
    if isinstance(body, dict) and "error_description" in body:
        found.append(str(body["error_description"]))
    return found
