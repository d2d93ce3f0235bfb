"""Registering agencies and owners."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from idp import credentials
from idp.accounts import links
from idp.accounts.link_policy import LinkPolicy, may_mail_link
from idp.accounts.models import Account, Agency, Member, OwnerProfile
from idp.accounts.people import find_account_by_email, find_open_agency
from idp.accounts.products.service import Claim, claim_product
from idp.accounts.registration.drafts import AgencyDraft, OwnerDraft
from idp.accounts.rules import AddressTaken, DraftIncomplete, LinkPurpose, MemberRole
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.mail import messages

USER_ID_DIGITS = 8
_USER_ID_TRIES = 20


def request_link(
    session: Session, email: str, *, purpose: LinkPurpose, policy: LinkPolicy, now: datetime
) -> None:
    """Mail a registration link to a new address, and to a member that they are one already.

    One mail for either, enqueued alike; the caller answers alike. Beyond the limits nothing happens
    at all: an older link stays good.
    """
    if not may_mail_link(session, email, policy, now=now):
        return
    account, agency = find_account_by_email(session, email), find_open_agency(session, email)
    if account is not None or agency is not None:
        name = account.name if account is not None else agency.name if agency is not None else ""
        messages.already_registered(session, email=email, name=name)
        return
    token, ends = links.issue_link(session, purpose, email=email, lifetime=policy.lifetime, now=now)
    if purpose is LinkPurpose.AGENCY_REGISTRATION:
        messages.agency_registration_link(session, email=email, token=token, expires_at=ends)
    else:
        messages.owner_registration_link(session, email=email, token=token, expires_at=ends)


def register_agency(session: Session, token: str, *, now: datetime) -> Agency:
    """Make an agency, its first manager's account and the membership, all or nothing.

    :raises LinkNotFresh: the link is expired, used, replaced or unknown.
    :raises DraftIncomplete: the form behind the link is not filled in.
    :raises AddressTaken: the address became somebody's meanwhile.
    """
    purpose = LinkPurpose.AGENCY_REGISTRATION
    link = links.get_fresh_link(session, token, purpose=purpose, now=now)
    draft = links.find_draft(session, link, AgencyDraft)
    if draft is None or not draft.complete or draft.password_hash is None:
        raise DraftIncomplete
    email = links.use_link(session, token, purpose=purpose, now=now).email
    account = _make_account(
        session, email, name=draft.name, furigana=draft.furigana, password_hash=draft.password_hash, now=now
    )
    agency = Agency(
        id=credentials.new_id(), email=email, name=draft.company, representative_name=draft.name,
        representative_furigana=draft.furigana, postal_code=draft.postal_code, prefecture=draft.prefecture,
        city=draft.city, street=draft.street, phone=draft.phone, created_at=now,
    )  # fmt: skip
    _add(session, agency)
    member = Member(
        id=credentials.new_id(), account_id=account.id, agency_id=agency.id, role=MemberRole.MANAGER,
        joined_at=now,
    )  # fmt: skip
    session.add(member)
    session.flush()
    record_event(session, Event.AGENCY_REGISTERED, actor_id=account.id, agency_id=agency.id)
    record_event(session, Event.MEMBER_ADDED, actor_id=account.id, agency_id=agency.id, role=member.role)
    messages.agency_registered(session, email=email, name=agency.name)
    return agency


def register_owner(session: Session, token: str, *, now: datetime) -> Account:
    """Make an owner's account, with the first product if its serial number was given, all or nothing.

    :raises LinkNotFresh: the link is expired, used, replaced or unknown.
    :raises DraftIncomplete: the form behind the link is not filled in.
    :raises AddressTaken: the address became somebody's meanwhile.
    :raises SerialUnknown: no such unit left the factory.
    :raises SerialTaken: the unit became another owner's meanwhile.
    """
    purpose = LinkPurpose.OWNER_REGISTRATION
    link = links.get_fresh_link(session, token, purpose=purpose, now=now)
    draft = links.find_draft(session, link, OwnerDraft)
    if draft is None or not draft.complete or draft.password_hash is None:
        raise DraftIncomplete
    email = links.use_link(session, token, purpose=purpose, now=now).email
    account = _make_account(
        session, email, name=draft.name, furigana=draft.furigana, password_hash=draft.password_hash, now=now
    )
    _make_profile(session, account, draft)
    record_event(session, Event.OWNER_REGISTERED, actor_id=account.id, owner_id=account.id)
    if draft.serial_number:
        claim = Claim.from_typed(
            serial_number=draft.serial_number, remote_serial_number=draft.remote_serial_number,
            installation_postal_code=draft.installation_postal_code, services=draft.services,
        )  # fmt: skip
        claim_product(session, account.id, claim=claim, now=now)
    messages.owner_registered(session, email=email, name=account.name)
    return account


def _make_account(
    session: Session, email: str, *, name: str, furigana: str, password_hash: str, now: datetime
) -> Account:
    account = Account(
        id=credentials.new_id(), email=email, name=name, furigana=furigana, password_hash=password_hash,
        created_at=now, password_changed_at=now,
    )  # fmt: skip
    _add(session, account)
    return account


def _add(session: Session, row: Account | Agency) -> None:
    """Store a row whose address must be nobody else's; the database decides that, not a look before."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise AddressTaken from error


def _make_profile(session: Session, account: Account, draft: OwnerDraft) -> None:
    for _attempt in range(_USER_ID_TRIES):
        profile = OwnerProfile(
            account_id=account.id, user_id=mint_user_id(), info_sharing=draft.info_sharing == "yes",
            postal_code=draft.postal_code, prefecture=draft.prefecture, city=draft.city,
            street=draft.street, phone=draft.phone,
        )  # fmt: skip
        try:
            with session.begin_nested():
                session.add(profile)
        except IntegrityError:
            continue
        session.refresh(account)
        return
    raise RuntimeError("no free ユーザーID found")


def mint_user_id() -> int:
    """Return a random ユーザーID of eight digits, which tells nothing of how many owners there are."""
    lowest: int = 10 ** (USER_ID_DIGITS - 1)
    return lowest + credentials.random_below(9 * lowest)
