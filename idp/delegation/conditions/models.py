"""Table of the conditions under which proxy logins of an agency may begin."""

import uuid
from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class ProxyLoginConditions(Base):
    """What an agency, or the operator for it, demands. Both hold at once: the stricter of the two counts."""

    __tablename__ = "proxy_login_conditions"
    __table_args__ = (CheckConstraint("set_by IN ('agency', 'operator')", name="set_by"),)

    agency_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agencies.id"), primary_key=True)
    set_by: Mapped[str] = mapped_column(primary_key=True)
    reason_required: Mapped[bool] = mapped_column(default=False)
    max_age: Mapped[int | None]
    """Seconds since the staff member last gave the password (OIDC Core ``auth_time``)."""
    opens_at: Mapped[int | None]
    """Minutes after midnight in Japan; both of the two or none. From 22:00 to 6:00 goes over midnight."""
    closes_at: Mapped[int | None]
    """Exclusive."""
    networks: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Networks such as ``203.0.113.0/24`` that staff must come from; empty: any."""
    per_hour: Mapped[int | None]
    """Proxy logins that one member, or one system, may begin in an hour."""
    changed_at: Mapped[datetime]
