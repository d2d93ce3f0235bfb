"""The club under attack: its world, served by two worker processes, and what must not have changed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from idp import credentials
from idp.db import Base, Database, UtcDateTime
from idp.demo import ClientSecrets, MemberPart, OwnerPart, move_clients
from idp.oauth.client_metadata import AUTHORIZATION_CODE, REFRESH_TOKEN, ClientMetadata
from idp.oauth.clients import register_client
from idp.settings import Settings
from tests.accounts.visitor import Served, Visitor
from tests.attacks.wire import Wire
from tests.races.arena import FAILURE_MARKS, Arena
from tests.world import Template, World

MYPAGE_URL, PORTAL_URL = "https://mypage.example.test", "https://portal-a.example.test"
EVIL_SECRET = "ock_secret-of-the-evil-one"
EXEMPT = {"audit_events", "sign_in_failures", "authorization_requests", "used_assertions", "used_proofs"}
"""Tables that grow by being attacked: what happened, how often, what was asked, which proofs were seen."""
_VISITS = "last_seen_at"


class Stage(World):
    """One club of a session of tests; each test plays with codes, tokens and sign-ins of its own."""

    def __init__(self, database: Database, settings: Settings, *, template: Template, folder: Path) -> None:
        super().__init__(database, settings, template=template)
        self.write(lambda session: _prepare(session, settings, template))
        self.arena = Arena(self, folder, exchanges_per_minute=settings.exchanges_per_minute)
        self._at_home: dict[OwnerPart | MemberPart, Visitor] = {}
        self._read_until = 0

    @cached_property
    def wire(self) -> Wire:
        """The way to the server."""
        return Wire(self.arena.port)

    @property
    def served(self) -> Served:
        """What browsers and relying parties speak to: here the server itself."""
        return self.wire

    def at_home(self, person: OwnerPart | MemberPart) -> Visitor:
        """Return a browser in which this person is signed in, for tests that let them stay it."""
        if person not in self._at_home:
            self._at_home[person] = self.browser(person)
        return self._at_home[person]

    def digest(self, *, without: Any = ()) -> str:
        """Return a digest of all that is worth protecting, waiting mails included."""
        tables = [table for table in Base.metadata.sorted_tables if table.name not in {*EXEMPT, *without}]
        with self.database.engine.connect() as connection:
            cursor = connection.connection.cursor()  # our own types would only make it slow
            seen = [table.name + repr(cursor.execute(query).fetchall()) for table, query in _queries(tables)]
            cursor.close()
        return credentials.digest("".join(seen))

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Expect that what is done in this block leaves no trace, and no mail."""
        before = self.digest()
        yield
        assert self.digest() == before, "something was stored"

    def age(self, model: type[Base], condition: Any, *, by: timedelta) -> None:
        """Let a row have come into being earlier."""
        times = [column.name for column in model.__table__.columns if isinstance(column.type, UtcDateTime)]

        def move(session: Session) -> None:
            row = session.scalars(select(model).where(condition)).unique().one()
            for name in times:
                moment = getattr(row, name)
                setattr(row, name, moment - by if moment else None)

        self.write(move)

    def memory(self) -> int:
        """Return how many bytes the worker processes hold, taken together (RSS)."""
        server = self.arena.process_id
        children = Path(f"/proc/{server}/task/{server}/children").read_text(encoding="ascii").split()
        states = [Path(f"/proc/{child}/status").read_text(encoding="ascii") for child in children]
        return sum(int(state.partition("VmRSS:")[2].split()[0]) * 1024 for state in states)

    def failures(self) -> list[str]:
        """Return the lines that tell of an error in the log since this was asked last."""
        with self.arena.log.open("rb") as log:
            log.seek(self._read_until)
            lines = log.read().decode(errors="replace").splitlines()
            self._read_until = log.tell()
        return [line for line in lines if any(mark in line for mark in FAILURE_MARKS)]

    def close(self) -> None:
        """End the server, then let go of the database."""
        self.arena.close()
        super().close()


def _queries(tables: Iterable[Table]) -> Iterator[tuple[Table, str]]:
    for table in tables:
        columns = ", ".join(f'"{column.name}"' for column in table.columns if column.name != _VISITS)
        order = ", ".join(f'"{column.name}"' for column in table.primary_key)
        yield table, f'SELECT {columns} FROM "{table.name}" ORDER BY {order}'  # noqa: S608 - our own names


def _prepare(session: Session, settings: Settings, template: Template) -> None:
    """Give マイページ and the portal addresses of their own, and register a client that nobody trusts."""
    public = {name: value for name, value in template.portal_key.items() if name != "d"}
    moved = settings.model_copy(update={"mypage_url": MYPAGE_URL, "agency_portal_url": PORTAL_URL})
    move_clients(session, moved, ClientSecrets(template.mypage_secret, public))
    register_client(
        session,
        ClientMetadata(
            client_id="evilrp", client_name="だれか", token_endpoint_auth_method="client_secret_basic",
            secret=EVIL_SECRET, redirect_uris=("https://evilrp.example.test/cb",), scope="openid profile",
            grant_types=(AUTHORIZATION_CODE, REFRESH_TOKEN),
        ),
    )  # fmt: skip
