"""Table of agencies' invitations to owners."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from idp.accounts.models import Agency
from idp.db import Base


class AgencyInvitation(Base):
    """A link and leaflet that an agency hands its customers. It names the agency, and opens nothing else."""

    __tablename__ = "agency_invitations"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agencies.id"), index=True)
    code: Mapped[str] = mapped_column(unique=True)
    """Part of the address, printed on paper: no secret, only long enough that nobody finds one by trying."""
    label: Mapped[str] = mapped_column(default="")
    """The agency's own note, such as where the leaflet lies."""
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"))
    created_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    opened: Mapped[int] = mapped_column(default=0)
    """How often somebody went on from its first page; a look alone, as of a mail scanner, is not counted."""

    agency: Mapped[Agency] = relationship(lazy="joined")
