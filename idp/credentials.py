"""Everything that must not be guessed or read back: random secrets, digests, passwords, encryption.

The only reader of randomness. Secrets carry a prefix that names their kind, so that a leaked one is
recognised by a scanner and one kind can never pass for another; only digests of them are stored.
"""

import base64
import hashlib
import hmac
import secrets
import threading
import uuid
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from cryptography.fernet import Fernet, InvalidToken

ENTROPY_BYTES = 32
"""256 bits: no secret of ours can be found by trying."""

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# OWASP's minimum for Argon2id (19 MiB, t=2, p=1). Each hash holds its memory for about 30 ms, so the
# number at work at once is bounded: a flood of wrong passwords must not take the machine's memory.
_hashing = threading.BoundedSemaphore(2)
_UNKNOWN_PERSON_HASH = _hasher.hash("a person who does not exist")


class SecretKind(StrEnum):
    """Prefixes of the secrets that we hand out."""

    SESSION = "ocs"
    BROWSER = "ocb"
    MAIL_LINK = "ocl"
    AUTHORIZATION_CODE = "occ"
    REFRESH_TOKEN = "ocr"  # noqa: S105 - a prefix, not a secret
    CLIENT_SECRET = "ock"  # noqa: S105 - a prefix, not a secret
    ACT_AS_TICKET = "oct"
    PUSHED_REQUEST = "ocq"
    DEVICE_CODE = "ocd"
    INITIAL_ACCESS_TOKEN = "oci"  # noqa: S105 - a prefix, not a secret
    REGISTRATION_TOKEN = "ocm"  # noqa: S105 - a prefix, not a secret


class Undecryptable(Exception):
    """A stored value cannot be read with the configured key."""


def new_id() -> uuid.UUID:
    """Return a random identifier (UUID version 4, 122 random bits)."""
    return uuid.uuid4()


def mint_secret(kind: SecretKind) -> str:
    """Return a new URL-safe secret of 256 random bits that begins with the kind's prefix."""
    return f"{kind}_{secrets.token_urlsafe(ENTROPY_BYTES)}"


def mint_jti() -> str:
    """Return a random JWT ID (RFC 7519 §4.1.7)."""
    return secrets.token_urlsafe(16)


def random_below(limit: int) -> int:
    """Return a random whole number from 0 to limit - 1."""
    return secrets.randbelow(limit)


def is_kind(secret: str, kind: SecretKind) -> bool:
    """Tell whether a presented text has the form of this kind of secret."""
    return secret.startswith(f"{kind}_") and len(secret) <= 128


def digest(secret: str) -> str:
    """Return the SHA-256 of a secret in hexadecimal, which is all that is stored of it.

    A plain hash is enough because every such secret has 256 random bits; passwords go through Argon2id.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def keyed_digest(key: str, text: str) -> str:
    """Return the HMAC-SHA-256 of a text in base64url: 43 characters that nobody can make without the key."""
    mac = hmac.digest(key.encode(), text.encode("utf-8", "surrogatepass"), "sha256")
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def equal(left: str, right: str) -> bool:
    """Compare two texts in constant time."""
    return hmac.compare_digest(left.encode("utf-8", "replace"), right.encode("utf-8", "replace"))


_PEPPERED = "p1"
"""Stands before a hash that was made with the pepper."""


def hash_password(password: str, sealer: "Sealer") -> str:
    """Return the Argon2id hash of a password, made with a key that is not in the database.

    Whoever has the database alone cannot try out a single password.
    """
    with _hashing:
        return _PEPPERED + _hasher.hash(sealer.pepper(password))


def password_matches(password: str, stored: str | None, sealer: "Sealer") -> bool:
    """Tell whether a password is the stored one; takes as long when nothing is stored.

    A sign-in page that answers faster for an unknown address tells which addresses are members. A hash in
    plain PHC form, from before or from another club, is accepted too and renewed at this sign-in.
    """
    presented = password if stored is not None and stored.startswith("$") else sealer.pepper(password)
    with _hashing:
        try:
            _hasher.verify((stored or _UNKNOWN_PERSON_HASH).removeprefix(_PEPPERED), presented)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False
    return stored is not None


def needs_rehash(stored: str) -> bool:
    """Tell whether a hash was made without the pepper or with older parameters, and is due for renewal."""
    if not stored.startswith(_PEPPERED):
        return True
    return _hasher.check_needs_rehash(stored.removeprefix(_PEPPERED))


class Sealer:
    """Keeps what a stolen database must not give away, by a key outside of it: encrypts and peppers."""

    def __init__(self, key: str) -> None:
        self._pepper = hashlib.sha256(b"ownersclub pepper v1:" + key.encode()).hexdigest()
        derived = hashlib.sha256(b"ownersclub sealer v1:" + key.encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, text: str) -> str:
        """Return the encrypted and authenticated form of a text."""
        return self._fernet.encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """Return the text that was sealed.

        :raises Undecryptable: the key is another one, or the value was changed.
        """
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise Undecryptable("sealed under another key, or altered") from error

    def pepper(self, password: str) -> str:
        """Return what only the holder of the key can make of a password; that is what is hashed."""
        return keyed_digest(self._pepper, password)
