"""Proves with each request that this application holds the key its tokens are bound to (RFC 9449 §4.2)."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from clients.relying_party import clock, credentials
from clients.relying_party.algorithms import signatures
from clients.relying_party.settings import origin_of

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""How many private keys P-256 has, and one more (FIPS 186-5, SP 800-186 §3.2.1.3)."""
Timeout = tuple[float, float]


class Prover:
    """One key, and the nonces that servers want to see next."""

    def __init__(self, secret: str) -> None:
        """Derive the key, so that all workers have it and a restart does not lose it.

        :param secret: the application's own; P-256's order is so near 2**256 that the remainder is even.
        """
        number = int.from_bytes(credentials.derive_key(secret, "dpop key")) % (ORDER - 1) + 1
        private = ec.derive_private_key(number, ec.SECP256R1())
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._key = ECKey.import_key(pem)
        self._nonces: dict[tuple[str, bool], str] = {}

    @property
    def thumbprint(self) -> str:
        """What ties an authorization code to the key (§10)."""
        return self._key.thumbprint()

    def prove(self, method: str, url: str, *, access_token: str = "") -> str:
        """Return a proof for one request, with the last nonce of that server."""
        claims: dict[str, Any] = {
            "jti": credentials.mint_secret(),
            "htm": method,
            "htu": url.partition("#")[0].partition("?")[0],
            "iat": clock.epoch(clock.now()),
        }
        if access_token:
            claims["ath"] = access_token_hash(access_token)
        if nonce := self._nonces.get(_whose(url, access_token)):
            claims["nonce"] = nonce
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self._key.as_dict(private=False)}
        return jwt.encode(header, claims, self._key, registry=signatures(["ES256"]), default_type=None)

    def learn(self, url: str, headers: Mapping[str, str], *, access_token: str = "") -> None:
        """Remember the nonce that an answer brings (§8.2); a server may want another one at its API."""
        if nonce := headers.get("DPoP-Nonce"):
            self._nonces[_whose(url, access_token)] = nonce


def access_token_hash(access_token: str) -> str:
    """Return ``ath``, which ties a proof to one access token (§4.2)."""
    hashed = hashlib.sha256(access_token.encode("ascii")).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


def send_with_token(
    prover: Prover | None, method: str, url: str, *, access_token: str, timeout: Timeout, **options: Any
) -> requests.Response:
    """Send a request with an access token, with a proof where the application has a key (§7.1).

    A server that wants a nonce first says so and has done nothing; the request is sent once more (§9).
    """
    if prover is None:
        return _send(method, url, authorization=f"Bearer {access_token}", timeout=timeout, **options)
    response = _send_proven(prover, method, url, access_token=access_token, timeout=timeout, **options)
    if response.status_code == 401 and "use_dpop_nonce" in response.headers.get("WWW-Authenticate", ""):
        response = _send_proven(prover, method, url, access_token=access_token, timeout=timeout, **options)
    return response


def _send_proven(
    prover: Prover, method: str, url: str, *, access_token: str, timeout: Timeout, **options: Any
) -> requests.Response:
    proof = prover.prove(method, url, access_token=access_token)
    response = _send(
        method, url, authorization=f"DPoP {access_token}", proof=proof, timeout=timeout, **options
    )
    prover.learn(url, response.headers, access_token=access_token)
    return response


def _send(
    method: str,
    url: str,
    *,
    authorization: str,
    timeout: Timeout,
    proof: str = "",
    idempotency_key: str = "",
    **options: Any,
) -> requests.Response:
    headers = {"Authorization": authorization, "Accept": "application/json, application/problem+json"}
    return requests.request(
        method,
        url,
        headers=headers
        | ({"DPoP": proof} if proof else {})
        | ({"Idempotency-Key": f'"{idempotency_key}"'} if idempotency_key else {}),
        timeout=timeout,
        allow_redirects=False,
        **options,
    )


def _whose(url: str, access_token: str) -> tuple[str, bool]:
    return origin_of(url), bool(access_token)
