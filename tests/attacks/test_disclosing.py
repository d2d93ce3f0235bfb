"""DX-065, PR-006: an owner's data go to the agency that was named, to no look-alike, and leave a record."""

import csv
import re
from collections.abc import Callable
from io import StringIO

import pytest

from idp.demo import AgencyPart
from tests.accounts.visitor import Visitor
from tests.attacks.cases import case, row
from tests.attacks.stage import Stage
from tests.oauth.relying_party import RelyingParty
from tests.personas import Casting

EXCHANGES = 100
Respell = Callable[[str], str]


@pytest.fixture
def agency(casting: Casting) -> AgencyPart:
    return casting.agency()


@pytest.fixture
def browser(stage: Stage, casting: Casting) -> Visitor:
    return stage.browser(casting.owner())


def name_agency(browser: Visitor, email: str) -> bool:
    """Type an address and confirm whatever that leads to; tell whether a page to confirm came."""
    page = browser.submit("/account/edit", agency_email=email)
    if page.status_code != 200:
        assert page.status_code == 400
        return False
    assert browser.submit("/account/edit", page=page, step="complete").status_code == 303
    return True


def asked_agencies(stage: Stage) -> set[str]:
    """Return the addresses that mails about requests wait for, as they are stored with the agencies."""
    return {letter.to for letter in stage.letters() if letter.name == "delegation_requested"}


@pytest.mark.parametrize(
    "respell",
    [
        row("DX-065", "case", str.upper),
        row("DX-065", "case of the domain", lambda email: email.replace("persona", "PERSONA")),
        row("DX-065", "full-width letter", lambda email: email.replace("a", "ａ", 1)),
        row("DX-065", "full-width letter in the domain", lambda email: email.replace("persona", "persｏna")),
        row("DX-065", "spaces", lambda email: f" {email}\u3000"),
        row("DX-065", "what nobody sees", lambda email: email.replace("a", "a\u200b", 1)),
    ],
)
def test_another_spelling_reaches_the_one_agency_at_its_stored_address(
    stage: Stage, browser: Visitor, agency: AgencyPart, respell: Respell
) -> None:
    others = asked_agencies(stage)
    assert name_agency(browser, respell(agency.email))
    assert asked_agencies(stage) == {*others, agency.email}


@pytest.mark.parametrize(
    "respell",
    [
        row("DX-065", "plus", lambda email: email.replace("@", "+club@")),
        row("DX-065", "Cyrillic letter", lambda email: email.replace("a", "а", 1)),
        row("DX-065", "Cyrillic letter in the domain", lambda email: email.replace("persona", "persоna")),
        row("DX-065", "look-alike in punycode", lambda email: email.replace("persona", "xn--persna-6nf")),
        row("DX-065", "dot", lambda email: email.replace("agency", "agen.cy")),
        row("DX-065", "two addresses", lambda email: f"{email},thief@x.example"),
        row("DX-065", "long s, which capitals fold", lambda email: email.replace("persona", "perſona\u0323")),
    ],
)
def test_a_look_alike_reaches_nobody(
    stage: Stage, browser: Visitor, agency: AgencyPart, respell: Respell
) -> None:
    with stage.unchanged():
        assert not name_agency(browser, respell(agency.email))
    assert name_agency(browser, agency.email)


@case("PR-006")
def test_each_of_a_hundred_disclosures_is_in_the_owners_record(
    stage: Stage, casting: Casting, portal: RelyingParty
) -> None:
    owner, agencies = casting.owner(), [casting.agency() for _ in range(4)]  # each may do 30 a minute
    for agency in agencies:
        grant_id, staff = casting.consent(owner, agency), portal.sign_in(agency.members[0])
        for _ in range(EXCHANGES // len(agencies)):
            portal.exchange(staff.access_token, grant_id).tokens()
    browser = stage.browser(owner)
    page = browser.get("/account/disclosures")
    header, *rows = csv.reader(StringIO(
        browser.submit("/account/disclosures/export", page=page).data.decode("utf-8-sig"), newline=""
    ))  # fmt: skip
    records = [dict(zip(header, line, strict=True)) for line in rows]
    given = [record for record in records if "API" in record["提供の機会"]]
    assert sum(int(record["その日の回数"]) for record in given) == EXCHANGES
    for record in records:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["日付"])
        assert record["提供先の名称"] in {agency.name for agency in agencies}
        assert record["提供した項目"]
        assert record["同意の文面の版"]
    assert {record["提供の機会"].partition("(")[0] for record in records} >= {"お客様の申請", "連携の許可"}
