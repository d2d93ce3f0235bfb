"""Tables of an agency's staff: invitations and groups. Places are ``accounts.models.Member``."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from idp.accounts.models import one_of
from idp.accounts.rules import MemberRole
from idp.db import Base

WAITING = text("accepted_at IS NULL AND withdrawn_at IS NULL")


class StaffInvitation(Base):
    """A manager's invitation to an address, by a mailed link (``MailLink`` of purpose STAFF_INVITATION)."""

    __tablename__ = "staff_invitations"
    __table_args__ = (
        CheckConstraint(one_of("role", MemberRole), name="role"),
        Index("uq_staff_invitations_waiting", "agency_id", "email", unique=True, sqlite_where=WAITING,
              postgresql_where=WAITING),
    )  # fmt: skip

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agencies.id"))
    email: Mapped[str]
    role: Mapped[str]
    invited_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("members.id"))
    """The manager who invited; None for the operator, at the agency's word on the telephone."""
    link_digest: Mapped[str] = mapped_column(unique=True)
    """The mailed link that accepts it."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]


class StaffGroup(Base):
    """A group of an agency's staff, such as a branch office; owners can be assigned to it."""

    __tablename__ = "staff_groups"
    __table_args__ = (UniqueConstraint("agency_id", "name"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agencies.id"))
    name: Mapped[str]
    created_at: Mapped[datetime]


class GroupMember(Base):
    """A member of a group; whoever leaves the agency counts no longer (``Member.left_at``)."""

    __tablename__ = "staff_group_members"

    group_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_groups.id"), primary_key=True)
    member_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"), primary_key=True, index=True)
