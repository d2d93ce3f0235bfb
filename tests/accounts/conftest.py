"""The server with an empty database, a few people in it, and their mails."""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Account, Agency, Member, OwnerProfile, Product
from idp.accounts.rules import MemberRole
from idp.app import create_app
from idp.audit.models import AuditEvent
from idp.credentials import Sealer
from idp.db import Base, Database
from idp.mail.models import OutboxItem, Topic
from idp.settings import DEVELOPMENT_SECRET, Settings
from idp.unit_of_work import unit_of_work
from tests.accounts.visitor import Visitor
from tests.databases import open_engine

PASSWORD = "hidamari-denchi-2026"
PASSWORD_HASH = credentials.hash_password(PASSWORD, Sealer(DEVELOPMENT_SECRET))
DETAILS = {
    "name": "山田 花子", "furigana": "ヤマダ ハナコ", "postal_code": "6040845", "prefecture": "京都府",
    "city": "京都市中京区", "street": "烏丸通御池上る1-2", "phone": "0751234567",
}  # fmt: skip


@dataclass(frozen=True)
class Letter:
    """A mail that waits in the outbox."""

    name: str
    to: str
    data: dict[str, Any]


class Club:
    """The server under test: its application, its database and those who live in it."""

    def __init__(self, app: Flask, database: Database, settings: Settings) -> None:
        self.app, self.database, self.settings = app, database, settings

    def visitor(self) -> Visitor:
        """Return a new browser."""
        return Visitor(self.app, self.settings)

    def read(self, question: Callable[[Session], Any]) -> Any:
        """Return the answer to a question to the database."""
        with unit_of_work(self.database, writes=False) as session:
            return question(session)

    def write(self, change: Callable[[Session], Any]) -> Any:
        """Change the database."""
        with unit_of_work(self.database) as session:
            return change(session)

    def count(self, model: type[Base]) -> int:
        """Return how many rows a table has."""
        return int(self.read(lambda session: session.scalar(select(func.count()).select_from(model))))

    def letters(self) -> list[Letter]:
        """Return the mails in the outbox, the oldest first."""

        def read(session: Session) -> list[Letter]:
            items = session.scalars(
                select(OutboxItem).where(OutboxItem.topic == Topic.MAIL).order_by(OutboxItem.created_at)
            )
            opened = [
                (item.name, json.loads(self.database.sealer.unseal(item.payload or ""))) for item in items
            ]
            return [Letter(name, content["to"]["email"], content["data"]) for name, content in opened]

        return list(self.read(read))

    def events(self) -> list[str]:
        """Return the audit events in their order."""
        return list(
            self.read(
                lambda session: session.scalars(select(AuditEvent.event).order_by(AuditEvent.number)).all()
            )
        )

    def digest(self, *, without: Sequence[str] = ()) -> str:
        """Return a digest of everything stored but audit and rate counters: equal when nothing changed."""
        exempt = {"audit_events", "sign_in_failures", *without}
        tables = [table for table in Base.metadata.sorted_tables if table.name not in exempt]
        rows = self.read(
            lambda session: [
                (table.name, sorted(repr(tuple(row)) for row in session.execute(select(table))))
                for table in tables
            ]
        )
        return credentials.digest(repr(rows))

    def make_owner(
        self, email: str = "hanako@owner.example", *, user_id: int = 10000001, **changes: Any
    ) -> uuid.UUID:
        """Store an owner with the password of everybody here."""

        def make(session: Session) -> uuid.UUID:
            account = Account(
                id=credentials.new_id(), email=email, name=DETAILS["name"], furigana=DETAILS["furigana"],
                created_at=clock.now(), **{"password_hash": PASSWORD_HASH, **changes},
            )  # fmt: skip
            session.add(account)
            session.flush()
            address = {
                name: DETAILS[name] for name in ("postal_code", "prefecture", "city", "street", "phone")
            }
            session.add(OwnerProfile(account_id=account.id, user_id=user_id, **address))
            return account.id

        return uuid.UUID(str(self.write(make)))

    def make_member(
        self, email: str = "info@mirai.example", *, role: MemberRole = MemberRole.MANAGER, **changes: Any
    ) -> uuid.UUID:
        """Store an agency with one member and return the member's account."""

        def make(session: Session) -> uuid.UUID:
            account = Account(
                id=credentials.new_id(), email=email, name="佐藤 健一", furigana="サトウ ケンイチ",
                created_at=clock.now(), password_hash=PASSWORD_HASH,
            )  # fmt: skip
            agency = Agency(
                id=credentials.new_id(), email=email, name="株式会社みらい電工",
                representative_name="佐藤 健一", representative_furigana="サトウ ケンイチ",
                postal_code="6008216", prefecture="京都府", city="京都市下京区", street="東塩小路町8-3",
                phone="0757654321", created_at=clock.now(), **changes,
            )  # fmt: skip
            session.add_all([account, agency])
            session.flush()
            session.add(
                Member(id=credentials.new_id(), account_id=account.id, agency_id=agency.id, role=role,
                       joined_at=clock.now())
            )  # fmt: skip
            return account.id

        return uuid.UUID(str(self.write(make)))

    def make_product(
        self, serial: str = "HC-A10001WN1", *, product_id: int = 501, **changes: Any
    ) -> uuid.UUID:
        """Store a unit that left the factory."""
        product = Product(
            id=credentials.new_id(), product_id=product_id, model="ESS-U4X1", serial_number=serial, **changes
        )
        self.write(lambda session: session.add(product))
        return product.id


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url)


@pytest.fixture
def club(settings: Settings) -> Iterator[Club]:
    engine = open_engine(settings.database_url)
    database = Database(engine, Sealer(settings.encryption_key))
    app = create_app(settings, database)
    yield Club(app, database, settings)
    engine.dispose()


@pytest.fixture
def visitor(club: Club) -> Visitor:
    return club.visitor()
