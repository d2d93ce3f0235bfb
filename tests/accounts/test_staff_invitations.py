"""A manager invites by mail; whoever accepts gets the place, and nobody else does."""

import re
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select
from werkzeug.test import TestResponse

from idp import clock
from idp.accounts.models import Account, Member
from idp.accounts.rules import MemberRole
from idp.delegation import standing
from idp.demo import HANAKO, SAKURA, MemberPart
from tests.accounts.conftest import PASSWORD
from tests.accounts.visitor import forms_of
from tests.world import APPROVER, LOGIN_ONLY, MANAGER, RIVAL, VIEWER, World

INVITE = "/agency/staff/invite"
NEW = "ueda@mirai-denko.example"
PERSON = {"name": "上田 学", "furigana": "うえだ まなぶ", "password": PASSWORD, "password_confirm": PASSWORD}


def invite(world: World, email: str = NEW, *, role: str = "proxy_login") -> str:
    """Let the manager invite, and return the path of the mailed link."""
    answer = world.browser(MANAGER).submit(INVITE, email=email, role=role)
    assert answer.status_code == 303, answer.text
    letter = world.letters()[-1]
    assert (letter.name, letter.to, letter.data["role"]) == ("staff_invitation", email, role)
    return f"/register/agency/staff/{letter.data['token']}"


def place_of(world: World, email: str = NEW) -> Member | None:
    query = select(Member).join(Account, Account.id == Member.account_id)
    present = query.where(Account.email == email, Member.left_at.is_(None))
    return world.read(lambda session: session.scalars(present).one_or_none())


def heading(page: TestResponse) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page.text, re.S)
    assert found is not None
    return found[1].strip()


def action_of(page: TestResponse, ending: str) -> str:
    (action,) = (form.action for form in forms_of(page) if form.action.endswith(ending))
    return action


def test_somebody_new_joins_in_the_role_and_agency_of_the_invitation(world: World) -> None:
    link, browser = invite(world), world.browser()
    before = world.digest()
    page = browser.get(link)
    assert "株式会社みらい電工" in page.text
    assert "代理ログイン担当" in page.text
    assert world.digest() == before, "opening the link changes nothing"
    forged = {"role": "manager", "agency_id": str(world.agency(SAKURA).id), "email": "evil@x.example"}
    assert browser.submit(link, page=page, **PERSON, **forged).status_code == 303
    member = place_of(world)
    assert member is not None
    assert (member.role, member.agency_id) == ("proxy_login", world.agency().id)
    assert (member.account.name, member.account.furigana) == ("上田 学", "ウエダ マナブ")
    assert place_of(world, "evil@x.example") is None
    assert [event.event for event in world.events()][-1] == "member.added"
    assert world.browser().sign_in(NEW, PASSWORD, path="/store/linkaccounts").status_code == 303
    assert heading(browser.get(link)) == "この招待での登録は済んでいます"


def test_the_answer_is_the_same_whoever_has_the_address(world: World) -> None:
    manager = world.browser(MANAGER)
    answers = set()
    for email in (NEW, HANAKO.email, RIVAL.email):
        shown = manager.get(manager.submit(INVITE, email=email, role="viewer").headers["Location"])
        answers.add(re.sub(r"\s+", " ", shown.text.split("flash-messages")[1].split("</div>")[0]).replace(
            email, "…"))  # fmt: skip
    assert len(answers) == 1
    assert [letter.to for letter in world.letters()[-3:]] == [NEW, HANAKO.email, RIVAL.email]


def test_an_owner_joins_only_as_themselves_and_stays_an_owner(world: World) -> None:
    link = invite(world, HANAKO.email)
    for somebody in (world.browser(), world.browser(APPROVER)):
        page = somebody.get(link)
        assert heading(page) == "ご本人のログインが必要です"
        assert somebody.submit(link, page=somebody.get("/password/forgot"), **PERSON).status_code == 409
    assert place_of(world, HANAKO.email) is None
    hanako = world.browser(HANAKO)
    assert hanako.submit(link).status_code == 303
    member = place_of(world, HANAKO.email)
    assert member is not None
    assert member.account.owner is not None
    assert member.account.name == HANAKO.name


def test_a_member_elsewhere_gets_a_clear_page_and_no_second_place(world: World) -> None:
    link, rival = invite(world, RIVAL.email), world.browser(RIVAL)
    page = rival.get(link)
    assert (page.status_code, heading(page)) == (409, "別の販売店・業者様に登録されています")
    assert rival.submit(link, page=rival.get(INVITE)).status_code == 409
    member = place_of(world, RIVAL.email)
    assert member is not None
    assert member.agency_id == world.agency(SAKURA).id
    own = invite(world, APPROVER.email)
    assert heading(world.browser(APPROVER).get(own)) == "すでにスタッフとして登録されています"


