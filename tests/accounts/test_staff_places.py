"""Another role, removing somebody, leaving: what ends with it at once, who is told, and who cannot go."""

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Account, BrowserSession, Member
from idp.accounts.rules import AccountStatus, MemberRole
from idp.delegation.models import ActAsSession, ActAsTicket
from idp.demo import HANAKO, MemberPart
from tests.accounts.conftest import PASSWORD
from tests.oauth.desk import Desk, Parties
from tests.world import APPROVER, MANAGER, RIVAL, VIEWER, World

SECOND = MemberPart("fukuda@mirai-denko.example", "福田 恵", "フクダ メグミ", MemberRole.MANAGER)


@pytest.fixture
def desk(world: World, parties: Parties) -> Desk:
    """The manager of the cast has a proxy login running; a second manager is there too."""
    desk = Desk(world, parties)
    add_manager(world)
    return desk


def add_manager(world: World) -> None:
    agency_id, hashed = world.agency().id, world.account(MANAGER).password_hash

    def add(session: Session) -> None:
        account = Account(
            id=credentials.new_id(), email=SECOND.email, name=SECOND.name, furigana=SECOND.furigana,
            password_hash=hashed, created_at=clock.now(),
        )  # fmt: skip
        session.add(account)
        session.flush()
        session.add(Member(id=credentials.new_id(), account_id=account.id, agency_id=agency_id,
                           role=SECOND.role, joined_at=clock.now()))  # fmt: skip

    world.write(add)


def page(world: World, part: MemberPart, action: str) -> str:
    return f"/agency/staff/{world.member(part).id}/{action}"


def ends(world: World) -> list[tuple[bool, str | None]]:
    query = select(ActAsSession).order_by(ActAsSession.started_at)
    sessions = world.read(lambda session: session.scalars(query).unique().all())
    return [(one.ended_at is not None, one.end_reason) for one in sessions]


def check_exchange_is_refused(desk: Desk) -> None:
    desk.portal.exchange(desk.staff.access_token, desk.world.grant().id).expect_error("invalid_request")


def test_removing_somebody_ends_everything_they_have_in_that_answer(
    world: World, parties: Parties, desk: Desk
) -> None:
    acting, tokens = desk.act(), desk.staff
    desk.ticket()  # made and not used yet
    remover = world.browser(SECOND)
    before, calls = len(world.letters()), len(world.logout_calls())
    path = page(world, MANAGER, "remove")
    shown = remover.get(path)
    assert MANAGER.name in shown.text
    digest = world.digest()
    assert remover.get(path).status_code == 200
    assert world.digest() == digest, "asking changes nothing"
    answer = remover.submit(path, page=shown)
    assert answer.headers["Location"] == page(world, MANAGER, "handover")
    assert remover.get(answer.headers["Location"]).status_code == 200
    assert ends(world) == [(True, "left")]
    assert world.logout_calls()[calls:] == [("mypage", acting.claims["sid"])]
    unused = select(ActAsTicket).where(ActAsTicket.used_at.is_(None))
    assert world.read(lambda session: session.scalars(unused).all()) == []
    check_exchange_is_refused(desk)
    mypage, portal = parties["mypage"], parties["agency-portal"]
    assert mypage.introspect(acting.access_token).response.json == {"active": False}
    assert portal.introspect(tokens.access_token).response.json == {"active": False}
    portal.refresh(tokens.refresh_token).expect_error("invalid_grant")
    assert world.api("GET", "/api/delegations", tokens.access_token or "").status_code == 401
    told = world.letters()[before:]
    assert [(letter.name, letter.to) for letter in told] == [("staff_left", SECOND.email)], "no owner is told"
    assert "member.removed" in {event.event for event in world.events()}


