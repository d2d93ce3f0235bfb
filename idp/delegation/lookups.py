"""Looking agencies up by address is limited for each owner, so that the owner's page is no directory.

Every typed address counts, registered or not, and the answer to the one too many is the same for both.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import SignInFailure
from idp.db import lock_named
from idp.errors import Refusal

WINDOW = timedelta(hours=1)


@dataclass(eq=False)
class LookupsUsedUp(Refusal):
    """The owner has looked up as many addresses as anybody needs; says when the next may follow."""

    again_at: datetime
    status = 429


def note_lookup(session: Session, owner_id: uuid.UUID, *, per_hour: int, what: str = "lookup") -> None:
    """Note that an owner looks an address up, before it is looked at; what is refused is not noted.

    ``what``: "request" for a request that is sent, which mails an agency; it has a count of its own, so that
    whoever finds the right address at last can send it.

    :raises LookupsUsedUp: there were as many within the hour.
    """
    subject, now = credentials.digest(f"agency-{what}:{owner_id}"), clock.now()
    lock_named(session, subject)
    recent = session.scalars(
        select(SignInFailure.at)
        .where(SignInFailure.subject == subject, SignInFailure.at > now - WINDOW)
        .order_by(SignInFailure.at.desc())
        .limit(per_hour)
    ).all()
    if len(recent) >= per_hour:
        raise LookupsUsedUp(recent[-1] + WINDOW)
    session.add(SignInFailure(id=credentials.new_id(), subject=subject, at=now))
    session.flush()
