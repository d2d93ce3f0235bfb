"""An agency's leaflet: who makes it, what it opens, what it never does, and when it leads nowhere."""

import re
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select
from werkzeug.test import TestResponse

from idp import clock
from idp.accounts.models import Agency
from idp.accounts.rules import AgencyStatus
from idp.audit.events import Event
from idp.delegation.invitations import service
from idp.delegation.invitations.models import AgencyInvitation
from idp.delegation.invitations.rules import ALPHABET, CODE_LENGTH, read, written
from idp.delegation.models import Grant
from idp.demo import HANAKO, MINORU, MIRAI, PASSWORD, SAKURA, MemberPart
from tests.accounts.visitor import Visitor
from tests.world import APPROVER, LOGIN_ONLY, MANAGER, RIVAL, VIEWER, World

LIST = "/agency/invitations"
BEGIN = "手続きをはじめる"


def made(world: World, *, label: str = "展示場") -> str:
    """Let the manager make a leaflet; return its code as it stands there."""
    world.browser(MANAGER).submit(LIST, label=label)
    return written(newest(world).code)


def newest(world: World) -> AgencyInvitation:
    query = select(AgencyInvitation).order_by(AgencyInvitation.created_at.desc())
    return world.read(lambda session: session.scalars(query).unique().first()) or pytest.fail("none made")


def withdraw(world: World) -> TestResponse:
    page = f"{LIST}/{newest(world).id}/withdraw"
    return world.browser(MANAGER).submit(page)


def events(world: World) -> list[str]:
    return [noted.event for noted in world.events() if noted.event.startswith("agency.invitation")]


# --- making and withdrawing -----------------------------------------------------------------------------


@pytest.mark.parametrize("person", [MANAGER, APPROVER], ids=["manager", "approver"])
def test_whoever_answers_owners_makes_a_leaflet_with_a_code_that_a_camera_reads(
    world: World, person: MemberPart
) -> None:
    browser = world.browser(person)
    leaflet = browser.get(browser.submit(LIST, label="展示場").location)
    code = newest(world).code
    assert len(code) == CODE_LENGTH
    assert set(code) <= set(ALPHABET)
    assert f"{world.settings.issuer}/invitation/{written(code)}" in leaflet.text
    assert "<svg" in leaflet.text
    assert MIRAI.name in leaflet.text
    assert "展示場" in browser.get(LIST).text
    assert "展示場" not in leaflet.text  # the note is the agency's own
    assert events(world) == [Event.AGENCY_INVITATION_MADE]


@pytest.mark.parametrize("person", [LOGIN_ONLY, VIEWER], ids=["proxy login", "viewer"])
def test_nobody_else_of_the_agency_makes_or_sees_leaflets(world: World, person: MemberPart) -> None:
    made(world)
    browser = world.browser(person)
    for path in (LIST, f"{LIST}/{newest(world).id}", f"{LIST}/{newest(world).id}/withdraw"):
        assert browser.get(path).status_code == 403
    assert browser.post(LIST, {"csrf_token": browser.token(), "label": ""}).status_code == 403
    assert world.count(AgencyInvitation) == 1


def test_another_agencys_leaflet_is_unknown(world: World) -> None:
    made(world)
    rival, page = world.browser(RIVAL), f"{LIST}/{newest(world).id}"
    assert rival.get(page).status_code == 404
    assert rival.post(f"{page}/withdraw", {"csrf_token": rival.token()}).status_code == 404
    assert newest(world).withdrawn_at is None
    assert written(newest(world).code) not in rival.get(LIST).text


def test_a_withdrawn_leaflet_leads_nowhere_and_is_withdrawn_once(world: World) -> None:
    code = made(world)
    assert BEGIN in world.browser().get(f"/invitation/{code}").text
    assert withdraw(world).status_code == 303
    page = world.browser(MANAGER).get(f"{LIST}/{newest(world).id}/withdraw")
    assert page.location == LIST
    over = world.browser().get(f"/invitation/{code}")
    assert over.status_code == 410
    assert "取り下げました" in over.text
    assert events(world) == [Event.AGENCY_INVITATION_MADE, Event.AGENCY_INVITATION_WITHDRAWN]


