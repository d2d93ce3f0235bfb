"""Public keys as a manager pastes them: a JWK Set, one JWK, or PEM as OpenSSL writes it."""

import json
import re
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc.jwk import ECKey, OKPKey, RSAKey

from idp.oauth.client_keys import KeyUnusable, import_public
from idp.oauth.systems.rules import KeysRefused, KeyTrouble

_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----[A-Za-z0-9+/=\s]*-----END \1-----")
"""Nothing between that could begin another block: the text is read once, whatever it is."""
_KEPT = ("kty", "crv", "x", "y", "n", "e", "kid", "alg", "use")
_KINDS: tuple[type[ECKey | RSAKey | OKPKey], ...] = (ECKey, RSAKey, OKPKey)
_SECRET = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def read_keys(text: str) -> dict[str, Any]:
    """Return pasted public keys as a JWK Set.

    :raises KeysRefused: they are private, weak, or no keys.
    """
    keys = _from_json(text) if text.lstrip().startswith("{") else _from_pem(text)
    for key in keys:
        if _SECRET & set(key):
            raise KeysRefused(KeyTrouble.PRIVATE)
        try:
            import_public(key)
        except KeyUnusable as unusable:
            raise KeysRefused(KeyTrouble.WEAK) from unusable
    return {"keys": [{name: key[name] for name in _KEPT if name in key} for key in keys]}


def _from_json(text: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise KeysRefused(KeyTrouble.UNREADABLE) from error
    keys = document.get("keys", [document])
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise KeysRefused(KeyTrouble.UNREADABLE)
    return keys


def _from_pem(text: str) -> list[dict[str, Any]]:
    blocks = list(_BLOCK.finditer(text))
    if any("PRIVATE" in block[1] for block in blocks) or "PRIVATE KEY" in text:
        raise KeysRefused(KeyTrouble.PRIVATE)
    if not blocks:
        raise KeysRefused(KeyTrouble.UNREADABLE)
    return [_public_jwk(block[0]) for block in blocks]


def _public_jwk(block: str) -> dict[str, Any]:
    for kind in _KINDS:
        try:
            return dict(kind.import_key(block).as_dict(private=False))
        except Exception:  # noqa: S112 - cryptography and joserfc raise many kinds; the next may fit
            continue
    try:
        load_pem_public_key(block.encode())
    except Exception as error:  # the same
        raise KeysRefused(KeyTrouble.UNREADABLE) from error
    raise KeysRefused(KeyTrouble.WEAK)
