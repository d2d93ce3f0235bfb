"""RFC 8628: a device without a keyboard shows a code; a person answers elsewhere; the device fetches."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, update
from time_machine import TimeMachineFixture

from idp import clock, credentials
from idp.demo import HANAKO, PASSWORD
from idp.oauth.client_metadata import DEVICE_CODE
from idp.oauth.device.models import DeviceRequest
from idp.oauth.models import Client, ClientProfile, ClientStatus
from tests.oauth.device import ENDPOINT, address_of, answer_form, ask, begin, decide
from tests.oauth.relying_party import RelyingParty
from tests.world import World

WAIT = 5
"""Seconds between two polls."""


@pytest.fixture
def display(parties: dict[str, RelyingParty]) -> RelyingParty:
    return parties["display"]


@pytest.fixture
def panel(parties: dict[str, RelyingParty]) -> RelyingParty:
    return parties["panel"]


@pytest.fixture(autouse=True)
def moment(time_machine: TimeMachineFixture) -> TimeMachineFixture:
    """Time stands still, so that a slow machine polls no later than a quick one."""
    time_machine.move_to(clock.now(), tick=False)
    return time_machine


def change_client(world: World, client_id: str, **change: object) -> None:
    """Change how a client is registered."""
    changing = update(Client).where(Client.client_id == client_id).values(**change)
    world.write(lambda session: session.execute(changing))


# --- §3.1, §3.2: the device asks ------------------------------------------------------------------------


def test_the_answer_has_what_section_3_2_asks_for_and_is_not_stored(
    world: World, display: RelyingParty
) -> None:
    answer = ask(display)
    body = answer.get_json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(body) == {"device_code", "user_code", "verification_uri", "verification_uri_complete",
                         "expires_in", "interval"}  # fmt: skip
    assert (body["expires_in"], body["interval"]) == (600, WAIT)
    assert body["verification_uri"] == f"{world.settings.issuer}/device"
    assert body["verification_uri_complete"] == f"{body['verification_uri']}?user_code={body['user_code']}"
    digits = body["user_code"].replace("-", "")
    assert (len(digits), digits.isdecimal(), body["user_code"][4]) == (8, True, "-")


def test_the_metadata_name_the_endpoint_and_the_grant(world: World, display: RelyingParty) -> None:
    metadata = world.api("GET", "/.well-known/oauth-authorization-server").get_json()
    assert urlsplit(metadata["device_authorization_endpoint"]).path == ENDPOINT
    assert DEVICE_CODE in metadata["grant_types_supported"]
    assert begin(display).user_code


def test_no_two_codes_are_alike_and_none_is_stored_in_a_form_that_can_be_tried_out(
    world: World, display: RelyingParty
) -> None:
    devices = [begin(display) for _ in range(5)]
    assert len({device.user_code for device in devices}) == 5
    rows = world.read(lambda session: session.scalars(select(DeviceRequest)).all())
    stored = {value for row in rows for value in (row.device_code_digest, row.user_code_digest)}
    for device in devices:
        digits = device.user_code.replace("-", "")
        for text in (device.user_code, digits, str(device.body["device_code"])):
            assert text not in stored
        assert not stored & {credentials.digest(text) for text in (digits, device.user_code)}


def test_clients_authenticate_as_at_the_token_endpoint(
    world: World, display: RelyingParty, panel: RelyingParty
) -> None:
    assert ask(panel).status_code == 200
    panel.secret = "wrong"
    refused = ask(panel)
    assert (refused.status_code, refused.get_json()["error"]) == (401, "invalid_client")
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    display.client_id = "nobody"
    assert ask(display).get_json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "change", [{"grant_types": ["refresh_token"]}, {"sign_in_page": "agencies"}], ids=str
)
def test_only_owners_clients_that_are_registered_for_the_grant_may_ask(
    world: World, display: RelyingParty, change: dict[str, object]
) -> None:
    assert ask(display).status_code == 200
    change_client(world, "display", **change)
    refused = ask(display)
    assert (refused.status_code, refused.get_json()["error"]) == (400, "unauthorized_client")


def test_a_client_of_the_fapi2_profile_has_other_ways(world: World, parties: dict[str, RelyingParty]) -> None:
    portal = parties["rival-portal"]
    change_client(world, "rival-portal", grant_types=[DEVICE_CODE], sign_in_page="owners")
    assert ask(portal).status_code == 200
    change_client(world, "rival-portal", profile=ClientProfile.FAPI2)
    refused = ask(portal)
    assert (refused.status_code, refused.get_json()["error"]) == (400, "unauthorized_client")


def test_only_what_is_registered_for_the_client_can_be_asked_for(
    world: World, display: RelyingParty, panel: RelyingParty
) -> None:
    assert ask(display, scope="act_as mypage.read").get_json()["error"] == "invalid_scope"
    assert ask(display, resource="https://meter.example/api").get_json()["error"] == "invalid_target"
    assert ask(panel, resource="https://meter.example/api").status_code == 200
    assert ask(panel, scope=["openid", "profile"]).get_json()["error"] == "invalid_request"


# --- §3.3: the person answers ---------------------------------------------------------------------------


def test_the_page_shows_the_code_again_and_opening_it_changes_nothing(
    world: World, display: RelyingParty
) -> None:
    device, browser = begin(display), world.browser(HANAKO)
    before = world.digest()
    page = browser.get(device.path)
    assert device.user_code in page.text
    assert "おうちの電力モニター" in page.text
    assert "電話やメールで番号を伝えられた場合は、許可しないでください。" in page.text
    assert world.settings.contact_phone in page.text
    assert world.digest() == before
    device.poll().expect_error("authorization_pending")


def test_who_is_not_signed_in_signs_in_and_comes_back(world: World, display: RelyingParty) -> None:
    device, browser = begin(display), world.browser()
    sent = browser.get(device.path)
    assert (sent.status_code, urlsplit(sent.location).path) == (303, "/sign-in")
    back = browser.sign_in(HANAKO.email, PASSWORD, path=sent.location)
    assert back.location == device.path
    assert device.user_code in browser.get(back.location).text


def test_the_answer_needs_the_form_of_the_page_that_was_shown_in_this_browser(
    world: World, display: RelyingParty
) -> None:
    device, browser, other = begin(display), world.browser(HANAKO), world.browser(HANAKO)
    form = {**answer_form(browser.get(device.path)), "answer": "approve"}
    token = other.token("/device")
    for sent in (
        browser.post("/device/answer", {**form, "csrf_token": ""}),
        browser.post("/device/answer", form, headers={"Origin": "https://evil.example"}),
    ):
        assert sent.status_code == 403
    for sent in (
        other.post("/device/answer", {**form, "csrf_token": token}),
        browser.post("/device/answer", {**form, "proof": "x"}),
        browser.post("/device/answer", {**form, "answer": "perhaps"}),
        browser.post("/device/answer", {**form, "device": "x"}),
    ):
        assert (sent.status_code, urlsplit(sent.location).path) == (303, "/device")
    device.poll().expect_error("authorization_pending")
    assert browser.post("/device/answer", form).status_code == 303
    device.poll().tokens()


# --- §3.4, §3.5: the device fetches ---------------------------------------------------------------------


def test_a_device_that_was_let_in_gets_the_tokens_of_the_person_once(
    world: World, display: RelyingParty, moment: TimeMachineFixture
) -> None:
    device = begin(display)
    device.poll().expect_error("authorization_pending")
    page = decide(world.browser(HANAKO), device)
    assert "機器をつなぎました" in page.text
    moment.shift(WAIT)
    tokens = device.poll().tokens()
    assert tokens.claims["sub"] == str(world.account(HANAKO).id)
    assert tokens.claims["aud"] == "display"
    assert world.api("GET", "/api/me/products", tokens.access_token).status_code == 200
    device.poll().expect_error("invalid_grant")
    # A second use is no sign of a theft (docs/decisions/0017): the device goes on.
    assert world.api("GET", "/api/me/products", tokens.access_token).status_code == 200


def test_the_device_gets_no_more_than_it_asked_for(world: World, display: RelyingParty) -> None:
    device = begin(display, scope="openid act_as")
    decide(world.browser(HANAKO), device)
    tokens = device.poll().tokens()
    assert tokens.scope == {"openid"}
    assert world.api("GET", "/api/me/products", tokens.access_token).status_code == 403


def test_a_device_that_was_kept_out_hears_so(world: World, display: RelyingParty) -> None:
    device = begin(display)
    assert "機器をつなぎませんでした" in decide(world.browser(HANAKO), device, "deny").text
    device.poll().expect_error("access_denied")


def test_a_device_that_asks_too_often_has_to_slow_down_by_five_seconds_each_time(
    display: RelyingParty, moment: TimeMachineFixture
) -> None:
    device = begin(display)
    device.poll().expect_error("authorization_pending")
    device.poll().expect_error("slow_down")  # now 10 s
    moment.shift(WAIT + 1)
    device.poll().expect_error("slow_down")  # now 15 s
    moment.shift(2 * WAIT + 1)
    device.poll().expect_error("slow_down")  # now 20 s
    moment.shift(4 * WAIT)
    device.poll().expect_error("authorization_pending")
    moment.shift(4 * WAIT)
    device.poll().expect_error("authorization_pending")


def test_a_code_that_is_over_is_told_to_the_device_and_to_the_person(
    world: World, display: RelyingParty, moment: TimeMachineFixture
) -> None:
    device, browser = begin(display), world.browser(HANAKO)
    form = answer_form(browser.get(device.path))
    moment.shift(timedelta(seconds=599))
    device.poll().expect_error("authorization_pending")
    moment.shift(timedelta(seconds=1))
    device.poll().expect_error("expired_token")
    sent = browser.post("/device/answer", {**form, "answer": "approve"})
    for page in (browser.get(sent.location), browser.get(device.path)):
        assert page.status_code == 410
        assert "この番号は期限が切れています" in page.text
    device.poll().expect_error("expired_token")


@pytest.mark.parametrize("code", [None, "x", "ocd_" + "x" * 43, "ocr_" + "x" * 43], ids=str)
def test_a_device_code_that_is_none_is_refused(display: RelyingParty, code: str | None) -> None:
    error = "invalid_request" if code is None else "invalid_grant"
    begin(display).poll(device_code=code).expect_error(error)


def test_the_code_of_another_client_is_as_unknown_as_none(
    world: World, display: RelyingParty, panel: RelyingParty
) -> None:
    device = begin(display)
    decide(world.browser(HANAKO), device)
    parameters = {"grant_type": DEVICE_CODE, "device_code": device.body["device_code"]}
    refused = panel.token(parameters).expect_error("invalid_grant")
    assert refused.face == panel.token({**parameters, "device_code": "ocd_x"}).face
    device.poll().tokens()


def test_a_client_without_the_grant_is_refused(
    world: World, display: RelyingParty, shop: RelyingParty
) -> None:
    parameters = {"grant_type": DEVICE_CODE, "device_code": begin(display).body["device_code"]}
    shop.token(parameters).expect_error("unauthorized_client")


def test_a_client_that_is_gone_lets_nothing_in(world: World, display: RelyingParty) -> None:
    device, browser = begin(display), world.browser(HANAKO)
    form = answer_form(browser.get(device.path))
    change_client(world, "display", status=ClientStatus.DISABLED)
    sent = browser.post("/device/answer", {**form, "answer": "approve"})
    assert browser.get(sent.location).status_code == 410
    assert browser.get(address_of(device.user_code)).status_code == 400
