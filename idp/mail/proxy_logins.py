"""The mails that tell an owner of proxy logins: at each, or one for all of a day."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from idp.mail.messages import Message
from idp.mail.outbox import Recipient, enqueue_mail


@dataclass(frozen=True)
class LoginCard:
    """What an owner is told of one proxy login, or of all that a system made for one reason."""

    at: datetime
    """The first, if there were several."""
    times: int
    agency_name: str
    who: str
    app_name: str
    reason: str
    done: tuple[str, ...]
    """What was viewed, exported and changed, a line each."""
    grant_id: uuid.UUID


def proxy_login_started(
    session: Session,
    *,
    owner_email: str,
    owner_name: str,
    agency_name: str,
    staff_name: str,
    reason: str,
    app_name: str,
    at: datetime,
    grant_id: uuid.UUID,
    session_id: uuid.UUID,
    by_system: bool = False,
) -> None:
    """Tell an owner who signed in for them, where and why (``reason`` may be empty), and how to end it.

    ``by_system``: an agency's system acted through the API. Told once a day, as the mail says.
    """
    enqueue_mail(
        session,
        Message.PROXY_LOGIN_STARTED,
        to=Recipient(owner_email, owner_name),
        data={
            "agency_name": agency_name,
            "staff_name": staff_name,
            "reason": reason,
            "app_name": app_name,
            "at": at,
            "by_system": by_system,
            "grant_id": grant_id,
            "session_id": session_id,
        },
        reference=grant_id,
    )


def proxy_logins_of_days(
    session: Session,
    *,
    owner_email: str,
    owner_name: str,
    since: datetime,
    until: datetime,
    logins: Sequence[LoginCard],
    left_out: int,
) -> None:
    """Tell an owner of all proxy logins from ``since`` to ``until``, both days named as the first and last.

    ``left_out``: how many more there were than a mail has room for.
    """
    enqueue_mail(
        session,
        Message.PROXY_LOGINS_OF_DAYS,
        to=Recipient(owner_email, owner_name),
        data={"since": since, "until": until, "logins": list(logins), "left_out": left_out},
    )
