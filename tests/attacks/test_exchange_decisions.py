"""DX-053 to DX-070: who asks, who answers, and links that are opened by whoever finds them."""

import itertools
from collections import Counter
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from idp.accounts.models import Agency
from idp.audit.models import AuditEvent
from idp.delegation.models import Grant
from idp.demo import make_agency
from idp.oauth.departures import close_agency
from tests.accounts.visitor import Visitor, forms_of
from tests.attacks.acting import Scene
from tests.attacks.cases import case
from tests.delegation.steps import answer, ask, state_of
from tests.races.arena import Message, in_browser, with_token
from tests.world import BOTH, RIVAL

ROUNDS = 4
OF_THE_WINNER = {"active": "delegation.approved", "denied": "delegation.denied"}


@case("DX-053")
@pytest.mark.parametrize("second", ["approve", "deny", "withdraw"])
def test_of_two_decisions_at_once_one_counts(scene_of_its_own: Scene, second: str) -> None:
    scene, stage, seen = scene_of_its_own, scene_of_its_own.stage, Counter[str]()
    token, owner = scene.staff.access_token, scene.casting.owner()
    browser = stage.at_home(owner)
    for number in range(ROUNDS):
        waiting = scene.casting.consent(owner, scene.agency, approved=False)
        api = f"/api/delegations/{waiting}"
        first = with_token(token, f"{api}/approve", delay=0.003 * (number % 2))
        if second == "withdraw":
            answers = stage.arena.at_once([first, _withdrawal(browser, waiting)])
        else:
            answers = stage.arena.at_once([first, with_token(token, f"{api}/{second}")])
        grant = state_of(stage, waiting)
        rows = _decisions(scene, waiting)
        assert len(rows) == (2 if rows == ["delegation.approved", "delegation.revoked"] else 1), rows
        assert sorted(one.status for one in answers) in ([200, 409], [303, 409], [200, 303], [303, 404])
        seen[grant.state] += 1
        if grant.state == "active":
            scene.stage.api("POST", f"{api}/release", token)
    assert set(seen) <= {"active", "denied", "withdrawn", "revoked"}


def _withdrawal(browser: Visitor, grant_id: object) -> Message:
    address = f"/account/delegations/{grant_id}/end"
    [form, *_] = [form for form in forms_of(browser.get(address)) if form.action in {"", address}]
    return in_browser(browser, address, form.fields)


def _decisions(scene: Scene, grant_id: object) -> list[str]:
    query = (
        select(AuditEvent.event)
        .where(AuditEvent.grant_id == grant_id, AuditEvent.event.like("delegation.%"))
        .where(AuditEvent.event != "delegation.requested")
        .order_by(AuditEvent.number)
    )
    return list(scene.stage.read(lambda session: session.scalars(query).all()))


@case("DX-054")
@case("DX-055")
def test_a_request_to_another_agency_is_as_if_it_were_not_there(scene: Scene) -> None:
    owner, stage = scene.casting.owner(), scene.stage
    waiting = scene.casting.consent(owner, scene.agency, approved=False)
    rival = scene.parties["rival-portal"].sign_in(RIVAL).access_token

    def told(grant_id: object, method: str, what: str) -> tuple[int, str]:
        answer = stage.api(method, f"/api/delegations/{grant_id}{what}", rival)
        return answer.status_code, answer.get_json()["title"]

    for method, what in (("GET", ""), ("POST", "/approve"), ("POST", "/deny"), ("POST", "/release")):
        with stage.unchanged():
            assert told(waiting, method, what) == told(uuid4(), method, what)
            assert told(waiting, method, what)[0] == 404
    number = stage.account(owner).owner.user_id  # an owner is one
    desk = stage.at_home(RIVAL)
    for user_id in (number, 99_999_999):
        with stage.unchanged():
            page = desk.get(f"/agency_admin/{user_id}")
            assert page.headers["Location"] == f"{stage.settings.agency_portal_url}/agency_admin/{user_id}"
            assert desk.get(f"/agency_admin/{user_id}.json").status_code == 404
            assert desk.post(f"/agency_admin/{user_id}/approve", {}).status_code in {404, 405}
            found = stage.api("GET", f"/api/delegations?user_id={user_id}", rival).get_json()
            assert found["items"] == []
    assert state_of(stage, waiting).state == "requested"
    own = scene.staff.access_token
    assert stage.api("POST", f"/api/delegations/{waiting}/approve", own).status_code == 200


