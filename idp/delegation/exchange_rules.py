"""The one decision of a proxy login (RFC 8693): may this actor act for this owner at this relying party, now?

A pure function of facts that ``authority`` gathered a moment before. Everything is refused that is not
allowed by each of its questions.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from idp.delegation.rules import GrantState, is_in_force
from idp.errors import Forbidden


@dataclass(frozen=True)
class ClientFacts:
    """The client that asks, an agency's portal or system."""

    client_id: str
    may_act: bool
    """Registered for token exchange, confidential, and in good standing."""
    audiences: frozenset[str]
    """Relying parties that this client may ask for."""
    agency_id: uuid.UUID | None = None
    """The agency whose own system this is. Such a client acts itself, never a person through it."""
    name: str = ""


@dataclass(frozen=True)
class ActorFacts:
    """The staff member or the agency's own system, as known now, and what its access token says of itself."""

    account_id: uuid.UUID | None
    """None for a system: nobody stands behind it but its agency."""
    agency_id: uuid.UUID | None
    """The agency it belongs to now; None once it has left."""
    role_may_act: bool
    in_good_standing: bool
    """Account and sign-in session are alive; for a system, its client."""
    token_client_id: str
    token_may_act: bool
    """The token has the scope act_as and carries no act itself."""
    may_serve: bool = True
    """The agency does not assign owners to its staff, or has assigned this one to them."""


@dataclass(frozen=True)
class GrantFacts:
    """The delegation grant, as known at this moment."""

    owner_id: uuid.UUID
    agency_id: uuid.UUID
    state: GrantState
    permissions: frozenset[str]
    expires_at: datetime | None
    owner_in_good_standing: bool
    agency_in_good_standing: bool


@dataclass(frozen=True)
class AudienceFacts:
    """The relying party that is to receive the proxy login."""

    client_id: str
    in_good_standing: bool
    act_as_supported: bool
    permissions: tuple[str, ...]
    """Permissions that it understands, the least first."""


class ExchangeRefusal(StrEnum):
    """Why an exchange is refused. The audit log keeps this; the client learns only the group it is in."""

    CLIENT_MAY_NOT_ACT = "client_may_not_act"
    ACTOR_MISSING = "actor_missing"
    ACTOR_OF_OTHER_CLIENT = "actor_of_other_client"
    ACTOR_OF_OTHER_KIND = "actor_of_other_kind"
    """A person through an agency's system, or a client that is no agency's system for itself."""
    ACTOR_TOKEN_MAY_NOT_ACT = "actor_token_may_not_act"  # noqa: S105 - a reason
    ACTOR_NOT_IN_GOOD_STANDING = "actor_not_in_good_standing"
    ACTOR_ROLE = "actor_role"
    ACTOR_NOT_ASSIGNED = "actor_not_assigned"
    GRANT_UNKNOWN = "grant_unknown"
    GRANT_OF_OTHER_AGENCY = "grant_of_other_agency"
    GRANT_NOT_IN_FORCE = "grant_not_in_force"
    OWNER_NOT_IN_GOOD_STANDING = "owner_not_in_good_standing"
    AGENCY_NOT_IN_GOOD_STANDING = "agency_not_in_good_standing"
    ACTOR_IS_OWNER = "actor_is_owner"
    AUDIENCE_UNKNOWN = "audience_unknown"
    AUDIENCE_NOT_ALLOWED = "audience_not_allowed"
    AUDIENCE_CANNOT_ACT = "audience_cannot_act"
    AUDIENCE_NOT_GRANTED = "audience_not_granted"
    SCOPE_BEYOND_GRANT = "scope_beyond_grant"


class TicketRefusal(StrEnum):
    """Why an act-as ticket, or the renewal of a proxy login, is refused although nothing in it is denied."""

    UNKNOWN = "ticket_unknown"
    OVER = "ticket_over"
    USED = "ticket_used"
    OTHER_SIGN_IN = "ticket_of_other_sign_in"
    OTHER_AUDIENCE = "ticket_of_other_audience"
    OTHER_MEMBER = "ticket_of_other_member"
    SESSION_OVER = "session_over"


