"""Keys that clients publish at their ``jwks_uri`` (RFC 7591 §2), kept for a minute in each process.

Nothing is fetched while a unit of work is open: a slow client would hold the database's lock for everybody.
Whoever needs keys that are not here raises ``KeysNotFetched``; the application undoes what was begun,
fetches, and answers the request from the beginning.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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
AFTER_FAILURE = timedelta(seconds=5)
"""A client that cannot be reached is left alone for so long."""
MOST_TRIES, IN = 3, timedelta(seconds=15)
"""An unknown ``kid``, which anybody can send, makes us ask no more often than this; but a client that has
just changed its keys is not kept waiting."""
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
    tries: tuple[datetime, ...]
    """The latest, at most ``MOST_TRIES``, the newest last."""

    def was_tried_enough(self, now: datetime) -> bool:
        """Tell whether the client must not be asked again yet."""
        failed = self.fetched_at != self.tries[-1]
        if failed and now - self.tries[-1] < AFTER_FAILURE:
            return True
        return len(self.tries) == MOST_TRIES and now - self.tries[0] < IN


_lock = threading.Lock()
_known: dict[str, _Entry] = {}
_just_asked: ContextVar[str | None] = ContextVar("just_asked", default=None)
"""Whose keys were fetched for the request that is being answered again: what is there now has to do."""


def keys_at(uri: str, *, kid: str | None) -> tuple[dict[str, Any], ...]:
    """Return the keys that a client publishes.

    :raises KeysNotFetched: they are unknown, not fresh, or lack this ``kid``, and it is time to ask again.
    """
    now = clock.now()
    with _lock:
        entry = _known.get(uri)
    age = now - entry.fetched_at if entry and entry.fetched_at else None
    is_known = entry is not None and (kid is None or any(key.get("kid") == kid for key in entry.keys))
    must_do = uri == _just_asked.get() or (entry is not None and entry.was_tried_enough(now))
    if (age is None or age > FRESH or not is_known) and not must_do:
        raise KeysNotFetched(uri)
    return entry.keys if entry is not None and age is not None and age <= LONGEST else ()


@contextmanager
def keys_fetched(settings: Settings, uri: str) -> Iterator[None]:
    """Ask a client for its keys; inside, whatever came of it is used and it is not asked again."""
    _fetch(settings, uri)
    token = _just_asked.set(uri)
    try:
        yield
    finally:
        _just_asked.reset(token)


def _fetch(settings: Settings, uri: str) -> None:
    """Keep what a client answers; what was known stays where that fails."""
    begun = clock.now()
    has_turn = _at_once.acquire(timeout=WAIT_FOR_TURN)
    try:
        with _lock:
            before = _known.get(uri)
        if before is not None and before.tries[-1] > begun:
            return  # another thread has just asked
        keys = _keys_of(settings, uri) if has_turn else None
    finally:
        if has_turn:
            _at_once.release()
    now = clock.now()
    tries = (*(before.tries if before else ()), now)[-MOST_TRIES:]
    if keys is not None:
        entry = _Entry(keys, now, tries)
    else:
        entry = _Entry(before.keys if before else (), before.fetched_at if before else None, tries)
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