@case("DX-057")
def test_what_the_form_does_not_ask_is_not_stored(scene: Scene) -> None:
    owner, other = scene.casting.owner(), scene.casting.owner()
    browser, stage = scene.stage.at_home(owner), scene.stage
    page = browser.submit("/account/edit", agency_email=scene.agency.email)
    token = scene.stage.member(scene.manager)
    [form] = [form for form in forms_of(page) if "term" in form.fields]
    planted = {
        "status": "active", "state": "active", "owner_id": str(stage.account(other).id),
        "agency_id": str(uuid4()), "approved_by": str(token.id), "decided_by": str(token.account_id),
        "expires_at": "2099-01-01", "permissions": "mypage.read mypage.write",
    }  # fmt: skip
    chosen = {"allow-mypage": "mypage.read", "allow-myapp": "", "term": "3", "step": "complete"}
    with stage.unchanged():  # another agency than the page was about: it is shown once more
        swapped = {**form.fields, **chosen, "agency_id": str(stage.agency().id)}
        assert browser.post("/account/edit", swapped).status_code in {200, 400}
    assert browser.post("/account/edit", {**planted, **form.fields, **chosen}).status_code == 303
    grant = stage.grant(owner, scene.agency)
    assert (grant.state, grant.permissions, grant.term_months) == ("requested", "mypage.read", 3)
    assert (grant.decided_by, grant.expires_at) == (None, None)
    of_other = select(func.count()).where(Grant.owner_id == stage.account(other).id)
    assert stage.read(lambda session: session.scalar(of_other)) == 0


@case("DX-058")
def test_nobody_answers_their_own_request(scene: Scene) -> None:
    stage = scene.stage
    own = ask(stage, BOTH)
    token = scene.portal.sign_in(browser=stage.browser(BOTH)).access_token
    for what in ("approve", "deny"):
        with stage.unchanged():
            assert stage.api("POST", f"/api/delegations/{own}/{what}", token).status_code in {403, 409}
    answer(stage, own, approve=False)  # somebody else of the agency does


@case("DX-062")
def test_whoever_registers_a_closed_agencys_address_inherits_nothing(scene_of_its_own: Scene) -> None:
    scene, stage = scene_of_its_own, scene_of_its_own.stage
    agency_id = stage.agency(scene.agency).id
    number = stage.account(scene.owner).owner.user_id  # an owner is one
    stage.write(lambda session: close_agency(session, agency_id))
    stage.write(lambda session: make_agency(session, scene.agency, scene.casting.password_hash))
    query = select(Agency.id).where(Agency.email == scene.agency.email, Agency.id != agency_id)
    assert stage.read(lambda session: session.scalar(query)) is not None
    successor = scene.portal.sign_in(browser=stage.browser(scene.manager)).access_token
    unknown = scene.exchange(successor, uuid4()).expect_error("invalid_request").face
    with stage.unchanged():
        assert scene.exchange(successor).face == unknown
        assert scene.exchange().response.status_code == 400  # the old colleague's token
        assert stage.api("GET", f"/api/delegations/{scene.grant_id}", successor).status_code == 404
        for state in ("", "ended"):
            page = stage.api("GET", f"/api/delegations?state={state}&user_id={number}", successor)
            assert page.get_json()["items"] == []
    assert scene.state() == "revoked"


@case("DX-068")
@case("DX-069")
@case("DX-070")
def test_the_link_of_a_request_decides_nothing_whoever_opens_it(scene: Scene) -> None:
    stage, owner = scene.stage, scene.casting.owner()
    waiting = scene.casting.consent(owner, scene.agency, approved=False)
    link = f"/agency_admin/{stage.account(owner).owner.user_id}"  # an owner is one
    stranger = stage.browser()
    with stage.unchanged():
        for method in itertools.chain(["GET"] * 10, ["HEAD"] * 2):
            answered = stranger.client.open(link, method=method, base_url=stage.settings.issuer)
            assert answered.status_code == 303
            assert answered.headers["Location"] == stage.settings.agency_portal_url + link
            assert owner.name not in answered.text
        for method, path in itertools.product(
            ("POST", "PUT", "DELETE"), (link, f"{link}?action=approve", f"{link}/approve", f"{link}/deny")
        ):
            answered = stranger.client.open(path, method=method, base_url=stage.settings.issuer)
            assert answered.status_code in {400, 404, 405}
        for tampered in (f"{link}0", f"{link}?sig=", "/agency_admin/-1", "/agency_admin/x", f"{link}%00"):
            assert stranger.get(tampered).status_code in {303, 400, 404}
    assert state_of(stage, waiting).state == "requested"
    token = scene.staff.access_token
    assert stage.api("POST", f"/api/delegations/{waiting}/approve", token).status_code == 200
