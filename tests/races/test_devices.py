"""A device that polls from thirty places, a person who answers in thirty tabs, and thirty guesses at once."""

import json
from collections import Counter

from sqlalchemy import func, select

from idp.audit.events import Event
from idp.audit.models import AuditEvent
from idp.demo import HANAKO, ICHIRO
from idp.oauth.client_metadata import DEVICE_CODE
from idp.oauth.device.models import DeviceRequest
from idp.oauth.models import TokenFamily
from tests.oauth.device import address_of, answer_form, begin, decide
from tests.oauth.relying_party import RelyingParty
from tests.races.arena import Arena, Message, in_browser, to_token_endpoint, with_token
from tests.races.test_used_once import MANY, outcomes
from tests.world import World


def polling(parties: dict[str, RelyingParty], device_code: object) -> Message:
    return to_token_endpoint(parties["display"], {"grant_type": DEVICE_CODE, "device_code": device_code})


def test_of_thirty_polls_for_one_device_one_gets_tokens_and_they_are_good(
    arena: Arena, world: World, parties: dict[str, RelyingParty]
) -> None:
    device = begin(parties["display"])
    decide(world.browser(HANAKO), device)
    answers = arena.at_once([polling(parties, device.body["device_code"])] * MANY)
    assert outcomes(answers) == {"tokens": 1, "invalid_grant": MANY - 1}
    [won] = [json.loads(answer.body) for answer in answers if answer.status == 200]
    for _ in range(4):  # in both processes
        assert arena.send(with_token(won["access_token"], "/oauth/userinfo", method="GET")).status == 200


def test_of_thirty_polls_before_the_answer_one_is_in_time_and_each_other_slows_down(
    arena: Arena, world: World, parties: dict[str, RelyingParty]
) -> None:
    device = begin(parties["display"])
    answers = arena.at_once([polling(parties, device.body["device_code"])] * MANY)
    assert outcomes(answers) == {"authorization_pending": 1, "slow_down": MANY - 1}
    longest = select(DeviceRequest.interval).order_by(DeviceRequest.created_at.desc())
    assert world.read(lambda session: session.scalars(longest).first()) == 5 + 5 * (MANY - 1)


def test_of_thirty_answers_one_counts(arena: Arena, world: World, parties: dict[str, RelyingParty]) -> None:
    device, browser = begin(parties["display"]), world.browser(HANAKO)
    form = answer_form(browser.get(device.path))
    families = world.count(TokenFamily)
    answers = arena.at_once([
        in_browser(browser, "/device/answer", {**form, "answer": ("approve", "deny")[number % 2]})
        for number in range(MANY)
    ])  # fmt: skip
    assert {answer.status for answer in answers} == {303}
    kinds = select(AuditEvent.event).where(AuditEvent.event.in_([Event.DEVICE_APPROVED, Event.DEVICE_DENIED]))
    newest = world.read(lambda session: session.scalars(kinds.order_by(AuditEvent.number.desc())).first())
    ended = outcomes([arena.send(polling(parties, device.body["device_code"]))])
    assert ended == ({"tokens": 1} if newest == Event.DEVICE_APPROVED else {"access_denied": 1})
    assert world.count(TokenFamily) - families == (1 if newest == Event.DEVICE_APPROVED else 0)


def test_of_thirty_guesses_at_once_ten_are_looked_at(arena: Arena, world: World) -> None:
    browser = world.browser(ICHIRO)
    answers = arena.at_once([in_browser(browser, address_of("0000-0000"))] * MANY)
    assert Counter(answer.status for answer in answers) == {400: 10, 429: MANY - 10}


def test_of_forty_requests_from_one_address_thirty_are_served(
    arena: Arena, world: World, parties: dict[str, RelyingParty]
) -> None:
    count = select(func.count()).select_from(DeviceRequest).where(DeviceRequest.client_id == "panel")
    body, headers = parties["panel"].message({"scope": "openid"})
    message = Message("POST", "/oauth/device_authorization", body, headers)
    answers = arena.at_once([message] * (MANY + 10))
    assert Counter(answer.status for answer in answers) == {200: MANY, 429: 10}
    assert world.read(lambda session: session.scalar(count)) == MANY
