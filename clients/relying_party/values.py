"""What the kit hands to an application: frozen values without tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from clients.relying_party.errors import ApiRefused


class EndReason(StrEnum):
    """Why a session is over; the next page tells the person in words."""

    SIGNED_OUT = "signed_out"
    """The person asked for it here."""
    TIME_OVER = "time_over"
    """The absolute end, or too long without a request."""
    ENDED_BY_SERVER = "ended_by_server"
    """The server says so. For a proxy login that means: a permission ended."""


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who is really sitting there when somebody acts as the owner (RFC 8693 §4.1), and for whom."""

    sub: str
    name: str
    organisation_id: str
    organisation_name: str


@dataclass(frozen=True, kw_only=True)
class Session:
    """One person's sign-in at this relying party."""

    sub: str
    name: str
    email: str
    sid: str
    scope: frozenset[str]
    act: Actor | None
    delegation: str
    """Id of the delegation grant under which somebody acts; empty for the person's own session."""
    session_expires_at: datetime
    """The absolute end. No renewal goes beyond it."""
    key: str = field(repr=False)
    """Digest of the cookie: the row in the session store."""

    @property
    def display_name(self) -> str:
        """The name for the header; the e-mail address where the server knows no name."""
        return self.name or self.email

    def may(self, permission: str) -> bool:
        """Whether this session may do what the permission names.

        A person's own session may do everything; permissions narrow only those who act for somebody.
        """
        return self.act is None or permission in self.scope


@dataclass(frozen=True, kw_only=True)
class ApiResponse:
    """An answer of the server's API: a status and decoded JSON."""

    status: int
    data: Any = field(repr=False)
    """Decoded JSON; None where the body is empty."""

    @property
    def ok(self) -> bool:
        """Whether the server did what was asked."""
        return 200 <= self.status < 300

    @property
    def object(self) -> Mapping[str, Any]:
        """The JSON object of a successful answer.

        :raises ApiRefused: the server answered with a problem, or with something else than an object. Left
            alone, it becomes the page for its status: 403 and 404 the same here, anything else "please try
            later".
        """
        if not self.ok or not isinstance(self.data, dict):
            raise ApiRefused(self.status)
        return self.data


@dataclass(frozen=True, kw_only=True)
class ActAsTicket:
    """What token exchange answers for a browser: opaque, for one use, within a minute."""

    value: str = field(repr=False)
    expires_in: int
