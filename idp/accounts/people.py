"""Finding accounts and members of agencies."""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.folding import fold_digits, fold_email, fold_search
from idp.accounts.models import Account, Agency, ChangedOwner, Member, OwnerProfile
from idp.accounts.rules import AgencyNotActive, AgencyStatus, NotAMember
from idp.db import insert_or_repeat, is_storable


def find_account(session: Session, account_id: uuid.UUID) -> Account | None:
    """Return an account, whatever its standing, or None."""
    return session.get(Account, account_id)


def find_account_by_email(session: Session, email: str) -> Account | None:
    """Return the account that signs in with this address, whatever its standing, or None."""
    return session.scalar(select(Account).where(Account.email == email))


def find_owners(session: Session, who: str, phone: str = "") -> list[Account]:
    """Return the owners that somebody on the telephone may mean, a few at most.

    ``who`` is a ユーザーID, a telephone number or an address; with ``phone`` it is a name or its reading.
    """
    query = select(Account).join(OwnerProfile, OwnerProfile.account_id == Account.id)
    if not is_storable(who):
        return []
    if phone:
        named = session.scalars(query.where(OwnerProfile.phone == fold_digits(phone)).limit(100))
        meant = fold_search(who)
        return [one for one in named if meant in {fold_search(one.name), fold_search(one.furigana)}][:10]
    digits = fold_digits(who)
    if digits.isascii() and digits.isdigit():
        named_by = OwnerProfile.user_id == int(digits) if len(digits) <= 9 else OwnerProfile.phone == digits
        return list(session.scalars(query.where(named_by).limit(10)))
    return list(session.scalars(query.where(Account.email == fold_email(who))))


def find_member(session: Session, account_id: uuid.UUID) -> Member | None:
    """Return a person's present place in an agency that is not closed, or None."""
    return session.scalar(
        select(Member)
        .join(Member.agency)
        .where(Member.account_id == account_id, Member.left_at.is_(None))
        .where(Agency.status != AgencyStatus.CLOSED)
    )


def get_member_in_good_standing(session: Session, account_id: uuid.UUID) -> Member:
    """Return a person's place in an agency that is in business; only such a member may do anything.

    :raises NotAMember: the person belongs to no agency, or to one that is closed.
    :raises AgencyNotActive: the agency is suspended.
    """
    member = find_member(session, account_id)
    if member is None:
        raise NotAMember
    if member.agency.status != AgencyStatus.ACTIVE:
        raise AgencyNotActive
    return member


def is_member_in_good_standing(session: Session, account_id: uuid.UUID) -> bool:
    """Tell whether ``get_member_in_good_standing`` has an answer for this person."""
    try:
        get_member_in_good_standing(session, account_id)
    except (NotAMember, AgencyNotActive):
        return False
    return True


def find_open_agency(session: Session, email: str) -> Agency | None:
    """Return the agency with this 販売店ID that is not closed, or None."""
    return session.scalar(select(Agency).where(Agency.email == email, Agency.status != AgencyStatus.CLOSED))


def note_change(session: Session, account_id: uuid.UUID) -> None:
    """Leave word that an owner's name, address or products change with this transaction.

    A note that lies there already is written anew, in one statement: whoever is just reading what it was
    about must not take it away without having seen this change too.
    """
    note = {"account_id": account_id, "changed_at": clock.now()}
    insert_or_repeat(
        session, ChangedOwner, [note], key=("account_id",), repeat=lambda new: {"changed_at": new.changed_at}
    )
