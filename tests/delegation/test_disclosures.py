"""Each disclosure of an owner's data to an agency has its record, and one record only."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import time_machine
from sqlalchemy import event, select

from idp import clock
from idp.accounts.models import Account
from idp.delegation.disclosures.models import Disclosure
from idp.delegation.disclosures.rules import EMAIL, NAME, PAGE_ITEMS, POWER, Occasion, kept_since
from idp.delegation.disclosures.service import record_disclosures
from idp.delegation.models import Grant
from idp.demo import HANAKO, MINORU, MIRAI
from tests.delegation.steps import answer, ask
from tests.oauth.desk import Desk, Parties
from tests.world import World


def records_of(world: World, grant_id: UUID) -> list[Disclosure]:
    query = select(Disclosure).where(Disclosure.grant_id == grant_id).order_by(Disclosure.at)
    return list(world.read(lambda session: session.scalars(query).all()))


def occasions(world: World, grant_id: UUID) -> list[str]:
    return [record.occasion for record in records_of(world, grant_id)]


def export(world: World, grant_ids: Sequence[UUID], *, items: Sequence[str] = (NAME, EMAIL)) -> None:
    world.write(lambda session: record_disclosures(session, grant_ids, occasion=Occasion.EXPORT, items=items))


def test_a_request_and_its_approval_are_recorded_with_day_recipient_items_and_consent(world: World) -> None:
    grant_id = ask(world)
    answer(world, grant_id)
    first, second = records_of(world, grant_id)
    assert [first.occasion, second.occasion] == ["request", "approval"]
    agency, grant = world.agency(MIRAI), world.grant(MINORU)
    for record in (first, second):
        assert record.on_day == record.at.astimezone(clock.JST).date()
        assert (record.owner_id, record.owner_name) == (grant.owner_id, MINORU.name)
        assert record.owner_address == f"{MINORU.prefecture}{MINORU.city}{MINORU.street}"
        assert (record.agency_id, record.recipient_name) == (agency.id, agency.name)
        assert record.recipient_address == f"{agency.prefecture}{agency.city}{agency.street}"
        assert record.recipient_representative == agency.representative_name
        assert record.items == list(PAGE_ITEMS)
        assert record.wording == grant.wording


def test_a_refusal_discloses_nothing_more(world: World) -> None:
    grant_id = ask(world)
    answer(world, grant_id, approve=False)
    assert occasions(world, grant_id) == ["request"]


def test_a_proxy_login_is_recorded_by_how_it_is_used(world: World, parties: Parties) -> None:
    desk, grant_id = Desk(world, parties), world.grant(HANAKO).id
    before = occasions(world, grant_id)
    desk.act()
    assert occasions(world, grant_id) == [*before, "proxy_login"]
    assert POWER in records_of(world, grant_id)[-1].items


def test_a_record_says_what_was_true_on_the_day(world: World) -> None:
    grant_id, owner_id = ask(world), world.account(MINORU).id
    world.write(lambda session: setattr(session.get_one(Account, owner_id), "name", "改名 後"))
    answer(world, grant_id)
    assert [record.owner_name for record in records_of(world, grant_id)] == [MINORU.name, "改名 後"]


def test_the_same_again_on_a_day_in_japan_is_one_record_and_other_items_or_another_day_are_another(
    world: World,
) -> None:
    grant_id = world.grant(HANAKO).id
    evening = datetime(2031, 5, 1, 14, 59, tzinfo=UTC)  # one minute before midnight in Japan
    before = len(records_of(world, grant_id))
    with time_machine.travel(evening, tick=False):
        export(world, [grant_id])
        export(world, [grant_id], items=(EMAIL, NAME))
        assert len(records_of(world, grant_id)) == before + 1
        export(world, [grant_id], items=(NAME,))
        assert len(records_of(world, grant_id)) == before + 2
    with time_machine.travel(evening + timedelta(minutes=1), tick=False):
        export(world, [grant_id])
    assert len(records_of(world, grant_id)) == before + 3


def test_many_are_recorded_in_few_statements(world: World) -> None:
    grants = list(world.read(lambda session: session.scalars(select(Grant.id)).all()))
    assert len(grants) > 2
    before = world.count(Disclosure)
    said: list[str] = []
    event.listen(world.database.engine, "before_cursor_execute", lambda *call: said.append(call[2]))
    export(world, [*grants, grants[0]])
    assert len([words for words in said if words.startswith(("SELECT", "INSERT"))]) == 2
    assert world.count(Disclosure) == before + len(grants)


def test_three_years_are_counted_by_the_calendar() -> None:
    assert kept_since(datetime(2031, 5, 1, tzinfo=UTC), 3) == datetime(2028, 5, 1, tzinfo=UTC)
    assert kept_since(datetime(2032, 2, 29, tzinfo=UTC), 3) == datetime(2029, 2, 28, tzinfo=UTC)
