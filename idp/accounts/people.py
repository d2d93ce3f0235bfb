"""Finding accounts and members of agencies."""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp.accounts.models import Account, Agency, Member
from idp.accounts.rules import AgencyStatus


def find_account(session: Session, account_id: uuid.UUID) -> Account | None:
    """Return an account, whatever its standing, or None."""
    return session.get(Account, account_id)


def find_account_by_email(session: Session, email: str) -> Account | None:
    """Return the account that signs in with this address, whatever its standing, or None."""
    return session.scalar(select(Account).where(Account.email == email))


def find_member(session: Session, account_id: uuid.UUID) -> Member | None:
    """Return a person's present place in an agency that is not closed, or None."""
    return session.scalar(
        select(Member)
        .join(Member.agency)
        .where(Member.account_id == account_id, Member.left_at.is_(None))
        .where(Agency.status != AgencyStatus.CLOSED)
    )


def find_open_agency(session: Session, email: str) -> Agency | None:
    """Return the agency with this 販売店ID that is not closed, or None."""
    return session.scalar(select(Agency).where(Agency.email == email, Agency.status != AgencyStatus.CLOSED))
