"""Table of records of disclosures."""

import uuid
from datetime import date, datetime

from sqlalchemy import JSON, Date, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class Disclosure(Base):
    """A record that data of an owner went to an agency (個人情報保護法施行規則 20条, 24条).

    Names stand here as they were: the record has to say who it was after the account is gone.
    """

    __tablename__ = "disclosures"
    __table_args__ = (
        UniqueConstraint("grant_id", "on_day", "occasion", "items_digest"),
        Index("ix_disclosures_owner_at", "owner_id", "at"),
        Index("ix_disclosures_agency_at", "agency_id", "at"),
        Index("ix_disclosures_kept_until", "kept_until"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    grant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("delegation_grants.id"))
    on_day: Mapped[date] = mapped_column(Date)
    """Day in Japan. What is given again on the same day on the same occasion is one record."""
    at: Mapped[datetime]
    """The first time on that day."""
    occasion: Mapped[str]
    """How it went there: ``request`` (mail), ``approval`` (list and page, while the grant stands), ``export``
    (CSV), ``proxy_login`` (a person in the app), ``system`` (the agency's system at the API)."""
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
    kept_until: Mapped[datetime]