def test_whoever_was_removed_still_has_an_account_and_no_agency(world: World) -> None:
    add_manager(world)
    world.browser(SECOND).submit(page(world, APPROVER, "remove"))
    browser = world.browser()
    assert browser.sign_in(APPROVER.email, PASSWORD, path="/store/linkaccounts").status_code == 303
    assert browser.get("/agency/profile/name").status_code == 403
    standing = world.read(lambda session: session.scalars(
        select(Account.status).where(Account.email == APPROVER.email)).one())  # fmt: skip
    assert standing == AccountStatus.ACTIVE


def test_a_role_that_may_not_act_ends_what_runs_and_counts_at_the_next_request(
    world: World, desk: Desk
) -> None:
    desk.act()
    browser = world.browser(SECOND)
    path = page(world, MANAGER, "role")
    assert browser.submit(path, role="approver").status_code == 303
    assert ends(world) == [(False, None)], "an approver goes on"
    assert browser.submit(path, role="viewer").status_code == 303
    assert ends(world) == [(True, "left")]
    check_exchange_is_refused(desk)
    assert world.browser(MANAGER).get("/agency/staff").status_code == 403
    updated = [event for event in world.events() if event.event == "member.updated"]
    assert [(event.data["before"], event.data["role"]) for event in updated] == [
        ("manager", "approver"), ("approver", "viewer"),
    ]  # fmt: skip
    assert browser.submit(path, role="owner").status_code == 400


def test_somebody_leaves_by_themselves_and_is_signed_out(world: World) -> None:
    viewer = world.browser(VIEWER)
    before = len(world.letters())
    assert 'href="/agency/staff/leave"' in viewer.get("/agency/profile/name").text
    assert "株式会社みらい電工" in viewer.get("/agency/staff/leave").text
    answer = viewer.submit("/agency/staff/leave")
    assert answer.headers["Location"] == "/agency/staff/left"
    assert viewer.get("/agency/staff/left").status_code == 200
    assert viewer.get("/agency/profile/name").status_code == 303
    assert [letter.to for letter in world.letters()[before:]] == [MANAGER.email]
    account = world.account(VIEWER).id
    running = select(BrowserSession.id).where(
        BrowserSession.account_id == account, BrowserSession.ended_at.is_(None)
    )
    assert world.read(lambda session: session.scalars(running).all()) == []


def test_the_last_manager_cannot_leave_be_removed_or_demoted(world: World) -> None:
    manager = world.browser(MANAGER)
    form = manager.get("/agency/staff/invite")
    before = world.digest()
    assert "最後の管理者はやめられません" in manager.get("/agency/staff/leave").text
    assert manager.submit("/agency/staff/leave", page=form).status_code == 409
    assert manager.submit(page(world, MANAGER, "role"), role="viewer").status_code == 409
    assert world.digest() == before
    add_manager(world)
    suspend = update(Account).where(Account.email == SECOND.email).values(status=AccountStatus.SUSPENDED)
    world.write(lambda session: session.execute(suspend).close())
    assert manager.submit("/agency/staff/leave", page=form).status_code == 409, "the other one cannot sign in"
    world.write(lambda session: session.execute(suspend.values(status=AccountStatus.ACTIVE)).close())
    assert manager.submit("/agency/staff/leave", page=form).status_code == 303


def test_a_member_of_another_agency_and_one_who_is_not_there_look_the_same(world: World) -> None:
    manager, stranger = world.browser(MANAGER), world.member(RIVAL).id
    form = manager.get("/agency/staff/invite")
    before = world.digest()
    for member in (stranger, world.account(HANAKO).id):
        for action in ("role", "remove", "handover"):
            path = f"/agency/staff/{member}/{action}"
            assert manager.get(path).status_code == 404, path
            assert manager.submit(path, page=form, role="viewer", to="nobody", all="1").status_code == 404
    assert world.digest() == before


def test_the_list_names_role_group_and_last_sign_in(world: World) -> None:
    world.browser(APPROVER)
    text = world.browser(MANAGER).get("/agency/staff").text
    for words in (MANAGER.name, APPROVER.name, VIEWER.name, "承認担当", "閲覧のみ", "最後のログイン"):
        assert words in text
    assert RIVAL.name not in text
