"""The part of the tour past 代理ログインの条件 and what was refused because of them."""

from collections.abc import Iterator

from sqlalchemy import select

from idp.accounts.models import Agency
from idp.delegation.conditions.rules import Conditions, read_hours, read_networks
from idp.delegation.conditions.service import SetBy, set_conditions
from idp.unit_of_work import unit_of_work
from tests.journeys.club import Club
from tests.journeys.person import Crowd
from tests.journeys.stops import Chapter, Stop, pages


def rules(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """A manager asks for a reason; the operator allows one network alone; what that refuses is read."""
    owner, agency = club.casting.owner(), club.casting.agency()
    club.casting.consent(owner, agency)
    manager = crowd().enter_portal(agency.email).open(f"{club.idp}/agency")
    yield Stop("rules", manager.follow("代理ログインの条件"))
    yield Stop("rules-saved", manager.choose("必ず入力する").press("保存する"))
    manager.open(f"{club.portal}/agency_admin").follow("詳細")
    yield Stop("proxy-reason-missing", manager.press("代理ログイン"))
    demanded = Conditions(hours=(read_hours("0:00-24:00"),), networks=(read_networks(["203.0.113.0/24"]),))
    with unit_of_work(club.casting.database) as session:
        [agency_id] = session.scalars(select(Agency.id).where(Agency.email == agency.email))
        set_conditions(session, agency_id, SetBy.OPERATOR, demanded, actor_id=None)
    manager.fill({"代理ログインの理由": "お電話でのご依頼"})
    yield Stop("proxy-other-network", manager.press("代理ログイン"))
    yield Stop("refusals", manager.open(f"{club.idp}/agency").follow("断られた代理ログイン"))
    yield Stop("rules-of-operator", manager.open(f"{club.idp}/agency/rules"))


CHAPTERS = {
    "rules": Chapter("代理ログインの条件", rules, pages(idp="conditions.show refused_attempts.show")),
}
