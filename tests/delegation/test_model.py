"""The model in full: in no state does anybody act without leave, and the server's rules say what it says."""

import uuid
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import product

import pytest

from idp import clock
from idp.delegation.exchange_rules import (
    ActorFacts,
    Allowed,
    AudienceFacts,
    ClientFacts,
    GrantFacts,
    decide_exchange,
)
from idp.delegation.rules import READ, GrantState, Party, Transition, TransitionRefused, next_state
from tests.delegation import model
from tests.delegation.model import Model, SomebodyActsWithoutLeave, busy_state, explore

NOW = clock.now()
AGENCY = (uuid.UUID(int=10), uuid.UUID(int=11))
OWNER, STAFF = uuid.UUID(int=1), uuid.UUID(int=20)
STATES = {
    model.NO_GRANT: GrantState.REVOKED, model.REQUESTED: GrantState.REQUESTED,
    model.ACTIVE: GrantState.ACTIVE, model.RESTING: GrantState.SUSPENDED,
}  # fmt: skip
STEPS = {
    ("approve", Party.AGENCY): Transition.APPROVE, ("deny", Party.AGENCY): Transition.DENY,
    ("release", Party.AGENCY): Transition.REVOKE, ("lapse", Party.CLOCK): Transition.LAPSE,
    ("expire", Party.CLOCK): Transition.EXPIRE,
    ("owner ends", Party.OWNER): None, ("operator ends", Party.OPERATOR): None,
}  # fmt: skip


def test_in_no_state_within_eight_steps_does_anybody_act_without_leave() -> None:
    found = explore(8)
    assert (found.states > 15_000, found.acting > 400) == (True, True)


def test_nor_within_five_steps_of_a_busy_noon() -> None:
    found = explore(5, start=busy_state())
    assert (found.states > 10_000, found.acting > 1_000) == (True, True)


@pytest.mark.parametrize(
    "forgotten",
    ["owner ends", "operator ends", "release", "expire", "suspend owner", "delete owner", "suspend agency",
     "close agency", "sign out", "remove", "make viewer"],
)  # fmt: skip
def test_a_server_that_left_proxy_logins_running_after_this_would_be_noticed(forgotten: str) -> None:
    with pytest.raises(SomebodyActsWithoutLeave):
        explore(2, start=busy_state(), model=Model(frozenset({forgotten})))


def test_the_decision_on_an_exchange_agrees_with_the_model_in_every_state() -> None:
    compared: set[tuple[int, ...]] = set()

    def compare(row: model.State) -> None:
        for one, staff, under in product(model.OWNERS, model.STAFF, model.AGENCIES):
            facts = (
                model.grant(row, one, under), model.owner(row, one), model.agency(row, under),
                model.role(row, staff), model.signed_in(row, staff), under, model.home(row, staff),
            )  # fmt: skip
            if facts not in compared:
                compared.add(facts)
                assert is_allowed(*facts) is model.may_act(row, one, staff, under=under), facts

    explore(6, look=compare)
    explore(3, start=busy_state(), look=compare)
    assert len(compared) > 400


@cache
def is_allowed(
    grant: int, owner: int, agency: int, role: int, signed_in: bool, under: int, home: int
) -> bool:
    """Ask the server's own rule with the facts of the model."""
    portal = ClientFacts("portal", may_act=True, audiences=frozenset({"mypage"}))
    actor = ActorFacts(
        account_id=STAFF, agency_id=AGENCY[home] if role != model.LEFT else None,
        role_may_act=role in {model.MANAGER, model.APPROVER, model.PROXY}, in_good_standing=signed_in,
        token_client_id="portal", token_may_act=True,
    )  # fmt: skip
    asked = GrantFacts(
        owner_id=OWNER, agency_id=AGENCY[under], state=STATES[grant], permissions=frozenset({READ}),
        expires_at=NOW + timedelta(days=1), owner_in_good_standing=owner == model.OK,
        agency_in_good_standing=agency == model.OK,
    )  # fmt: skip
    mypage = AudienceFacts("mypage", in_good_standing=True, act_as_supported=True, permissions=(READ,))
    answer = decide_exchange(portal, actor, grant=asked, audience=mypage, scope=None, now=NOW)
    over = replace(asked, expires_at=NOW)
    late = decide_exchange(portal, actor, grant=over, audience=mypage, scope=None, now=NOW)
    assert not isinstance(late, Allowed)
    return isinstance(answer, Allowed)


def test_every_step_of_the_model_is_a_transition_of_the_server_s_rules() -> None:
    taken: set[tuple[GrantState, Transition, Party]] = set()

    def compare(row: model.State) -> None:
        for what, one, other in model.steps(row):
            for (name, party), transition in STEPS.items():
                if name == what:
                    of = model.home(row, other) if party is Party.AGENCY else other
                    before = STATES[model.grant(row, one, of)]
                    taken.add((before, transition or _ending(before), party))

    explore(3, start=busy_state(), look=compare)
    explore(4, look=compare)
    suspending = {
        (GrantState.ACTIVE, Transition.SUSPEND, Party.OPERATOR),
        (GrantState.SUSPENDED, Transition.REINSTATE, Party.OPERATOR),
    }
    possible = {
        key
        for key in product(GrantState, Transition, Party)
        if not isinstance(_follow(*key), TransitionRefused)
    }
    assert taken | suspending == possible


def _ending(before: GrantState) -> Transition:
    return Transition.WITHDRAW if before is GrantState.REQUESTED else Transition.REVOKE


def _follow(state: GrantState, transition: Transition, party: Party) -> GrantState | TransitionRefused:
    try:
        return next_state(state, transition, party)
    except TransitionRefused as refused:
        return refused
