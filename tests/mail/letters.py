"""One of every mail, for tests that look at all of them, and the outbox rows that a test looks into."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp import clock
from idp.db import Database
from idp.mail import lifecycle, messages, proxy_logins, staff_messages
from idp.mail.delivery import Delivery, claim, find_due, unseal_delivery
from idp.mail.messages import AgencyCard, Ending, Message, OwnerCard, ProductCard
from idp.mail.models import OutboxItem, Topic
from idp.mail.proxy_logins import LoginCard
from idp.unit_of_work import unit_of_work

TOKEN = "ocl_aT0kenThatNobodyMayRead"
GRANT = uuid.UUID(int=7)
AGENCY = AgencyCard("株式会社みらい電工", "info@mirai-denko.example")
OWNER = OwnerCard(
    user_id=12345678, name="鈴木 花子", furigana="スズキ ハナコ", prefecture="京都府", city="京都市中京区",
    street="烏丸通御池下ル1-2", email="hanako@example.jp",
)  # fmt: skip
PRODUCTS = [ProductCard("ESS-U4X1", "HC-A10001WN1"), ProductCard("ESS-H2L1", "HC-B20002WN2")]
NAMED: dict[str, Any] = {"owner_name": OWNER.name, "owner_user_id": OWNER.user_id}
VISIT = LoginCard(
    at=datetime(2026, 11, 23, 1, 30, tzinfo=UTC), times=1, agency_name=AGENCY.name, who="佐藤 一郎 さん",
    app_name="マイページ", reason="定期点検の設定確認", done=("見た: 電力データ",), grant_id=GRANT,
)  # fmt: skip
ATTEMPTS = 12

Enqueue = Callable[[Session], None]


def hour_ahead() -> Any:
    """Return the moment at which a fresh link is over."""
    return clock.now() + timedelta(hours=1)


def _ended_for_owner(session: Session, how: Ending) -> None:
    messages.delegation_ended_for_owner(
        session, owner_email=OWNER.email, owner_name=OWNER.name, agency=AGENCY, how=how, at=clock.now()
    )


def _ended_for_agency(session: Session, how: Ending) -> None:
    messages.delegation_ended_for_agency(
        session, agency_email=AGENCY.email, agency_name=AGENCY.name, owner_name=OWNER.name,
        owner_user_id=OWNER.user_id, how=how, at=clock.now(),
    )  # fmt: skip


EVERY_MAIL: dict[Message, Enqueue] = {
    Message.AGENCY_REGISTRATION_LINK: lambda s: messages.agency_registration_link(
        s, email=AGENCY.email, token=TOKEN, expires_at=hour_ahead()
    ),
    Message.AGENCY_REGISTERED: lambda s: messages.agency_registered(s, email=AGENCY.email, name=AGENCY.name),
    Message.OWNER_REGISTRATION_LINK: lambda s: messages.owner_registration_link(
        s, email=OWNER.email, token=TOKEN, expires_at=hour_ahead()
    ),
    Message.OWNER_REGISTERED: lambda s: messages.owner_registered(s, email=OWNER.email, name=OWNER.name),
    Message.ALREADY_REGISTERED: lambda s: messages.already_registered(s, email=OWNER.email, name=OWNER.name),
    Message.PASSWORD_LINK: lambda s: messages.password_link(
        s, email=OWNER.email, name=OWNER.name, token=TOKEN, expires_at=hour_ahead()
    ),
    Message.PASSWORD_CHANGED: lambda s: messages.password_changed(
        s, email=OWNER.email, name=OWNER.name, at=clock.now()
    ),
    Message.SIGNED_OUT_OF_APP: lambda s: messages.signed_out_of_app(
        s, email=OWNER.email, name=OWNER.name, app_name="マイページ", at=clock.now()
    ),
    Message.DEVICE_CONNECTED: lambda s: messages.device_connected(
        s, email=OWNER.email, name=OWNER.name, device="おうちの電力モニター", at=clock.now()
    ),
    Message.DELEGATION_REQUESTED: lambda s: messages.delegation_requested(
        s, agency_email=AGENCY.email, agency_name=AGENCY.name, owner=OWNER, products=PRODUCTS
    ),
    Message.DELEGATION_APPROVED: lambda s: messages.delegation_approved(
        s, owner_email=OWNER.email, owner_name=OWNER.name, agency=AGENCY,
        allowed=["閲覧と設定変更"], products=["ESS-U4X1 HC-A10001WN1"], expires_at=hour_ahead(),
        grant_id=GRANT,
    ),
    Message.DELEGATION_DENIED: lambda s: messages.delegation_denied(
        s, owner_email=OWNER.email, owner_name=OWNER.name, agency=AGENCY
    ),
    Message.DELEGATION_ENDED_FOR_OWNER: lambda s: _ended_for_owner(s, Ending.REVOKED),
    Message.DELEGATION_ENDED_FOR_AGENCY: lambda s: _ended_for_agency(s, Ending.REVOKED),
    Message.DELEGATION_SUSPENDED: lambda s: messages.delegation_suspended(
        s, owner_email=OWNER.email, owner_name=OWNER.name, agency=AGENCY, expires_at=hour_ahead(),
        grant_id=GRANT,
    ),
    Message.DELEGATION_REINSTATED: lambda s: messages.delegation_reinstated(
        s, owner_email=OWNER.email, owner_name=OWNER.name, agency=AGENCY, expires_at=hour_ahead(),
        grant_id=GRANT,
    ),
    Message.AGENCY_SUSPENDED: lambda s: messages.agency_suspended(
        s, email=AGENCY.email, name=AGENCY.name, grants=12
    ),
    Message.AGENCY_REINSTATED: lambda s: messages.agency_reinstated(
        s, email=AGENCY.email, name=AGENCY.name, grants=12
    ),
    Message.AGENCY_CLOSED: lambda s: lifecycle.agency_closed(
        s, email=AGENCY.email, name=AGENCY.name, grants=12
    ),
    Message.OWNER_SUSPENDED: lambda s: lifecycle.owner_suspended(
        s, agency_email=AGENCY.email, agency_name=AGENCY.name, **NAMED
    ),
    Message.OWNER_REINSTATED: lambda s: lifecycle.owner_reinstated(
        s, agency_email=AGENCY.email, agency_name=AGENCY.name, **NAMED, expires_at=hour_ahead()
    ),
    Message.ACCOUNT_SUSPENDED: lambda s: lifecycle.account_suspended(s, email=OWNER.email, name=OWNER.name),
    Message.ACCOUNT_REINSTATED: lambda s: lifecycle.account_reinstated(
        s, email=OWNER.email, name=OWNER.name, agencies=[AGENCY]
    ),
    Message.ACCOUNT_DELETED: lambda s: lifecycle.account_deleted(
        s, email=OWNER.email, name=OWNER.name, agencies=[AGENCY]
    ),
    Message.PRODUCT_HANDED_OVER: lambda s: lifecycle.product_handed_over(
        s, email=OWNER.email, name=OWNER.name, product=PRODUCTS[0], ended=[AGENCY]
    ),
    Message.DELEGATION_REQUEST_WAITS: lambda s: lifecycle.delegation_request_waits(
        s, agency_email=AGENCY.email, agency_name=AGENCY.name, **NAMED, lapses_at=hour_ahead()
    ),
    Message.DELEGATION_ENDS_SOON: lambda s: lifecycle.delegation_ends_soon(
        s, owner_email=OWNER.email, owner_name=OWNER.name, agency=AGENCY, expires_at=hour_ahead(),
        grant_id=GRANT,
    ),
    Message.DELEGATION_ENDS_SOON_FOR_AGENCY: lambda s: lifecycle.delegation_ends_soon_for_agency(
        s, agency_email=AGENCY.email, agency_name=AGENCY.name, **NAMED, expires_at=hour_ahead()
    ),
    Message.PROXY_LOGINS_OF_DAYS: lambda s: proxy_logins.proxy_logins_of_days(
        s, owner_email=OWNER.email, owner_name=OWNER.name, since=clock.now() - timedelta(days=1),
        until=clock.now(), logins=[VISIT, replace(VISIT, times=3, reason="", done=())], left_out=2,
    ),
    Message.PROXY_LOGIN_STARTED: lambda s: proxy_logins.proxy_login_started(
        s, owner_email=OWNER.email, owner_name=OWNER.name, agency_name=AGENCY.name, staff_name="佐藤 一郎",
        reason="定期点検の設定確認", app_name="マイページ", at=clock.now(), grant_id=GRANT,
        session_id=uuid.UUID(int=8),
    ),
    Message.STAFF_INVITATION: lambda s: staff_messages.staff_invitation(
        s, email="ueda@example.jp", token=TOKEN, agency_name=AGENCY.name, role="proxy_login",
        inviter_name="佐藤 一郎", expires_at=hour_ahead(),
    ),
    Message.STAFF_LEFT: lambda s: staff_messages.staff_left(
        s, email=AGENCY.email, name="佐藤 一郎", staff_name="上田 学", by_themselves=False,
        member_id=uuid.UUID(int=8), at=clock.now(),
    ),
}  # fmt: skip

EVERY_ENDING = {
    **{
        (Message.DELEGATION_ENDED_FOR_OWNER, how): lambda s, how=how: _ended_for_owner(s, how)
        for how in Ending
    },
    **{
        (Message.DELEGATION_ENDED_FOR_AGENCY, how): lambda s, how=how: _ended_for_agency(s, how)
        for how in Ending
    },
}


def post(database: Database, *enqueue: Enqueue) -> None:
    """Store mails, each in a transaction of its own."""
    for one in enqueue:
        with unit_of_work(database) as session:
            one(session)


def a_link(address: str) -> Enqueue:
    """Return how a registration link to this address is enqueued."""
    return lambda s: messages.owner_registration_link(s, email=address, token=TOKEN, expires_at=hour_ahead())


def rows(database: Database) -> list[OutboxItem]:
    """Return the whole outbox, oldest first."""
    with unit_of_work(database, writes=False) as session:
        return list(session.scalars(select(OutboxItem).order_by(OutboxItem.created_at)))


def only_row(database: Database) -> OutboxItem:
    """Return the one item of the outbox."""
    (row,) = rows(database)
    return row


def take(database: Database, *, topics: tuple[Topic, ...] = (Topic.MAIL,)) -> list[Delivery]:
    """Claim everything that is due, as a worker does, and return it readable."""
    with unit_of_work(database) as session:
        now = clock.now()
        due = find_due(session, now=now, most=500, topics=topics, attempts=ATTEMPTS)
        claims = [claim(session, item_id, now=now, attempts=ATTEMPTS) for item_id, _lane in due]
    return [unseal_delivery(claimed, database.sealer) for claimed in claims if claimed is not None]


def take_one(database: Database, enqueue: Enqueue) -> Delivery:
    """Store one mail and claim it."""
    post(database, enqueue)
    (delivery,) = take(database)
    return delivery
