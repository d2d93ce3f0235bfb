"""Groups and assignments on their pages: made, filled, deleted with a place for their owners; handover."""

import re
import uuid

import pytest
from sqlalchemy import select

from idp.accounts.staff.models import StaffGroup
from idp.audit.events import Event
from idp.delegation.assignments.models import Assignment
from idp.delegation.models import ActAsSession
from idp.demo import HANAKO, MIRAI, MemberPart
from tests.accounts.visitor import Visitor
from tests.oauth.desk import Desk, Parties
from tests.world import APPROVER, LOGIN_ONLY, MANAGER, RIVAL, VIEWER, World

GROUPS = "/agency/groups"


@pytest.fixture
def manager(world: World) -> Visitor:
    return world.browser(MANAGER)


def make_group(manager: Visitor, world: World, *parts: MemberPart, name: str = "京都営業所") -> str:
    """Make a group of these and return the path of its page."""
    path = manager.submit(GROUPS, name=name).headers["Location"]
    members = [str(world.member(part).id) for part in parts]
    assert manager.submit(path, members=members).status_code == 303
    return str(path)


def assignee(world: World, owner: object = HANAKO) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """Return member and group that the grant is assigned to."""
    row = world.read(lambda session: session.get(Assignment, world.grant(owner).id))
    return (row.member_id, row.group_id) if row else (None, None)


def api(world: World, parties: Parties, part: MemberPart, body: object) -> tuple[int, dict[str, object]]:
    token = parties["agency-portal"].sign_in(part).access_token
    answer = world.api("POST", "/api/delegations/assign", token, json=body)
    return answer.status_code, answer.get_json()


def test_a_group_is_made_filled_renamed_and_names_are_taken_once(world: World, manager: Visitor) -> None:
    path = make_group(manager, world, VIEWER, LOGIN_ONLY)
    assert "2名、担当のお客様 0名" in manager.get(GROUPS).text
    assert manager.submit(GROUPS, name="京都営業所").status_code == 409
    assert manager.submit(GROUPS, name="").status_code == 400
    other = make_group(manager, world, name="大阪営業所")
    assert manager.submit(other, name="京都営業所").status_code == 409
    assert manager.submit(path, name="京都支店").status_code == 303
    assert "京都支店" in manager.get("/agency/staff").text
    rivals = world.browser(RIVAL)
    token = rivals.get(GROUPS)
    for action in (path, f"{path}/delete"):
        assert rivals.get(action).status_code == 404
        assert rivals.submit(action, page=token, name="x", to="nobody").status_code == 404


def test_a_group_is_not_deleted_before_it_is_said_where_its_owners_go(
    world: World, parties: Parties, manager: Visitor
) -> None:
    path = make_group(manager, world, VIEWER)
    group = path.rpartition("/")[2]
    status, answer = api(world, parties, MANAGER, {"ids": [str(world.grant().id)], "group": group})
    assert (status, answer) == (200, {"results": [{"id": str(world.grant().id), "result": "assigned"}]})
    for nonsense in ("", "member:x", f"group:{group}", f"member:{world.member(RIVAL).id}"):
        assert manager.submit(f"{path}/delete", to=nonsense).status_code in {400, 404}, nonsense
        assert assignee(world) == (None, uuid.UUID(group))
    colleague = world.member(APPROVER).id
    assert manager.submit(f"{path}/delete", to=f"member:{colleague}").status_code == 303
    assert assignee(world) == (colleague, None)
    assert world.count(StaffGroup) == 0


def test_the_api_lists_who_can_be_assigned_and_only_deciders_assign(world: World, parties: Parties) -> None:
    grant, member = str(world.grant().id), str(world.member(LOGIN_ONLY).id)
    token = parties["agency-portal"].sign_in(LOGIN_ONLY).access_token
    listed = world.api("GET", "/api/agency/staff", token).get_json()
    assert (listed["assigned_only"], listed["can_assign"], listed["groups"]) == (False, False, [])
    assert {one["name"] for one in listed["members"]} >= {part.name for part in MIRAI.members}
    assert api(world, parties, LOGIN_ONLY, {"ids": [grant], "member": member})[0] == 403
    for body in ({"ids": [grant]}, {"ids": [], "member": member}, {"ids": ["x"], "member": member}, [],
                 {"ids": [grant] * 201, "member": member}, {"ids": [grant], "member": "x"},
                 {"ids": [grant], "member": member, "group": member}):  # fmt: skip
        assert api(world, parties, MANAGER, body)[0] == 400, body
    assert api(world, parties, APPROVER, {"ids": [grant], "member": str(uuid.uuid4())})[0] == 400
    unknown = str(uuid.uuid4())
    status, answer = api(world, parties, APPROVER, {"ids": [grant, unknown], "member": member})
    assert (status, answer["results"]) == (
        200, [{"id": grant, "result": "assigned"}, {"id": unknown, "result": "not_found"}],
    )  # fmt: skip
    assert assignee(world) == (world.member(LOGIN_ONLY).id, None)
    assert api(world, parties, MANAGER, {"ids": [grant], "group": None})[0] == 200
    assert assignee(world) == (None, None)


