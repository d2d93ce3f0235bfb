"""DX-039 to DX-052 and DX-074: tickets, what an act-as token opens, how it ends, and what is written down."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import time_machine
from sqlalchemy import Executable, delete, func, select, update

from idp import clock
from idp.audit.models import AuditEvent
from idp.audit.seals import Broken, find_break, seal
from idp.delegation.models import ActAsSession, ActAsTicket
from idp.oauth.client_metadata import TOKEN_EXCHANGE
from tests.accounts.visitor import forms_of
from tests.attacks.acting import Scene
from tests.attacks.cases import case
from tests.oauth.relying_party import ACCESS_TOKEN, GRANT_TOKEN
from tests.races.arena import in_browser, to_token_endpoint, with_token

ROUNDS = 10


def running(scene: Scene) -> int:
    """Return how many proxy logins of the scene's grant run."""
    query = select(func.count()).where(
        ActAsSession.grant_id == scene.grant_id, ActAsSession.ended_at.is_(None),
        ActAsSession.expires_at > clock.now(),
    )  # fmt: skip
    return scene.stage.read(lambda session: session.scalar(query)) or 0


def is_taken(scene: Scene, token: str) -> bool:
    """Tell whether any place of this server takes an act-as token."""
    told = scene.mypage.introspect(token).response.get_json()["active"]
    opened = {
        scene.stage.api("GET", path, token).status_code for path in ("/api/me/profile", "/oauth/userinfo")
    }
    assert opened == ({200} if told else {401}) or (told and opened == {200, 403})
    return bool(told)


@case("DX-039")
def test_a_ticket_begins_one_proxy_login_in_its_own_browser_at_its_own_app_and_in_time(scene: Scene) -> None:
    stage, mypage, ticket = scene.stage, scene.mypage, scene.ticket()
    elsewhere = stage.browser(scene.manager)
    for browser, party in ((elsewhere, mypage), (stage.at_home(scene.owner), mypage)):
        with stage.unchanged():
            party.authorize(browser, login_hint=ticket).expect_error("login_required")
    with stage.unchanged():
        answer = scene.parties["shop"].authorize(scene.desk, login_hint=ticket)
        assert "code" not in answer.parameters
    assert running(scene) == 0
    assert mypage.redeem(mypage.code_for(scene.desk, login_hint=ticket)).tokens().access_claims["act"]
    with stage.unchanged():
        mypage.authorize(scene.desk, login_hint=ticket).expect_error("login_required")
    assert running(scene) == 1
    late = scene.ticket()
    newest = ActAsTicket.digest == scene.last_row().data["jti"]
    stage.age(ActAsTicket, newest, by=timedelta(seconds=61))
    with stage.unchanged():
        mypage.authorize(scene.desk, login_hint=late).expect_error("login_required")


@case("DX-042")
@case("DX-043")
def test_an_act_as_token_opens_neither_the_account_nor_consents_nor_decisions(scene: Scene) -> None:
    token = scene.exchange().tokens().access_token
    assert scene.stage.api("GET", "/api/me/profile", token).status_code == 200
    grant = f"/api/delegations/{scene.grant_id}"
    for method, path in (
        ("POST", "/account/password"), ("POST", "/account/edit"), ("DELETE", "/account"),
        ("PATCH", "/api/me/profile"), ("POST", f"/account/delegations/{scene.grant_id}/end"),
        ("GET", "/api/me/delegations"), ("GET", "/api/me/proxy-logins"), ("GET", grant),
        ("POST", f"{grant}/approve"), ("POST", f"{grant}/deny"), ("POST", f"{grant}/release"),
        ("GET", "/api/delegations"), ("GET", "/api/agency"), ("GET", "/api/agency/rules"),
    ):  # fmt: skip
        with scene.stage.unchanged():
            answer = scene.stage.api(method, path, token)
            assert answer.status_code in {400, 401, 403, 404, 405}, path
    with scene.stage.unchanged():
        assert scene.stage.api("PATCH", f"/api/me/products/{uuid4()}", token, json={}).status_code == 403
    assert scene.state() == "active"


@case("DX-045")
def test_an_act_as_token_is_for_one_app_alone(scene: Scene) -> None:
    token = scene.exchange().tokens().access_token
    assert scene.mypage.introspect(token).response.get_json()["active"] is True
    for other in ("shop", "myapp", "radio", "rival-portal"):
        told = scene.parties[other].introspect(token).response
        assert told.get_json() == {"active": False}


@case("DX-047")
def test_the_staffs_browser_holds_no_sign_in_of_the_owners(scene: Scene) -> None:
    assert scene.act().access_claims["sub"] == str(scene.stage.account(scene.owner).id)
    for party in (scene.parties["shop"], scene.mypage):
        with scene.stage.unchanged():
            party.authorize(scene.desk, prompt="none").expect_error("login_required")
    own = scene.portal.sign_in(browser=scene.desk)
    assert own.claims["sub"] == str(scene.stage.member(scene.manager).account_id)


@case("DX-049")
def test_nobody_can_begin_a_proxy_login_in_somebody_elses_browser(
    scene: Scene, scene_of_its_own: Scene
) -> None:
    planted = scene_of_its_own.ticket()
    with scene.stage.unchanged():
        scene.mypage.authorize(scene.desk, login_hint=planted).expect_error("login_required")
    assert running(scene_of_its_own) == 0
    assert scene_of_its_own.mypage.code_for(scene_of_its_own.desk, login_hint=planted)


