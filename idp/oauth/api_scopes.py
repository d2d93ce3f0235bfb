"""Scopes of the maker's other APIs, which an operator registers with the words that people read.

The server's own scopes are in ``scopes.py``. An API is a client with ``resources`` (RFC 8707); what its
scopes mean is the API's to know, here they are only names that can be allowed (RFC 6749 §3.3).
"""

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp.audit.events import Event
from idp.audit.service import record_event
from idp.delegation.permissions.service import known_permissions
from idp.oauth.models import ApiScope, Client
from idp.oauth.scopes import FOR_CLIENTS, FOR_SYSTEMS, SCOPES

_NAME = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}\Z")
"""RFC 6749 §3.3."""


@dataclass(frozen=True)
class ScopeWords:
    """A scope as it is registered."""

    name: str
    words: str
    """What a person allows with it, in Japanese: one line that ends in こと."""
    words_en: str
    for_clients: bool = False
    """Clients may have it for themselves too, by client_credentials."""


def is_scope_name(name: str) -> bool:
    """Tell whether something new may be called so: well-formed, and no scope of the server's own."""
    return bool(_NAME.match(name)) and name not in SCOPES


def is_scope_free(session: Session, name: str) -> bool:
    """Tell whether no permission of delegation grants is called so: what those give nobody else can."""
    return name not in known_permissions(session)


def is_permission_free(session: Session, name: str) -> bool:
    """Tell whether no API has a scope that is called so."""
    return session.get(ApiScope, name) is None


def known_scopes(session: Session) -> frozenset[str]:
    """Return every scope that a client may register; permissions of delegation grants are none."""
    names = frozenset(SCOPES) | set(session.scalars(select(ApiScope.name)))
    return names - known_permissions(session)


def scopes_for_client(session: Session, client: Client) -> frozenset[str]:
    """Return which of its scopes a client may have for itself (RFC 6749 §4.4)."""
    for_anybody = FOR_CLIENTS | set(session.scalars(select(ApiScope.name).where(ApiScope.for_clients)))
    return client.scopes & (for_anybody if client.agency_id is None else for_anybody | FOR_SYSTEMS)


def scope_words(session: Session, *, language: str) -> dict[str, str]:
    """Return the words of the APIs' scopes, by name."""
    scopes = session.scalars(select(ApiScope).order_by(ApiScope.name))
    return {one.name: one.words_en if language == "en" else one.words for one in scopes}


def put_scope(session: Session, wanted: ScopeWords) -> ScopeWords | None:
    """Register a scope or change its words; return how it was before, or None if it is new."""
    stored = session.get(ApiScope, wanted.name)
    before = None
    if stored is None:
        stored = ApiScope(name=wanted.name)
        session.add(stored)
    else:
        before = ScopeWords(stored.name, stored.words, stored.words_en, stored.for_clients)
    stored.words, stored.words_en = wanted.words, wanted.words_en
    stored.for_clients = wanted.for_clients
    if before != wanted:
        record_event(session, Event.SCOPE_REGISTERED, scope=wanted.name)
    session.flush()
    return before
