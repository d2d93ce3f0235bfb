"""Signature algorithms (RFC 7518 §3, RFC 8037): what the kit verifies and signs with, and no other."""

from collections.abc import Collection

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.errors import InvalidKeyTypeError, JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry

UNREADABLE = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What joserfc, and the JSON below it, raise on a text that is no good token."""
FAPI2 = ("PS256", "ES256", "EdDSA")
"""FAPI 2.0 Security Profile §5.4.1."""


class _Ed25519(JWSAlgModel):
    """``EdDSA`` with Ed25519 only; joserfc's own warns of RFC 9864's new name at each use."""

    name = "EdDSA"
    description = "EdDSA with Ed25519"
    key_type = "OKP"

    def sign(self, msg: bytes, key: OKPKey) -> bytes:
        """Sign with an Ed25519 key."""
        private = key.get_op_key("sign")
        if not isinstance(private, Ed25519PrivateKey):
            raise InvalidKeyTypeError("EdDSA needs an Ed25519 key")
        return private.sign(msg)

    def verify(self, msg: bytes, sig: bytes, key: OKPKey) -> bool:
        """Tell whether an Ed25519 key made the signature."""
        public = key.get_op_key("verify")
        if not isinstance(public, Ed25519PublicKey):
            raise InvalidKeyTypeError("EdDSA needs an Ed25519 key")
        try:
            public.verify(sig, msg)
        except InvalidSignature:
            return False
        return True


class _Registry(JWSRegistry):
    """HMAC and ``none`` are not in it; the header has room for an RSA key (RFC 9449 §4.2)."""

    algorithms = {  # noqa: RUF012 - joserfc's own form
        **{name: JWSRegistry.algorithms[name] for name in ("RS256", "PS256", "ES256")}, "EdDSA": _Ed25519(),
    }  # fmt: skip
    recommended = []  # noqa: RUF012 - joserfc's own form; an algorithm that is not named is refused
    max_header_length = 4096


def signatures(allowed: Collection[str]) -> JWSRegistry:
    """Return the registry that signs and verifies with these algorithms and no other."""
    return _Registry(algorithms=list(allowed))
