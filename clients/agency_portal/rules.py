"""What the portal knows of agencies, owners and delegation grants, and which buttons a page may offer.

Buttons only spare people a refusal. The authorization server decides again whatever was offered here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class GrantState(StrEnum):
    """Where a delegation grant stands."""

    REQUESTED = "requested"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    REVOKED = "revoked"
    EXPIRED = "expired"

    @property
    def has_ended(self) -> bool:
        """Whether nothing can follow any more."""
        return self not in (GrantState.REQUESTED, GrantState.ACTIVE, GrantState.SUSPENDED)


class Permission(StrEnum):
    """What an owner can allow an agency in マイページ."""

    READ = "mypage.read"
    WRITE = "mypage.write"


class Tab(StrEnum):
    """The groups of the list of owners; the value goes into the address and to the server."""

    OPEN = ""
    REQUESTED = "requested"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


class Sort(StrEnum):
    """Orders of the list of owners."""

    NEWEST = "-requested_at"
    OLDEST = "requested_at"
    EMAIL = "email"
    FURIGANA = "furigana"
    LAST_USED = "-last_used_at"


class Decision(StrEnum):
    """What a member of staff can do to a grant; the value is the last part of the address at the server."""

    APPROVE = "approve"
    DENY = "deny"
    RELEASE = "release"


@dataclass(frozen=True)
class Chosen:
    """A row of the list that staff have chosen."""

    grant_id: UUID
    user_id: int
    name: str = ""
    """As the list showed it: only for the eyes of whoever chose the row."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """The member of staff who is signed in, and what the role allows."""

    name: str
    can_decide: bool
    can_proxy_login: bool
    can_manage: bool = False
    """Whether 管理者メニュー at the server is theirs."""


@dataclass(frozen=True, kw_only=True)
class Agency:
    """販売店・業者様情報."""

    name: str
    representative_name: str
    representative_furigana: str
    postal_code: str
    prefecture: str
    city: str
    street: str
    phone: str
    email: str
    member: Member


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What the agency and the operator demand of a proxy login, as far as the portal has to know."""

    reason_required: bool = False
    max_age: int | None = None
    """Seconds since the member gave the password."""
    hours: tuple[str, ...] = ()
    """Such as 8:00-20:00, all of them at once."""


class ReasonProblem(StrEnum):
    """What is wrong with a reason that was typed."""

    TOO_LONG = "too_long"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The owner of a grant, as far as the agency may know. Contact data is None unless the grant shows it."""

    user_id: int
    email: str | None
    name: str | None
    furigana: str | None
    prefecture: str | None
    city: str | None
    street: str | None
    registered_at: datetime


@dataclass(frozen=True, kw_only=True)
class Services:
    """Whether a product has joined (加入) each service."""

    watch: bool
    weather_warning: bool
    early_advisory: bool
    ai_control: bool


@dataclass(frozen=True, kw_only=True)
class Product:
    """One line of 登録製品情報."""

    product_id: int
    model: str
    serial_number: str
    remote_serial_number: str | None
    installation_postal_code: str
    services: Services


@dataclass(frozen=True)
class Words:
    """A name in both languages."""

    title: str
    title_en: str


@dataclass(frozen=True, kw_only=True)
class Assignee:
    """Who looks after an owner for the agency."""

    is_group: bool
    id: UUID
    name: str
    has_left: bool = False
    """The person is no longer of the staff, and the owner waits to be handed over."""


@dataclass(frozen=True, kw_only=True)
class Staff:
    """Whom owners can be assigned to."""

    members: tuple[Assignee, ...]
    groups: tuple[Assignee, ...]
    assigned_only: bool
    """Those who only sign in or look see no other owners than theirs."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A delegation grant of this agency."""

    id: UUID
    state: GrantState
    permissions: frozenset[Permission]
    term_months: int
    requested_at: datetime
    decided_at: datetime | None
    expires_at: datetime | None
    ended_at: datetime | None
    last_used_at: datetime | None
    owner: Owner
    words: tuple[Words, ...] = ()
    """What the owner allowed, as the application where it is used calls it."""
    all_products: bool = True
    """Whether it is about whatever products the owner has; else about ``products`` alone."""
    products: tuple[Product, ...] = ()
    assignee: Assignee | None = None

    @property
    def shows_owner(self) -> bool:
        """Whether the agency may see the owner's data: while the request waits or the grant is in force."""
        return self.state in (GrantState.REQUESTED, GrantState.ACTIVE)

    @property
    def may_change_settings(self) -> bool:
        """Whether the owner allowed 閲覧と設定変更, not only 閲覧のみ."""
        return Permission.WRITE in self.permissions


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many grants of the agency stand in each tab."""

    requested: int
    active: int
    suspended: int
    ended: int

    def of(self, tab: Tab) -> int:
        """Return the number of grants in one tab."""
        match tab:
            case Tab.OPEN:
                return self.requested + self.active + self.suspended
            case Tab.REQUESTED:
                return self.requested
            case Tab.ACTIVE:
                return self.active
            case Tab.SUSPENDED:
                return self.suspended
            case Tab.ENDED:
                return self.ended

    @property
    def total(self) -> int:
        """Return the number of all grants that the agency ever had."""
        return self.of(Tab.OPEN) + self.ended


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which part of the list of owners a page shows."""

    tab: Tab = Tab.OPEN
    text: str = ""
    sort: Sort = Sort.NEWEST
    cursor: str = ""

    def page(self, cursor: str = "") -> "Query":
        """Return the same list at another place; without a cursor at its beginning."""
        return replace(self, cursor=cursor)

    def in_tab(self, tab: Tab) -> "Query":
        """Return the beginning of another tab, with the same search."""
        return replace(self, tab=tab, cursor="")

    def search(self, text: str) -> "Query":
        """Return the beginning of the same tab, with another search."""
        return replace(self, text=text, cursor="")


@dataclass(frozen=True, kw_only=True)
class GrantPage:
    """One page of the list of owners."""

    grants: tuple[Grant, ...]
    next_cursor: str | None
    counts: Counts


def effective_state(
    state: GrantState, expires_at: datetime | None, *, owner_is_withheld: bool, now: datetime
) -> GrantState:
    """Return the state that holds at this moment, where the server has not yet written it down.

    It ends what is over in its own time, but refuses, and withholds the owner's data, from the very moment.
    """
    if state in (GrantState.ACTIVE, GrantState.SUSPENDED) and expires_at is not None and expires_at <= now:
        return GrantState.EXPIRED
    if state is GrantState.REQUESTED and owner_is_withheld:
        return GrantState.LAPSED
    return state


def decisions_for(grant: Grant, member: Member) -> frozenset[Decision]:
    """Say which decisions a page may offer this member about this grant."""
    return frozenset(_decisions(grant.state)) if member.can_decide else frozenset()


def may_proxy_login(grant: Grant, member: Member) -> bool:
    """Say whether a page may offer 代理ログイン."""
    return member.can_proxy_login and grant.state is GrantState.ACTIVE


def _decisions(state: GrantState) -> Iterator[Decision]:
    if state is GrantState.REQUESTED:
        yield Decision.APPROVE
        yield Decision.DENY
    elif state in (GrantState.ACTIVE, GrantState.SUSPENDED):
        yield Decision.RELEASE
