"""Thirty browser tabs with one pushed request, and thirty answers to one question about an app."""

import json
from collections import Counter
from urllib.parse import urlencode

from sqlalchemy import func, select

from idp.audit.events import Event
from idp.demo import HANAKO
from idp.oauth.consent.models import ClientConsent
from idp.oauth.models import AuthorizationCode, TokenFamily
from tests.accounts.visitor import forms_of
from tests.oauth.relying_party import RelyingParty
from tests.oauth.third_parties import third_party
from tests.races.arena import Arena, in_browser
from tests.races.test_used_once import MANY
from tests.world import World


def test_of_thirty_that_bring_one_pushed_request_one_gets_a_code(
    arena: Arena, world: World, parties: dict[str, RelyingParty], rounds: range
) -> None:
    mypage, browser = parties["mypage"], world.browser(HANAKO)
    for _round in rounds:
        pushed = json.loads(mypage.post("/oauth/par", mypage.request()).data)
        codes = world.count(AuthorizationCode)
        query = urlencode({"client_id": "mypage", "request_uri": pushed["request_uri"]})
        answers = arena.at_once([in_browser(browser, f"/oauth/authorize?{query}")] * MANY)
        assert Counter(answer.status for answer in answers) == {303: 1, 400: MANY - 1}
        assert world.count(AuthorizationCode) == codes + 1


def test_of_thirty_answers_to_one_question_one_is_kept(arena: Arena, world: World, rounds: range) -> None:
    garden, browser = third_party(world), world.browser(HANAKO)
    for _round in rounds:
        path = garden.authorize(browser, prompt="consent").expect_consent()
        fields = dict(forms_of(browser.get(path))[0].fields)
        before = said(world)
        answers = arena.at_once(
            [in_browser(browser, path, {**fields, "answer": ("allow", "deny")[n % 2]}) for n in range(MANY)]
        )
        assert {answer.status for answer in answers} == {303}
        [kept] = (said(world) - before).elements()
        back = garden.resume(browser, f"/sign-in?next={path.replace('consent', 'authorize')}")
        back.expect_code() if kept == Event.CONSENT_GIVEN else back.expect_error("access_denied")
        assert world.count(ClientConsent) <= 1


def said(world: World) -> Counter[str]:
    """Count what people said to apps."""
    kinds = {Event.CONSENT_GIVEN, Event.CONSENT_REFUSED}
    return Counter(event.event for event in world.events() if event.event in kinds)


def test_nothing_of_an_app_outlives_the_consent_that_is_taken_back_beside_it(
    arena: Arena, world: World, rounds: range
) -> None:
    garden, browser = third_party(world, "orchard"), world.browser(HANAKO)
    query, path = urlencode(garden.request(scope="openid")), "/account/apps/disconnect?client_id=orchard"
    living = select(func.count()).where(TokenFamily.client_id == "orchard", TokenFamily.revoked_at.is_(None))
    for _round in rounds:
        garden.code_for(browser, scope="openid")
        fields = dict(forms_of(browser.get(path))[0].fields)
        asking = [in_browser(browser, f"/oauth/authorize?{query}")] * 6
        answers = arena.at_once([*asking, in_browser(browser, path, fields), *asking])
        assert {answer.status for answer in answers} == {303}
        assert world.read(lambda session: session.scalar(living)) == 0