def test_an_agency_has_no_more_open_leaflets_than_it_can_keep_apart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_OPEN", 1)
    made(world)
    assert world.browser(MANAGER).submit(LIST).status_code == 409
    withdraw(world)
    assert world.browser(MANAGER).submit(LIST).status_code == 303


# --- as an owner meets it -------------------------------------------------------------------------------


def begin(browser: Visitor, code: str) -> TestResponse:
    return browser.submit(f"/invitation/{code}")


def test_opening_the_page_changes_nothing_and_tells_nobody(world: World) -> None:
    code, before, browser = made(world), world.digest(), world.browser()
    page = browser.get(f"/invitation/{code}")
    assert MIRAI.name in page.text
    assert world.agency(MIRAI).prefecture in page.text
    assert world.digest() == before


def test_going_on_counts_once_in_each_browser(world: World) -> None:
    code, browser = made(world), world.browser()
    begin(browser, code)
    begin(browser, code)
    assert newest(world).opened == 1
    begin(world.browser(), code)
    assert newest(world).opened == 2


def test_it_looks_the_same_to_a_customer_and_to_a_stranger(world: World) -> None:
    code = made(world)
    seen = [
        re.sub(r'value="[^"]{60,}"|<div class="site-person">.*?</div>', "", page.text, flags=re.DOTALL)
        for page in (world.browser(owner).get(f"/invitation/{code}") for owner in (HANAKO, MINORU))
    ]
    assert seen[0] == seen[1]


def test_an_owner_who_is_signed_in_goes_straight_to_the_consent(world: World) -> None:
    code, owner = made(world), world.browser(MINORU)
    ways = begin(owner, code).location
    assert owner.get(ways).location == f"/account/permissions/new/{code}"


def test_somebody_who_is_not_signed_in_chooses_between_signing_in_and_registering(world: World) -> None:
    code, browser = made(world), world.browser()
    ways = browser.get(begin(browser, code).location).text
    assert 'href="/register/owner"' in ways
    [sign_in] = re.findall(r'href="(/sign-in\?next=[^"]+)"', ways)
    page = browser.get(sign_in)
    answer = browser.submit(sign_in, page=page, email=MINORU.email, password=PASSWORD)
    assert answer.location == f"/account/permissions/new/{code}"


def test_who_registers_in_between_is_led_on_from_there(world: World) -> None:
    code, browser = made(world), world.browser()
    begin(browser, code)
    assert f"/sign-in?next=/account/permissions/new/{code}" in browser.get("/register/owner/done").text
    answer = browser.sign_in(MINORU.email, PASSWORD)
    assert answer.location == f"/account/permissions/new/{code}"
    browser.post("/oauth/end-session", {"csrf_token": browser.token()})
    assert browser.sign_in(MINORU.email, PASSWORD).location == "/account"  # it led on once


def test_who_signs_in_for_something_else_finds_the_way_on_their_page(world: World) -> None:
    code, browser = made(world), world.browser()
    begin(browser, code)
    way = f'href="/account/permissions/new/{code}"'
    browser.submit("/sign-in?next=/account/products/new", email=MINORU.email, password=PASSWORD)
    assert way in browser.get("/account").text
    confirm(browser, browser.get(f"/account/permissions/new/{code}"))
    assert way not in browser.get("/account").text


def test_the_errand_is_forgotten_after_a_day(world: World) -> None:
    code, browser = made(world), world.browser()
    begin(browser, code)
    with time_machine.travel(clock.now() + timedelta(days=1), tick=False):
        assert browser.sign_in(MINORU.email, PASSWORD).location == "/account"


