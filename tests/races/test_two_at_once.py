"""Owner, agency and staff act on one grant at the same moment: there is one order, and all are told it."""

import json
from collections import Counter

from sqlalchemy import delete, func, select

from idp.accounts.models import SignInFailure
from idp.delegation.models import Grant
from idp.demo import MINORU, SAKURA
from tests.accounts.visitor import Visitor, forms_of
from tests.delegation.steps import ask, end, state_of
from tests.oauth.relying_party import RelyingParty
from tests.races.arena import Arena, in_browser, with_token
from tests.races.revocation import play
from tests.world import APPROVER, MANAGER, World

ROUNDS = 20
INTERLEAVINGS = 100


def told(world: World, grant_id: object) -> list[str]:
    """Return what the audit log tells of a grant, without its first request."""
    return [event.event for event in world.events(grant_id=grant_id)][1:]  # type: ignore[arg-type]


def test_of_approving_and_denying_at_once_one_counts_and_the_other_is_told(
    arena: Arena, world: World, parties: dict[str, RelyingParty]
) -> None:
    portal = parties["agency-portal"]
    tokens = [portal.sign_in(person).access_token for person in (MANAGER, APPROVER)]
    seen = Counter[str]()
    for _ in range(ROUNDS):
        grant_id, mails = ask(world, MINORU), len(world.letters())
        both = arena.at_once([
            with_token(token, f"/api/delegations/{grant_id}/{action}")
            for token, action in zip(tokens, ("approve", "deny"), strict=True)
        ])  # fmt: skip
        assert sorted(one.status for one in both) == [200, 409]
        [won] = [json.loads(one.body) for one in both if one.status == 200]
        [lost] = [json.loads(one.body) for one in both if one.status == 409]
        state = state_of(world, grant_id).state
        assert won["state"] == lost["state"] == state
        name = "approved" if state == "active" else "denied"
        assert told(world, grant_id) == [f"delegation.{name}"]
        assert [letter.name for letter in world.letters()[mails:]] == [f"delegation_{name}"]
        seen[state] += 1
        if state == "active":
            end(world, grant_id)
    assert seen.total() == ROUNDS


def test_of_approving_twice_at_once_one_counts(
    arena: Arena, world: World, parties: dict[str, RelyingParty]
) -> None:
    token = parties["agency-portal"].sign_in(MANAGER).access_token
    for _ in range(5):
        grant_id = ask(world, MINORU)
        answers = arena.at_once([with_token(token, f"/api/delegations/{grant_id}/approve")] * 6)
        assert Counter(one.status for one in answers) == {200: 1, 409: 5}
        assert told(world, grant_id) == ["delegation.approved"]
        end(world, grant_id)


def end_form(browser: Visitor, grant_id: object) -> dict[str, object]:
    """Return the form on which an owner ends a grant."""
    address = f"/account/delegations/{grant_id}/end"
    [form] = [form for form in forms_of(browser.get(address)) if form.action in {"", address}]
    return dict(form.fields)


def test_withdrawing_and_approving_at_once_leaves_one_order_of_events(
    arena: Arena, world: World, parties: dict[str, RelyingParty]
) -> None:
    owner, token = world.browser(MINORU), parties["agency-portal"].sign_in(MANAGER).access_token
    for _ in range(ROUNDS):
        grant_id = ask(world, MINORU)
        address = f"/account/delegations/{grant_id}/end"
        by_owner, by_agency = arena.at_once([
            in_browser(owner, address, end_form(owner, grant_id)),
            with_token(token, f"/api/delegations/{grant_id}/approve"),
        ])  # fmt: skip
        assert by_owner.status == 303
        grant, events = state_of(world, grant_id), told(world, grant_id)
        # Whoever comes second finds the grant where the first has brought it; an owner always ends it.
        expected = {
            "withdrawn": (["delegation.withdrawn"], 409),
            "revoked": (["delegation.approved", "delegation.revoked"], 200),
            "active": (["delegation.approved"], 200),
        }
        assert (events, by_agency.status) == expected[grant.state]
        if grant.state == "active":
            end(world, grant_id)


def test_of_asking_twice_at_once_one_request_is_stored(arena: Arena, world: World) -> None:
    owner = world.browser(MINORU)
    page = owner.submit("/account/edit", agency_email=SAKURA.email)
    [form] = [form for form in forms_of(page) if "agency_id" in form.fields]
    message = in_browser(owner, "/account/edit", {**form.fields, "step": "complete"})
    minoru, sakura = world.account(MINORU).id, world.agency(SAKURA).id
    for number in range(1, ROUNDS + 1):
        mails = len(world.letters())
        world.write(lambda session: session.execute(delete(SignInFailure)))  # looking up has its limit
        answers = arena.at_once([message] * 2)
        assert sorted(one.status for one in answers) in ([303, 400], [303, 409])
        query = select(func.count()).where(Grant.owner_id == minoru, Grant.agency_id == sakura)
        assert world.read(lambda session, query=query: session.scalar(query)) == number
        assert [letter.name for letter in world.letters()[mails:]] == ["delegation_requested"]
        end(world, world.grant(MINORU, SAKURA).id)


def test_nothing_issued_before_or_after_a_revocation_is_accepted_once_it_is_answered(arena: Arena) -> None:
    """``make races`` plays ten thousand interleavings."""
    tally = play(arena, INTERLEAVINGS)
    assert tally.stale == []
    for kind in ("exchange", "redemption", "introspection"):
        assert min(tally.accepted[kind], tally.refused[kind]) > 5, tally.lines()
