"""The only reader of randomness, and the keeper of secrets: by digest to look up, encrypted to use.

A copy of the session database alone must not let anybody in: the cookie's value is stored as a digest, and
the tokens under a key that lives in the settings.
"""

import base64
import hashlib
import secrets
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from clients.relying_party import clock


class SealBroken(Exception):
    """What was sealed is not ours, was altered, or is older than allowed."""


def mint_secret() -> str:
    """Make a URL-safe text of 256 random bits."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return the SHA-256 of a secret, in hexadecimal.

    A plain hash is enough, because only secrets of 256 random bits are given to it.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def derive_key(secret: str, purpose: str) -> bytes:
    """Return 32 bytes for one purpose, so that no two uses share a key (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())


class Vault:
    """Seals and opens small texts with one key (Fernet: AES-128-CBC and HMAC-SHA-256)."""

    def __init__(self, secret: str, purpose: str) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(derive_key(secret, purpose)))

    def seal(self, text: str) -> str:
        """Return the text encrypted, with the present moment in it."""
        return self._fernet.encrypt_at_time(text.encode(), clock.epoch(clock.now())).decode("ascii")

    def open(self, sealed: str, *, max_age: int | None = None, at: datetime | None = None) -> str:
        """Return the text that was sealed at most ``max_age`` seconds ago.

        :raises SealBroken: it was altered, sealed with another key, or is too old.
        """
        try:
            if max_age is None:
                return self._fernet.decrypt(sealed.encode()).decode()
            moment = clock.epoch(at or clock.now())
            return self._fernet.decrypt_at_time(sealed.encode(), max_age, moment).decode()
        except (InvalidToken, UnicodeError) as error:
            raise SealBroken from error

    def sealed_at(self, sealed: str) -> datetime:
        """Return the moment, in whole seconds, at which a text was sealed with this key.

        :raises SealBroken: it was altered, or sealed with another key.
        """
        try:
            return clock.from_epoch(self._fernet.extract_timestamp(sealed.encode()))
        except (InvalidToken, UnicodeError) as error:
            raise SealBroken from error