def test_with_assignments_others_grants_look_like_unknown_ones(
    world: World, parties: Parties, manager: Visitor
) -> None:
    grant = world.grant().id
    token = parties["agency-portal"].sign_in(LOGIN_ONLY).access_token
    assert world.api("GET", f"/api/delegations/{grant}", token).status_code == 200
    assert (
        manager.submit(f"{GROUPS}/assigned-only", page=manager.get(GROUPS), assigned_only="y").status_code
        == 303
    )
    hidden, unknown = (world.api("GET", f"/api/delegations/{one}", token) for one in (grant, uuid.uuid4()))
    assert hidden.status_code == unknown.status_code == 404
    body, other = hidden.get_json(), unknown.get_json()
    assert {**body, "request_id": ""} == {**other, "request_id": ""}
    assert world.api("POST", f"/api/delegations/{grant}/release", token).status_code == 404
    api(world, parties, MANAGER, {"ids": [str(grant)], "member": str(world.member(LOGIN_ONLY).id)})
    assert world.api("GET", f"/api/delegations/{grant}", token).status_code == 200


@pytest.mark.parametrize("narrowed_by", ["switch", "assignment", "group"])
def test_whoever_no_longer_serves_an_owner_is_out_at_once(
    world: World, parties: Parties, manager: Visitor, narrowed_by: str
) -> None:
    desk = Desk(world, parties)
    desk.browser = world.browser(LOGIN_ONLY)
    desk.staff = desk.portal.sign_in(browser=desk.browser)
    path, grant = make_group(manager, world, LOGIN_ONLY), str(world.grant().id)
    if narrowed_by != "switch":
        api(world, parties, MANAGER, {"ids": [grant], "group": path.rpartition("/")[2]})
        manager.submit(f"{GROUPS}/assigned-only", page=manager.get(GROUPS), assigned_only="y")
    desk.act()
    match narrowed_by:
        case "switch":
            manager.submit(f"{GROUPS}/assigned-only", page=manager.get(GROUPS), assigned_only="y")
        case "assignment":
            api(world, parties, MANAGER, {"ids": [grant], "member": str(world.member(VIEWER).id)})
        case "group":
            manager.submit(path, members=[])
    reasons = world.read(lambda session: session.scalars(select(ActAsSession.end_reason)).all())
    assert reasons == ["left"]
    desk.portal.exchange(desk.staff.access_token, grant).expect_error("invalid_request")


def test_owners_are_handed_over_one_by_one_or_all_at_once_also_from_whoever_left(
    world: World, parties: Parties, manager: Visitor
) -> None:
    leaver, heir, grant = world.member(LOGIN_ONLY).id, world.member(APPROVER).id, str(world.grant().id)
    api(world, parties, MANAGER, {"ids": [grant], "member": str(leaver)})
    manager.submit(f"/agency/staff/{leaver}/remove")
    path = f"/agency/staff/{leaver}/handover"
    text = manager.get(path).text
    assert HANAKO.name in text
    assert str(HANAKO.user_id) in text
    assert re.search("引き継ぎが終わっていない方.*小川 進", manager.get("/agency/staff").text, re.S)
    assert manager.get(f"{path}?after={'9' * 30}").status_code == 200
    assert manager.get(f"{path}.csv").status_code == 405
    file = manager.submit(f"{path}.csv", page=manager.get(path))
    assert file.mimetype == "text/csv"
    assert f"{HANAKO.user_id},{HANAKO.name},連携中," in file.data.decode("utf-8-sig")
    [noted] = [event for event in world.events() if event.event == Event.LIST_EXPORTED]
    assert noted.actor_id == world.account(MANAGER).id
    assert noted.data == {"rows": 1, "with_data": 1, "member": str(leaver)}
    to = {"to": f"member:{heir}"}
    for nonsense in (
        to,
        {**to, "grant": "x"},
        {"to": "", "grant": grant},
        {"to": f"member:{leaver}", "all": "1"},
    ):
        assert manager.submit(path, **nonsense).status_code == 400, nonsense
    foreign = manager.submit(path, **to, grant=[str(uuid.uuid4())])
    assert foreign.status_code == 303
    assert assignee(world) == (leaver, None)
    assert manager.submit(path, **to, grant=[grant]).status_code == 303
    assert assignee(world) == (heir, None)
    assert manager.submit(f"/agency/staff/{heir}/handover", to="nobody", all="1").status_code == 303
    assert assignee(world) == (None, None)
    assert "引き継ぐお客様はいません" in manager.get(path).text
