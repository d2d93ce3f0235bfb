"""The mails of an agency's staff, one function each, as in ``messages``. Owners get none of them."""

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from idp.mail.messages import Message
from idp.mail.outbox import Recipient, enqueue_mail


def staff_invitation(
    session: Session, *, email: str, token: str, agency_name: str, role: str, inviter_name: str,
    expires_at: datetime,
) -> None:  # fmt: skip
    """Invite somebody to an agency's staff. ``inviter_name`` is empty where the operator sends it."""
    enqueue_mail(
        session,
        Message.STAFF_INVITATION,
        to=Recipient(email),
        data={
            "token": token,
            "agency_name": agency_name,
            "role": role,
            "inviter_name": inviter_name,
            "expires_at": expires_at,
        },
        expires_at=expires_at,
    )


def staff_left(
    session: Session, *, email: str, name: str, staff_name: str, by_themselves: bool, member_id: uuid.UUID,
    at: datetime,
) -> None:  # fmt: skip
    """Tell a manager that somebody is no longer of the staff, and where the handover list is."""
    enqueue_mail(
        session,
        Message.STAFF_LEFT,
        to=Recipient(email, name),
        data={
            "staff_name": staff_name,
            "by_themselves": by_themselves,
            "member_id": str(member_id),
            "at": at,
        },
    )
