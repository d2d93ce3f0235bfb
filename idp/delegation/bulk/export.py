"""登録ユーザー一覧 as a file: the rows of the list, with the owner's data as far as the list shows it."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Member
from idp.accounts.rules import MemberRole, RoleMayNot
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.csv_files import Cell, write_rows
from idp.delegation.disclosures import rules as disclosed
from idp.delegation.disclosures.rules import Occasion
from idp.delegation.disclosures.service import record_disclosures
from idp.delegation.listing import Query, ids_of_grants, read_grants
from idp.delegation.models import Grant
from idp.delegation.permissions.products import select_visible_products
from idp.delegation.rules import GrantState
from idp.delegation.service import owner_is_visible

BATCH = 500
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


def export_list(session: Session, member: Member, query: Query) -> bytes:
    """Return the file, and record who took it along, how many rows, and whose data was in it.

    Those who decide about owners may: a file leaves the house, and viewers and those who sign in for owners
    need one owner at a time.

    :raises RoleMayNot: the member's role does not.
    """
    if not MemberRole(member.role).can_decide:
        raise RoleMayNot
    ids = ids_of_grants(session, member.agency_id, query, member=member)
    told: list[uuid.UUID] = []
    file = write_rows(HEADER, _rows(session, ids, told))
    record_disclosures(session, told, occasion=Occasion.EXPORT, items=ITEMS)
    record_event(
        session, Event.LIST_EXPORTED, actor_id=member.account_id, agency_id=member.agency_id, rows=len(ids),
        with_data=len(told), state=query.state, sort=query.sort, searched=bool(query.text),
    )  # fmt: skip
    return file


def _rows(session: Session, ids: Sequence[uuid.UUID], told: list[uuid.UUID]) -> Iterator[Sequence[Cell]]:
    """Yield the rows; ``told`` gets the grants whose owner's data are among them."""
    now = clock.now()
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        products: dict[uuid.UUID, list[tuple[str, str]]] = {}
        for grant_id, model, serial_number in session.execute(select_visible_products(batch)):
            products.setdefault(grant_id, []).append((model, serial_number))
        for grant in read_grants(session, batch):
            is_visible = owner_is_visible(grant, now)
            if is_visible:
                told.append(grant.id)
            yield _row(grant, products.get(grant.id, []) if is_visible else [], is_visible=is_visible)
        session.expunge_all()


def _row(grant: Grant, products: Sequence[tuple[str, str]], *, is_visible: bool) -> list[Cell]:
    owner, profile = grant.owner, grant.owner.owner
    data: list[Cell] = [None] * 6
    if is_visible and profile is not None:
        data = [owner.name, owner.furigana, owner.email, profile.prefecture, profile.city, profile.street]
    moments = (grant.requested_at, grant.decided_at, grant.expires_at, grant.ended_at, grant.last_used_at)
    return [
        profile.user_id if profile else None, IN_WORDS[GrantState(grant.state)], *data,
        " / ".join(model for model, _serial in products), " / ".join(serial for _model, serial in products),
        *map(_day, moments),
    ]  # fmt: skip


def _day(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(clock.JST):%Y-%m-%d %H:%M}"
