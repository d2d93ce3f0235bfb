"""A whole club in a database of its own: the demo's cast, the people and clients that it lacks, and browsers.

The club is made once and copied for each test, so that every test may change whatever it likes.
"""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from idp import clock, credentials
from idp.accounts.models import Account, Agency, Member
from idp.accounts.rules import AccountStatus, MemberRole
from idp.app import create_app
from idp.audit.models import AuditEvent
from idp.credentials import Sealer
from idp.db import Base, Database, make_engine
from idp.delegation import service as delegation
from idp.delegation.models import Grant
from idp.delegation.rules import READ
from idp.delegation.service import Consent
from idp.demo import (
    HANAKO,
    MIRAI,
    PASSWORD,
    SAKURA,
    SETSUKO,
    AgencyPart,
    ClientSecrets,
    MemberPart,
    OwnerPart,
    load_cast,
    make_owner,
)
from idp.mail.models import OutboxItem, Topic
from idp.migrations import runner
from idp.oauth.keys import new_client_key
from idp.oauth.models import Client, SigningKey
from idp.settings import Settings
from idp.unit_of_work import unit_of_work
from tests.accounts.visitor import Served, Visitor
from tests.api_promises import watch_promises
from tests.clients_of_the_world import register_more_clients
from tests.databases import Databases, open_engine
from tests.error_words import watch_error_words

MANAGER, APPROVER = MIRAI.members
LOGIN_ONLY = MemberPart("ogawa@mirai-denko.example", "小川 進", "オガワ ススム", MemberRole.PROXY_LOGIN)
VIEWER = MemberPart("eto@mirai-denko.example", "江藤 文", "エトウ フミ", MemberRole.VIEWER)
RIVAL = SAKURA.members[0]
"""The manager of another agency."""
BOTH = OwnerPart(
    "morita@owner.example", "森田 両", "モリタ リョウ", 10000009, "6008216", "京都府", "京都市下京区",
    "東塩小路町1", "0757777777", (), "オーナーであり、みらい電工の承認担当でもある",
)  # fmt: skip
UNTOUCHED_BY_READING = ("audit_events", "sign_in_failures")
T = TypeVar("T")


@dataclass(frozen=True)
class Letter:
    """A mail that waits in the outbox."""

    name: str
    to: str
    data: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Template:
    """The club as it is before each test."""

    databases: Databases
    database_url: str
    portal_key: dict[str, Any]
    mypage_secret: str
    rival_key: dict[str, Any]
    app: Flask


def make_template(databases: Databases, kind: str, folder: Path) -> Template:
    """Make the club that each test gets a copy of."""
    settings = Settings(database_url=databases.create(kind, folder), INSECURE_internal_calls=True)
    database = Database(make_engine(settings.database_url), Sealer(settings.encryption_key))
    template = Template(
        databases, settings.database_url, new_client_key(), "ock_secret-of-mypage", new_client_key(),
        watch_promises(watch_error_words(create_app(settings, database))),
    )  # fmt: skip
    runner.upgrade(database.engine)
    with unit_of_work(database) as session:
        public = {name: value for name, value in template.portal_key.items() if name != "d"}
        load_cast(session, settings, ClientSecrets(template.mypage_secret, public))
        _add_people(session)
        register_more_clients(session, rival_key=template.rival_key)
        publish_long_ago(session)
        session.get_one(Client, "agency-portal").act_as_audiences = ["mypage", "myapp", "radio"]
    database.engine.dispose()
    return template


def publish_long_ago(session: Session) -> None:
    """Let everybody know the keys of the server already, so that the next one may sign at once."""
    session.execute(update(SigningKey).values(created_at=clock.now() - timedelta(hours=1)))


def _add_people(session: Session) -> None:
    """Add the members that the demo lacks, and an owner's grant to the other agency alone."""
    mirai, sakura = (_agency(session, part) for part in (MIRAI, SAKURA))
    password_hash = session.scalars(select(Account.password_hash)).first()
    assert password_hash is not None
    both = make_owner(session, BOTH, password_hash)
    for part in (LOGIN_ONLY, VIEWER):
        account = Account(
            id=credentials.new_id(), email=part.email, name=part.name, furigana=part.furigana,
            password_hash=password_hash, status=AccountStatus.ACTIVE, created_at=clock.now(),
            password_changed_at=clock.now(),
        )  # fmt: skip
        session.add(account)
        session.flush()
        _join(session, account, mirai, part.role)
    _join(session, both, mirai, MemberRole.APPROVER)
    session.flush()
    setsuko = _account(session, SETSUKO)
    asked = delegation.request_grant(
        session, setsuko, Consent(sakura.id, frozenset({READ}), 12), answer_days=30
    )
    rival = session.scalars(select(Member).where(Member.agency_id == sakura.id)).one()
    delegation.answer(session, rival, asked.id, approve=True)


def _join(session: Session, account: Account, agency: Agency, role: MemberRole) -> None:
    session.add(
        Member(id=credentials.new_id(), account_id=account.id, agency_id=agency.id, role=role,
               joined_at=clock.now())
    )  # fmt: skip


def _account(session: Session, part: OwnerPart | MemberPart) -> Account:
    return session.scalars(select(Account).where(Account.email == part.email)).one()


def _agency(session: Session, part: AgencyPart) -> Agency:
    return session.scalars(select(Agency).where(Agency.email == part.email)).one()


