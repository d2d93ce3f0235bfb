"""An agency with 50,000 owners, for the demo and for measurements."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Account, OwnerProfile, Product
from idp.accounts.rules import AccountStatus
from idp.db import sealer_of
from idp.delegation import search_index
from idp.delegation.models import Grant
from idp.delegation.rules import READ, WORDING, GrantState, end_of_term
from idp.demo import PASSWORD, PPA, first_member, make_agency

LARGE_SIZE = 50_000
_FAMILY = ("佐々木 ササキ", "山口 ヤマグチ", "松本 マツモト", "井上 イノウエ", "木村 キムラ", "林 ハヤシ",
           "清水 シミズ", "山崎 ヤマザキ", "池田 イケダ", "阿部 アベ")  # fmt: skip
_GIVEN = ("昭 アキラ", "和子 カズコ", "清 キヨシ", "幸子 サチコ", "茂 シゲル", "恵美子 エミコ", "勇 イサム",
          "洋子 ヨウコ", "隆 タカシ", "京子 キョウコ")  # fmt: skip


def load_large(
    session: Session, progress: Callable[[Iterable[int]], Iterable[int]], *, size: int = LARGE_SIZE
) -> None:
    """Add an agency with many owners, most of them active; ``progress`` wraps the batches to show a bar."""
    agency = make_agency(session, PPA, credentials.hash_password(PASSWORD, sealer_of(session)))
    decided_by = first_member(session, agency).account_id
    batch = 2_000
    for start in progress(range(0, size, batch)):
        rows = list(_large_rows(agency.id, decided_by, range(start, min(start + batch, size))))
        for model, index in ((Account, 0), (OwnerProfile, 1), (Product, 2), (Grant, 3)):
            session.execute(insert(model), [row[index] for row in rows])


def _large_rows(
    agency_id: uuid.UUID, decided_by: uuid.UUID, numbers: range
) -> Iterator[tuple[dict[str, Any], ...]]:
    now = clock.now()
    for number in numbers:
        family, given = _FAMILY[number % 10].split(), _GIVEN[number // 10 % 10].split()
        account_id, at = credentials.new_id(), now - timedelta(minutes=number)
        state = (GrantState.REQUESTED, GrantState.DENIED, *(GrantState.ACTIVE,) * 8)[number % 10]
        active, place = state is GrantState.ACTIVE, "東京都千代田区"
        yield (
            {"id": account_id, "email": f"owner{number:05}@large.example", "name": f"{family[0]} {given[0]}",
             "furigana": f"{family[1]} {given[1]}", "password_hash": None, "status": AccountStatus.ACTIVE,
             "created_at": at},
            {"account_id": account_id, "user_id": 20_000_000 + number, "postal_code": "1000001",
             "prefecture": "東京都", "city": "千代田区", "street": f"千代田{number}", "phone": "0300000000",
             "info_sharing": False, "proxy_login_mail": "never"},
            {"id": credentials.new_id(), "product_id": 100_000 + number, "model": "ESS-U4X1",
             "serial_number": f"HC-L{number:05}WN1", "owner_id": account_id, "claimed_at": at,
             "installation_postal_code": "1000001"},
            {"id": credentials.new_id(), "owner_id": account_id, "agency_id": agency_id, "permissions": READ,
             "term_months": 12, "state": state, "wording": WORDING, "requested_at": at,
             "lapses_at": now + timedelta(days=30),
             "decided_at": None if state is GrantState.REQUESTED else at,
             "decided_by": None if state is GrantState.REQUESTED else decided_by,
             "expires_at": end_of_term(now, 12) if active else None,
             "ended_at": at if state is GrantState.DENIED else None,
             "ended_by": "agency" if state is GrantState.DENIED else None,
             **(search_index.words_of(
                 search_index.OwnerWords(f"owner{number:05}@large.example", 20_000_000 + number,
                                         f"{family[0]} {given[0]}", f"{family[1]} {given[1]}", place),
                 [("ESS-U4X1", f"HC-L{number:05}WN1")]) if state.is_open else search_index.NOTHING)},
        )  # fmt: skip
