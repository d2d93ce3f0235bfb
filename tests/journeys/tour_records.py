"""The part of the tour past the records of disclosures, and past the agency's invitation."""

from collections.abc import Iterator

from tests.journeys.club import Club
from tests.journeys.delegating import name_agency
from tests.journeys.person import Crowd
from tests.journeys.stops import Chapter, Stop, pages


def records(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """第三者提供の記録 of the owner, and of the agency."""
    part, agency = club.casting.owner(), club.casting.agency()
    owner = crowd().enter_mypage(part.email).open(f"{club.idp}/account/edit")
    name_agency(owner, agency.email).press("確認する")
    yield Stop("disclosures", owner.follow("第三者提供の記録"))
    yield Stop("disclosure-wording", owner.follow("もとになった同意の文面を見る"))
    staff = crowd().enter_portal(agency.email)
    yield Stop("agency-disclosures", staff.open(f"{club.idp}/agency/disclosures"))
    staff.fill({"おわりの日": "2020-01-01"}).press("ファイルに書き出す（CSV）")
    yield Stop("agency-disclosures-refused", staff)
    yield Stop("list-export", staff.open(f"{club.idp}/agency/owners-export"))


def invitation(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """ご案内チラシ: made, followed by an owner without and with an account, withdrawn."""
    agency, part = club.casting.agency(), club.casting.owner()
    staff = crowd().enter_portal(agency.email)
    staff.open(f"{club.idp}/agency/invitations")
    yield Stop("invitations-empty", staff)
    staff.fill({"貴社用のメモ": "展示場の入口"}).press("作る")
    yield Stop("leaflet", staff)
    address = staff.page.locator(".leaflet-address").inner_text()
    owner = crowd().open(address)
    yield Stop("invitation", owner)
    yield Stop("invitation-ways", owner.press("手続きをはじめる"))
    yield Stop("invitation-consent", owner.follow("会員の方").sign_in(part.email))
    yield Stop("invitations", staff.open(f"{club.idp}/agency/invitations"))
    yield Stop("invitation-withdraw", staff.follow("取り下げる"))
    yield Stop("invitations-withdrawn", staff.press("取り下げる"))
    yield Stop("invitation-over", crowd().open(address))


CHAPTERS = {
    "records": Chapter(
        "第三者提供の記録",
        records,
        pages(
            idp="owner_disclosures.index owner_disclosures.wording agency_disclosures.show list_export.show"
        ),
    ),
    "invitation": Chapter(
        "業者様のご案内チラシ",
        invitation,
        pages(
            idp="agency_invitations.index agency_invitations.leaflet agency_invitations.ask_withdrawal "
            "invitation.show invitation.ways customer.begin_by_invitation"
        ),
    ),
}