class World:
    """The club of one test: its application, its database, its people and their browsers."""

    def __init__(self, database: Database, settings: Settings, *, template: Template) -> None:
        self.database, self.settings, self.template = database, settings, template
        self._own_app: Flask | None = None

    @property
    def app(self) -> Flask:
        """The application: the template's own, which keeps its signing keys, serving this test's database.

        Importing the keys for each test anew would take most of the time of a run.
        """
        app = self.template.app if self._own_app is None else self._own_app
        app.extensions["database"] = self.database
        return app

    @property
    def served(self) -> Served:
        """What browsers and relying parties speak to."""
        return self.app

    def restart(self, *, watched: bool = True) -> None:
        """Begin again with a new application, which knows nothing of what the last one has read."""
        app = create_app(self.settings, self.database)
        self._own_app = watch_promises(watch_error_words(app)) if watched else app

    @classmethod
    def copied(cls, template: Template, folder: Path) -> "World":
        """Return a new club that is like the template."""
        settings = Settings(
            database_url=template.databases.copy(template.database_url, folder), INSECURE_internal_calls=True
        )
        database = Database(open_engine(settings.database_url), Sealer(settings.encryption_key))
        return cls(database, settings, template=template)

    def browser(self, person: OwnerPart | MemberPart | None = None) -> Visitor:
        """Return a new browser, with this person signed in by the form that is theirs."""
        browser = Visitor(self.served, self.settings)
        if person is not None:
            path = "/sign-in" if isinstance(person, OwnerPart) else "/store/linkaccounts"
            answer = browser.sign_in(person.email, PASSWORD, path=path)
            assert answer.status_code == 303, answer.text
        return browser

    def api(self, method: str, path: str, token: str = "", **options: Any) -> TestResponse:
        """Call an API (or userinfo) with an access token."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        return self.served.test_client(use_cookies=False).open(
            path, method=method, base_url=self.settings.issuer, headers=headers, **options
        )

    def read(self, question: Callable[[Session], T]) -> T:
        """Return the answer to a question to the database."""
        with unit_of_work(self.database, writes=False) as session:
            return question(session)

    def write(self, change: Callable[[Session], T]) -> T:
        """Change the database."""
        with unit_of_work(self.database) as session:
            return change(session)

    def account(self, part: OwnerPart | MemberPart) -> Account:
        """Return a person as they are now."""
        return self.read(lambda session: _account(session, part))

    def agency(self, part: AgencyPart = MIRAI) -> Agency:
        """Return an agency as it is now."""
        return self.read(lambda session: _agency(session, part))

    def grant(self, owner: OwnerPart = HANAKO, agency: AgencyPart = MIRAI) -> Grant:
        """Return the latest grant of an owner to an agency, as it is now."""
        query = (
            select(Grant)
            .where(Grant.owner_id == self.account(owner).id, Grant.agency_id == self.agency(agency).id)
            .order_by(Grant.requested_at.desc())
        )
        return self.read(lambda session: session.scalars(query).unique().first()) or self._no_grant()

    def _no_grant(self) -> Grant:
        raise LookupError("there is no such grant in the cast")

    def member(self, part: OwnerPart | MemberPart = MANAGER) -> Member:
        """Return a person's place in their agency."""
        query = select(Member).join(Account, Account.id == Member.account_id)
        return self.read(lambda session: session.scalars(query.where(Account.email == part.email)).one())

    def count(self, model: type[Base]) -> int:
        """Return how many rows a table has."""
        return self.read(lambda session: session.scalar(select(func.count()).select_from(model))) or 0

    def letters(self) -> list[Letter]:
        """Return the mails in the outbox, the oldest first."""
        query = select(OutboxItem).where(OutboxItem.topic == Topic.MAIL).order_by(OutboxItem.created_at)
        items = self.read(lambda session: session.scalars(query).all())
        opened = [(item.name, json.loads(self.database.sealer.unseal(item.payload or ""))) for item in items]
        return [Letter(name, content["to"]["email"], content["data"]) for name, content in opened]

    def logout_calls(self) -> list[tuple[str, str]]:
        """Return client and ``sid`` of each back-channel logout that waits, the oldest first."""
        query = select(OutboxItem).where(OutboxItem.topic == Topic.BACKCHANNEL_LOGOUT)
        items = self.read(lambda session: session.scalars(query.order_by(OutboxItem.created_at)).all())
        opened = [json.loads(self.database.sealer.unseal(item.payload or "")) for item in items]
        return [(payload["client_id"], payload["sid"]) for payload in opened]

    def events(self, *, grant_id: uuid.UUID | None = None) -> list[AuditEvent]:
        """Return the audit events, the oldest first, all or those of one grant."""
        query = select(AuditEvent).order_by(AuditEvent.number)
        if grant_id is not None:
            query = query.where(AuditEvent.grant_id == grant_id)
        return list(self.read(lambda session: session.scalars(query).all()))

    def digest(self, *, without: Sequence[str] = ()) -> str:
        """Return a digest of everything stored but audit and rate counters: equal when nothing changed."""
        tables = [
            table for table in Base.metadata.sorted_tables
            if table.name not in {*UNTOUCHED_BY_READING, *without}
        ]  # fmt: skip
        rows = self.read(
            lambda session: [
                (table.name, sorted(repr(tuple(row)) for row in session.execute(select(table))))
                for table in tables
            ]
        )
        return credentials.digest(repr(rows))

    def close(self) -> None:
        """Let go of the database."""
        self.database.engine.dispose()
        self.template.databases.drop(self.settings.database_url)
