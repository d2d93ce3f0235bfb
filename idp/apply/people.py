"""The people of the file: owners with their products, agencies with their members, and units of the factory.

An account is known by its e-mail address. For installations that are set up by hand and for test set-ups;
everybody else registers by a mailed link.
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.folding import fold_email, is_email
from idp.accounts.models import Account, Agency, Member, OwnerProfile, Product
from idp.accounts.people import find_account_by_email, find_member, find_open_agency, note_change
from idp.accounts.products.service import Claim, Unit, add_units, claim_product
from idp.accounts.registration.service import mint_user_id
from idp.accounts.rules import (
    AccountStatus,
    AgencyStatus,
    MemberRole,
    SerialTaken,
    SerialUnknown,
    SerialYours,
)
from idp.apply.changes import Change, Kind, compared
from idp.apply.reading import Node
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.db import sealer_of

_PERSON = ("email", "name", "furigana", "password_hash", "password_file", "password_env")
_ADDRESS = ("postal_code", "prefecture", "city", "street", "phone")


def apply_product(session: Session, node: Node) -> Change:
    """Add a unit that left the factory."""
    node.only(("product_id", "model", "serial_number"))
    unit = Unit(node.number("product_id"), node.text("model"), node.text("serial_number"))
    row = session.scalar(select(Product).where(Product.serial_number == unit.serial_number))
    before = None if row is None else {"product_id": row.product_id, "model": row.model}
    if row is None:
        if session.scalar(select(Product.id).where(Product.product_id == unit.product_id)) is not None:
            node.problems.add(node.at("product_id"), "is another unit's")
        elif not node.problems.lines:
            add_units(session, [unit])
    elif before != {"product_id": unit.product_id, "model": unit.model}:
        node.problems.add(node.at("serial_number"), "left the factory as another product; that cannot change")
    return Change(Kind.ADDED if row is None else Kind.UNCHANGED, f"product {unit.serial_number}")


def apply_owner(session: Session, node: Node) -> Change | None:
    """Add or change an owner; products that are named become theirs."""
    node.only((*_PERSON, *_ADDRESS, "user_id", "products"))
    account, before, password = _account(session, node)
    if account is None:
        return None
    fields = {name: node.text(name, default="", check=lambda _: True) for name in _ADDRESS}
    serials = node.texts("products")
    profile = account.owner
    if profile is None:
        user_id = node.number("user_id", default=mint_user_id())
        profile = OwnerProfile(account_id=account.id, user_id=user_id, info_sharing=False)
        account.owner = profile
        before = None
    else:
        before = {**(before or {}), **{name: getattr(profile, name) for name in _ADDRESS}}
    for name, value in fields.items():
        setattr(profile, name, value)
    session.flush()
    owned = set(session.scalars(select(Product.serial_number).where(Product.owner_id == account.id)))
    if before is not None:
        before["products"] = sorted(owned)
    _claim(session, node, account, tuple(one for one in serials if one not in owned))
    after = {**_person(account), **fields, "products": sorted(owned | set(serials)), **password}
    change = compared(f"owner {account.email}", before, after)
    if change.kind != Kind.UNCHANGED:
        added = change.kind == Kind.ADDED
        note_change(session, account.id)
        record_event(session, Event.OWNER_REGISTERED if added else Event.OWNER_UPDATED, owner_id=account.id)
    return change


def _claim(session: Session, node: Node, account: Account, serials: tuple[str, ...]) -> None:
    for serial in serials:
        claim = Claim(serial, None, account.owner.postal_code if account.owner else None, frozenset())
        try:
            claim_product(session, account.id, claim=claim, now=clock.now())
        except SerialUnknown:
            node.problems.add(node.at("products"), "names a unit that never left the factory")
        except (SerialYours, SerialTaken):
            node.problems.add(node.at("products"), "names a unit that is another owner's")


def apply_agency(session: Session, node: Node) -> list[Change]:
    """Add or change an agency with its members; the first of a new one is its representative."""
    node.only(("email", "name", *_ADDRESS, "members"))
    email, name = _email(node), node.text("name")
    fields = {one: node.text(one, default="", check=lambda _: True) for one in _ADDRESS}
    members = list(node.children("members"))
    agency = find_open_agency(session, email)
    before = None if agency is None else {one: getattr(agency, one) for one in ("name", *_ADDRESS)}
    if agency is None:
        if not members:
            node.problems.add(node.at("members"), "must hold at least one person")
            return []
        first = members[0].values
        agency = Agency(
            id=credentials.new_id(), email=email, status=AgencyStatus.ACTIVE, created_at=clock.now(),
            representative_name=str(first.get("name", "")),
            representative_furigana=str(first.get("furigana", "")),
        )  # fmt: skip
    for one, value in {"name": name, **fields}.items():
        setattr(agency, one, value)
    session.add(agency)
    session.flush()
    change = compared(f"agency {email}", before, {"name": name, **fields})
    if change.kind != Kind.UNCHANGED:
        added = change.kind == Kind.ADDED
        record_event(session, Event.AGENCY_REGISTERED if added else Event.AGENCY_UPDATED, agency_id=agency.id)
    told = [_apply_member(session, one, agency) for one in members]
    return [change, *(one for one in told if one is not None)]


def _apply_member(session: Session, node: Node, agency: Agency) -> Change | None:
    node.only((*_PERSON, "role"))
    role = node.text("role", default=MemberRole.MANAGER, check=lambda text: text in set(MemberRole))
    account, before, password = _account(session, node)
    if account is None:
        return None
    member = find_member(session, account.id)
    if member is not None and member.agency_id != agency.id:
        node.problems.add(node.at("email"), "is a member of another agency")
        return None
    if member is None:
        before = None
        session.add(
            Member(id=credentials.new_id(), account_id=account.id, agency_id=agency.id, role=role,
                   joined_at=clock.now())
        )  # fmt: skip
    else:
        before = {**(before or {}), "role": member.role}
        member.role = role
    session.flush()
    change = compared(f"member {account.email}", before, {**_person(account), "role": role, **password})
    if change.kind != Kind.UNCHANGED:
        event = Event.MEMBER_ADDED if change.kind == Kind.ADDED else Event.MEMBER_UPDATED
        record_event(session, event, agency_id=agency.id, member_id=str(account.id))
    return change


def _person(account: Account) -> dict[str, Any]:
    return {"name": account.name, "furigana": account.furigana}


def _email(node: Node) -> str:
    return fold_email(node.text("email", check=is_email))


def _account(session: Session, node: Node) -> tuple[Account | None, dict[str, Any] | None, dict[str, Any]]:
    """Return the account as it becomes, what it was, and whether its password changes."""
    email, name, furigana = _email(node), node.text("name"), node.text("furigana")
    wanted_hash = node.text("password_hash", default="", check=lambda text: text.startswith("$argon2id$"))
    password = node.secret("password")
    if wanted_hash and password:
        node.problems.add(node.at("password_hash"), "must not be given together with a password")
    account = find_account_by_email(session, email) if email else None
    if not email or node.problems.lines:
        return None, None, {}
    if account is None:
        now, sealer = clock.now(), sealer_of(session)
        account = Account(
            id=credentials.new_id(), email=email, name=name, furigana=furigana, status=AccountStatus.ACTIVE,
            password_hash=wanted_hash or (credentials.hash_password(password, sealer) if password else None),
            created_at=now, password_changed_at=now,
        )  # fmt: skip
        session.add(account)
        session.flush()
        return account, None, {}
    before = _person(account)
    account.name, account.furigana = name, furigana
    stored = account.password_hash
    is_own = stored is not None and not stored.startswith("$")  # set here, or renewed by a sign-in
    if wanted_hash and is_own:
        return account, before, {}
    same = password is None or credentials.password_matches(password, stored, sealer_of(session))
    if (wanted_hash in {"", stored}) and same:
        return account, before, {}
    account.password_hash = wanted_hash or credentials.hash_password(password or "", sealer_of(session))
    account.password_changed_at = clock.now()
    record_event(session, Event.PASSWORD_CHANGED, actor_id=account.id)
    return account, {**before, "password": "(old)"}, {"password": "(new)"}
