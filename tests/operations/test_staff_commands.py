"""An agency on the telephone: its only manager left the company."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from idp.cli import cli
from tests.world import APPROVER, LOGIN_ONLY, MANAGER, RIVAL, World

Run = Callable[..., Result]


@pytest.fixture
def staff(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("issuer", "database_url", "secret_key", "encryption_key"):
        monkeypatch.setenv(f"IDP_{name.upper()}", getattr(world.settings, name))
    agency = str(world.agency().id)
    return lambda command, *rest: CliRunner().invoke(cli, ["agency", "staff", command, agency, *rest])


def test_another_manager_is_named_and_the_one_who_is_gone_removed(world: World, staff: Run) -> None:
    assert "last manager" in staff("remove", MANAGER.email).output
    named = staff("add-manager", APPROVER.email.upper())
    assert (named.exit_code, named.output) == (0, "The person is a manager now.\n")
    assert world.member(APPROVER).role == "manager"
    before = len(world.letters())
    assert staff("remove", MANAGER.email).exit_code == 0
    assert world.member(MANAGER).left_at is not None
    assert [letter.to for letter in world.letters()[before:]] == [APPROVER.email]
    listed = staff("list").output
    assert LOGIN_ONLY.email in listed
    assert MANAGER.email not in listed
    events = [(event.event, event.actor_id) for event in world.events()]
    assert ("member.updated", None) in events
    assert ("member.removed", None) in events


def test_somebody_new_is_invited_to_manage_and_accepts_although_nobody_manages_now(
    world: World, staff: Run
) -> None:
    assert "invitation" in staff("add-manager", "new@mirai-denko.example").output
    letter = world.letters()[-1]
    assert (letter.name, letter.data["role"], letter.data["inviter_name"]) == (
        "staff_invitation",
        "manager",
        "",
    )
    page = world.browser().get(f"/register/agency/staff/{letter.data['token']}")
    assert "管理者" in page.text


@pytest.mark.parametrize(
    ("command", "email"), [("remove", RIVAL.email), ("remove", "no@one.example"), ("add-manager", "nobody")]
)
def test_what_makes_no_sense_is_refused(world: World, staff: Run, command: str, email: str) -> None:
    before = world.digest()
    assert staff(command, email).exit_code == 1
    assert world.digest() == before