@pytest.mark.parametrize(
    ("status", "words"),
    [(AgencyStatus.SUSPENDED, "停止しています"), (AgencyStatus.CLOSED, "利用を終了しました")],
)
def test_a_leaflet_of_an_agency_that_is_not_in_business_says_so(
    world: World, status: AgencyStatus, words: str
) -> None:
    code, agency_id = made(world), world.agency(MIRAI).id
    world.write(lambda session: setattr(session.get_one(Agency, agency_id), "status", status))
    browser = world.browser(MINORU)
    for path in (f"/invitation/{code}", f"/invitation/{code}/ways", f"/account/permissions/new/{code}"):
        page = browser.get(path)
        assert page.status_code == 410
        assert words in page.text
        assert world.settings.contact_phone in page.text
    answer = browser.post(f"/invitation/{code}", {"csrf_token": browser.token()})
    assert answer.status_code == 410
    assert newest(world).opened == 0


def test_an_unknown_code_says_what_to_do_and_no_code_breaks_the_page(world: World) -> None:
    browser = world.browser()
    for code in ("k3f9-x2mp-7qwt", "%00", "a" * 500, "ｋ３", "%ED%A0%80", "-"):
        page = browser.get(f"/invitation/{code}")
        assert page.status_code == 404
        assert "QRコードをもう一度読み取る" in page.text
        assert world.settings.contact_phone in page.text


def test_a_code_is_read_however_it_is_typed(world: World) -> None:
    code = made(world)
    for typed in (code.upper(), code.replace("-", ""), code.replace("-", " ")):
        assert world.browser().get(f"/invitation/{typed}").status_code == 200
    wide = "".join(chr(ord(character) + 0xFEE0) for character in code)
    assert read(wide) == read(code)
    assert written(read(code)) == code


# --- the consent that comes of it -----------------------------------------------------------------------


def consent_page(browser: Visitor, code: str) -> TestResponse:
    begin(browser, code)
    return browser.get(f"/account/permissions/new/{code}")


def confirm(browser: Visitor, page: TestResponse) -> TestResponse:
    return browser.submit("/account/edit", page=page, step="complete")


def test_the_consent_is_the_owners_own_and_names_the_leaflet_it_came_by(world: World) -> None:
    code, owner, grants = made(world), world.browser(MINORU), world.count(Grant)
    page = consent_page(owner, code)
    assert MIRAI.name in page.text
    assert world.count(Grant) == grants  # it grants nothing by itself
    assert confirm(owner, page).location == "/account"
    grant = world.grant(MINORU)
    assert (grant.state, grant.invitation_id) == ("requested", newest(world).id)
    counts = re.findall(r"<dd>\s*(\d+人)", world.browser(MANAGER).get(LIST).text)
    assert counts == ["1人", "1人"]  # opened, consented


def test_a_consent_by_address_names_no_leaflet(world: World) -> None:
    made(world)
    owner = world.browser(MINORU)
    confirm(owner, owner.submit("/account/edit", agency_email=MIRAI.email))
    assert world.grant(MINORU).invitation_id is None


def test_a_leaflet_does_not_vouch_for_another_agency(world: World) -> None:
    code, owner = made(world), world.browser(MINORU)
    page = owner.submit("/account/edit", page=consent_page(owner, code), agency_email=SAKURA.email)
    confirm(owner, page)
    assert world.grant(MINORU, SAKURA).invitation_id is None


def test_a_leaflet_withdrawn_while_the_owner_reads_has_the_address_typed_instead(world: World) -> None:
    code, owner, grants = made(world), world.browser(MINORU), world.count(Grant)
    page = consent_page(owner, code)
    withdraw(world)
    refused = confirm(owner, page)
    assert refused.status_code == 410
    assert "お使いのご案内は、使えなくなりました" in refused.text
    assert MIRAI.email not in refused.text
    assert world.count(Grant) == grants
    confirm(owner, owner.submit("/account/edit", page=refused, agency_email=MIRAI.email))
    assert world.grant(MINORU).invitation_id is None


def test_an_owner_who_has_allowed_it_already_is_told(world: World) -> None:
    owner = world.browser(HANAKO)
    assert consent_page(owner, made(world)).location == "/account"
    page = owner.get("/account").text
    assert "すでに許可しています" in page
    assert MIRAI.name in page


def test_staff_cannot_consent_for_anybody(world: World) -> None:
    assert world.browser(MANAGER).get(f"/account/permissions/new/{made(world)}").status_code == 403