@case("DX-050")
def test_after_its_end_a_proxy_login_does_not_come_back(scene: Scene) -> None:
    acting = scene.act()
    assert is_taken(scene, acting.access_token)
    scene.desk.get(f"/oauth/end-session?id_token_hint={acting.hint}&client_id=mypage")
    assert not is_taken(scene, acting.access_token)
    with scene.stage.unchanged():
        again = scene.mypage.authorize(scene.desk, prompt="none", id_token_hint=acting.hint)
        again.expect_error("login_required")
    assert scene.desk.get("/agency/profile").status_code == 200  # their own sign-in goes on
    assert "no-store" in scene.desk.get("/agency/profile").headers["Cache-Control"]


@case("DX-051")
def test_no_exchange_is_allowed_after_the_answer_to_a_revocation(scene_of_its_own: Scene) -> None:
    scene, stage = scene_of_its_own, scene_of_its_own.stage
    browser = stage.at_home(scene.owner)
    for number in range(ROUNDS):
        parameters: dict[str, object] = {
            "grant_type": TOKEN_EXCHANGE, "subject_token": scene.grant_id, "subject_token_type": GRANT_TOKEN,
            "actor_token": scene.staff.access_token, "actor_token_type": ACCESS_TOKEN, "audience": "mypage",
        }  # fmt: skip
        address = f"/account/delegations/{scene.grant_id}/end"
        [form, *_] = [form for form in forms_of(browser.get(address)) if form.action in {"", address}]
        revocation, exchange = stage.arena.at_once([
            in_browser(browser, address, form.fields, delay=0.002 * (number % 3)),
            to_token_endpoint(scene.portal, parameters, delay=0.005 * (number % 5)),
        ])  # fmt: skip
        assert revocation.status == 303
        assert exchange.status in {200, 400}
        if exchange.sent_at > revocation.answered_at:
            assert exchange.status == 400
        if exchange.status == 200:
            token = json.loads(exchange.body)["access_token"]
            assert stage.arena.send(with_token(token, "/api/me/profile", method="GET")).status == 401
        assert running(scene) == 0
        scene.grant_id = scene.casting.consent(scene.owner, scene.agency)
    assert scene.exchange().tokens().access_claims["act"]


@case("DX-052")
def test_a_revocation_reaches_both_workers_and_every_app_at_once(scene_of_its_own: Scene) -> None:
    scene = scene_of_its_own
    tokens = [scene.exchange().tokens().access_token for _ in range(6)] + [scene.act().access_token]
    assert all(is_taken(scene, token) for token in tokens)
    sids = {UUID(scene.mypage.introspect(token).response.get_json()["sid"]) for token in tokens}
    scene.revoke()
    for _ in range(3):  # whichever worker answers
        assert not any(is_taken(scene, token) for token in tokens)
    told = {UUID(sid) for client_id, sid in scene.stage.logout_calls() if client_id == "mypage"}
    assert sids <= told
    scene.exchange().expect_error("invalid_request")


def check_chain(scene: Scene, number: int) -> None:
    """Seal what is written, and see a row missed that is gone, and one that was changed."""
    key, stage = scene.stage.settings.encryption_key, scene.stage
    with time_machine.travel(clock.now() + timedelta(minutes=2), tick=False):
        while stage.write(lambda session: seal(session, key)):
            pass

    def broken_by(change: Executable) -> Broken | None:
        with stage.database.open_session(writes=True) as session:
            session.execute(change)
            found = find_break(session, key)
            session.rollback()
        return found

    assert stage.read(lambda session: find_break(session, key)) is None
    this = AuditEvent.number == number
    for change in (delete(AuditEvent).where(this), update(AuditEvent).where(this).values(actor_id=None)):
        found = broken_by(change)
        assert found is not None
        assert found.first_number <= number <= found.last_number
    assert stage.read(lambda session: find_break(session, "another key")) is not None


@case("DX-074")
def test_each_exchange_leaves_one_row_that_names_everybody(scene_of_its_own: Scene) -> None:
    scene = scene_of_its_own
    before = scene.last_row().number
    issued = [scene.exchange().tokens() for _ in range(4)]
    scene.ticket()
    for wrong in ({"scope": "openid"}, {"audience": "shop"}, {"requested_token_type": "nonsense"}):
        scene.exchange(**wrong)
    scene.exchange("", uuid4())
    query = (
        select(AuditEvent)
        .where(AuditEvent.number > before, AuditEvent.event.like("delegation.exchange.%"))
        .order_by(AuditEvent.number)
    )
    rows = list(scene.stage.read(lambda session: session.scalars(query).all()))
    member, owner = scene.stage.member(scene.manager), scene.stage.account(scene.owner)
    assert [row.event.rpartition(".")[2] for row in rows] == ["issued"] * 5 + ["refused"] * 4
    for row in rows:
        assert (row.actor_id, row.client_id) == (member.account_id, "agency-portal")
        assert row.address
        assert row.request_id
    for row in rows[:7]:
        assert (row.owner_id, row.agency_id, row.grant_id) == (owner.id, member.agency_id, scene.grant_id)
    assert [row.data["jti"] for row in rows[:4]] == [tokens.access_claims["jti"] for tokens in issued]
    assert {row.data["audience"] for row in rows[:5]} == {"mypage"}
    check_chain(scene, rows[2].number)
    history = scene.stage.at_home(scene.owner)
    assert history.get("/account/delegations").text.count(scene.manager.name) >= 4
