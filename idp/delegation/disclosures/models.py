"""Table of records of disclosures."""

import uuid
from datetime import date, datetime

from sqlalchemy import JSON, CheckConstraint, Date, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from idp.accounts.models import one_of
from idp.db import Base
from idp.delegation.disclosures.rules import Occasion

KEY = ("grant_id", "on_day", "occasion", "items_digest")
"""What is given again on the same day on the same occasion is counted in the same row."""


class Disclosure(Base):
    """A record that data of an owner went to an agency (個人情報保護法施行規則 20条, 24条).

    Names stand here as they were: the record has to say who it was after the account is gone. How long it is
    kept counts from ``at``, or from the end of the grant for what was open to the agency all that time.
    """

    __tablename__ = "disclosures"
    __table_args__ = (
        CheckConstraint(one_of("occasion", Occasion), name="occasion"),
        CheckConstraint("times > 0", name="times"),
        UniqueConstraint(*KEY),
        Index("ix_disclosures_owner_at", "owner_id", "at"),
        Index("ix_disclosures_agency_at", "agency_id", "at"),
        Index("ix_disclosures_at", "at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    grant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("delegation_grants.id"))
    on_day: Mapped[date] = mapped_column(Date)
    """Day in Japan."""
    at: Mapped[datetime]
    """The first time on that day."""
    last_at: Mapped[datetime]
    times: Mapped[int] = mapped_column(default=1)
    """How often on that day: each exchange of an agency's system counts, and each export."""
    occasion: Mapped[str]
    items: Mapped[list[str]] = mapped_column(JSON)
    items_digest: Mapped[str]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    owner_name: Mapped[str]
    owner_address: Mapped[str]
    agency_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agencies.id"))
    recipient_name: Mapped[str]
    recipient_address: Mapped[str]
    recipient_representative: Mapped[str]
    wording: Mapped[str]
    """Version of the consent text that covered it (``consent_wordings``)."""
