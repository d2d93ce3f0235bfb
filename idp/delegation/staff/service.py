"""What ends when somebody leaves an agency or gets another role, in the transaction that says so.

The sign-ins end first (``accounts.staff.places``): whoever is beginning a proxy login holds theirs, so that
what they began is there to be ended. Owners are told of none of it.
"""

import uuid
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp.accounts.models import Member
from idp.accounts.rules import MemberRole
from idp.accounts.staff import places
from idp.delegation import proxy_logins
from idp.delegation.assignments.assigning import end_unassigned
from idp.delegation.models import ActAsSession, ActAsTicket
from idp.delegation.rules import SessionEnd


def remove(session: Session, account_id: uuid.UUID, member_id: uuid.UUID, *, now: datetime) -> Member:
    """Let a manager end somebody's place, and with it all that they had running.

    :raises RoleMayNot: the person is no manager (any more).
    :raises NoSuchMember: there is nobody with this place (any more).
    :raises LastManager: nobody else manages.
    """
    return _end(session, places.remove(session, account_id, member_id, now=now), now)


def remove_by_operator(
    session: Session, agency_id: uuid.UUID, member_id: uuid.UUID, *, now: datetime
) -> Member:
    """End somebody's place at the agency's word on the telephone.

    :raises LastManager: nobody else manages.
    """
    return _end(session, places.remove_by_operator(session, agency_id, member_id, now=now), now)


def leave(session: Session, account_id: uuid.UUID, *, now: datetime) -> Member:
    """End one's own place, and with it all that one had running.

    :raises LastManager: nobody else manages.
    """
    return _end(session, places.leave(session, account_id, now=now), now)


def change_role(session: Session, account_id: uuid.UUID, member_id: uuid.UUID, *, role: MemberRole) -> Member:
    """Give somebody another role; proxy logins that they may no longer have end at once.

    :raises RoleMayNot: the person is no manager (any more).
    :raises NoSuchMember: there is nobody with this place (any more).
    :raises LastManager: nobody else manages.
    """
    member = places.change_role(session, account_id, member_id, role=role)
    end_unassigned(session, member.agency_id)
    return member


def running_proxy_logins(session: Session, member_id: uuid.UUID, now: datetime) -> int:
    """Return how many proxy logins of a member run."""
    running = select(ActAsSession.id).where(
        ActAsSession.member_id == member_id, ActAsSession.ended_at.is_(None), ActAsSession.expires_at > now
    )
    return len(session.scalars(running).all())


def _end(session: Session, member: Member, now: datetime) -> Member:
    session.execute(
        update(ActAsTicket)
        .where(ActAsTicket.member_id == member.id, ActAsTicket.used_at.is_(None))
        .values(used_at=now)
    )
    proxy_logins.end_all_of_member(session, member.id, reason=SessionEnd.LEFT)
    return member
