"""Tables of the delegation slice."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from idp.accounts.models import Account, Agency, Member, one_of
from idp.db import Base, SortedText
from idp.delegation.rules import GrantState, SessionEnd, SessionKind

OPEN = text("state IN ('requested', 'active', 'suspended')")
ENDED = text("state NOT IN ('requested', 'active', 'suspended')")

OF_SYSTEM = text("member_id IS NULL")


class Grant(Base):
    """A delegation grant: an owner's stored consent that an agency acts for them.

    Owner, agency (the organisation, never its address), permissions and term never change; anything
    wider is a new grant that needs both sides again. An owner has at most one open grant per agency.
    """

    __tablename__ = "delegation_grants"
    __table_args__ = (
        CheckConstraint(one_of("state", GrantState), name="state"),
        CheckConstraint("(state IN ('active', 'suspended')) <= (expires_at IS NOT NULL)", name="term_begun"),
        Index("uq_delegation_grants_open", "owner_id", "agency_id", unique=True, sqlite_where=OPEN,
              postgresql_where=OPEN),
        Index("ix_delegation_grants_agency_state_requested_at", "agency_id", "state", "requested_at", "id"),
        # 登録ユーザー一覧 shows those that stand, or those that have ended, in the order of the requests.
        Index("ix_delegation_grants_agency_open", "agency_id", "requested_at", "id", sqlite_where=OPEN,
              postgresql_where=OPEN),
        Index("ix_delegation_grants_agency_ended", "agency_id", "requested_at", "id", sqlite_where=ENDED,
              postgresql_where=ENDED),
        Index("ix_delegation_grants_agency_email", "agency_id", "state", "owner_email", "id",
              sqlite_where=OPEN, postgresql_where=OPEN),
        Index("ix_delegation_grants_agency_furigana", "agency_id", "state", "owner_furigana", "id",
              sqlite_where=OPEN, postgresql_where=OPEN),
        Index("ix_delegation_grants_agency_last_used", "agency_id", "state", "last_used_at", "id",
              sqlite_where=OPEN, postgresql_where=OPEN),
        # How many there are of each state is counted in the smallest index.
        Index("ix_delegation_grants_agency_state", "agency_id", "state"),
        Index("ix_delegation_grants_state_lapses_at", "state", "lapses_at"),
        Index("ix_delegation_grants_state_expires_at", "state", "expires_at"),
        Index("ix_delegation_grants_invitation_id", "invitation_id"),
    )  # fmt: skip

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    agency_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agencies.id"))
    permissions: Mapped[str]
    """Scopes, space-separated and sorted."""
    term_months: Mapped[int]
    state: Mapped[str]
    wording: Mapped[str]
    """Version of the consent text that the owner saw."""
    requested_at: Mapped[datetime]
    lapses_at: Mapped[datetime]
    """Unanswered until here, the request lapses."""
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"))
    expires_at: Mapped[datetime | None]
    """End of the term, set by the approval; exclusive."""
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    """owner, agency, operator or clock."""
    last_used_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    """When the agency was reminded of the request, and again when both were of the end of the term."""
    all_products: Mapped[bool] = mapped_column(default=True, server_default=true())
    """Whatever products the owner has; else those of ``delegation_grant_products`` alone."""
    invitation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("agency_invitations.id"))
    """The agency's leaflet that brought the owner here."""

    # What the agency's list is searched and sorted by (``listing``); empty once the grant has ended.
    owner_email: Mapped[str] = mapped_column(SortedText, default="", server_default="")
    owner_furigana: Mapped[str] = mapped_column(SortedText, default="", server_default="")
    search_text: Mapped[str] = mapped_column(default="", server_default="")
    """Folded words of owner and products, each between line breaks."""

    owner: Mapped[Account] = relationship(foreign_keys=owner_id, lazy="joined")
    agency: Mapped[Agency] = relationship(lazy="joined")

    @property
    def permission_set(self) -> frozenset[str]:
        """The permissions as a set of scopes."""
        return frozenset(self.permissions.split())


class GrantProduct(Base):
    """One of the products that a limited grant is about. Never added to: what was agreed does not grow."""

    __tablename__ = "delegation_grant_products"

    grant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("delegation_grants.id"), primary_key=True)
    product_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("products.id"), primary_key=True, index=True)
    ended_at: Mapped[datetime | None]
    """The product went to another owner; it does not come back into the grant with the product."""


class ActAsSession(Base):
    """One proxy login (代理ログイン): a staff member acting for an owner at one relying party."""

    __tablename__ = "act_as_sessions"
    __table_args__ = (
        CheckConstraint(one_of("kind", SessionKind), name="kind"),
        CheckConstraint("end_reason IS NULL OR " + one_of("end_reason", SessionEnd), name="end_reason"),
        CheckConstraint("(member_id IS NULL) = (staff_session_id IS NULL)", name="actor"),
        # A system may begin hundreds a day under one grant: the first of a day is looked for at each.
        Index("ix_act_as_sessions_grant_started_at", "grant_id", "started_at"),
        # What systems have running, among all that they ever had.
        Index(
            "ix_act_as_sessions_of_systems", "expires_at", sqlite_where=OF_SYSTEM, postgresql_where=OF_SYSTEM
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    """The ``sid`` that the relying party sees."""
    grant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("delegation_grants.id"))
    member_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("members.id"), index=True)
    """The staff member who acts; None where the agency's own system does (``client_id``)."""
    staff_session_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("browser_sessions.id"), index=True)
    """The staff member's own sign-in; the proxy login ends with it."""
    client_id: Mapped[str]
    """The agency's client that exchanged for it."""
    audience: Mapped[str]
    """client_id of the relying party."""
    kind: Mapped[str]
    scope: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    system_name: Mapped[str] = mapped_column(default="", server_default="")
    """What the agency's system was called then; empty where a member of staff acts."""
    started_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]

    grant: Mapped[Grant] = relationship(lazy="joined")
    member: Mapped[Member | None] = relationship(lazy="joined")

    @property
    def actor_id(self) -> uuid.UUID | None:
        """The staff member who acts; None for an agency's system."""
        return self.member.account_id if self.member else None

    @property
    def actor_name(self) -> str:
        """The staff member's name, or what the agency's system was called then."""
        return self.member.account.name if self.member else self.system_name


class ActAsTicket(Base):
    """Carries a proxy login from the portal's exchange into the staff member's browser; used once."""

    __tablename__ = "act_as_tickets"

    digest: Mapped[str] = mapped_column(primary_key=True)
    grant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("delegation_grants.id"))
    member_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"))
    staff_session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("browser_sessions.id"))
    client_id: Mapped[str]
    """The agency's client that asked for it."""
    audience: Mapped[str]
    scope: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
