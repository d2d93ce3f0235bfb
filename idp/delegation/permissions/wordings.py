"""Consent texts as owners agreed to them: found again by what they say, never changed."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from idp import clock
from idp.db import insert_once
from idp.delegation.permissions.models import ConsentWording
from idp.delegation.rules import WORDING

Lines = Mapping[str, Sequence[str]]
"""Lines by heading, in the order of the page."""


def version_of(text: Lines) -> str:
    """Return the name of a text: the page's version and a digest, so that other words have another name."""
    stable = json.dumps([[heading, list(lines)] for heading, lines in text.items()], ensure_ascii=False)
    return f"{WORDING}.{hashlib.sha256(stable.encode()).hexdigest()[:16]}"


def keep_wording(session: Session, text: Lines) -> str:
    """Store a text unless it is there already, and return its version."""
    version = version_of(text)
    content = {heading: list(lines) for heading, lines in text.items()}
    insert_once(
        session, ConsentWording, {"version": version, "text": content, "first_agreed_at": clock.now()}
    )
    return version
