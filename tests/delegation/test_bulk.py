"""Many decisions at once over HTTP: a result for each, and nothing is carried out twice."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine

from idp import clock
from idp.audit.events import Event
from idp.delegation.bulk.models import IdempotencyKey
from idp.demo import HANAKO, ICHIRO, MINORU, SAKURA, SETSUKO, MemberPart
from idp.housekeeping import sweep
from tests.delegation.steps import ask, state_of
from tests.delegation.test_suspension import statements
from tests.oauth.relying_party import RelyingParty
from tests.world import APPROVER, BOTH, LOGIN_ONLY, VIEWER, World


@pytest.fixture
def staff(portal: RelyingParty) -> str:
    return portal.sign_in().access_token


def decide(
    world: World, token: str, ids: Any, *, action: str = "approve", key: str | None = '"k-1"', **headers: str
) -> Any:
    sent = {**({} if key is None else {"Idempotency-Key": key}), **headers}
    body = {"ids": [str(one) for one in ids]} if isinstance(ids, list) else ids
    return world.api("POST", f"/api/delegations/{action}", token, json=body, headers=sent)


def test_each_gets_a_result_of_its_own_and_a_refusal_undoes_nothing_else(world: World, staff: str) -> None:
    mine, active, foreign = world.grant(ICHIRO).id, world.grant(HANAKO).id, world.grant(SETSUKO, SAKURA).id
    asked, own, unknown = ask(world, MINORU), ask(world, BOTH), uuid4()
    letters = len(world.letters())
    answer = decide(world, staff, [mine, active, foreign, unknown, asked, own])
    results = answer.get_json()["results"]
    assert (answer.status_code, [UUID(one["id"]) for one in results]) == (
        200, [mine, active, foreign, unknown, asked, own],
    )  # fmt: skip
    assert [one["status"] for one in results] == ["approved", *("refused",) * 3, "approved", "approved"]
    assert (results[1]["problem"]["code"], results[1]["problem"]["state"]) == ("transition_refused", "active")
    assert results[2]["problem"] == results[3]["problem"]
    assert results[2]["problem"]["code"] == "not_found"
    assert {state_of(world, one).state for one in (mine, asked, own)} == {"active"}
    assert [letter.name for letter in world.letters()[letters:]] == ["delegation_approved"] * 3
    assert [event.event for event in world.events(grant_id=asked)][-1] == Event.DELEGATION_APPROVED


def test_owners_are_held_before_any_grant_is_decided(world: World, staff: str) -> None:
    """Whoever has an owner and waits for a grant never has to wait for one who has a grant (0013)."""
    grants = [world.grant(ICHIRO).id, ask(world, MINORU)]
    with statements(world) as seen:
        assert decide(world, staff, grants).status_code == 200
    held = [seen.index(one) for one in seen if one.startswith("SELECT accounts.id") and " IN (SELECT " in one]
    decided = [seen.index(one) for one in seen if one.startswith("UPDATE delegation_grants")]
    assert held[0] < decided[0]


@pytest.mark.parametrize(
    ("action", "owner", "state"), [("deny", ICHIRO, "denied"), ("release", HANAKO, "revoked")]
)
def test_requests_are_refused_and_grants_released_in_the_same_way(
    world: World, staff: str, action: str, owner: Any, state: str
) -> None:
    grant_id = world.grant(owner).id
    [result] = decide(world, staff, [grant_id], action=action).get_json()["results"]
    assert result == {"id": str(grant_id), "status": {"deny": "denied", "release": "released"}[action]}
    assert state_of(world, grant_id).state == state


@pytest.mark.parametrize(
    ("body", "key", "status", "code"),
    [
        ([], '"k"', 400, "invalid_parameter"), ({"ids": ["x"]}, '"k"', 400, "invalid_parameter"),
        ({"ids": 1}, '"k"', 400, "invalid_parameter"), ("[", '"k"', 400, "invalid_parameter"),
        ([UUID(int=1)] * 2, '"k"', 400, "invalid_parameter"),
        ([UUID(int=number) for number in range(201)], '"k"', 400, "invalid_parameter"),
        ([UUID(int=1)], None, 400, "idempotency_key_missing"),
        ([UUID(int=1)], '""', 400, "idempotency_key_missing"),
        ([UUID(int=1)], '"' + "k" * 256 + '"', 400, "idempotency_key_missing"),
        ([UUID(int=1)], "a b", 400, "idempotency_key_missing"),
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_not_between_1_and_200_ids_with_a_key_is_refused(
    world: World, staff: str, body: Any, key: str | None, status: int, code: str
) -> None:
    answer = decide(world, staff, body, key=key)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    ids = [UUID(int=number) for number in range(200)]
    assert len(decide(world, staff, ids, key="bare-key").get_json()["results"]) == 200


def test_the_same_call_again_is_answered_and_not_carried_out_again(world: World, staff: str) -> None:
    grant_id = world.grant(ICHIRO).id
    first = decide(world, staff, [grant_id])
    before = world.digest(), len(world.events())
    assert decide(world, staff, [grant_id]).get_json() == first.get_json()
    assert (world.digest(), len(world.events())) == before
    other = decide(world, staff, [grant_id], key='"k-2"').get_json()["results"]
    assert other[0]["problem"]["code"] == "transition_refused"


def test_a_key_is_for_one_request_of_one_caller_and_for_a_day(
    world: World, portal: RelyingParty, staff: str
) -> None:
    grant_id = world.grant(ICHIRO).id
    decide(world, staff, [grant_id])
    for again in (decide(world, staff, [uuid4()]), decide(world, staff, [grant_id], action="deny")):
        assert (again.status_code, again.get_json()["code"]) == (422, "idempotency_key_reused")
    colleague = portal.sign_in(APPROVER).access_token
    [result] = decide(world, colleague, [grant_id]).get_json()["results"]
    assert result["problem"]["code"] == "transition_refused"
    with time_machine.travel(clock.now() + timedelta(days=1, seconds=1), tick=False):
        sweep(world.database)
    assert world.count(IdempotencyKey) == 0


@pytest.mark.parametrize("part", [LOGIN_ONLY, VIEWER])
def test_only_those_who_decide_one_decide_many(world: World, portal: RelyingParty, part: MemberPart) -> None:
    grant_id = world.grant(ICHIRO).id
    answer = decide(world, portal.sign_in(part).access_token, [grant_id])
    assert (answer.status_code, answer.get_json()["code"]) == (403, "role_may_not")
    assert state_of(world, grant_id).state == "requested"


def test_what_fails_at_the_end_leaves_neither_decision_nor_key(
    world: World, staff: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant_id = world.grant(ICHIRO).id

    def fail(*_arguments: Any, **_more: Any) -> None:
        raise RuntimeError("out of power")

    monkeypatch.setattr("idp.delegation.bulk.api.store_answer", fail)
    assert decide(world, staff, [grant_id]).status_code == 500
    monkeypatch.undo()
    assert (state_of(world, grant_id).state, world.count(IdempotencyKey)) == ("requested", 0)
    assert decide(world, staff, [grant_id]).get_json()["results"][0]["status"] == "approved"


@pytest.mark.parametrize(("language", "told"), [("en-GB,en;q=0.9", "en"), ("ja", "ja"), ("fr", "ja")])
def test_problems_are_told_in_the_language_that_the_caller_asks_for(
    world: World, staff: str, language: str, told: str
) -> None:
    answer = decide(world, staff, [], **{"Accept-Language": language})
    body = answer.get_json()
    assert (answer.headers["Content-Language"], body["type"]) == (
        told,
        "urn:ownersclub:problem:invalid_parameter",
    )
    assert (body["title"].isascii(), body["code"]) == (told == "en", "invalid_parameter")
    assert "Accept-Language" in answer.headers["Vary"]
