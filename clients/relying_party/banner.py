"""What the banner of a proxy login says: who is acting, for which company, as whom, for how long still."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from clients.relying_party import clock
from clients.relying_party.values import Session


@dataclass(frozen=True, kw_only=True)
class Banner:
    """The words and numbers of the banner."""

    actor: str
    organisation: str
    owner: str
    ends_at: datetime
    seconds_left: int

    @property
    def minutes_left(self) -> int:
        """Minutes begun, so that the last one is shown as 1 and not as 0."""
        return -(-self.seconds_left // 60)


def find_banner(session: Session | None) -> Banner | None:
    """Return the banner of a proxy login; None for a person's own session, or none."""
    if session is None or session.act is None:
        return None
    left = max(timedelta(0), session.session_expires_at - clock.now())
    return Banner(
        actor=session.act.name,
        organisation=session.act.organisation_name,
        owner=session.display_name,
        ends_at=session.session_expires_at,
        seconds_left=int(left.total_seconds()),
    )
