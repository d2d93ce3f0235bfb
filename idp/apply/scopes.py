"""The scopes of the file: what the maker's other APIs can be allowed."""

from dataclasses import asdict

from sqlalchemy.orm import Session

from idp.apply.changes import Change, compared
from idp.apply.reading import Node
from idp.oauth.api_scopes import ScopeWords, is_scope_free, is_scope_name, put_scope

_FIELDS = ("name", "words", "words_en", "for_clients")


def apply_scope(session: Session, node: Node) -> Change | None:
    """Register or change a scope; None where something is wrong."""
    node.only(_FIELDS)
    name, words, words_en = node.text("name"), node.text("words"), node.text("words_en")
    for_clients = node.values.get("for_clients", False)
    if not isinstance(for_clients, bool):
        node.problems.add(node.at("for_clients"), "must be true or false")
        return None
    if name and not is_scope_name(name):
        node.problems.add(node.at("name"), "must be visible ASCII (RFC 6749 3.3) and no scope of this server")
        return None
    if not (name and words and words_en):
        return None
    if not is_scope_free(session, name):
        node.problems.add(node.at("name"), "is a permission of delegation grants")
        return None
    wanted = ScopeWords(name, words, words_en, for_clients=for_clients)
    before = put_scope(session, wanted)
    return compared(f"scope {name}", None if before is None else asdict(before), asdict(wanted))