def test_each_state_of_the_link_has_its_page(world: World) -> None:
    manager, browser = world.browser(MANAGER), world.browser()
    first = invite(world)
    second = invite(world)
    assert heading(browser.get(first)) == "新しい招待メールをお送りしています"
    assert heading(browser.get(first[:-1])) == "このリンクはお使いいただけません"
    with time_machine.travel(clock.now() + timedelta(seconds=world.settings.staff_invitation_lifetime)):
        assert heading(browser.get(second)) == "招待の有効期限が切れています"
    page = manager.get("/agency/staff")
    assert NEW in page.text
    again = action_of(page, "/again")
    assert manager.submit(again, page=page).status_code == 303
    third = f"/register/agency/staff/{world.letters()[-1].data['token']}"
    assert heading(browser.get(second)) == "新しい招待メールをお送りしています"
    assert browser.get(third).status_code == 200
    page = manager.get("/agency/staff")
    withdraw = action_of(page, "/withdraw")
    assert manager.submit(withdraw, page=page).status_code == 303
    assert (browser.get(third).status_code, heading(browser.get(third))) == (
        410,
        "この招待は取り消されています",
    )
    assert browser.submit(third, page=browser.get("/password/forgot"), **PERSON).status_code == 410
    assert place_of(world) is None


def test_an_invitation_is_void_once_the_inviter_is_no_manager_or_suspended_or_the_agency_is(
    world: World,
) -> None:
    link, browser = invite(world), world.browser()
    assert browser.get(link).status_code == 200
    inviter, agency = world.member(MANAGER).id, world.agency().id
    for change, undo in (
        (("left_at", clock.now()), ("left_at", None)),
        (("role", MemberRole.VIEWER), ("role", MemberRole.MANAGER)),
    ):
        world.write(lambda session, to=change: setattr(session.get_one(Member, inviter), *to))
        assert browser.get(link).status_code == 410
        world.write(lambda session, to=undo: setattr(session.get_one(Member, inviter), *to))
        assert browser.get(link).status_code == 200
    account = world.account(MANAGER).id
    assert world.write(lambda session: standing.suspend_account(session, account))
    assert browser.get(link).status_code == 410
    assert world.write(lambda session: standing.reinstate_account(session, account))
    assert browser.get(link).status_code == 200
    world.write(lambda session: standing.set_agency_suspended(session, agency, suspended=True))
    assert browser.submit(link, page=browser.get("/password/forgot"), **PERSON).status_code == 410
    assert place_of(world) is None


def test_inviting_and_withdrawing_again_and_again_mails_so_many_in_a_day(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idp.accounts.staff.service.MOST_IN_A_DAY", 2)
    manager = world.browser(MANAGER)
    for number in range(2):
        invite(world, f"{number}@elsewhere.example")
        page = manager.get("/agency/staff")
        assert manager.submit(action_of(page, "/withdraw"), page=page).status_code == 303
    refused = manager.submit(INVITE, email=NEW, role="viewer")
    assert (refused.status_code, "招待が多すぎます" in refused.text) == (429, True)
    with time_machine.travel(clock.now() + timedelta(days=1, minutes=1)):
        invite(world)


def test_another_agencys_invitation_does_not_replace_this_ones(world: World) -> None:
    link = invite(world)
    assert world.browser(RIVAL).submit(INVITE, email=NEW, role="viewer").status_code == 303
    assert world.browser().get(link).status_code == 200


@pytest.mark.parametrize("part", [APPROVER, LOGIN_ONLY, VIEWER])
def test_only_managers_see_and_change_the_staff(world: World, part: MemberPart) -> None:
    browser, member = world.browser(part), world.member(MANAGER).id
    token = browser.get("/agency/profile/name")
    before = world.digest()
    for path in ("/agency/staff", INVITE, f"/agency/staff/{member}/role", f"/agency/staff/{member}/remove",
                 f"/agency/staff/{member}/handover", "/agency/groups"):  # fmt: skip
        assert browser.get(path).status_code == 403, path
    for path in (INVITE, f"/agency/staff/{member}/role", f"/agency/staff/{member}/remove", "/agency/groups",
                 f"/agency/staff/{member}/handover", "/agency/groups/assigned-only"):  # fmt: skip
        assert browser.submit(path, page=token, email=NEW, role="viewer", name="x").status_code == 403, path
    assert world.digest() == before


def test_an_address_gets_no_more_invitations_than_other_links(world: World) -> None:
    manager = world.browser(MANAGER)
    for _ in range(world.settings.mails_per_recipient_hour + 1):
        assert manager.submit(INVITE, email=NEW, role="viewer").status_code == 303
    sent = [letter for letter in world.letters() if letter.to == NEW]
    assert len(sent) == world.settings.mails_per_recipient_hour
