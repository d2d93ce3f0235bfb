"""Verifies that the sender of an access token holds the key it is bound to (RFC 9449 §4.3, §7)."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from joserfc import jwk, jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import extract_compact
from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError

from clients.relying_party.algorithms import FAPI2, UNREADABLE, signatures
from clients.relying_party.claims import LEEWAY, read_number, read_text
from clients.relying_party.clock import epoch
from clients.relying_party.credentials import SealBroken, Vault, digest
from clients.relying_party.dpop import access_token_hash
from clients.relying_party.errors import ProofRefused, TokenNotGenuine
from clients.relying_party.schema import dpop_proof, open_database, resource_server

ALGORITHMS = FAPI2
"""What a proof may be signed with (RFC 9449 §4.3 (5)); new here, so nothing needs RS256."""
OLDEST = timedelta(seconds=60)
"""A proof is made for the request that it comes with (§11.1)."""
NONCE_LIFETIME = 300
LONGEST = 8 * 1024
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class ProvenRequest:
    """What a proof must be about."""

    method: str
    url: str
    """Where the request went, as the client knows the address."""
    access_token: str = field(repr=False)
    key_thumbprint: str


class Proofs:
    """Checks proofs, each good for one request, over all processes that share the database."""

    def __init__(self, database_url: str, *, nonce_secret: str = "") -> None:
        self._engine = open_database(database_url, resource_server)
        self._nonces = Vault(nonce_secret, "dpop nonce") if nonce_secret else None

    def new_nonce(self) -> str:
        """Return a nonce for the next proof (§9); empty where this API does without."""
        return self._nonces.seal("") if self._nonces else ""

    def check(self, proof: str, asked: ProvenRequest, *, now: datetime) -> None:
        """Check a proof, and use it up.

        :raises ProofRefused: it does not prove that this request comes from the holder of the key.
        """
        header, claims = _verified(proof)
        _check_request(claims, asked)
        if not hmac.compare_digest(_thumbprint(header), asked.key_thumbprint):
            raise ProofRefused("invalid_dpop_proof", "jkt")
        issued = read_number(claims, "iat")
        if not epoch(now - OLDEST) - LEEWAY <= issued <= epoch(now) + LEEWAY:
            raise ProofRefused("invalid_dpop_proof", "iat")
        self._check_nonce(claims, now=now)
        self._use_up(digest(f"{asked.key_thumbprint} {read_text(claims, 'jti')}"), now=now)

    def _check_nonce(self, claims: Mapping[str, Any], *, now: datetime) -> None:
        if self._nonces is None:
            return
        nonce = claims.get("nonce")
        try:
            self._nonces.open(nonce if isinstance(nonce, str) else "", max_age=NONCE_LIFETIME, at=now)
        except SealBroken as error:
            raise ProofRefused("use_dpop_nonce", "nonce") from error

    def _use_up(self, name: str, *, now: datetime) -> None:
        """Remember the proof until it is too old anyway. The primary key lets one of many win."""
        forget_at = epoch(now + OLDEST) + 2 * LEEWAY + 1
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(dpop_proof).values(proof=name, forget_at=forget_at))
                connection.execute(delete(dpop_proof).where(dpop_proof.c.forget_at <= epoch(now)))
        except IntegrityError as error:
            raise ProofRefused("invalid_dpop_proof", "jti") from error


def _verified(proof: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return header and claims of a proof whose signature fits the key in it."""
    try:
        if len(proof) > LONGEST:
            raise TokenNotGenuine("size")
        header = extract_compact(proof.encode(), registry=signatures(ALGORITHMS)).headers()
        if header.get("typ") != "dpop+jwt":
            raise TokenNotGenuine("typ")
        if header.get("alg") not in ALGORITHMS:
            raise TokenNotGenuine("alg")
        decoded = jwt.decode(
            proof, _public_key(header), registry=signatures([header["alg"]])
        )  # fmt: skip
        for name in ("htm", "htu", "jti", "ath"):
            text = decoded.claims.get(name)
            if not isinstance(text, str) or not text.isascii():
                raise TokenNotGenuine(name)
        read_number(decoded.claims, "iat")
        read_text(decoded.claims, "jti")
    except TokenNotGenuine as error:
        raise ProofRefused("invalid_dpop_proof", error.reason) from error
    except UNREADABLE as error:
        raise ProofRefused("invalid_dpop_proof", "signature") from error
    return header, decoded.claims


def _public_key(header: Mapping[str, Any]) -> RSAKey | ECKey | OKPKey:
    """Read the key in the header, which must be a public one of a kind that signs (§4.2)."""
    given = header.get("jwk")
    if not isinstance(given, dict) or given.get("kty") not in {"RSA", "EC", "OKP"}:
        raise TokenNotGenuine("jwk")
    key = jwk.import_key({name: value for name, value in given.items() if isinstance(value, str)})
    if not isinstance(key, RSAKey | ECKey | OKPKey) or key.is_private:
        raise TokenNotGenuine("jwk")
    if isinstance(key, RSAKey) and key.raw_value.key_size < 2048:
        raise TokenNotGenuine("jwk")
    return key


def _thumbprint(header: Mapping[str, Any]) -> str:
    return _public_key(header).thumbprint()


def _check_request(claims: Mapping[str, Any], asked: ProvenRequest) -> None:
    if claims["htm"] != asked.method:
        raise ProofRefused("invalid_dpop_proof", "htm")
    if _address(claims["htu"]) != _address(asked.url):
        raise ProofRefused("invalid_dpop_proof", "htu")
    if not hmac.compare_digest(claims["ath"].encode(), access_token_hash(asked.access_token).encode()):
        raise ProofRefused("invalid_dpop_proof", "ath")


def _address(url: str) -> tuple[str, str, int | None, str]:
    """Return an address in a form that can be compared: without query and fragment (§4.3 (9))."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError as error:
        raise ProofRefused("invalid_dpop_proof", "htu") from error
    return parts.scheme, parts.hostname or "", port, unquote(parts.path) or "/"
