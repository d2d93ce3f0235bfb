"""Decisions about many owners at once, sent twice, or while the agency is suspended or closed."""

import contextlib
import itertools
import json
import uuid
from collections import Counter
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from idp.accounts.models import Agency
from idp.accounts.rules import AgencyNotActive, NotAMember
from idp.delegation import departures
from idp.delegation.bulk.service import Decision, decide_each
from idp.delegation.models import Grant
from idp.delegation.rules import READ, GrantState
from idp.delegation.service import Consent, request_grant
from idp.demo import HANAKO, ICHIRO, MINORU, AgencyPart, MemberPart, make_agency
from tests.delegation.steps import ask, end, state_of, suspend
from tests.oauth.relying_party import RelyingParty
from tests.races.arena import Answer, Arena, Message
from tests.races.test_decided_together import at_once
from tests.world import MANAGER, World

ROUNDS = 2
_keys = itertools.count(1)


@pytest.fixture(autouse=True)
def nothing_open(world: World) -> None:
    """Let each test begin alike, whichever of them run in this process before it."""
    for owner in (MINORU, ICHIRO):
        with contextlib.suppress(LookupError):
            grant = world.grant(owner)
            if GrantState(grant.state).is_open:
                end(world, grant.id)


def approval(token: str, ids: list[uuid.UUID], key: str) -> Message:
    headers = {
        "Authorization": f"Bearer {token}", "Content-Type": "application/json",
        "Idempotency-Key": f'"{key}"',
    }  # fmt: skip
    return Message(
        "POST", "/api/delegations/approve", json.dumps({"ids": [str(one) for one in ids]}), headers
    )


def code_of(answer: Answer) -> str:
    return str(json.loads(answer.body).get("code", ""))


def active_of(world: World, agency_id: uuid.UUID) -> int:
    query = select(func.count()).where(Grant.agency_id == agency_id, Grant.state == "active")
    return world.read(lambda session: session.scalar(query)) or 0


def ended(world: World, *ids: uuid.UUID) -> None:
    for grant_id in ids:
        end(world, grant_id)


def test_the_same_key_twice_at_once_is_carried_out_once(
    arena: Arena, world: World, parties: dict[str, RelyingParty]
) -> None:
    token = parties["agency-portal"].sign_in(MANAGER).access_token
    for _ in range(ROUNDS):
        ids, key, mails = (
            [ask(world, MINORU), ask(world, ICHIRO)],
            f"twice-{next(_keys)}",
            len(world.letters()),
        )
        answers = arena.at_once([approval(token, ids, key)] * 3)
        done = [one for one in answers if one.status == 200]
        assert len({one.body for one in done}) == 1
        for busy in (one for one in answers if one not in done):
            assert (busy.status, code_of(busy)) == (409, "idempotency_request_in_progress")
            assert int(busy.retry_after) >= 1
        assert arena.send(approval(token, ids, key)).body == done[0].body
        assert [one["status"] for one in json.loads(done[0].body)["results"]] == ["approved"] * 2
        assert Counter(letter.name for letter in world.letters()[mails:]) == {"delegation_approved": 2}
        ended(world, *ids)


def test_of_two_bodies_with_one_key_at_once_one_is_carried_out(
    arena: Arena, world: World, parties: dict[str, RelyingParty]
) -> None:
    token = parties["agency-portal"].sign_in(MANAGER).access_token
    for _ in range(ROUNDS):
        ids, key = [ask(world, MINORU), ask(world, ICHIRO)], f"bodies-{next(_keys)}"
        bodies = [approval(token, ids[:1], key), approval(token, ids[1:], key)]
        answers = arena.at_once(bodies)
        statuses = sorted(one.status for one in answers)
        assert statuses in ([200, 409], [200, 422]), answers
        again = [arena.send(one) for one in bodies]
        assert sorted(one.status for one in again) == [200, 422]
        assert sorted(state_of(world, one).state for one in ids) == ["active", "requested"]
        ended(world, *ids)


def test_of_many_approvals_and_a_suspension_at_once_nothing_active_is_left_behind(
    arena: Arena, world: World, parties: dict[str, RelyingParty]
) -> None:
    token, agency_id = parties["agency-portal"].sign_in(MANAGER).access_token, world.agency().id
    for _ in range(ROUNDS):
        ids = [ask(world, MINORU), ask(world, ICHIRO)]
        message = approval(token, ids, f"suspended-{next(_keys)}")
        answer, moved = at_once(partial(arena.send, message), partial(suspend, world))
        assert isinstance(moved, int), moved
        assert answer.status in {200, 403}, answer
        assert active_of(world, agency_id) == 0
        suspend(world, suspended=False)
        ended(world, *ids)


def test_of_many_approvals_and_a_closing_at_once_nobody_waits_in_a_circle(world: World) -> None:

    for number in range(ROUNDS):
        part = MemberPart(f"closing{number}@many.example", "岡田 誠", "オカダ マコト", MANAGER.role)
        agency = AgencyPart(
            "おわり設備", part.email, "1500002", "東京都", "渋谷区", "渋谷2-21-1", "0337650000", (part,)
        )

        def begin(session: Session, agency: AgencyPart = agency) -> uuid.UUID:
            return make_agency(session, agency, "").id

        agency_id = world.write(begin)
        owners = [world.account(one) for one in (HANAKO, ICHIRO, MINORU)]
        consent = Consent(agency_id, frozenset({READ}), 12)
        ids = [
            world.write(lambda session, one=one, consent=consent: request_grant(
                session, one, consent, answer_days=30).id)
            for one in owners
        ]  # fmt: skip

        def approve(session: Session, ids: Any = ids, part: MemberPart = part) -> int:
            return len(decide_each(session, world.member(part), ids, decision=Decision.APPROVE))

        def close(session: Session, agency_id: uuid.UUID = agency_id) -> int:
            return departures.close_agency(session, agency_id)[0]

        approved, closed = at_once(partial(world.write, approve), partial(world.write, close))
        assert closed == len(ids), closed
        assert approved == len(ids) or isinstance(approved, AgencyNotActive | NotAMember), approved
        assert active_of(world, agency_id) == 0
        assert world.read(lambda session, one=agency_id: session.get_one(Agency, one).status) == "closed"
