"""Says to the server which client this is: by a secret, or by an assertion of its own key (RFC 7523)."""

import json
from typing import Any

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwk, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from clients.relying_party import clock, credentials
from clients.relying_party.algorithms import signatures
from clients.relying_party.settings import RelyingPartySettings

ALGORITHMS = {"EC": "ES256", "RSA": "PS256", "OKP": "EdDSA"}
"""How a key of each kind signs; all are allowed by FAPI 2.0 Security Profile §5.4.1."""
ASSERTION_LIFETIME = 60


class _Assertion(PrivateKeyJWT):  # type: ignore[misc]  # Authlib has no types
    """Authlib's ``private_key_jwt``, living a minute instead of an hour, and made for the issuer."""

    def sign(self, auth: Any, token_endpoint: str) -> str:
        """Make the assertion (RFC 7523 §3) with a fresh ``jti``.

        :param token_endpoint: what the class was given: the issuer, the audience (FAPI 2.0 §5.3.3.1).
        """
        return make_assertion(auth.client_secret, client_id=auth.client_id, issuer=token_endpoint)


def make_assertion(key: Key, *, client_id: str, issuer: str) -> str:
    """Return an assertion (RFC 7523 §3) for one request, signed with the client's key."""
    now, alg = clock.epoch(clock.now()), ALGORITHMS[key.key_type]
    claims = {
        "iss": client_id, "sub": client_id, "aud": issuer, "jti": credentials.mint_secret(), "iat": now,
        "exp": now + ASSERTION_LIFETIME,
    }  # fmt: skip
    header = {"alg": alg, "typ": "JWT"} | ({"kid": key.kid} if key.kid else {})
    return jwt.encode(header, claims, key, registry=signatures([alg]))


class ClientAuthentication:
    """Makes HTTP sessions in which this client is authenticated."""

    def __init__(self, settings: RelyingPartySettings) -> None:
        self._settings = settings
        self._key = read_private_key(settings.private_key) if settings.private_key else None
        self.method = "private_key_jwt" if self._key else "client_secret_basic"

    def session(self) -> OAuth2Session:
        """Return a session for one exchange with the server."""
        session = OAuth2Session(
            self._settings.client_id,
            self._key or self._settings.client_secret,
            token_endpoint_auth_method=self.method,
            code_challenge_method="S256",
            default_timeout=self._settings.timeouts,
        )
        if self._key:
            session.register_client_auth_method(_Assertion(self._settings.issuer))
        return session


def read_private_key(text: str) -> Key:
    """Read a private key, as JWK or as PEM.

    :raises ValueError: it is none, or its public half alone.
    """
    key = _read_jwk(text) if text.lstrip().startswith("{") else _read_pem(text)
    if not isinstance(key, ECKey | RSAKey | OKPKey) or not key.is_private:
        raise ValueError("private_key is not a private key of EC, RSA or OKP")
    return key


def _read_jwk(text: str) -> Key:
    try:
        return jwk.import_key(json.loads(text))
    except (JoseError, KeyError, TypeError) as error:
        raise ValueError("private_key is no JWK") from error


def _read_pem(text: str) -> Key:
    for kind in (ECKey, RSAKey, OKPKey):
        try:
            return kind.import_key(text)
        except (JoseError, ValueError, TypeError):
            continue
    raise ValueError("private_key is no PEM")
