"""The part of the tour past an agency's staff: invited, in groups, with owners, removed."""

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import select

from idp.accounts.models import Account, Member
from idp.accounts.staff.models import StaffGroup
from idp.delegation.assignments.assigning import assign
from idp.delegation.assignments.rules import Assignee
from idp.demo import PASSWORD
from idp.unit_of_work import unit_of_work
from tests.journeys.club import Club
from tests.journeys.person import Crowd, Person
from tests.journeys.registering import new_address
from tests.journeys.stops import Chapter, Stop, pages


def invite(manager: Person, email: str, role: str = "代理ログイン担当") -> str:
    """Invite somebody, and return the link that was mailed."""
    manager.open(f"{manager.club.idp}/agency/staff/invite").fill({"メールアドレス": email}).choose(role)
    manager.press("招待メールを送る")
    return manager.club.letter(email, "招待されました").link("/register/agency/staff/")


def staff(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """スタッフ, グループと担当, 引き継ぎ一覧."""
    part = club.casting.agency()
    owner = club.casting.owner()
    grant_id = club.casting.consent(owner, part, write=True)
    manager = crowd().enter_portal(part.email)
    yield Stop("staff-invite", manager.open(f"{club.idp}/agency/staff").follow("スタッフを招待する"))
    yield Stop("staff-invite-refused", manager.press("招待メールを送る"))
    email = new_address()
    link = invite(manager, email)
    yield Stop("staff-invited", manager)
    newcomer = crowd().open(link)
    yield Stop("staff-join", newcomer)
    names = {"氏名": "上田 学", "フリガナ": "ウエダ マナブ"}
    newcomer.fill({**names, "ログインパスワード": PASSWORD, "ログインパスワード(確認用)": PASSWORD})
    yield Stop("staff-joined", newcomer.press("参加する"))
    yield Stop("invitation-over", newcomer.open(link))
    yield Stop("invitation-sign-in", newcomer.open(invite(manager, owner.email)))
    elsewhere = club.casting.agency()
    other = crowd().enter_portal(elsewhere.email)
    yield Stop("invitation-place", other.open(invite(manager, elsewhere.email)))
    yield Stop("groups", manager.open(f"{club.idp}/agency/groups"))
    yield Stop("group", manager.fill({"グループ名": "京都営業所"}).press("グループをつくる"))
    look_after(club, email, grant_id, as_group=True)
    yield Stop("group-delete", manager.follow("削除する"))
    look_after(club, email, grant_id)
    manager.open(f"{club.portal}/agency_admin/{owner.user_id}").follow("担当を変える")
    yield Stop("assignee", manager)
    yield Stop("staff", manager.open(f"{club.idp}/agency/staff"))
    manager.page.locator("a", has_text="変更する").last.click()
    yield Stop("staff-role", manager)
    yield Stop("staff-remove", manager.follow("スタッフから外す"))
    yield Stop("handover", manager.press("スタッフから外す"))
    yield Stop("staff-leave", manager.open(f"{club.idp}/agency/staff/leave"))
    yield Stop("staff-left", manager.open(f"{club.idp}/agency/staff/left"))


def look_after(club: Club, email: str, grant_id: UUID, *, as_group: bool = False) -> None:
    """Assign a grant to somebody of the agency's staff, or to its only group."""
    with unit_of_work(club.casting.database) as session:
        member = session.scalars(
            select(Member).join(Account, Account.id == Member.account_id).where(Account.email == email)
        ).one()
        manager = session.scalars(
            select(Member).where(Member.agency_id == member.agency_id, Member.role == "manager")
        ).one()
        to = Assignee(member_id=member.id)
        if as_group:
            groups = select(StaffGroup.id).where(StaffGroup.agency_id == member.agency_id)
            to = Assignee(group_id=session.scalars(groups).one())
        assign(session, manager, [grant_id], to=to)


CHAPTERS = {
    "staff": Chapter(
        "販売店・業者様のスタッフ",
        staff,
        pages(
            idp="staff.index staff.invite staff_invitation.show staff_invitation.joined staff_groups.index "
            "staff_groups.edit staff_groups.ask_delete staff_places.role staff_places.ask_remove "
            "staff_places.leave staff_places.left handover.show",
            portal="assignee",
        ),
    ),
}