@dataclass(eq=False)
class TicketUnusable(Forbidden):
    """No proxy login comes of this; carries why, and whose it would have been, for the audit log alone."""

    reason: str
    """A ``TicketRefusal``, an ``ExchangeRefusal``, or a condition that is not met."""
    owner_id: uuid.UUID | None = None
    agency_id: uuid.UUID | None = None
    grant_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Allowed:
    """The exchange may go on, with exactly this scope."""

    scope: frozenset[str]


def decide_exchange(
    client: ClientFacts,
    actor: ActorFacts | None,
    *,
    grant: GrantFacts | None,
    audience: AudienceFacts | None,
    scope: frozenset[str] | None,
    now: datetime,
) -> Allowed | ExchangeRefusal:
    """Decide whether this staff member, or this system, may act for this owner at this relying party, now.

    Everything is refused that is not allowed by each of the questions below. ``scope`` None means that
    the client named none: it gets the least that the grant and the relying party have in common.
    """
    if not client.may_act:
        return ExchangeRefusal.CLIENT_MAY_NOT_ACT
    refusal = _refuse_actor(client, actor) or _refuse_grant(actor, grant, now=now)
    if refusal is not None:
        return refusal
    assert grant is not None  # noqa: S101 - _refuse_grant has seen it
    return _decide_audience(client, grant, audience=audience, scope=scope)


def _refuse_actor(client: ClientFacts, actor: ActorFacts | None) -> ExchangeRefusal | None:
    if actor is None:
        return ExchangeRefusal.ACTOR_MISSING
    if actor.token_client_id != client.client_id:
        return ExchangeRefusal.ACTOR_OF_OTHER_CLIENT
    if not actor.token_may_act:
        return ExchangeRefusal.ACTOR_TOKEN_MAY_NOT_ACT
    if (actor.account_id is None) != (client.agency_id is not None):
        return ExchangeRefusal.ACTOR_OF_OTHER_KIND
    if not actor.in_good_standing:
        return ExchangeRefusal.ACTOR_NOT_IN_GOOD_STANDING
    if not actor.role_may_act:
        return ExchangeRefusal.ACTOR_ROLE
    return None


def _refuse_grant(
    actor: ActorFacts | None, grant: GrantFacts | None, *, now: datetime
) -> ExchangeRefusal | None:
    if grant is None or actor is None:
        return ExchangeRefusal.GRANT_UNKNOWN
    if grant.agency_id != actor.agency_id:
        return ExchangeRefusal.GRANT_OF_OTHER_AGENCY
    if not is_in_force(grant.state, grant.expires_at, now):
        return ExchangeRefusal.GRANT_NOT_IN_FORCE
    if not grant.owner_in_good_standing:
        return ExchangeRefusal.OWNER_NOT_IN_GOOD_STANDING
    if not grant.agency_in_good_standing:
        return ExchangeRefusal.AGENCY_NOT_IN_GOOD_STANDING
    if grant.owner_id == actor.account_id:
        return ExchangeRefusal.ACTOR_IS_OWNER
    return None if actor.may_serve else ExchangeRefusal.ACTOR_NOT_ASSIGNED


def _decide_audience(
    client: ClientFacts,
    grant: GrantFacts,
    *,
    audience: AudienceFacts | None,
    scope: frozenset[str] | None,
) -> Allowed | ExchangeRefusal:
    if audience is None or not audience.in_good_standing:
        return ExchangeRefusal.AUDIENCE_UNKNOWN
    if audience.client_id not in client.audiences:
        return ExchangeRefusal.AUDIENCE_NOT_ALLOWED
    if not audience.act_as_supported:
        return ExchangeRefusal.AUDIENCE_CANNOT_ACT
    common = [name for name in audience.permissions if name in grant.permissions]
    if not common:
        return ExchangeRefusal.AUDIENCE_NOT_GRANTED
    if scope is None:
        return Allowed(frozenset(common[:1]))
    return Allowed(scope) if scope and scope <= frozenset(common) else ExchangeRefusal.SCOPE_BEYOND_GRANT
