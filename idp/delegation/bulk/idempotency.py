"""Idempotency keys: a call that is sent again, because its answer got lost, is not carried out again.

draft-ietf-httpapi-idempotency-key-header. The key is stored with the answer in the very transaction of what
was done: after a crash there is either all of it or nothing, and the key is free again.
"""

import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.db import insert_once, try_lock_named
from idp.delegation.bulk.models import IdempotencyKey
from idp.errors import Refusal

_QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"')
_BARE = re.compile(r"[A-Za-z0-9._:~+/=-]{1,255}")


class KeyMissing(Refusal):
    """There is no readable ``Idempotency-Key`` (§2.7: 400)."""

    status = 400


class KeyReused(Refusal):
    """The same key came with another request (§2.7: 422)."""

    status = 422


class StillRunning(Refusal):
    """The same request is being carried out at this moment (§2.7: 409)."""


@dataclass(frozen=True)
class Keyed:
    """A call that carries a key."""

    caller_id: uuid.UUID
    key: str
    request: str
    """Digest of method, path and body."""

    @property
    def digest(self) -> str:
        """What the key is stored under: the same word of another caller is another key."""
        return credentials.digest(f"{self.caller_id}:{self.key}")


def read_key(header: str | None) -> str:
    """Read the header: a string of Structured Fields (RFC 8941 §3.3.3), or the bare word that many send.

    :raises KeyMissing: there is none, or it is empty, too long or unreadable.
    """
    given = (header or "").strip()
    quoted = _QUOTED.fullmatch(given)
    if quoted is not None:
        return re.sub(r"\\(.)", r"\1", quoted[1])
    if _BARE.fullmatch(given) is None:
        raise KeyMissing
    return given


def find_answer(session: Session, call: Keyed) -> dict[str, Any] | None:
    """Return the stored answer to a call that was carried out already; None: it is this one's turn.

    :raises KeyReused: the key belongs to another request.
    :raises StillRunning: the same call is being carried out.
    """
    if not try_lock_named(session, f"idempotency:{call.digest}"):
        raise StillRunning
    now = clock.now()
    session.execute(
        delete(IdempotencyKey).where(
            IdempotencyKey.caller_id == call.caller_id, IdempotencyKey.key_digest == call.digest,
            IdempotencyKey.expires_at <= now,
        )
    )  # fmt: skip
    stored = session.get(IdempotencyKey, (call.caller_id, call.digest), populate_existing=True)
    if stored is None:
        return None
    if stored.request_digest != call.request:
        raise KeyReused
    return stored.body


def store_answer(session: Session, call: Keyed, body: dict[str, Any], *, lifetime: int) -> None:
    """Keep the answer for so many seconds, together with what the call did.

    :raises StillRunning: somebody was quicker after all; nothing of this call may be stored.
    """
    now = clock.now()
    row = {
        "caller_id": call.caller_id, "key_digest": call.digest, "request_digest": call.request, "status": 200,
        "body": body, "created_at": now, "expires_at": now + timedelta(seconds=lifetime),
    }  # fmt: skip
    if not insert_once(session, IdempotencyKey, row):
        raise StillRunning
