"""``idp agency rules``: the operator sets and takes back conditions of an agency's proxy logins."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from idp.cli import cli
from idp.delegation.conditions.rules import Conditions, read_hours, read_networks
from idp.delegation.conditions.service import SetBy, conditions_of, find_conditions, set_conditions
from tests.world import World

Run = Callable[..., Result]


@pytest.fixture
def idp(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("IDP_DATABASE_URL", world.settings.database_url)
    return lambda *words: CliRunner().invoke(cli, ["agency", "rules", *words])


def test_the_operator_sets_each_condition_and_takes_it_back(world: World, idp: Run) -> None:
    agency_id = world.agency().id
    own = Conditions(reason_required=True, max_age=timedelta(minutes=2))
    world.write(lambda session: set_conditions(session, agency_id, SetBy.AGENCY, own, actor_id=None))
    shown = idp(str(agency_id), "--max-age", "600", "--hours", "8:00-20:00", "--networks",
                "203.0.113.0/24, 2001:db8::/32", "--per-hour", "20")  # fmt: skip
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines() == [
        "株式会社みらい電工: what is demanded of a proxy login",
        "  by the agency: a reason; password given at most 120 s ago",
        (
            "  by the operator: password given at most 600 s ago; from 8:00-20:00; "
            "from 203.0.113.0/24 or 2001:db8::/32; at most 20 an hour"
        ),
    ]
    assert world.read(lambda session: find_conditions(session, agency_id)) == Conditions(
        True, timedelta(minutes=2), (read_hours("8:00-20:00"),),
        (read_networks(["203.0.113.0/24", "2001:db8::/32"]),), 20,
    )  # fmt: skip
    idp(str(agency_id), "--max-age", "none", "--hours", "none", "--networks", "none", "--per-hour", "none")
    assert world.read(lambda session: conditions_of(session, agency_id, SetBy.OPERATOR)) == Conditions()
    assert world.read(lambda session: conditions_of(session, agency_id, SetBy.AGENCY)) == own
    changes = [event.data["by"] for event in world.events() if event.event == "agency.rules.changed"]
    assert changes == ["agency", "operator", "operator"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--hours", "8-20"), "hours must be like 8:00-20:00"),
        (("--networks", "203.0.113.9/24"), "networks must be like 203.0.113.0/24"),
        (("--per-hour", "0"), "per_hour must be 1 to 10000"),
        (("--per-hour", "viele"), "per_hour must be a number"),
        (("--max-age", "5"), "max_age must be 60 to 43200 seconds"),
        (("--max-age", "-60"), "max_age must be a number of seconds"),
    ],
)
def test_a_condition_that_cannot_be_read_changes_nothing(
    world: World, idp: Run, words: tuple[str, str], told: str
) -> None:
    before = world.digest()
    refused = idp(str(world.agency().id), "--reason", *words)
    assert refused.exit_code == 1
    assert told in refused.output
    assert world.digest() == before


def test_an_agency_that_is_not_there_is_named_so(idp: Run) -> None:
    assert "No such agency" in idp(str(uuid4())).output
