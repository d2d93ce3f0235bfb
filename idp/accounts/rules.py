"""What accounts, agencies, members and mailed links are allowed to be and do. Pure; takes the time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from idp.errors import Forbidden, NotFound, Refusal


class AccountStatus(StrEnum):
    """Standing of an account."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


class AgencyStatus(StrEnum):
    """Standing of an agency."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class MemberRole(StrEnum):
    """What a member of an agency is there for."""

    MANAGER = "manager"
    """管理者: whoever registered the agency, and those it names."""
    APPROVER = "approver"
    """承認担当: answers owners' requests, and signs in for owners."""
    PROXY_LOGIN = "proxy_login"
    """代理ログイン担当: signs in for owners."""
    VIEWER = "viewer"
    """閲覧のみ: sees the list, does nothing."""

    @property
    def can_decide(self) -> bool:
        """Whether this role approves, refuses and releases delegation grants."""
        return self in {MemberRole.MANAGER, MemberRole.APPROVER}

    @property
    def can_proxy_login(self) -> bool:
        """Whether this role may act for owners."""
        return self is not MemberRole.VIEWER

    @property
    def can_edit_agency(self) -> bool:
        """Whether this role changes the agency's own data."""
        return self is MemberRole.MANAGER

    @property
    def can_manage(self) -> bool:
        """Whether this role invites and removes staff, sets the agency's rules and registers its systems."""
        return self is MemberRole.MANAGER

    @property
    def sees_every_owner(self) -> bool:
        """Whether this role sees and serves every owner, also where the agency assigns owners to staff.

        Whoever answers requests has to see those that nobody was assigned to yet.
        """
        return self.can_decide


class ProxyLoginMail(StrEnum):
    """How an owner wants to be told of proxy logins."""

    EACH = "each"
    DAILY = "daily"
    """One mail in the morning with the proxy logins of the day before; none where there was none."""
    NEVER = "never"


class LinkPurpose(StrEnum):
    """What a mailed link is for; a link for one purpose opens nothing else."""

    AGENCY_REGISTRATION = "agency_registration"
    OWNER_REGISTRATION = "owner_registration"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a purpose, not a password
    STAFF_INVITATION = "staff_invitation"


class LinkState(StrEnum):
    """The five things that a mailed link can be."""

    FRESH = "fresh"
    EXPIRED = "expired"
    USED = "used"
    REPLACED = "replaced"
    UNKNOWN = "unknown"


def link_state(
    *, expires_at: datetime, used_at: datetime | None, replaced_at: datetime | None, now: datetime
) -> LinkState:
    """Say what a stored link is at this moment. Its end is exclusive: at ``expires_at`` it is over."""
    if used_at is not None:
        return LinkState.USED
    if replaced_at is not None:
        return LinkState.REPLACED
    return LinkState.FRESH if now < expires_at else LinkState.EXPIRED


@dataclass(eq=False)
class LinkNotFresh(Refusal):
    """The mailed link cannot be used (any more)."""

    state: LinkState
    purpose: LinkPurpose
    status = 410


class WrongPassword(Refusal):
    """Address and password do not belong together; which of them is wrong is not told."""

    status = 400


@dataclass(eq=False)
class TooManyAttempts(Refusal):
    """So many wrong passwords that the next try must wait."""

    wait: timedelta
    status = 429


class AddressTaken(Refusal):
    """The address became somebody's while the form was open."""


class DraftIncomplete(Refusal):
    """The last button was pressed before the form behind the link was filled in."""


class SerialUnknown(Refusal):
    """No unit with this serial number left the factory."""

    status = 400


class SerialTaken(Refusal):
    """The unit belongs to another owner already."""


class SerialYours(SerialTaken):
    """The unit is registered to this very owner already."""


class NoSuchProduct(NotFound):
    """The owner has no such product."""


class NotSignedIn(Refusal):
    """The page needs somebody who is signed in."""

    status = 401


class NotAnOwner(Forbidden):
    """The page is for owners and the person is not one."""


class NotAMember(Forbidden):
    """The page is for agencies and the person belongs to none."""


class AgencyNotActive(Forbidden):
    """The member's agency is suspended; its pages open again when the operator lifts that."""


class RoleMayNot(Forbidden):
    """The member's role does not include this."""


def session_is_alive(
    *,
    ended_at: datetime | None,
    expires_at: datetime,
    last_seen_at: datetime,
    account_status: str,
    now: datetime,
    idle: timedelta,
) -> bool:
    """Tell whether a sign-in still stands: not ended, not too old, not left alone, the person welcome."""
    return (
        ended_at is None
        and now < expires_at
        and now < last_seen_at + idle
        and account_status == AccountStatus.ACTIVE
    )


FREE_ATTEMPTS = 10
LONGEST_WAIT = timedelta(hours=1)


def sign_in_wait(*, failures: int, last_failure: datetime | None, now: datetime) -> timedelta:
    """Return how long the next try must wait: nothing for ten failures, then 30 s, doubling to one hour."""
    if failures < FREE_ATTEMPTS or last_failure is None:
        return timedelta(0)
    doublings = min(failures - FREE_ATTEMPTS, 10)
    pause = min(timedelta(seconds=30 << doublings), LONGEST_WAIT)
    return max(last_failure + pause - now, timedelta(0))


class Service(StrEnum):
    """Services that a product can join."""

    WATCH = "watch"
    WEATHER_WARNING = "weather_warning"
    EARLY_ADVISORY = "early_advisory"
    AI_CONTROL = "ai_control"
