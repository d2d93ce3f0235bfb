"""An owner consents, looks and revokes on this server's own pages, with the very forms that stand on them."""

from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from idp.accounts.models import Agency, OwnerProfile
from idp.accounts.rules import AgencyStatus, ProxyLoginMail
from idp.delegation.models import Grant
from idp.delegation.rules import READ, WRITE
from idp.demo import HANAKO, ICHIRO, MINORU, MIRAI, SAKURA
from tests.accounts.visitor import Visitor, forms_of
from tests.delegation.steps import state_of
from tests.oauth.relying_party import RelyingParty
from tests.world import MANAGER, RIVAL, World

MYPAGE, OTHER = "allow-mypage", "allow-myapp"
SOMEBODY = "00000000-0000-4000-8000-000000000001"
UNKNOWN = "このメールアドレスの販売店・業者様は登録されていません。"
LOOK_ALIKES = ["info+club@mirai-denko.example", "infо@mirai-denko.example", "info@mirai-denkо.example",
               "info@xn--mirai-denk-8qi.example", "nfo@mirai-denko.example", "nobody@x.example"]  # fmt: skip


@pytest.fixture
def minoru(world: World) -> Visitor:
    return world.browser(MINORU)


def name_agency(browser: Visitor, email: str) -> TestResponse:
    """Type an agency's address into 登録情報を変更する and go on to the confirmation page."""
    return browser.submit("/account/edit", agency_email=email)


def confirm(browser: Visitor, page: TestResponse, **typed: str | list[str]) -> TestResponse:
    """Press 確認する on the confirmation page."""
    return browser.submit("/account/edit", page=page, step="complete", **typed)


@pytest.mark.parametrize(("chosen", "granted"), [(READ, "mypage.read"), (WRITE, "mypage.read mypage.write")])
@pytest.mark.parametrize("term", ["3", "12", "36"])
def test_consent_is_stored_as_it_was_chosen(
    world: World, minoru: Visitor, chosen: str, granted: str, term: str
) -> None:
    page = name_agency(minoru, SAKURA.email)
    assert SAKURA.name in page.text
    assert world.count(Grant) == 5
    assert confirm(minoru, page, **{MYPAGE: chosen, OTHER: "", "term": term}).status_code == 303
    grant = world.grant(MINORU, SAKURA)
    assert (grant.state, grant.permissions, grant.term_months) == ("requested", granted, int(term))
    assert [letter.to for letter in world.letters() if letter.name == "delegation_requested"][
        -1
    ] == SAKURA.email


TOLD = {
    "name": "氏名", "furigana": "フリガナ", "prefecture": "都道府県", "city": "市区町村",
    "street": "町名番地", "email": "メールアドレス", "user_id": "ユーザーID", "registered_at": "登録日",
    "product_id": "Product ID",
    "model": "システム機種名", "serial_number": "システム製造番号",
    "remote_serial_number": "室内リモコン製造番号", "installation_postal_code": "設置場所郵便番号",
    "watch": "見守りサービス", "weather_warning": "気象警報自動制御",
    "early_advisory": "早期注意情報自動制御", "ai_control": "AI自動制御", "permissions": "許可する内容",
    "permissions_words": "許可する内容", "all_products": "許可する製品",
    "term_months": "許可する期間", "requested_at": "申請日",
}  # fmt: skip
OF_THE_GRANT_ITSELF = {"id", "state", "decided_at", "expires_at", "ended_at", "last_used_at", "assignee"}
"""And who of the agency looks after the owner: that is nothing about the owner."""


def test_before_consenting_the_owner_reads_everything_that_the_agency_is_then_told(
    world: World, parties: dict[str, RelyingParty]
) -> None:
    """Whatever the API tells an agency of a request has to stand on the page; a new field breaks this."""
    ichiro = world.browser(ICHIRO)
    page = name_agency(ichiro, SAKURA.email)
    confirm(ichiro, page)
    staff = parties["rival-portal"].sign_in(RIVAL).access_token
    grant = world.grant(ICHIRO, SAKURA)
    body = world.api("GET", f"/api/delegations/{grant.id}", staff).get_json()
    owner, product = body.pop("owner"), body.pop("products")[0]
    told = {*owner, *body, *product, *product.pop("services")} - {*OF_THE_GRANT_ITSELF, "services"}
    assert told == set(TOLD)
    notice = page.text.split("申請すると相手に伝わること")[1].split("お客様情報</h2>")[0]
    assert [words for words in TOLD.values() if words not in notice] == []


def test_the_term_is_said_to_begin_when_the_agency_approves(minoru: Visitor) -> None:
    page = name_agency(minoru, SAKURA.email)
    assert "販売店・業者様が承認した日から数えます。" in page.text
    confirm(minoru, page)
    assert "販売店・業者様が承認した日から1年" in minoru.get("/account").text


def test_the_least_is_chosen_at_first(world: World, minoru: Visitor) -> None:
    confirm(minoru, name_agency(minoru, SAKURA.email))
    grant = world.grant(MINORU, SAKURA)
    assert (grant.permissions, grant.term_months) == ("mypage.read", 12)


@pytest.mark.parametrize(
    "typed",
    [
        "INFO@Mirai-Denko.EXAMPLE",
        " info@mirai-denko.example ",
        "ｉｎｆｏ@mirai-denko.example",
        "info@ｍirai-denko.example",
        "in\u200bfo@mirai-denko.example",
    ],
)
def test_an_address_that_is_written_differently_reaches_the_same_agency(
    world: World, minoru: Visitor, typed: str
) -> None:
    confirm(minoru, name_agency(minoru, typed))
    assert world.grant(MINORU).agency_id == world.agency().id
    assert world.letters()[-1].to == MIRAI.email


