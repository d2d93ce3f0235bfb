"""Signature algorithms (RFC 7518 §3, RFC 8037, RFC 8725 §3.1): one list for each purpose, chosen here alone.

HS* and ``none`` stand in no list, and the registry does not know them, so that no key of ours or of a client
can ever be taken for a shared secret. Whoever signs or verifies passes ``registry=signatures(LIST)``.
"""

from collections.abc import Collection

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.errors import InvalidKeyTypeError, JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry

SERVER_SIGNING = ("RS256", "PS256", "ES256", "EdDSA")
"""This server signs: ID tokens, userinfo and introspection answers; logout tokens as the ID token."""
CLIENT_ASSERTION = ("RS256", "PS256", "ES256", "EdDSA")
"""A client signs to authenticate (``private_key_jwt``)."""
REQUEST_OBJECT = ("RS256", "PS256", "ES256", "EdDSA")
"""A client signs an authorization request (RFC 9101)."""
DPOP_PROOF = ("PS256", "ES256", "EdDSA")
"""A client proves a key of its own (RFC 9449); new here, so nothing needs RS256."""
FAPI2 = ("PS256", "ES256", "EdDSA")
"""What FAPI 2.0 Security Profile §5.4.1 leaves of each list."""
ACCESS_TOKEN = "ES256"
UNREADABLE = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What joserfc, and the JSON below it, raise on a text that is no good token."""


class _Ed25519(JWSAlgModel):
    """``EdDSA`` with Ed25519 only (RFC 8037 §3.1, FAPI 2.0 §5.4.1).

    joserfc's own model takes Ed448 too, and warns of RFC 9864's new name at each use; OpenID metadata and
    the conformance suite still say ``EdDSA``.
    """

    name = "EdDSA"
    description = "EdDSA with Ed25519"
    key_type = "OKP"

    def sign(self, msg: bytes, key: OKPKey) -> bytes:
        private = key.get_op_key("sign")
        if not isinstance(private, Ed25519PrivateKey):
            raise InvalidKeyTypeError("EdDSA needs an Ed25519 key")
        return private.sign(msg)

    def verify(self, msg: bytes, sig: bytes, key: OKPKey) -> bool:
        public = key.get_op_key("verify")
        if not isinstance(public, Ed25519PublicKey):
            raise InvalidKeyTypeError("EdDSA needs an Ed25519 key")
        try:
            public.verify(sig, msg)
        except InvalidSignature:
            return False
        return True


class _Registry(JWSRegistry):
    """The algorithms of this server, and room for the RSA key in a DPoP proof's header (RFC 9449 §4.2)."""

    algorithms = {  # noqa: RUF012 - joserfc's own form
        **{name: JWSRegistry.algorithms[name] for name in ("RS256", "PS256", "ES256")}, "EdDSA": _Ed25519(),
    }  # fmt: skip
    recommended = []  # noqa: RUF012 - joserfc's own form; an algorithm that is not named is refused
    max_header_length = 4096


def signatures(allowed: Collection[str]) -> JWSRegistry:
    """Return the registry that signs and verifies with these algorithms and no other.

    Header members that nobody knows are ignored (RFC 7515 §4), unless ``crit`` names them.
    """
    return _Registry(algorithms=list(allowed), strict_check_header=False)
