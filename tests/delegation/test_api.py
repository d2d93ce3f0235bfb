"""The HTTP API of delegation: who may ask, what they see, and what they are told when they may not."""

from uuid import UUID, uuid4

import pytest
import time_machine
from sqlalchemy import update
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Agency, Member
from idp.accounts.rules import AgencyStatus
from idp.delegation.models import Grant
from idp.demo import HANAKO, ICHIRO, MINORU, SAKURA, SETSUKO, TADASHI, MemberPart
from tests.delegation.steps import answer, ask, end, end_term_at, state_of, suspend
from tests.oauth.relying_party import RelyingParty
from tests.world import APPROVER, BOTH, LOGIN_ONLY, MANAGER, RIVAL, VIEWER, World

OWNERS_DATA = (HANAKO.email, HANAKO.name, HANAKO.furigana, HANAKO.street, HANAKO.serials[0])


@pytest.fixture
def staff(portal: RelyingParty) -> str:
    """The access token of the agency's manager."""
    return portal.sign_in(MANAGER).access_token


def token_of(world: World, portal: RelyingParty, part: MemberPart) -> str:
    """Return the access token of another member of the agency."""
    return portal.sign_in(browser=world.browser(part)).access_token


def test_a_request_is_shown_with_everything_that_the_agency_needs_to_answer_it(
    world: World, staff: str
) -> None:
    grant = world.grant(ICHIRO)
    body = world.api("GET", f"/api/delegations/{grant.id}", staff).get_json()
    products = body.pop("products")
    owner = body.pop("owner")
    assert body == {
        "id": str(grant.id), "state": "requested", "permissions": ["mypage.read"], "term_months": 12,
        "all_products": True, "permissions_words": [{"title": "閲覧のみ", "title_en": "View only"}],
        "requested_at": clock.iso(grant.requested_at), "decided_at": None, "expires_at": None,
        "ended_at": None, "last_used_at": None, "assignee": None,
    }  # fmt: skip
    assert owner == {
        "user_id": ICHIRO.user_id, "email": ICHIRO.email, "name": ICHIRO.name, "furigana": ICHIRO.furigana,
        "prefecture": ICHIRO.prefecture, "city": ICHIRO.city, "street": ICHIRO.street,
        "registered_at": clock.iso(world.account(ICHIRO).created_at),
    }  # fmt: skip
    assert [product["serial_number"] for product in products] == list(ICHIRO.serials)


@pytest.mark.parametrize("action", ["revoke", "deny", "term"])
def test_once_it_has_ended_the_agency_no_longer_sees_the_owner(world: World, staff: str, action: str) -> None:
    grant_id = world.grant(HANAKO).id if action != "deny" else ask(world, HANAKO, agency=SAKURA)
    address = f"/api/delegations/{world.grant(HANAKO).id}"
    shown = world.api("GET", address, staff).text
    assert all(part in shown for part in OWNERS_DATA)
    if action == "revoke":
        end(world, grant_id)
    elif action == "term":  # the clock's job has not run yet, and it makes no difference
        end_term_at(world, grant_id, clock.now())
    else:
        world.write(
            lambda session: session.execute(
                update(Grant).where(Grant.id == world.grant(HANAKO).id).values(state="denied")
            ).close()
        )
    body = world.api("GET", address, staff)
    assert body.get_json()["products"] == []
    assert set(body.get_json()["owner"]) == {"user_id", "email", "name", "registered_at"}
    lists = world.api("GET", "/api/delegations?state=ended", staff).text + body.text
    assert not [part for part in OWNERS_DATA if part in lists]


@pytest.mark.parametrize(
    ("action", "state", "after"),
    [("approve", "requested", "active"), ("deny", "requested", "denied"), ("release", "active", "revoked")],
)
def test_an_answer_moves_the_grant_once_and_the_second_is_told_where_it_is(
    world: World, staff: str, action: str, state: str, after: str
) -> None:
    grant = world.grant(ICHIRO if state == "requested" else HANAKO)
    first = world.api("POST", f"/api/delegations/{grant.id}/{action}", staff)
    assert (first.status_code, first.get_json()["state"]) == (200, after)
    before = world.digest()
    second = world.api("POST", f"/api/delegations/{grant.id}/{action}", staff)
    assert (second.status_code, second.mimetype) == (409, "application/problem+json")
    assert (second.get_json()["code"], second.get_json()["state"]) == ("transition_refused", after)
    assert world.digest() == before