@pytest.mark.parametrize("typed", LOOK_ALIKES)
def test_a_look_alike_is_nobodys_address_and_nothing_is_told_to_anybody(
    world: World, minoru: Visitor, typed: str
) -> None:
    before = world.digest()
    page = name_agency(minoru, typed)
    assert page.status_code == 400
    assert UNKNOWN in page.text or not typed.isascii()
    assert MIRAI.name not in page.text
    forced = minoru.post(
        "/account/edit", {**forms_of(page)[0].fields, "step": "complete", "agency_email": typed,
                          "agency_id": str(world.agency().id), MYPAGE: READ, "term": "12"},
    )  # fmt: skip
    assert forced.status_code == 400
    assert world.digest() == before


@pytest.mark.parametrize(
    "extra",
    [{"status": "active", "state": "active"}, {"owner_id": SOMEBODY, "approved_by": SOMEBODY},
     {MYPAGE: "admin"}, {MYPAGE: "myapp.read"}, {OTHER: WRITE}, {"term": "1200"}, {"term": "-1"},
     {"term_months": "1200", "expires_at": "2999-01-01"}],
    ids=str,
)  # fmt: skip
def test_a_form_decides_nothing_but_what_it_offers(
    world: World, minoru: Visitor, extra: dict[str, str]
) -> None:
    page = name_agency(minoru, SAKURA.email)
    confirm(minoru, page, **{MYPAGE: READ, "term": "12", **extra})
    if {MYPAGE, OTHER, "term"} & set(extra):
        with pytest.raises(LookupError):
            world.grant(MINORU, SAKURA)
        return
    grant = world.grant(MINORU, SAKURA)
    assert (grant.state, grant.owner_id) == ("requested", world.account(MINORU).id)
    assert (grant.permissions, grant.term_months, grant.expires_at) == ("mypage.read", 12, None)


def test_what_is_stored_is_what_was_shown(world: World, minoru: Visitor) -> None:
    """Another agency has taken the address over between the two pages: the owner is asked again."""
    page = name_agency(minoru, MIRAI.email)
    mirai, sakura = world.agency().id, world.agency(SAKURA).id
    world.write(lambda session: setattr(session.get_one(Agency, mirai), "status", AgencyStatus.CLOSED))
    world.write(lambda session: setattr(session.get_one(Agency, sakura), "email", MIRAI.email))
    again = confirm(minoru, page)
    assert again.status_code == 200
    assert SAKURA.name in again.text
    assert world.count(Grant) == 5
    assert confirm(minoru, again).status_code == 303
    assert world.count(Grant) == 6


@pytest.mark.parametrize("owner", [HANAKO, ICHIRO], ids=["active", "requested"])
def test_an_owner_who_has_asked_already_is_told_so(world: World, owner: object) -> None:
    browser = world.browser(owner)  # type: ignore[arg-type]
    before = world.digest()
    page = name_agency(browser, MIRAI.email)
    assert page.status_code == 400
    assert "この販売店・業者様に" in page.text
    assert world.digest() == before
    assert name_agency(browser, SAKURA.email).status_code == 200


@pytest.mark.parametrize(("owner", "after"), [(HANAKO, "revoked"), (ICHIRO, "withdrawn")])
def test_an_owner_ends_it_by_a_button_and_not_by_opening_a_page(
    world: World, owner: object, after: str
) -> None:
    browser, grant = world.browser(owner), world.grant(owner)  # type: ignore[arg-type]
    address, before = f"/account/delegations/{grant.id}/end", world.digest()
    page = browser.get(address)
    assert MIRAI.name in page.text
    assert world.digest() == before
    assert browser.submit(address, page=page).status_code == 303
    assert state_of(world, grant.id).state == after
    before = world.digest()
    assert browser.submit(address, page=page).status_code == 303
    assert world.digest() == before


def test_nobody_else_can_see_or_end_a_grant(world: World, minoru: Visitor) -> None:
    grant_id, token = world.grant(HANAKO).id, minoru.token()
    for one in (grant_id, uuid4()):
        address = f"/account/delegations/{one}/end"
        assert minoru.get(address).status_code == 404
        assert minoru.post(address, {"csrf_token": token}).status_code == 404
        assert world.browser().get(address).status_code == 303
        assert world.browser(MANAGER).get(address).status_code == 403
    assert state_of(world, grant_id).state == "active"


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_form_of_another_site_ends_nothing(world: World, headers: dict[str, str]) -> None:
    hanako, grant_id = world.browser(HANAKO), world.grant(HANAKO).id
    address = f"/account/delegations/{grant_id}/end"
    stolen = {"csrf_token": world.browser(MINORU).token()}
    own = {"csrf_token": hanako.token()}
    for data in ({}, stolen, *([own] if headers else [])):
        assert hanako.post(address, data, headers=headers).status_code == 403
    assert state_of(world, grant_id).state == "active"
    assert hanako.post(address, own).status_code == 303


@pytest.mark.parametrize(("choice", "stored"), [("never", "never"), ("each", "each"), ("always", "each")])
def test_an_owner_chooses_whether_to_be_told_of_proxy_logins(world: World, choice: str, stored: str) -> None:
    browser = world.browser(HANAKO)
    page = browser.get("/account/delegations")
    token = forms_of(page)[0].fields["csrf_token"]
    browser.post("/account/delegations/mail", {"csrf_token": token, "proxy_login_mail": choice})
    owner_id = world.account(HANAKO).id
    kept = world.read(lambda session: session.get_one(OwnerProfile, owner_id).proxy_login_mail)
    assert kept == ProxyLoginMail(stored)
