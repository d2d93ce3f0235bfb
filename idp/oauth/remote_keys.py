"""Keys that clients publish at their ``jwks_uri`` (RFC 7591 §2), kept for a minute in each process.

Nothing is fetched while a unit of work is open: a slow client would hold the database's lock for everybody.
Whoever needs keys that are not here raises ``KeysNotFetched``; the application undoes what was begun,
fetches, and answers the request from the beginning.
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from idp import clock
from idp.oauth.outgoing import CallFailed, fetch_json
from idp.settings import Settings

FRESH = timedelta(seconds=30)
"""Keys of this age are fetched again."""
LONGEST = timedelta(seconds=60)
"""A fetch that fails leaves what is known, no longer than this: a key that was taken away must not go on."""
BETWEEN_TRIES = timedelta(seconds=5)
"""An unknown ``kid``, which anybody can send, makes us ask a client no more often than this."""
MOST_ENTRIES = 1000
WAIT_FOR_TURN = 1.0
_at_once = threading.BoundedSemaphore(2)
"""Slow clients may hold two of a process's threads and not more."""


class KeysNotFetched(Exception):
    """The keys at an address are needed and not known yet."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.uri = uri


@dataclass(frozen=True)
class _Entry:
    keys: tuple[dict[str, Any], ...]
    fetched_at: datetime | None
    tried_at: datetime


_lock = threading.Lock()
_known: dict[str, _Entry] = {}


def keys_at(uri: str, *, kid: str | None) -> tuple[dict[str, Any], ...]:
    """Return the keys that a client publishes.

    :raises KeysNotFetched: they are unknown, not fresh, or lack this ``kid``, and it is time to ask again.
    """
    now = clock.now()
    with _lock:
        entry = _known.get(uri)
    age = now - entry.fetched_at if entry and entry.fetched_at else None
    is_known = entry is not None and (kid is None or any(key.get("kid") == kid for key in entry.keys))
    tried_lately = entry is not None and timedelta(0) <= now - entry.tried_at < BETWEEN_TRIES
    if (age is None or age > FRESH or not is_known) and not tried_lately:
        raise KeysNotFetched(uri)
    return entry.keys if entry is not None and age is not None and age <= LONGEST else ()


def fetch_keys(settings: Settings, uri: str) -> None:
    """Ask a client for its keys; what was known stays where that fails."""
    begun = clock.now()
    has_turn = _at_once.acquire(timeout=WAIT_FOR_TURN)
    try:
        with _lock:
            before = _known.get(uri)
        if before is not None and before.tried_at >= begun:
            return  # another thread has just asked
        keys = _keys_of(settings, uri) if has_turn else None
    finally:
        if has_turn:
            _at_once.release()
    now = clock.now()
    if keys is not None:
        entry = _Entry(keys, now, now)
    else:
        entry = _Entry(before.keys if before else (), before.fetched_at if before else None, now)
    with _lock:
        _known.pop(uri, None)
        _known[uri] = entry
        while len(_known) > MOST_ENTRIES:
            del _known[next(iter(_known))]


def _keys_of(settings: Settings, uri: str) -> tuple[dict[str, Any], ...] | None:
    try:
        document = fetch_json(settings, uri)
    except CallFailed:
        return None
    keys = document.get("keys") if isinstance(document, dict) else None
    return tuple(key for key in keys if isinstance(key, dict)) if isinstance(keys, list) else None
