"""登録ユーザー一覧 as a file: the rows of the list, with the owner's data as far as the list shows it.

With 50,000 owners it takes seconds, in which everybody else goes on writing: what leaves is recorded first,
in short transactions, and then read batch by batch while it is sent. What ends meanwhile is left empty.
"""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import select

from idp import clock
from idp.accounts.models import Account, Member, OwnerProfile
from idp.accounts.people import get_member_in_good_standing
from idp.accounts.rules import MemberRole, RoleMayNot
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.csv_files import Cell, stream_rows
from idp.db import Database
from idp.delegation.disclosures import rules as disclosed
from idp.delegation.disclosures.rules import Occasion
from idp.delegation.disclosures.service import record_disclosures
from idp.delegation.listing import Query, ids_of_grants
from idp.delegation.models import Grant
from idp.delegation.permissions.products import select_visible_products
from idp.delegation.rules import GrantState
from idp.delegation.service import owners_visible
from idp.unit_of_work import unit_of_work

BATCH = 500
RECORDED_AT_ONCE = 2_000
HEADER = (
    "ユーザーID", "状態", "氏名", "フリガナ", "メールアドレス", "都道府県", "市区町村", "町名番地",
    "システム機種名", "システム製造番号", "申請日", "回答日", "期間の終わり", "終了日", "最後の代理ログイン",
)  # fmt: skip
ITEMS = (
    disclosed.USER_ID, disclosed.NAME, disclosed.FURIGANA, disclosed.EMAIL, disclosed.ADDRESS,
    disclosed.MODEL, disclosed.SERIAL,
)  # fmt: skip
IN_WORDS = {
    GrantState.REQUESTED: "申請中", GrantState.ACTIVE: "連携中", GrantState.SUSPENDED: "停止中",
    GrantState.DENIED: "連携を許可しない", GrantState.WITHDRAWN: "お客様が申請を取り下げ",
    GrantState.LAPSED: "申請の期限切れ", GrantState.REVOKED: "連携を終了",
    GrantState.EXPIRED: "連携の期間が満了",
}  # fmt: skip


def export_list(database: Database, account_id: uuid.UUID, query: Query) -> Iterator[bytes]:
    """Record who took the list along, how many rows, and whose data was in it; return the file, in pieces.

    Those who decide about owners may: a file leaves the house, and viewers and those who sign in for owners
    need one owner at a time. All is recorded before the first piece is made.

    :raises RoleMayNot: the member's role does not.
    :raises NotAMember: the person is no longer one.
    :raises AgencyNotActive: the agency is suspended.
    """
    with unit_of_work(database, writes=False) as session:
        member = _exporter(get_member_in_good_standing(session, account_id))
        ids = ids_of_grants(session, member.agency_id, query, member=member)
        shown = select(Grant.id).where(Grant.agency_id == member.agency_id, owners_visible(clock.now()))
        told = set(session.scalars(shown)).intersection(ids)
    with unit_of_work(database) as session:
        member = _exporter(get_member_in_good_standing(session, account_id))
        record_event(
            session, Event.LIST_EXPORTED, actor_id=account_id, agency_id=member.agency_id, rows=len(ids),
            with_data=len(told), state=query.state, sort=query.sort, searched=bool(query.text),
        )  # fmt: skip
    for some in _batches(sorted(told), RECORDED_AT_ONCE):
        with unit_of_work(database) as session:
            record_disclosures(session, some, occasion=Occasion.EXPORT, items=ITEMS)
    return stream_rows(HEADER, (_rows(database, some, told) for some in _batches(ids, BATCH)))


def _exporter(member: Member) -> Member:
    if not MemberRole(member.role).can_decide:
        raise RoleMayNot
    return member


def _batches(ids: Sequence[uuid.UUID], size: int) -> Iterator[list[uuid.UUID]]:
    left = iter(ids)
    while some := list(islice(left, size)):
        yield some


def _rows(database: Database, ids: Sequence[uuid.UUID], told: set[uuid.UUID]) -> list[list[Cell]]:
    """Return the rows of a batch as they are now; nothing of those in which nobody was told of anything."""
    with unit_of_work(database, writes=False) as session:
        products: dict[uuid.UUID, list[tuple[str, str]]] = {}
        for grant_id, model, serial_number in session.execute(select_visible_products(ids)):
            products.setdefault(grant_id, []).append((model, serial_number))
        found = session.execute(
            select(
                Grant.id, owners_visible(clock.now()).label("is_shown"), Grant.state, OwnerProfile.user_id,
                Account.name, Account.furigana, Account.email,
                OwnerProfile.prefecture, OwnerProfile.city, OwnerProfile.street,
                Grant.requested_at, Grant.decided_at, Grant.expires_at, Grant.ended_at, Grant.last_used_at,
            )
            .join(Account, Account.id == Grant.owner_id)
            .outerjoin(OwnerProfile, OwnerProfile.account_id == Grant.owner_id)
            .where(Grant.id.in_(ids))
        )  # fmt: skip
        rows = {
            row.id: _row(row, products.get(row.id, []), is_visible=row.is_shown and row.id in told)
            for row in found
        }
    return [rows[one] for one in ids if one in rows]


def _row(found: Any, products: Sequence[tuple[str, str]], *, is_visible: bool) -> list[Cell]:
    _id, _is_shown, state, user_id, *data = found[:10]
    if not is_visible or user_id is None:
        data = [None] * 6
    seen = products if is_visible else []
    return [
        user_id, IN_WORDS[GrantState(state)], *data,
        " / ".join(model for model, _serial in seen), " / ".join(serial for _model, serial in seen),
        *map(_day, found[10:]),
    ]  # fmt: skip


def _day(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(clock.JST):%Y-%m-%d %H:%M}"
