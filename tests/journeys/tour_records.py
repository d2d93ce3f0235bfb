"""The part of the tour past the records of disclosures, and past the agency's invitation."""

from collections.abc import Iterator

from tests.journeys.club import Club
from tests.journeys.person import Crowd
from tests.journeys.stops import Chapter, Stop, pages


def records(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """第三者提供の記録 of the owner, and of the agency."""
    part, agency = club.casting.owner(), club.casting.agency()
    club.casting.consent(part, agency, write=True)
    owner = crowd().enter_mypage(part.email)
    owner.open(f"{club.idp}/account")
    yield Stop("disclosures", owner.follow("第三者提供の記録"))
    yield Stop("disclosure-wording", owner.follow("もとになった同意の文面を見る"))
    staff = crowd().enter_portal(agency.email)
    yield Stop("agency-disclosures", staff.open(f"{club.idp}/agency/disclosures"))
    staff.fill({"おわりの日": "2020-01-01"}).press("ファイルに書き出す（CSV）")
    yield Stop("agency-disclosures-refused", staff)


CHAPTERS = {
    "records": Chapter(
        "第三者提供の記録",
        records,
        pages(idp="owner_disclosures.index owner_disclosures.wording agency_disclosures.show"),
    ),
}
