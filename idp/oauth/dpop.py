"""DPoP (RFC 9449): whoever uses a token proves to hold the key that the token is bound to.

A proof is a small JWT for one request, signed with a key that it brings along. It is read without the
database (`read_proof`) and used up by one conditional insert (`use_proof`), so that a client that has only to
learn a nonce first has used nothing up. Nonces are stateless: docs/decisions/0015-dpop-nonces.md.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from joserfc import jws
from joserfc.jwk import Key
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.db import insert_once
from idp.oauth.algorithms import DPOP_PROOF, UNREADABLE, signatures
from idp.oauth.client_keys import KeyUnusable, import_public
from idp.oauth.models import UsedProof
from idp.settings import Settings

TOLERANCE = 60
"""Seconds that a client's clock may be wrong, and that a proof without a nonce is good for."""
NONCE_WINDOW = 120
"""Seconds; a nonce is accepted in the window that it was made in and in the next one."""
LONGEST_PROOF = 8192
LONGEST_JTI = 256
INVALID_PROOF = "invalid_dpop_proof"
USE_NONCE = "use_dpop_nonce"
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_DEFAULT_PORTS = {"https": 443, "http": 80}


class ProofRefused(Exception):
    """A proof is not accepted; ``error`` and ``description`` are for the client (RFC 9449 §5, §7.1, §8)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass(frozen=True)
class Proof:
    """A proof in order, not used up yet."""

    jkt: str
    """Thumbprint of its key (RFC 7638)."""
    digest: str
    usable_until: datetime


_REGISTRY = signatures(DPOP_PROOF)


def check_proof(
    session: Session, settings: Settings, *, proof: str, method: str, uri: str,
    access_token: str | None = None, nonce_required: bool,
) -> str:  # fmt: skip
    """Return the thumbprint of the key that signed a proof for this request, and use the proof up.

    ``proof`` is the value of the DPoP header; ``uri`` the address that was called, from the issuer on.

    :raises ProofRefused: it is not in order, or was used before.
    """
    read = read_proof(
        settings, proof=proof, method=method, uri=uri, access_token=access_token,
        nonce_required=nonce_required,
    )  # fmt: skip
    use_proof(session, read)
    return read.jkt


def read_proof(
    settings: Settings, *, proof: str, method: str, uri: str, access_token: str | None = None,
    nonce_required: bool,
) -> Proof:  # fmt: skip
    """Check everything of RFC 9449 §4.3 but that the proof is new.

    :raises ProofRefused: it is not in order.
    """
    claims, key = _verified(proof)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
        raise _invalid(f"jti must be a text of 1 to {LONGEST_JTI} characters")
    if claims.get("htm") != method:
        raise _invalid("htm must be the method of this request")
    htu = claims.get("htu")
    if not isinstance(htu, str) or (called := _normalized(uri)) is None or _normalized(htu) != called:
        raise _invalid("htu must be the address of this request without query and fragment")
    if access_token is not None and claims.get("ath") != hash_of(access_token):
        raise _invalid("ath must be the base64url SHA-256 of the access token")
    jkt = key.thumbprint()
    until = _usable_until(settings, claims, nonce_required=nonce_required)
    return Proof(jkt, credentials.digest(f"{jkt}.{jti}"), clock.from_epoch(until))


def use_proof(session: Session, proof: Proof) -> None:
    """Use a proof up; of any number of parallel uses one succeeds (RFC 9449 §11.1).

    :raises ProofRefused: it was used before.
    """
    values = {"proof_digest": proof.digest, "expires_at": proof.usable_until}
    if not insert_once(session, UsedProof, values):
        raise _invalid("jti was used before; make a new proof for each request")


def current_nonce(settings: Settings) -> str:
    """Return the nonce that the next proofs should carry (RFC 9449 §8); the same for everybody."""
    return _nonce(settings, clock.epoch(clock.now()) // NONCE_WINDOW)


def hash_of(access_token: str) -> str:
    """Return ``ath``: the SHA-256 of an access token in base64url (RFC 9449 §4.2)."""
    hashed = hashlib.sha256(access_token.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


def _verified(proof: str) -> tuple[dict[str, Any], Key]:
    """Return the claims of a proof and the key that it brings and is signed with."""
    if "," in proof or " " in proof.strip():  # WSGI joins several header fields by a comma
        raise _invalid("send exactly one DPoP header with one JWT in it")
    if len(proof) > LONGEST_PROOF:
        raise _invalid("the proof is longer than 8 KiB")
    try:
        parsed = jws.extract_compact(proof.strip().encode("ascii"), registry=_REGISTRY)
        header = parsed.headers()
    except UNREADABLE as error:
        raise _invalid("the proof must be a signed JWT in compact form") from error
    if header.get("typ") != "dpop+jwt":
        raise _invalid("typ must be dpop+jwt")
    if header.get("alg") not in DPOP_PROOF:
        raise _invalid("alg must be one of " + " ".join(DPOP_PROOF))
    key = _public_key(header.get("jwk"))
    try:
        is_signed = jws.validate_compact(parsed, key, registry=_REGISTRY)
        claims = json.loads(parsed.payload or b"") if is_signed else None
    except UNREADABLE as error:
        raise _invalid("the signature must verify with the key in jwk, and the claims be JSON") from error
    if not isinstance(claims, dict):
        raise _invalid("the signature must verify with the key in jwk, and the claims be an object")
    return claims, key


def _public_key(jwk: object) -> Key:
    """Return the key that a proof brings; nothing but a public key of a kind that is used here."""
    try:
        return import_public(jwk if isinstance(jwk, dict) else {})
    except KeyUnusable as error:
        raise _invalid(
            "jwk must be a public key alone: RSA of 2048 bits or more, EC of P-256, or OKP of Ed25519"
        ) from error


def _usable_until(settings: Settings, claims: Mapping[str, Any], *, nonce_required: bool) -> int:
    """Return until when a proof could be used; its time is that of the nonce, or else ``iat`` (§4.3).

    A client whose clock is wrong can so learn a nonce and be right (RFC 9449 §11.1).
    """
    now, nonce = clock.epoch(clock.now()), claims.get("nonce")
    times = {name: claims[name] for name in ("iat", "nbf", "exp") if name in claims}
    if "iat" not in times or not all(clock.is_epoch(one) for one in times.values()):
        raise _invalid("iat must be the time at which the proof was made; so must exp and nbf be times")
    if times.get("nbf", now) > now + TOLERANCE or times.get("exp", now) <= now - TOLERANCE:
        raise _invalid("the proof is over by its exp, or not yet good by its nbf")
    if nonce is None and not nonce_required:
        if abs(now - times["iat"]) > TOLERANCE:
            raise _invalid("iat must be the present time, give or take a minute")
        return int(times["iat"]) + TOLERANCE + 1
    window = now // NONCE_WINDOW
    for made_in in (window, window - 1):
        if isinstance(nonce, str) and credentials.equal(nonce, _nonce(settings, made_in)):
            return (made_in + 2) * NONCE_WINDOW
    raise ProofRefused(USE_NONCE, "put the value of the DPoP-Nonce header into nonce and send a new proof")


def _nonce(settings: Settings, window: int) -> str:
    return credentials.keyed_digest(settings.secret_key, f"dpop-nonce:{window}")


def _normalized(uri: str) -> tuple[str, str, int, str] | None:
    """Return what two spellings of one address have in common (RFC 3986 §6.2.2, §6.2.3), or None."""
    if not uri.isascii() or not uri.isprintable() or " " in uri or "\\" in uri:
        return None
    try:
        parts = urlsplit(uri)
        port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    except (ValueError, KeyError):
        return None
    if not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port, _normalized_path(parts.path)


def _normalized_path(path: str) -> str:
    """Return a path with its escapes in one form and without dot segments (RFC 3986 §5.2.4, §6.2.2)."""
    plain = re.sub(r"%[0-9A-Fa-f]{2}", lambda match: _one_escape(match[0]), path)
    kept, segments = list[str](), plain.split("/")[1:]
    for index, segment in enumerate(segments):
        is_last = index == len(segments) - 1
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
        if segment in {".", ".."} and is_last:
            kept.append("")
    return "/" + "/".join(kept)


def _one_escape(escape: str) -> str:
    letter = unquote(escape, encoding="latin-1")
    return letter if _UNRESERVED.fullmatch(letter) else escape.upper()


def _invalid(description: str) -> ProofRefused:
    return ProofRefused(INVALID_PROOF, description)
