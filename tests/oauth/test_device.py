"""What holds guessers and floods of devices back, and what a person may type (docs/decisions/0017)."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from sqlalchemy import select, update
from time_machine import TimeMachineFixture

from idp import clock, credentials
from idp.audit.events import Event
from idp.demo import HANAKO, ICHIRO, SETSUKO
from idp.oauth.device import service
from idp.oauth.device.models import DeviceRequest
from idp.oauth.device.rules import Network, compare_networks
from tests.accounts.visitor import Visitor
from tests.oauth.device import address_of, answer_form, ask, begin, decide
from tests.oauth.relying_party import RelyingParty
from tests.world import MANAGER, World

WRONG = "0000-0000"


@pytest.fixture
def display(parties: dict[str, RelyingParty]) -> RelyingParty:
    return parties["display"]


@pytest.fixture(autouse=True)
def moment(time_machine: TimeMachineFixture) -> TimeMachineFixture:
    time_machine.move_to(clock.now(), tick=False)
    return time_machine


def guess(browser: Visitor, number: str = WRONG, *, times: int = 1, address: str = "127.0.0.1") -> int:
    """Try a number and return the status of the last page."""
    status = 0
    for _ in range(times):
        status = browser.get(address_of(number), environ_base={"REMOTE_ADDR": address}).status_code
    return status


# --- what is typed --------------------------------------------------------------------------------------


def test_a_number_may_be_typed_as_the_keyboard_makes_it(world: World, display: RelyingParty) -> None:
    number, browser = begin(display).user_code, world.browser(HANAKO)
    wide = number.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    for typed in (
        number,
        number.replace("-", ""),
        f" {number} ",
        wide.replace("-", "ー"),
        wide.replace("-", "　"),
    ):
        sent = browser.submit("/device", user_code=typed)
        assert sent.location == address_of(number)
    assert number in browser.get(sent.location).text


@pytest.mark.parametrize(
    "typed", ["", "1234", "123456789", "abcd-efgh", "１２３４５６７", "٣٣٣٣٣٣٣٣", "\0" * 8], ids=repr
)
def test_what_is_no_number_is_refused_and_not_counted(world: World, typed: str) -> None:
    browser = world.browser(HANAKO)
    for _ in range(11):
        assert browser.submit("/device", user_code=typed).status_code == 400
        assert browser.get("/device?" + urlencode({"user_code": typed})).status_code == 400
    assert guess(browser) == 400
    assert "この番号の機器が見つかりません" in browser.get(address_of(WRONG)).text


def test_only_owners_look_a_number_up(world: World, display: RelyingParty) -> None:
    path = begin(display).path
    assert world.browser(HANAKO).get(path).status_code == 200
    for browser in (world.browser(), world.browser(MANAGER)):
        assert browser.get(path).location.startswith("/sign-in?")


# --- guessers -------------------------------------------------------------------------------------------


def test_after_ten_wrong_numbers_a_person_waits_wherever_they_are(
    world: World, display: RelyingParty, moment: TimeMachineFixture
) -> None:
    device, browser = begin(display), world.browser(HANAKO)
    assert guess(browser, times=10) == 400
    for other in (browser, world.browser(HANAKO)):
        page = other.get(device.path, environ_base={"REMOTE_ADDR": "192.0.2.1"})
        assert page.status_code == 429
        assert page.headers["Retry-After"] == "600"
        assert "10分ほどお待ちください。" in page.text
    assert world.browser(ICHIRO).get(device.path).status_code == 200
    moment.shift(timedelta(minutes=10, seconds=1))
    assert world.browser(HANAKO).get(begin(display).path).status_code == 200
    refused = [event for event in world.events() if event.event == Event.USER_CODE_REFUSED]
    assert len(refused) == 10
    assert refused[0].actor_id == world.account(HANAKO).id


def test_right_numbers_are_not_counted_and_do_not_wipe_the_count(world: World, display: RelyingParty) -> None:
    device, browser = begin(display), world.browser(HANAKO)
    assert guess(browser, device.user_code, times=15) == 200
    guess(browser, times=9)
    assert guess(browser, device.user_code) == 200
    guess(browser)
    assert guess(browser, device.user_code) == 429


def test_thirty_wrong_numbers_are_enough_for_a_day(world: World, moment: TimeMachineFixture) -> None:
    for _ in range(3):
        assert guess(world.browser(ICHIRO), times=10) == 400
        moment.shift(timedelta(minutes=11))
    assert guess(world.browser(ICHIRO)) == 429
    moment.shift(timedelta(days=1))
    assert guess(world.browser(ICHIRO)) == 400


def test_many_accounts_at_one_address_share_a_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.oauth.device.guesses.MOST_WRONG_CODES_OF_ADDRESS", 6)
    for person in (HANAKO, ICHIRO):
        assert guess(world.browser(person), times=3, address="192.0.2.7") == 400
    setsuko = world.browser(SETSUKO)
    assert guess(setsuko, address="192.0.2.7") == 429
    assert guess(setsuko, address="192.0.2.8") == 400


def test_a_number_that_is_over_or_answered_counts_as_wrong(
    world: World, display: RelyingParty, moment: TimeMachineFixture
) -> None:
    answered, over, browser = begin(display), begin(display), world.browser(HANAKO)
    decide(browser, answered)
    assert guess(browser, answered.user_code, times=5) == 410
    moment.shift(timedelta(minutes=9, seconds=59))
    fresh = begin(display)
    moment.shift(timedelta(seconds=1))
    assert guess(browser, over.user_code, times=10) == 410
    assert guess(browser, fresh.user_code) == 429


# --- floods ---------------------------------------------------------------------------------------------


def test_one_network_address_cannot_take_all_numbers(
    display: RelyingParty, parties: dict[str, RelyingParty], moment: TimeMachineFixture
) -> None:
    for _ in range(30):
        begin(display, address="192.0.2.1")
    refused = ask(display, address="192.0.2.1")
    assert (refused.status_code, refused.get_json()["error"]) == (429, "temporarily_unavailable")
    assert refused.headers["Retry-After"] == "600"
    assert refused.headers["Cache-Control"] == "no-store"
    assert ask(display, address="192.0.2.2").status_code == 200
    assert ask(parties["panel"], address="192.0.2.1").status_code == 200
    moment.shift(timedelta(minutes=10, seconds=1))
    assert ask(display, address="192.0.2.1").status_code == 200


def test_a_client_cannot_fill_the_numbers_with_live_ones(
    world: World, display: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_LIVE_CODES", 2)
    first = begin(display, address="192.0.2.1")
    begin(display, address="192.0.2.2")
    assert ask(display, address="192.0.2.3").status_code == 429
    decide(world.browser(HANAKO), first)
    assert ask(display, address="192.0.2.3").status_code == 200


def test_a_number_that_is_taken_is_not_given_out_twice(
    world: World, display: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter([7, 7, 7, 8, *[8] * 100])
    monkeypatch.setattr(credentials, "random_below", lambda _limit: next(drawn))
    assert [begin(display).user_code for _ in range(2)] == ["0000-0007", "0000-0008"]
    assert ask(display).status_code == 429
    assert len(world.read(lambda session: session.scalars(select(DeviceRequest)).all())) == 2


# --- the answer -----------------------------------------------------------------------------------------


def test_the_first_answer_counts(world: World, display: RelyingParty) -> None:
    device, browser = begin(display), world.browser(HANAKO)
    form = answer_form(browser.get(device.path))
    for answer in ("deny", "approve"):
        sent = browser.post("/device/answer", {**form, "answer": answer})
        assert "機器をつなぎませんでした" in browser.get(sent.location).text
    device.poll().expect_error("access_denied")
    assert "device_connected" not in {letter.name for letter in world.letters()}
    kinds = [event.event for event in world.events() if event.event.startswith("device.")]
    assert kinds == [Event.DEVICE_DENIED]


def test_who_was_signed_out_meanwhile_signs_in_and_sees_the_question_again(
    world: World, display: RelyingParty
) -> None:
    device, browser = begin(display), world.browser(HANAKO)
    form = answer_form(browser.get(device.path))
    browser.submit("/sign-out", page=browser.get("/device"))
    again = world.browser()
    sent = again.post("/device/answer", {**form, "csrf_token": again.token("/device"), "answer": "approve"})
    assert sent.status_code == 303
    assert sent.location == "/sign-in?" + urlencode({"next": address_of(device.user_code)}, safe="/?")
    device.poll().expect_error("authorization_pending")


def test_an_approval_is_recorded_with_who_gave_it_for_what(world: World, display: RelyingParty) -> None:
    decide(world.browser(HANAKO), begin(display, scope="openid profile"))
    event = world.events()[-1]
    assert (event.event, event.client_id) == (Event.DEVICE_APPROVED, "display")
    assert event.owner_id == event.actor_id == world.account(HANAKO).id
    assert event.data == {"scope": "openid profile"}
    letter = world.letters()[-1]
    assert (letter.name, letter.to) == ("device_connected", HANAKO.email)
    assert letter.data["device"] == "おうちの電力モニター"


def test_the_page_says_what_the_device_may_and_may_not(world: World, display: RelyingParty) -> None:
    browser = world.browser(HANAKO)
    page = browser.get(begin(display, scope="openid products").path).text
    can, cannot = page.split('class="can"')[1].split('class="cannot"')
    assert "お持ちの製品と、サービスの加入状況を見ること" in can
    assert "お名前とフリガナを見ること" not in can
    assert "製品の設定を変えること" in cannot.partition("</ul>")[0]


@pytest.mark.parametrize(
    ("device", "browser", "network"),
    [
        ("192.0.2.1", "192.0.2.1", Network.SAME),
        ("192.0.2.1", "192.0.2.2", Network.OTHER),
        ("::ffff:192.0.2.1", "192.0.2.1", Network.SAME),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", Network.SAME),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", Network.OTHER),
        ("192.0.2.1", "2001:db8:1:2::1", Network.UNCLEAR),
        ("", "192.0.2.1", Network.UNCLEAR),
        ("192.0.2.1", "unix:", Network.UNCLEAR),
    ],
)
def test_the_same_network_is_said_only_where_it_is_the_same(
    device: str, browser: str, network: Network
) -> None:
    assert compare_networks(device, browser) is network


def test_the_page_tells_a_device_elsewhere_from_one_at_home(world: World, display: RelyingParty) -> None:
    browser = world.browser(HANAKO)
    assert "この画面と同じ回線" in browser.get(begin(display).path).text
    assert (
        "この画面とは別の場所、または別の回線" in browser.get(begin(display, address="192.0.2.9").path).text
    )


def test_a_request_of_long_ago_says_so(world: World, display: RelyingParty) -> None:
    device = begin(display)
    ago = update(DeviceRequest).values(created_at=clock.now() - timedelta(minutes=4, seconds=30))
    world.write(lambda session: session.execute(ago).close())
    assert "（4分前）" in world.browser(HANAKO).get(device.path).text


def test_the_page_names_the_device_in_the_language_of_the_page(world: World, display: RelyingParty) -> None:
    device, browser = begin(display), world.browser(HANAKO)
    assert "おうちの電力モニター" in browser.get(device.path).text
    browser.client.set_cookie("lang", "en", domain="localhost")
    assert "Home power display" in browser.get(device.path).text
