"""Table of assignments."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class Assignment(Base):
    """The member or group that looks after a grant's owner. It stays when a member leaves, for handover."""

    __tablename__ = "delegation_assignments"
    __table_args__ = (CheckConstraint("(member_id IS NULL) <> (group_id IS NULL)", name="one_of_two"),)

    grant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("delegation_grants.id"), primary_key=True)
    member_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("members.id"), index=True)
    group_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_groups.id"), index=True)
    assigned_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"))
    assigned_at: Mapped[datetime]