@pytest.mark.parametrize("action", ["", "/approve", "/deny", "/release"])
def test_a_foreign_grant_and_one_that_does_not_exist_give_the_same_404_to_the_byte(
    world: World, staff: str, action: str
) -> None:
    foreign = [ask(world, MINORU, agency=SAKURA), world.grant(SETSUKO, SAKURA).id]
    before, method = world.digest(), "POST" if action else "GET"

    def face(grant_id: UUID) -> tuple[int, bytes, list[tuple[str, str]]]:
        response = world.api(method, f"/api/delegations/{grant_id}{action}", staff)
        own_id = response.headers["X-Request-Id"].encode()
        headers = [pair for pair in response.headers if pair[0] != "X-Request-Id"]
        return response.status_code, response.data.replace(own_id, b"?"), sorted(headers)

    faces = [face(grant_id) for grant_id in (*foreign, uuid4())]
    assert faces[0][0] == 404
    assert faces[0] == faces[1] == faces[2]
    assert world.digest() == before
    own = world.grant(HANAKO if action in {"", "/release"} else ICHIRO).id
    assert world.api(method, f"/api/delegations/{own}{action}", staff).status_code == 200


@pytest.mark.parametrize(
    ("part", "may"),
    [(APPROVER, True), (LOGIN_ONLY, False), (VIEWER, False)],
    ids=["approver", "login", "viewer"],
)
def test_every_member_reads_and_only_some_decide(
    world: World, portal: RelyingParty, part: MemberPart, may: bool
) -> None:
    token, requested, active = token_of(world, portal, part), world.grant(ICHIRO).id, world.grant(HANAKO).id
    assert world.api("GET", f"/api/delegations/{requested}", token).status_code == 200
    expected = (200, None) if may else (403, "role_may_not")
    for grant_id, action in ((requested, "approve"), (active, "release")):
        told = world.api("POST", f"/api/delegations/{grant_id}/{action}", token)
        assert (told.status_code, told.get_json().get("code")) == expected
    assert state_of(world, requested).state == ("active" if may else "requested")


def test_an_owner_who_is_a_member_does_not_answer_their_own_request(
    world: World, portal: RelyingParty, staff: str
) -> None:
    grant_id = ask(world, BOTH)
    token = portal.sign_in(browser=world.browser(BOTH)).access_token
    for action in ("approve", "deny"):
        told = world.api("POST", f"/api/delegations/{grant_id}/{action}", token)
        assert (told.status_code, told.get_json()["code"]) == (403, "own_request")
    assert world.api("POST", f"/api/delegations/{grant_id}/approve", staff).status_code == 200


@pytest.mark.parametrize("path", ["/api/delegations", "/api/me/delegations", "/api/me/proxy-logins"])
def test_nobody_reads_without_a_token_of_the_right_scope(
    world: World, mypage: RelyingParty, shop: RelyingParty, path: str
) -> None:
    assert world.api("GET", path).status_code == 401
    assert world.api("GET", path, "nonsense").status_code == 401
    browser = world.browser(HANAKO)
    assert browser.get(path).status_code == 401
    assert world.api("GET", path, shop.sign_in(browser=browser).access_token).status_code == 403
    own = world.api("GET", path, mypage.sign_in(browser=browser).access_token)
    assert own.status_code == (403 if path == "/api/delegations" else 200)


def test_scope_delegations_manage_is_asked_for_by_each_answer(world: World, portal: RelyingParty) -> None:
    browser, grant_id = world.browser(MANAGER), world.grant(ICHIRO).id
    reader = portal.redeem(portal.code_for(browser, scope="openid delegations.read")).tokens()
    assert world.api("GET", f"/api/delegations/{grant_id}", reader.access_token).status_code == 200
    for action in ("approve", "deny", "release"):
        address = f"/api/delegations/{grant_id}/{action}"
        assert world.api("POST", address, reader.access_token).status_code == 403
    assert state_of(world, grant_id).state == "requested"


