"""The rules of delegation, as pure functions. They can be read aloud to a lawyer.

An owner asks that an agency may act for them; the agency agrees; from then on, and only until the term
is over or one of the two (or the operator) ends it, a member of that agency may act for that owner, for
what the owner allowed and nothing else. Nobody but the two can begin it, either of them can end it.
"""

import calendar
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from idp.errors import Forbidden, NotFound, Refusal


class GrantState(StrEnum):
    """Where a delegation grant stands."""

    REQUESTED = "requested"
    """申請中: the owner has consented, the agency has not answered."""
    ACTIVE = "active"
    """連携中: both have agreed."""
    SUSPENDED = "suspended"
    """停止中: the agency's account is suspended; nothing is possible until it is lifted."""
    DENIED = "denied"
    """拒否: the agency does not want it."""
    WITHDRAWN = "withdrawn"
    """取り下げ: the owner took the request back before it was answered."""
    LAPSED = "lapsed"
    """期限切れ(未回答): nobody answered in time."""
    REVOKED = "revoked"
    """取り消し: owner, agency or operator ended it."""
    EXPIRED = "expired"
    """期間終了: the term is over."""

    @property
    def is_open(self) -> bool:
        """Whether this grant still stands between owner and agency; there is at most one such."""
        return self in {GrantState.REQUESTED, GrantState.ACTIVE, GrantState.SUSPENDED}


class Party(StrEnum):
    """Who can change a grant."""

    OWNER = "owner"
    AGENCY = "agency"
    OPERATOR = "operator"
    CLOCK = "clock"


class Transition(StrEnum):
    """What can happen to a grant."""

    APPROVE = "approve"
    DENY = "deny"
    WITHDRAW = "withdraw"
    LAPSE = "lapse"
    REVOKE = "revoke"
    EXPIRE = "expire"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"


_S, _T, _P = GrantState, Transition, Party
TRANSITIONS: dict[tuple[GrantState, Transition], tuple[GrantState, frozenset[Party]]] = {
    (_S.REQUESTED, _T.APPROVE): (_S.ACTIVE, frozenset({_P.AGENCY})),
    (_S.REQUESTED, _T.DENY): (_S.DENIED, frozenset({_P.AGENCY})),
    (_S.REQUESTED, _T.WITHDRAW): (_S.WITHDRAWN, frozenset({_P.OWNER, _P.OPERATOR})),
    (_S.REQUESTED, _T.LAPSE): (_S.LAPSED, frozenset({_P.CLOCK})),
    (_S.ACTIVE, _T.REVOKE): (_S.REVOKED, frozenset({_P.OWNER, _P.AGENCY, _P.OPERATOR})),
    (_S.ACTIVE, _T.EXPIRE): (_S.EXPIRED, frozenset({_P.CLOCK})),
    (_S.ACTIVE, _T.SUSPEND): (_S.SUSPENDED, frozenset({_P.OPERATOR})),
    (_S.SUSPENDED, _T.REINSTATE): (_S.ACTIVE, frozenset({_P.OPERATOR})),
    (_S.SUSPENDED, _T.REVOKE): (_S.REVOKED, frozenset({_P.OWNER, _P.AGENCY, _P.OPERATOR})),
    (_S.SUSPENDED, _T.EXPIRE): (_S.EXPIRED, frozenset({_P.CLOCK})),
}
"""Everything that can happen. What is not in this table cannot happen."""


class SessionKind(StrEnum):
    """How a proxy login is used."""

    BROWSER = "browser"
    API = "api"


class SessionEnd(StrEnum):
    """Why a proxy login ended."""

    STAFF = "staff"
    """The staff member ended it."""
    SIGNED_OUT = "signed_out"
    """The staff member's own sign-in ended."""
    GRANT_ENDED = "grant_ended"
    """What allowed it is over: grant revoked, expired or suspended, or the owner's account suspended."""
    TIME_OVER = "time_over"


@dataclass(eq=False)
class TransitionRefused(Refusal):
    """The grant is in a state (or the party in a place) where this cannot happen; says the state it is in."""

    state: GrantState
    transition: Transition


class GrantUnknown(NotFound):
    """There is no such grant, or it is another agency's or owner's: the two look the same."""


class AgencyUnknown(Refusal):
    """The address is that of no registered agency."""

    status = 400


@dataclass(eq=False)
class AlreadyOpen(Refusal):
    """Owner and agency already have a grant that stands; it has to end before another can begin."""

    state: GrantState


class OwnRequest(Forbidden):
    """Nobody answers their own request: the approver must be another person than the owner."""


def next_state(state: GrantState, transition: Transition, party: Party) -> GrantState:
    """Return the state that follows.

    :raises TransitionRefused: this cannot happen in this state, or not by this party.
    """
    target = TRANSITIONS.get((state, transition))
    if target is None or party not in target[1]:
        raise TransitionRefused(state, transition)
    return target[0]


TERMS_MONTHS = (3, 12, 36)
DEFAULT_TERM_MONTHS = 12
READ = "mypage.read"
WRITE = "mypage.write"
PERMISSION_CHOICES = {"read": frozenset({READ}), "write": frozenset({READ, WRITE})}
"""閲覧のみ and 閲覧と設定変更."""
WORDING = "2026-11-2"
"""Version of the consent text on the owner's page; changed with it."""


def end_of_term(start: datetime, months: int) -> datetime:
    """Return the moment, exclusive, at which a term that starts now is over: the same day, months later.

    The 31st of a month that has fewer days becomes its last day.
    """
    index = start.month - 1 + months
    year, month = start.year + index // 12, index % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return start.replace(year=year, month=month, day=day)


def is_in_force(state: GrantState, expires_at: datetime | None, now: datetime) -> bool:
    """Tell whether a grant allows anything at this moment. The end of the term is exclusive."""
    return state is GrantState.ACTIVE and expires_at is not None and now < expires_at


def lapse_moment(requested_at: datetime, days: int) -> datetime:
    """Return when a request that nobody answers lapses."""
    return requested_at + timedelta(days=days)


# --- the exchange decision (RFC 8693) -----------------------------------------------------------------


@dataclass(frozen=True)
class ClientFacts:
    """The client that asks, an agency's portal or system."""

    client_id: str
    may_act: bool
    """Registered for token exchange, confidential, and in good standing."""
    audiences: frozenset[str]
    """Relying parties that this client may ask for."""


@dataclass(frozen=True)
class ActorFacts:
    """The staff member, as known at this moment, and what its access token says of itself."""

    account_id: uuid.UUID
    agency_id: uuid.UUID | None
    """The agency it belongs to now; None once it has left."""
    role_may_act: bool
    in_good_standing: bool
    """Account and sign-in session are alive."""
    token_client_id: str
    token_may_act: bool
    """The token has the scope act_as and carries no act itself."""


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
    ACTOR_TOKEN_MAY_NOT_ACT = "actor_token_may_not_act"  # noqa: S105 - a reason
    ACTOR_NOT_IN_GOOD_STANDING = "actor_not_in_good_standing"
    ACTOR_ROLE = "actor_role"
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

    reason: TicketRefusal | ExchangeRefusal
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
    """Decide whether this staff member may act for this owner at this relying party, now.

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
    return None


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
