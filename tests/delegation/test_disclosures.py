"""Each disclosure of an owner's data to an agency has its record, and one record only."""

import csv
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
import time_machine
from sqlalchemy import event, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from idp import clock
from idp.accounts.models import Account
from idp.audit.events import Event
from idp.delegation.disclosures import reading
from idp.delegation.disclosures.models import Disclosure
from idp.delegation.disclosures.rules import EMAIL, NAME, PAGE_ITEMS, Occasion, kept_since
from idp.delegation.disclosures.service import erase_old, record_disclosures
from idp.delegation.models import Grant
from idp.delegation.permissions.models import ConsentWording
from idp.demo import HANAKO, MINORU, MIRAI, SAKURA, SETSUKO
from tests.delegation.steps import answer, ask, end
from tests.oauth.desk import Desk, Parties
from tests.world import APPROVER, MANAGER, World


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
    assert "電力データ" in records_of(world, grant_id)[-1].items


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
        assert records_of(world, grant_id)[-1].times == 2
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


# --- read, taken along, erased --------------------------------------------------------------------------

OWNERS_PAGE = "/account/disclosures"


def exports(world: World) -> list[tuple[UUID | None, UUID | None, UUID | None, int]]:
    return [
        (noted.actor_id, noted.owner_id, noted.agency_id, noted.data["count"])
        for noted in world.events() if noted.event == Event.DISCLOSURES_EXPORTED
    ]  # fmt: skip


def lines(answer: TestResponse) -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Disposition"].startswith("attachment")
    return list(csv.reader(StringIO(answer.data.decode("utf-8-sig"), newline="")))


def test_an_owner_reads_their_own_records_and_nobody_elses(world: World) -> None:
    export(world, [world.grant(HANAKO).id])
    page = world.browser(HANAKO).get(OWNERS_PAGE)
    assert MIRAI.name in page.text
    assert world.agency(MIRAI).representative_name in page.text
    assert "相手が一覧をファイルに書き出したとき" in page.text
    assert "お渡しした記録はありません" in world.browser(MINORU).get(OWNERS_PAGE).text


def test_older_records_are_on_the_next_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE", 1)
    export(world, [world.grant(HANAKO).id], items=(NAME,))
    browser = world.browser(HANAKO)
    first = browser.get(OWNERS_PAGE)
    [further] = re.findall(r'href="(/account/disclosures\?cursor=[^"]+)"', first.text)
    assert "相手が一覧をファイルに書き出したとき" in first.text
    assert "相手が一覧をファイルに書き出したとき" not in browser.get(further).text
    assert browser.get(f"{OWNERS_PAGE}?cursor=nonsense").location == OWNERS_PAGE


def test_the_consent_that_covered_it_is_shown_to_its_owner_alone(world: World) -> None:
    version = world.grant(HANAKO).wording
    world.write(
        lambda session: session.merge(
            ConsentWording(version=version, text={"できること": ["見ること"]}, first_agreed_at=clock.now())
        )
    )
    page = f"{OWNERS_PAGE}/wordings/{version}"
    assert "見ること" in world.browser(HANAKO).get(page).text
    assert world.browser(MINORU).get(page).status_code == 404
    assert world.browser(HANAKO).get(f"{OWNERS_PAGE}/wordings/1999").status_code == 404


def test_an_owner_takes_the_records_along_and_that_is_audited(world: World) -> None:
    browser = world.browser(HANAKO)
    header, *rows = lines(browser.submit(f"{OWNERS_PAGE}/export", page=browser.get(OWNERS_PAGE)))
    assert header == list(reading.HEADER)
    assert {row[2] for row in rows} == {HANAKO.name}
    owner_id = world.account(HANAKO).id
    assert exports(world) == [(owner_id, owner_id, None, len(rows))]


def test_a_name_that_looks_like_a_formula_calculates_nothing(world: World) -> None:
    owner_id = world.account(HANAKO).id
    world.write(lambda session: setattr(session.get_one(Account, owner_id), "name", "=1+1"))
    export(world, [world.grant(HANAKO).id])
    browser = world.browser(HANAKO)
    rows = lines(browser.submit(f"{OWNERS_PAGE}/export", page=browser.get(OWNERS_PAGE)))
    assert rows[-1][2] == "'=1+1"


def test_each_of_a_hundred_exchanges_is_in_the_owners_record(world: World) -> None:
    grant_id = world.grant(HANAKO).id

    def exchange_often(session: Session) -> None:
        for _ in range(100):
            record_disclosures(session, [grant_id], occasion=Occasion.SYSTEM, items=[NAME])

    world.write(exchange_often)
    browser = world.browser(HANAKO)
    page = browser.get(OWNERS_PAGE)
    assert "、100回" in page.text
    header, *rows = lines(browser.submit(f"{OWNERS_PAGE}/export", page=page))
    assert rows[-1][header.index("その日の回数")] == "100"


def test_a_manager_takes_along_what_the_agency_received_in_a_period(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with time_machine.travel(datetime(2031, 5, 1, 3, tzinfo=UTC), tick=False):
        export(world, [world.grant(HANAKO).id, world.grant(SETSUKO, SAKURA).id])
    period = {"first_day": "2031-05-01", "last_day": "2031-05-01"}
    manager = world.browser(MANAGER)
    _header, *rows = lines(manager.submit("/agency/disclosures", **period))
    assert [row[2] for row in rows] == [HANAKO.name]  # and not what went to another agency
    agency_id = world.agency(MIRAI).id
    assert exports(world) == [(world.account(MANAGER).id, None, agency_id, 1)]
    ever = {"first_day": "0001-01-01", "last_day": "9999-12-31"}
    assert len(lines(manager.submit("/agency/disclosures", **ever))) > 2
    for wrong in ({"last_day": "2031-04-30"}, {"first_day": "yesterday"}, {"first_day": ""}):
        assert manager.submit("/agency/disclosures", **period | wrong).status_code == 400
    monkeypatch.setattr(reading, "LARGEST_FILE", 0)
    assert manager.submit("/agency/disclosures", **period).status_code == 400
    assert len(exports(world)) == 2


def test_nobody_but_a_manager_takes_along_what_the_agency_received(world: World) -> None:
    browser = world.browser(APPROVER)
    assert browser.get("/agency/disclosures").status_code == 403
    answer = browser.post("/agency/disclosures", {"csrf_token": browser.token()})
    assert answer.status_code == 403
    assert world.browser(HANAKO).get("/agency/disclosures").status_code == 403
    assert not exports(world)


def test_records_are_erased_after_their_years_and_lasting_ones_after_the_grant(world: World) -> None:
    grant_id = world.grant(HANAKO).id
    export(world, [grant_id])

    def sweep_after(days: int) -> list[str]:
        with time_machine.travel(clock.now() + timedelta(days=days), tick=False):
            world.write(lambda session: erase_old(session, years=3))
        return occasions(world, grant_id)

    everything = occasions(world, grant_id)
    assert sweep_after(3 * 365) == everything
    assert sweep_after(3 * 366) == [occasion for occasion in everything if occasion != "export"]
    erased = world.events()[-1]
    assert erased.event == Event.DISCLOSURES_ERASED
    assert erased.data["count"] > 0
    end(world, grant_id)
    assert sweep_after(3 * 365) == ["request", "approval"]
    assert sweep_after(3 * 366) == []
