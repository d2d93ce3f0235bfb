"""An agency's manager changes 販売店情報; an owner's data through the service that ``delegation`` uses."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from idp.accounts.models import Account, Agency, Member
from idp.accounts.profile import service
from idp.accounts.profile.service import OwnerDetails
from idp.accounts.rules import MemberRole, NotAnOwner
from tests.accounts.conftest import DETAILS, PASSWORD, Club
from tests.accounts.visitor import Visitor

PAGE = "/agency/profile"
OWN_NAME = "/agency/profile/name"
EMAIL = "info@mirai.example"


@pytest.fixture
def manager(club: Club, visitor: Visitor) -> Visitor:
    club.make_member(EMAIL)
    visitor.sign_in(EMAIL, PASSWORD)
    return visitor


def agency(club: Club) -> Agency:
    found: Agency = club.read(lambda session: session.scalars(select(Agency)).one())
    return found


def test_a_manager_confirms_and_stores_what_was_changed(club: Club, manager: Visitor) -> None:
    page = manager.get(PAGE)
    assert "販売店情報更新" in page.text
    assert f"{club.settings.agency_portal_url}/agency" in page.text
    assert 'value="株式会社みらい電工"' in page.text
    before = club.digest()
    confirmation = manager.submit(
        PAGE, page=page, company="株式会社みらい電工・新社名", phone="０７５ー１１１ー２２２２"
    )
    assert confirmation.status_code == 200
    for kept in ("株式会社みらい電工・新社名", "0751112222", "佐藤 健一", "登録する", "戻って修正する"):
        assert kept in confirmation.text
    assert club.digest() == before
    assert manager.submit(PAGE, page=confirmation, save="1").status_code == 303
    assert (agency(club).name, agency(club).phone, agency(club).city) == (
        "株式会社みらい電工・新社名", "0751112222", "京都市下京区",
    )  # fmt: skip
    assert club.events()[-1] == "agency.updated"


def test_going_back_from_the_confirmation_loses_nothing(club: Club, manager: Visitor) -> None:
    before = club.digest()
    confirmation = manager.submit(PAGE, company="新社名")
    back = manager.submit(PAGE, page=confirmation, edit="1")
    assert 'value="新社名"' in back.text
    assert club.digest() == before


def test_what_was_altered_on_the_confirmation_page_is_judged_again(club: Club, manager: Visitor) -> None:
    before = club.digest()
    confirmation = manager.submit(PAGE)
    assert manager.submit(PAGE, page=confirmation, save="1", phone="1").status_code == 400
    assert club.digest() == before
    assert manager.submit(PAGE, page=confirmation, save="1", phone="0751112222").status_code == 303


def test_address_standing_and_owner_of_an_agency_cannot_be_posted(club: Club, manager: Visitor) -> None:
    manager.submit(PAGE, save="1", email="evil@x.example", status="closed", id="1", role="viewer")
    member = club.read(lambda session: session.scalars(select(Member)).one())
    assert (agency(club).email, agency(club).status, member.role) == (EMAIL, "active", "manager")


@pytest.mark.parametrize("role", [MemberRole.APPROVER, MemberRole.PROXY_LOGIN, MemberRole.VIEWER])
def test_other_roles_may_not(club: Club, role: MemberRole) -> None:
    club.make_member(EMAIL)
    visitor = club.visitor()
    visitor.sign_in(EMAIL, PASSWORD)
    page = visitor.get(PAGE)
    assert page.status_code == 200
    club.write(lambda session: session.scalars(select(Member)).one().__setattr__("role", role))
    before = club.digest()
    assert visitor.get(PAGE).status_code == 403
    assert visitor.submit(PAGE, page=page, save="1", company="新社名").status_code == 403
    assert club.digest() == before


@pytest.mark.parametrize("role", list(MemberRole))
def test_only_managers_have_the_managers_menu(club: Club, visitor: Visitor, role: MemberRole) -> None:
    club.make_member(EMAIL, role=role)
    visitor.sign_in(EMAIL, PASSWORD)
    page = visitor.get("/agency")
    assert page.status_code == (200 if role is MemberRole.MANAGER else 403)
    assert ('href="/agency/profile"' in page.text) == (role is MemberRole.MANAGER)


def test_the_postal_code_fills_what_is_empty(manager: Visitor) -> None:
    answer = manager.submit(PAGE, postal_code="1000005", prefecture="", city="", street="", fill_address="1")
    assert 'value="丸の内"' in answer.text


def member_names(club: Club) -> tuple[str, str]:
    account = club.read(lambda session: session.scalars(select(Account)).one())
    return account.name, account.furigana


def test_a_representative_who_is_the_manager_has_one_name(club: Club, manager: Visitor) -> None:
    manager.submit(PAGE, save="1", name="佐藤 謙一")
    assert member_names(club) == ("佐藤 謙一", "サトウ ケンイチ")
    assert club.events()[-2:] == ["member.updated", "agency.updated"]
    assert "佐藤 謙一 様" in manager.get(PAGE).text


def test_a_manager_who_is_not_the_representative_keeps_their_own_name(club: Club, manager: Visitor) -> None:
    club.write(lambda session: session.scalars(select(Account)).one().__setattr__("name", "岡田 誠"))
    manager.submit(PAGE, save="1", name="佐藤 謙一")
    assert member_names(club) == ("岡田 誠", "サトウ ケンイチ")
    assert agency(club).representative_name == "佐藤 謙一"


@pytest.mark.parametrize("role", list(MemberRole))
def test_every_member_corrects_their_own_name(club: Club, visitor: Visitor, role: MemberRole) -> None:
    club.make_member(EMAIL, role=role)
    visitor.sign_in(EMAIL, PASSWORD)
    page = visitor.get(OWN_NAME)
    assert 'value="佐藤 健一"' in page.text
    assert visitor.submit(OWN_NAME, page=page, name="", furigana="abc").status_code == 400
    assert member_names(club) == ("佐藤 健一", "サトウ ケンイチ")
    changed = visitor.submit(
        OWN_NAME, page=page, name="佐藤 謙一", furigana="さとう　けんいち", email="evil@x.example"
    )
    assert (changed.status_code, changed.headers["Location"]) == (303, OWN_NAME)
    assert member_names(club) == ("佐藤 謙一", "サトウ ケンイチ")
    assert (agency(club).representative_name, agency(club).email) == ("佐藤 健一", EMAIL)
    assert club.events()[-1] == "member.updated"


def test_a_name_that_stays_is_no_event(club: Club, manager: Visitor) -> None:
    manager.submit(OWN_NAME)
    manager.submit(PAGE, save="1")
    assert "member.updated" not in club.events()
    assert "agency.updated" not in club.events()


def test_an_owners_data_are_stored_and_the_log_names_only_the_fields(club: Club) -> None:
    owner = club.make_owner()
    details = OwnerDetails(**DETAILS, info_sharing=True)
    changed = replace(details, name="山田 花", street="別の町1")
    club.write(lambda session: service.update_owner(session, owner, details=changed))
    stored = club.read(lambda session: session.get(Account, owner))
    assert (stored.name, stored.owner.street, stored.owner.info_sharing) == ("山田 花", "別の町1", True)
    assert club.events() == ["owner.updated"]
    club.write(lambda session: service.update_owner(session, owner, details=changed))
    assert club.events() == ["owner.updated"]


def test_an_account_that_is_no_owners_has_no_owners_data(club: Club) -> None:
    member = club.make_member(EMAIL)
    with pytest.raises(NotAnOwner):
        club.write(
            lambda session: service.update_owner(
                session, member, details=OwnerDetails(**DETAILS, info_sharing=True)
            )
        )
