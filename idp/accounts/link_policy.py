"""How long a mailed link lives, and how often one may be mailed to an address.

Links are counted where they are asked for and not where mails are sent: an address that is nobody's, to
which no password link goes, is counted and refused just the same, and so tells nothing by its time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from idp import credentials
from idp.accounts.models import SignInFailure
from idp.db import lock_named

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class LinkPolicy:
    """The settings for one kind of link. All kinds are counted together, for each address."""

    lifetime: timedelta
    mails_per_hour: int
    mails_per_day: int


def may_mail_link(session: Session, email: str, policy: LinkPolicy, *, now: datetime) -> bool:
    """Tell whether another link may be mailed to a folded address, and count it if so.

    What is refused is not counted: whoever goes on asking does not keep the address shut for ever. Until
    this transaction ends nobody else is mailed a link to the address: two at once are counted as two.
    """
    subject = credentials.digest(f"link:{email}")
    lock_named(session, subject)
    in_hour, in_day = session.execute(
        select(func.count().filter(SignInFailure.at > now - HOUR), func.count())
        .where(SignInFailure.subject == subject, SignInFailure.at > now - DAY)
    ).one()  # fmt: skip
    if in_hour >= policy.mails_per_hour or in_day >= policy.mails_per_day:
        return False
    session.add(SignInFailure(id=credentials.new_id(), subject=subject, at=now))
    return True
