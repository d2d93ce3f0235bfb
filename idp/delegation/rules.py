"""The rules of delegation, as pure functions. They can be read aloud to a lawyer.

An owner asks that an agency may act for them; the agency agrees; from then on, and only until the term
is over or one of the two (or the operator) ends it, a member of that agency may act for that owner, for
what the owner allowed and nothing else. Nobody but the two can begin it, either of them can end it.
"""

import calendar
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
    """停止中: agency or owner is suspended; nothing is possible until both are welcome again."""
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
    OWNER = "owner"
    """The owner ended it: 「今すぐ終了」."""
    OPERATOR = "operator"
    """The operator ended it, for an owner on the telephone."""
    LEFT = "left"
    """The staff member left, or lost the role or this owner; or the agency's system was taken away."""


@dataclass(eq=False)
class TransitionRefused(Refusal):
    """The grant is in a state (or the party in a place) where this cannot happen; says the state it is in."""

    state: GrantState
    transition: Transition


class GrantUnknown(NotFound):
    """There is no such grant, or it is another agency's or owner's: the two look the same."""


class ProxyLoginUnknown(NotFound):
    """There is no such proxy login, or it is another owner's or relying party's: they look the same."""


class AgencyUnknown(Refusal):
    """The address is that of no registered agency."""

    status = 400


@dataclass(eq=False)
class AlreadyOpen(Refusal):
    """Owner and agency already have a grant that stands; it has to end before another can begin."""

    state: GrantState


class OwnerNotActive(Refusal):
    """The owner's account is suspended: nobody answers their request until that is lifted."""


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
WORDING = "2026-11-3"
"""Version of the page on which owners consent; what it says beside is known by its digest."""


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
