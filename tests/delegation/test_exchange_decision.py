"""The exchange decision: from one situation that is allowed, each test deviates in one fact."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.delegation.exchange_rules import (
    ActorFacts,
    Allowed,
    AudienceFacts,
    ClientFacts,
    ExchangeRefusal,
    GrantFacts,
    decide_exchange,
)
from idp.delegation.rules import READ, WRITE, GrantState

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
AGENCY, OTHER_AGENCY, OWNER, STAFF = (uuid.UUID(int=number) for number in range(1, 5))
PORTAL = ClientFacts("agency-portal", may_act=True, audiences=frozenset({"mypage"}))
ACTOR = ActorFacts(
    account_id=STAFF, agency_id=AGENCY, role_may_act=True, in_good_standing=True,
    token_client_id="agency-portal", token_may_act=True,
)  # fmt: skip
GRANT = GrantFacts(
    owner_id=OWNER, agency_id=AGENCY, state=GrantState.ACTIVE, permissions=frozenset({READ, WRITE}),
    expires_at=NOW + timedelta(days=1), owner_in_good_standing=True, agency_in_good_standing=True,
)  # fmt: skip
MYPAGE = AudienceFacts("mypage", in_good_standing=True, act_as_supported=True, permissions=(READ, WRITE))


def decide(**deviation: Any) -> Allowed | ExchangeRefusal:
    """Decide about the allowed situation, but for what deviates: ``grant__state`` is a fact of the grant."""
    facts: dict[str, Any] = {"client": PORTAL, "actor": ACTOR, "grant": GRANT, "audience": MYPAGE,
                             "scope": frozenset({READ}), "now": NOW}  # fmt: skip
    for name, value in deviation.items():
        about, is_one_fact, fact = name.partition("__")
        facts[about] = replace(facts[about], **{fact: value}) if is_one_fact else value
    return decide_exchange(facts.pop("client"), facts.pop("actor"), **facts)


def test_a_member_in_good_standing_may_act_within_an_active_grant() -> None:
    assert decide() == Allowed(frozenset({READ}))


@pytest.mark.parametrize(
    ("reason", "deviation"),
    [
        ("client_may_not_act", {"client__may_act": False}),
        ("actor_missing", {"actor": None}),
        ("actor_of_other_client", {"actor__token_client_id": "mypage"}),
        ("actor_token_may_not_act", {"actor__token_may_act": False}),
        ("actor_of_other_kind", {"client__agency_id": AGENCY}),
        ("actor_of_other_kind", {"actor__account_id": None}),
        ("actor_not_in_good_standing", {"actor__in_good_standing": False}),
        ("actor_role", {"actor__role_may_act": False}),
        ("actor_not_assigned", {"actor__may_serve": False}),
        ("grant_unknown", {"grant": None}),
        ("grant_of_other_agency", {"grant__agency_id": OTHER_AGENCY}),
        ("grant_of_other_agency", {"actor__agency_id": OTHER_AGENCY}),
        ("grant_of_other_agency", {"actor__agency_id": None}),
        ("grant_not_in_force", {"grant__expires_at": NOW}),
        ("grant_not_in_force", {"grant__expires_at": None}),
        ("owner_not_in_good_standing", {"grant__owner_in_good_standing": False}),
        ("agency_not_in_good_standing", {"grant__agency_in_good_standing": False}),
        ("actor_is_owner", {"grant__owner_id": STAFF}),
        ("audience_unknown", {"audience": None}),
        ("audience_unknown", {"audience__in_good_standing": False}),
        ("audience_not_allowed", {"client__audiences": frozenset({"shop"})}),
        ("audience_not_allowed", {"client__audiences": frozenset()}),
        ("audience_cannot_act", {"audience__act_as_supported": False}),
        ("audience_not_granted", {"audience__permissions": ()}),
        ("audience_not_granted", {"audience__permissions": ("myapp.read",)}),
        ("audience_not_granted", {"grant__permissions": frozenset()}),
        ("scope_beyond_grant", {"scope": frozenset()}),
        ("scope_beyond_grant", {"scope": frozenset({READ, "openid"})}),
        ("scope_beyond_grant", {"scope": frozenset({WRITE}), "grant__permissions": frozenset({READ})}),
        ("scope_beyond_grant", {"scope": frozenset({WRITE}), "audience__permissions": (READ,)}),
    ],
)  # fmt: skip
def test_one_fact_that_is_wrong_is_enough_to_refuse(reason: str, deviation: dict[str, Any]) -> None:
    assert decide(**deviation) is ExchangeRefusal(reason)


def test_each_reason_to_refuse_has_its_case_above() -> None:
    marks = test_one_fact_that_is_wrong_is_enough_to_refuse.pytestmark  # type: ignore[attr-defined]  # set by parametrize
    assert {reason for reason, _ in marks[0].args[1]} == {reason.value for reason in ExchangeRefusal}


@pytest.mark.parametrize("state", [state for state in GrantState if state is not GrantState.ACTIVE])
def test_a_grant_that_is_not_active_allows_nothing(state: GrantState) -> None:
    assert decide(grant__state=state) is ExchangeRefusal.GRANT_NOT_IN_FORCE


@pytest.mark.parametrize(
    ("granted", "understood", "least"),
    [
        ({READ, WRITE}, (READ, WRITE), READ),
        ({READ}, (READ, WRITE), READ),
        ({WRITE}, (READ, WRITE), WRITE),
        ({READ, WRITE}, (WRITE,), WRITE),
    ],
)
def test_a_client_that_names_no_scope_gets_the_least(
    granted: set[str], understood: tuple[str, ...], least: str
) -> None:
    decision = decide(scope=None, grant__permissions=frozenset(granted), audience__permissions=understood)
    assert decision == Allowed(frozenset({least}))


def test_a_system_of_the_agency_may_act_for_itself_and_nobody_may_through_it() -> None:
    system = replace(PORTAL, client_id="system", agency_id=AGENCY)
    itself = replace(ACTOR, account_id=None, token_client_id="system")
    assert decide(client=system, actor=itself) == Allowed(frozenset({READ}))
    person = replace(ACTOR, token_client_id="system")
    assert decide(client=system, actor=person) is ExchangeRefusal.ACTOR_OF_OTHER_KIND


def test_a_client_that_names_everything_granted_gets_it() -> None:
    assert decide(scope=frozenset({READ, WRITE})) == Allowed(frozenset({READ, WRITE}))


_ids = st.sampled_from([AGENCY, OTHER_AGENCY, OWNER, STAFF])
_names = st.sampled_from(["agency-portal", "mypage", "shop"])
_scopes = st.frozensets(st.sampled_from([READ, WRITE, "openid", "myapp.read"]))
# Mostly yes, or nearly nothing would be allowed and the property would say little.
_mostly = st.sampled_from([True, True, True, True, False])
_clients = st.builds(
    ClientFacts, _names, may_act=_mostly, audiences=st.frozensets(_names), agency_id=st.none() | _ids
)
_actors = st.builds(
    ActorFacts, account_id=st.none() | _ids, agency_id=st.none() | st.just(AGENCY) | _ids,
    role_may_act=_mostly, in_good_standing=_mostly, token_client_id=_names, token_may_act=_mostly,
    may_serve=_mostly,
)  # fmt: skip
_grants = st.builds(
    GrantFacts, owner_id=_ids, agency_id=st.just(AGENCY) | _ids,
    state=st.just(GrantState.ACTIVE) | st.sampled_from(GrantState), permissions=_scopes,
    expires_at=st.none() | st.just(GRANT.expires_at)
    | st.datetimes(datetime(2026, 11, 23), datetime(2026, 11, 26), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive by definition
    owner_in_good_standing=_mostly, agency_in_good_standing=_mostly,
)  # fmt: skip
_audiences = st.builds(
    AudienceFacts, _names, in_good_standing=_mostly, act_as_supported=_mostly,
    permissions=st.lists(st.sampled_from([READ, WRITE, "myapp.read"]), unique=True).map(tuple),
)  # fmt: skip


@given(
    client=st.just(PORTAL) | _clients, actor=st.just(ACTOR) | st.none() | _actors,
    grant=st.just(GRANT) | st.none() | _grants, audience=st.just(MYPAGE) | st.none() | _audiences,
    scope=st.none() | _scopes,
)  # fmt: skip
def test_whatever_the_facts_what_is_allowed_was_granted_understood_and_asked_by_people_in_good_standing(
    client: ClientFacts,
    actor: ActorFacts | None,
    grant: GrantFacts | None,
    audience: AudienceFacts | None,
    scope: frozenset[str] | None,
) -> None:
    decision = decide_exchange(client, actor, grant=grant, audience=audience, scope=scope, now=NOW)
    if isinstance(decision, ExchangeRefusal):
        return
    assert actor is not None
    assert grant is not None
    assert audience is not None
    assert decision.scope
    assert decision.scope <= grant.permissions & frozenset(audience.permissions)
    assert scope is None or decision.scope == scope
    assert client.may_act
    assert audience.client_id in client.audiences
    assert actor.in_good_standing
    assert actor.role_may_act
    assert actor.may_serve
    assert actor.token_may_act
    assert actor.token_client_id == client.client_id
    assert actor.agency_id == grant.agency_id
    assert (actor.account_id is None) == (client.agency_id is not None)
    assert actor.account_id != grant.owner_id
    assert grant.state is GrantState.ACTIVE
    assert grant.expires_at is not None
    assert grant.expires_at > NOW
    assert grant.owner_in_good_standing
    assert grant.agency_in_good_standing
    assert audience.in_good_standing
    assert audience.act_as_supported
