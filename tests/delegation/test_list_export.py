"""登録ユーザー一覧 as a file: who may take it along, what is in it, and what is recorded of that."""

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from idp.accounts.models import Account
from idp.audit.events import Event
from idp.delegation.disclosures.models import Disclosure
from idp.delegation.disclosures.service import record_disclosures
from idp.demo import HANAKO, ICHIRO, MINORU, SETSUKO, TADASHI
from tests.delegation.steps import ask, end
from tests.world import APPROVER, LOGIN_ONLY, MANAGER, VIEWER, World

PATH = "/agency/owners-export"


def export(world: World, part: Any = MANAGER, **typed: str) -> Any:
    return world.browser(part).submit(PATH, **{"state": "", "q": "", **typed})


def rows_of(answer: Any) -> list[list[str]]:
    assert answer.data.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in answer.data
    return list(csv.reader(StringIO(answer.data.decode("utf-8-sig"), newline="")))


def test_the_file_has_the_rows_of_the_list_and_owners_data_only_of_what_stands(world: World) -> None:
    for state, owners in (("", [ICHIRO, HANAKO]), ("requested", [ICHIRO]), ("ended", [TADASHI, SETSUKO])):
        answer = export(world, state=state)
        _header, *rows = rows_of(answer)
        assert (answer.mimetype, {row[0] for row in rows}) == (
            "text/csv",
            {str(one.user_id) for one in owners},
        )
        for owner in owners:
            assert (owner.name in answer.text, owner.serials[0] in answer.text) == (state != "ended",) * 2
    assert [row[0] for row in rows_of(export(world, q="鈴木"))[1:]] == [str(HANAKO.user_id)]


def test_each_export_is_audited_and_a_disclosure_of_each_owner_in_it(world: World) -> None:
    before = world.count(Disclosure)
    export(world, APPROVER, q="suzuki-is-nowhere")
    assert world.count(Disclosure) == before
    export(world, APPROVER)
    assert world.count(Disclosure) == before + 2
    nobody, event = [event for event in world.events() if event.event == Event.LIST_EXPORTED]
    assert (nobody.data["rows"], nobody.data["searched"]) == (0, True)
    assert (event.data["rows"], event.data["with_data"], event.data["state"]) == (2, 2, "")
    assert event.actor_id == world.account(APPROVER).id
    assert "suzuki" not in str(nobody.data)


def test_a_name_that_is_a_formula_calculates_nothing(world: World) -> None:
    ask(world, MINORU)
    account_id = world.account(MINORU).id
    world.write(
        lambda session: session.execute(
            update(Account).where(Account.id == account_id).values(name="=1+1", furigana="@SUM(A1)")
        ).close()
    )
    [row] = [row for row in rows_of(export(world)) if row[0] == str(MINORU.user_id)]
    assert row[2:4] == ["'=1+1", "'@SUM(A1)"]


def test_others_write_while_the_file_is_read_and_what_ends_then_is_left_empty(world: World) -> None:
    answer = export(world)
    pieces = answer.iter_encoded()
    assert next(pieces).startswith(b"\xef\xbb\xbf")
    end(world, world.grant(HANAKO).id)
    rest = b"".join(pieces).decode()
    assert str(HANAKO.user_id) in rest
    assert (ICHIRO.name in rest, HANAKO.name in rest, HANAKO.serials[0] in rest) == (True, False, False)


def test_nobody_waits_for_an_export_to_be_recorded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row of each owner is stored by itself here, and by then others have written."""
    monkeypatch.setattr("idp.delegation.bulk.export.RECORDED_AT_ONCE", 1)
    found = []

    def record(session: Session, grant_ids: Sequence[UUID], **what: Any) -> None:
        found.append(world.count(Disclosure))
        record_disclosures(session, grant_ids, **what)

    monkeypatch.setattr("idp.delegation.bulk.export.record_disclosures", record)
    before = world.count(Disclosure)
    export(world)
    assert found == [before, before + 1]
    assert len([event for event in world.events() if event.event == Event.LIST_EXPORTED]) == 1


def test_only_those_who_decide_take_the_list_along(world: World) -> None:
    for part in (LOGIN_ONLY, VIEWER):
        browser = world.browser(part)
        assert browser.get(PATH).status_code == 403
        assert browser.post(PATH, {"csrf_token": browser.token(), "state": ""}).status_code == 403
    assert world.browser(HANAKO).get(PATH).status_code == 403
    assert export(world, state="everything").status_code == 400
    assert not [event for event in world.events() if event.event == Event.LIST_EXPORTED]
