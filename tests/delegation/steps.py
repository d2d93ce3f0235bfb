"""Steps that owners, agencies and operators take, each in a unit of work of its own."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp.accounts.models import Account, Member, Product
from idp.cli import cli
from idp.delegation import passing_time, service, standing
from idp.delegation.models import Grant
from idp.delegation.rules import READ, Party
from idp.delegation.service import Consent
from idp.demo import MINORU, MIRAI, PASSWORD, AgencyPart, MemberPart, OwnerPart
from tests.world import MANAGER, World

PERSON = {
    "name": "新井 新", "furigana": "アライ アラタ", "postal_code": "6008216", "prefecture": "京都府",
    "city": "京都市下京区", "street": "東塩小路町8-3", "phone": "0757654321",
    "password": PASSWORD, "password_confirm": PASSWORD,
}  # fmt: skip


def ask(
    world: World, owner: OwnerPart = MINORU, *, agency: AgencyPart = MIRAI,
    permissions: Iterable[str] = (READ,), months: int = 12, serials: Iterable[str] = (),
) -> UUID:  # fmt: skip
    """Let an owner consent, for these products or all; return the id of the requested grant."""
    owner_id, agency_id = world.account(owner).id, world.agency(agency).id
    units = select(Product.id).where(Product.serial_number.in_(list(serials)))
    products = frozenset(world.read(lambda session: session.scalars(units).all())) or None
    consent = Consent(agency_id, frozenset(permissions), months, products=products)
    return world.write(
        lambda session: (
            service.request_grant(session, session.get_one(Account, owner_id), consent, answer_days=30).id
        )
    )


def answer(
    world: World, grant_id: UUID, *, approve: bool = True, by: OwnerPart | MemberPart = MANAGER
) -> None:
    """Let a member of an agency approve or refuse."""
    member_id = world.member(by).id
    world.write(
        lambda session: (
            service.answer(session, session.get_one(Member, member_id), grant_id, approve=approve).state
        )
    )


def release(world: World, grant_id: UUID, *, by: OwnerPart | MemberPart = MANAGER) -> None:
    """Let a member of an agency give a grant back."""
    member_id = world.member(by).id
    world.write(lambda session: service.release(session, session.get_one(Member, member_id), grant_id).state)


def end(world: World, grant_id: UUID, *, by: Party = Party.OWNER) -> None:
    """Let the owner, or the operator at the owner's word, withdraw or revoke."""
    if by is Party.OPERATOR:
        world.write(lambda session: service.end_by_operator(session, grant_id).state)
    else:
        owner_id = state_of(world, grant_id).owner_id
        world.write(lambda session: service.end_by_owner(session, owner_id, grant_id).state)


def suspend(world: World, agency: AgencyPart = MIRAI, *, suspended: bool = True) -> int:
    """Let the operator suspend an agency, or lift that; return how many grants moved."""
    agency_id = world.agency(agency).id
    return world.write(lambda session: standing.set_agency_suspended(session, agency_id, suspended=suspended))


def let_time_pass(world: World) -> int:
    """Let the clock's job run once; return how many grants moved."""
    return world.write(passing_time.let_time_pass)


def end_term_at(world: World, grant_id: UUID, moment: datetime) -> None:
    """Store another end of a grant's term, as if it had been approved earlier."""
    world.write(
        lambda session: session.execute(
            update(Grant).where(Grant.id == grant_id).values(expires_at=moment)
        ).close()
    )


def age(world: World, grant_id: UUID, *, by: timedelta) -> None:
    """Let a grant have been asked for earlier."""

    def move(session: Session) -> None:
        grant = session.get_one(Grant, grant_id)
        grant.requested_at, grant.lapses_at = grant.requested_at - by, grant.lapses_at - by

    world.write(move)


def state_of(world: World, grant_id: UUID) -> Grant:
    """Return a grant as it is now."""
    return world.read(lambda session: session.get_one(Grant, grant_id))


def operate(world: World, monkeypatch: pytest.MonkeyPatch, *command: str) -> str:
    """Run a command of the operator; return what it prints."""
    monkeypatch.setenv("IDP_DATABASE_URL", world.settings.database_url)
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    return result.output


def register_owner(world: World, email: str, *, serial: str = "") -> None:
    """Let somebody register as an owner with this address, by the forms."""
    browser = world.browser()
    browser.submit("/register/owner", email=email)
    link = f"/register/owner/{world.letters()[-1].data['token']}"
    assert browser.submit(link, info_sharing="no", **PERSON).status_code == 303
    product = {"serial_number": serial} if serial else {"skip": "1"}
    assert browser.submit(f"{link}/product", **product).status_code == 303
    assert browser.submit(f"{link}/confirm").status_code == 303
