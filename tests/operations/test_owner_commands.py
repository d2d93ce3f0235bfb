"""What an operator does for an owner on the telephone: find them, see who was there, end it."""

from uuid import UUID, uuid4

import pytest

from idp.commands.owners import in_columns
from idp.delegation.models import ActAsSession
from idp.delegation.rules import SessionEnd
from idp.demo import HANAKO, MIRAI
from tests.delegation.test_activities import activity, own_token, report
from tests.oauth.desk import Desk, Parties
from tests.operations.test_commands import Run, idp  # noqa: F401 - a fixture
from tests.world import MANAGER, World


@pytest.mark.parametrize(
    "who",
    [("10000001",), ("１０００００01",), (" Hanako@owner.example",), ("鈴木花子", "075-123-4567"),
     ("すずき はなこ", "０７５１２３４５６７")],
)  # fmt: skip
def test_an_owner_is_found_by_what_they_say_on_the_telephone(idp: Run, who: tuple[str, ...]) -> None:  # noqa: F811
    told = idp("owner", "show", *who)
    assert told.exit_code == 0, told.output
    assert "鈴木 花子 様（スズキ ハナコ）  ユーザーID 10000001" in told.output


@pytest.mark.parametrize(
    "who", [("10000099",), ("鈴木花子", "0000"), ("鈴木花子",), ("a", "b", "c"), ("\x00",)]
)
def test_who_is_not_found_is_asked_for_in_another_way(idp: Run, who: tuple[str, ...]) -> None:  # noqa: F811
    told = idp("owner", "show", *who)
    assert (told.exit_code, "No such owner" in told.output) == (1, True)


def test_an_operator_sees_what_runs_ends_it_and_reads_what_the_app_says(
    idp: Run, world: World, parties: Parties  # noqa: F811
) -> None:  # fmt: skip
    desk = Desk(world, parties)
    acting = desk.act(desk.ticket(reason="点検"))
    sid = acting.claims["sid"]
    report(world, sid, own_token(desk.mypage), activity())
    shown = idp("owner", "show", "10000001").output
    for words in (MIRAI.name, f"{MANAGER.name} さん", "点検", "11月24日の電力データ",
                  f"idp proxy-login end {sid}", f"idp delegation end {world.grant().id}"):  # fmt: skip
        assert words in shown
    ended = idp("proxy-login", "end", sid)
    assert ended.exit_code == 0, ended.output
    stored = world.read(lambda session: session.get_one(ActAsSession, UUID(sid)))
    assert stored.end_reason == SessionEnd.OPERATOR
    assert world.logout_calls() == [("mypage", sid)]
    assert world.api("GET", "/api/me/profile", acting.access_token).status_code == 401
    again = idp("proxy-login", "end", sid)
    assert (again.exit_code, "ended already" in again.output) == (1, True)
    listed = idp("proxy-login", "list", HANAKO.email).output
    assert "お電話を受けて事務局が終了しました" in listed
    assert "マイページ の確認を待っています" in listed
    assert "idp proxy-login end" not in idp("owner", "show", "10000001").output


def test_a_proxy_login_that_does_not_exist_is_not_ended(idp: Run) -> None:  # noqa: F811
    told = idp("proxy-login", "end", str(uuid4()))
    assert (told.exit_code, "idp owner show" in told.output) == (1, True)


def test_columns_stand_below_each_other_in_japanese_too() -> None:
    assert in_columns([("a", "b"), ("あい", "c")]) == ["a     b", "あい  c"]


def test_commands_take_what_is_said_on_the_telephone_and_name_who_is_meant(idp: Run) -> None:  # noqa: F811
    said = f"{HANAKO.name} (ユーザーID 10000001, {HANAKO.email})"
    assert said in idp("delegation", "list", "１０００００01").output
    suspended = idp("account", "suspend", "10000001").output
    assert f"Suspended: {said}" in suspended
    assert "idp account reinstate 10000001" in suspended
    assert "Nothing was changed" in idp("account", "suspend", " Hanako@Owner.example").output
    assert (
        "lift the suspension:    idp account reinstate 10000001" in idp("owner", "show", "0751234567").output
    )
    assert idp("account", "reinstate", HANAKO.email).exit_code == 0
    stopped = idp("agency", "suspend", f" {MIRAI.email.upper()}").output
    assert f"{MIRAI.name} is suspended now" in stopped
    again = idp("agency", "suspend", MIRAI.email)
    assert (again.exit_code, f"Nothing was changed: {MIRAI.name}" in again.output) == (1, True)
    assert idp("agency", "rules", "nobody@x.example").exit_code == 2
    asked = idp("account", "delete", "10000001")
    assert (asked.exit_code, f"Delete the account of {said} for good?" in asked.output) == (1, True)
    assert HANAKO.email in idp("owner", "show", "10000001").output
    handed = idp("product", "transfer", "HC-A10001WN1", "--to", "10000002")
    assert (handed.exit_code, "田中 一郎 (ユーザーID 10000002, ichiro@owner.example)?" in handed.output) == (
        1,
        True,
    )
    assert "HC-A10001WN1" in idp("owner", "show", "10000001").output
