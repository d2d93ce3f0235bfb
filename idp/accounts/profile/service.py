"""Changing an owner's and an agency's data."""

import uuid
from dataclasses import dataclass, fields

from sqlalchemy import update
from sqlalchemy.orm import Session

from idp.accounts.models import Account, Agency, OwnerProfile
from idp.accounts.people import get_member_in_good_standing, note_change
from idp.accounts.rules import MemberRole, NotAnOwner, ProxyLoginMail, RoleMayNot
from idp.audit.events import Event
from idp.audit.service import record_event


@dataclass(frozen=True)
class OwnerDetails:
    """登録情報 of an owner, folded and checked by the form."""

    name: str
    furigana: str
    postal_code: str
    prefecture: str
    city: str
    street: str
    phone: str
    info_sharing: bool


@dataclass(frozen=True)
class AgencyDetails:
    """販売店情報, folded and checked by the form."""

    name: str
    representative_name: str
    representative_furigana: str
    postal_code: str
    prefecture: str
    city: str
    street: str
    phone: str


def update_owner(session: Session, account_id: uuid.UUID, *, details: OwnerDetails) -> Account:
    """Store what an owner changed of their data; the log names the fields, not what stands in them.

    :raises NotAnOwner: the account is no owner's.
    """
    account = session.get(Account, account_id)
    if account is None or account.owner is None:
        raise NotAnOwner
    changed = [
        name for name in _names(OwnerDetails) if _set(_home_of(account, name), name, getattr(details, name))
    ]
    if changed:
        note_change(session, account.id)
        record_event(
            session, Event.OWNER_UPDATED, actor_id=account.id, owner_id=account.id, fields=sorted(changed)
        )
    return account


def update_agency(session: Session, account_id: uuid.UUID, *, details: AgencyDetails) -> Agency:
    """Store what a manager changed of the agency's data. The role is read anew, not believed.

    A manager who is the representative has one name: it is corrected at both places.

    :raises NotAMember: the person belongs to no agency (any more).
    :raises AgencyNotActive: the agency is suspended.
    :raises RoleMayNot: the person is no manager.
    """
    member = get_member_in_good_standing(session, account_id)
    if not MemberRole(member.role).can_edit_agency:
        raise RoleMayNot
    agency, person = member.agency, member.account
    if (person.name, person.furigana) == (agency.representative_name, agency.representative_furigana):
        rename_member(
            session, account_id, name=details.representative_name, furigana=details.representative_furigana
        )
    changed = [name for name in _names(AgencyDetails) if _set(agency, name, getattr(details, name))]
    if changed:
        record_event(
            session, Event.AGENCY_UPDATED, actor_id=account_id, agency_id=agency.id, fields=sorted(changed)
        )
    return agency


def rename_member(session: Session, account_id: uuid.UUID, *, name: str, furigana: str) -> None:
    """Store a member's own name: banner, mails and the owners' history show it from here on.

    :raises NotAMember: the person belongs to no agency (any more).
    :raises AgencyNotActive: the agency is suspended.
    """
    member = get_member_in_good_standing(session, account_id)
    changed = [
        field for field, value in (("name", name), ("furigana", furigana))
        if _set(member.account, field, value)
    ]  # fmt: skip
    if changed:
        record_event(
            session, Event.MEMBER_UPDATED, actor_id=account_id, agency_id=member.agency_id,
            fields=sorted(changed),
        )  # fmt: skip


def set_proxy_login_mail(session: Session, account_id: uuid.UUID, choice: ProxyLoginMail) -> None:
    """Store how an owner wants to be told of proxy logins."""
    session.execute(
        update(OwnerProfile).where(OwnerProfile.account_id == account_id).values(proxy_login_mail=choice)
    )
    record_event(
        session, Event.OWNER_UPDATED, actor_id=account_id, owner_id=account_id, fields=["proxy_login_mail"]
    )


def _names(details: type[OwnerDetails] | type[AgencyDetails]) -> list[str]:
    return [field.name for field in fields(details)]


def _home_of(account: Account, name: str) -> Account | OwnerProfile | None:
    return account if name in {"name", "furigana"} else account.owner


def _set(row: Account | OwnerProfile | Agency | None, name: str, value: str | bool) -> bool:
    if row is None or getattr(row, name) == value:
        return False
    setattr(row, name, value)
    return True