def test_an_owner_sees_their_own_grants_and_nobody_elses(world: World, mypage: RelyingParty) -> None:
    body = world.api("GET", "/api/me/delegations", mypage.sign_in(HANAKO).access_token).get_json()
    [item] = body["items"]
    assert (item["id"], item["state"]) == (str(world.grant(HANAKO).id), "active")
    assert item["agency"]["email"] == world.agency().email


def test_a_suspended_agency_reads_and_decides_nothing(world: World, staff: str) -> None:
    grant_id = world.grant(ICHIRO).id
    suspend(world)
    assert world.api("GET", "/api/delegations", staff).status_code == 403
    assert world.api("POST", f"/api/delegations/{grant_id}/approve", staff).status_code == 403
    suspend(world, suspended=False)
    assert world.api("POST", f"/api/delegations/{grant_id}/approve", staff).status_code == 200


def test_a_member_who_has_left_reads_and_decides_nothing(world: World, staff: str) -> None:
    member_id, grant_id = world.member().id, world.grant(ICHIRO).id
    assert world.api("GET", "/api/delegations", staff).status_code == 200
    world.write(lambda session: setattr(session.get_one(Member, member_id), "left_at", clock.now()))
    assert world.api("GET", "/api/delegations", staff).status_code == 403
    assert world.api("POST", f"/api/delegations/{grant_id}/approve", staff).status_code == 403


def test_a_token_of_yesterday_reads_nothing(world: World, staff: str) -> None:
    with time_machine.travel(clock.now().timestamp() + 301, tick=False):
        assert world.api("GET", "/api/delegations", staff).status_code == 401
    assert world.api("GET", "/api/delegations", staff).status_code == 200


def test_an_agency_that_takes_over_an_address_inherits_nothing(
    world: World, parties: dict[str, RelyingParty]
) -> None:
    """The grants belong to the organisation that the owner saw, not to whoever has its address now."""
    held, own, rival = world.grant(HANAKO), world.grant(SETSUKO, SAKURA), parties["rival-portal"]
    mirai, sakura = world.agency(), world.agency(SAKURA)

    def take_over(session: Session) -> None:
        session.get_one(Agency, mirai.id).status = AgencyStatus.CLOSED
        session.flush()
        session.get_one(Agency, sakura.id).email = mirai.email

    world.write(take_over)
    heir = rival.sign_in(RIVAL).access_token
    listed = world.api("GET", "/api/delegations", heir).get_json()
    assert [item["owner"]["email"] for item in listed["items"]] == [SETSUKO.email]
    assert world.api("GET", f"/api/delegations/{held.id}", heir).status_code == 404
    rival.exchange(heir, held.id).expect_error("invalid_request")
    rival.exchange(heir, own.id).tokens()


def test_old_and_running_requests_of_one_owner_are_told_apart(world: World, staff: str) -> None:
    """A denied owner asks again: two rows, and only the one that stands shows who they are."""
    again = ask(world, SETSUKO)
    answer(world, again)
    listed = {
        item["id"]: item["owner"]["email"]
        for state in ("", "ended")
        for item in world.api("GET", f"/api/delegations?state={state}", staff).get_json()["items"]
        if item["owner"]["user_id"] == SETSUKO.user_id
    }
    assert len(listed) == 2
    assert listed[str(again)] == SETSUKO.email
    assert [email for grant_id, email in listed.items() if grant_id != str(again)] == [None]


def test_what_expired_is_listed_among_the_ended(world: World, staff: str) -> None:
    listed = world.api("GET", "/api/delegations?state=ended&sort=requested_at", staff).get_json()
    assert {item["owner"]["user_id"] for item in listed["items"]} == {TADASHI.user_id, SETSUKO.user_id}
    assert listed["counts"] == {"requested": 1, "active": 1, "suspended": 0, "ended": 2}
