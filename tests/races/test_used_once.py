"""What may be used once is used once, however many come at the same moment, in whatever process."""

import json
from collections import Counter
from urllib.parse import urlencode

from sqlalchemy import func, select

from idp.accounts.models import Account, Agency
from idp.delegation.models import ActAsSession
from idp.demo import HANAKO, PASSWORD
from tests.accounts.visitor import forms_of
from tests.oauth.relying_party import TICKET, VERIFIER, RelyingParty
from tests.races.arena import Answer, Arena, in_browser, to_token_endpoint, with_token
from tests.world import MANAGER, World

MANY = 30


def outcomes(answers: list[Answer]) -> Counter[str]:
    """Count how requests to the token endpoint ended: with tokens, or with which error."""
    return Counter(json.loads(answer.body).get("error", "tokens") for answer in answers)


def expect_dead(arena: Arena, parties: dict[str, RelyingParty], answers: list[Answer]) -> None:
    """Expect that what the one winner got is worth nothing: somebody else had the same secret."""
    [won] = [json.loads(answer.body) for answer in answers if answer.status == 200]
    for _ in range(4):  # in both processes
        assert arena.send(with_token(won["access_token"], "/oauth/userinfo", method="GET")).status == 401
    message = to_token_endpoint(
        parties["mypage"], {"grant_type": "refresh_token", "refresh_token": won["refresh_token"]}
    )
    assert json.loads(arena.send(message).body)["error"] == "invalid_grant"


def test_of_thirty_that_redeem_one_code_one_gets_tokens_and_they_are_revoked(
    arena: Arena, world: World, parties: dict[str, RelyingParty], rounds: range
) -> None:
    mypage, browser = parties["mypage"], world.browser(HANAKO)
    for _round in rounds:
        parameters: dict[str, object] = {
            "grant_type": "authorization_code", "code": mypage.code_for(browser),
            "redirect_uri": mypage.redirect_uri, "code_verifier": VERIFIER,
        }  # fmt: skip
        answers = arena.at_once([to_token_endpoint(mypage, parameters) for _ in range(MANY)])
        assert outcomes(answers) == {"tokens": 1, "invalid_grant": MANY - 1}
        expect_dead(arena, parties, answers)


def test_of_thirty_that_use_one_refresh_token_one_gets_tokens_and_they_are_revoked(
    arena: Arena, world: World, parties: dict[str, RelyingParty], rounds: range
) -> None:
    mypage, browser = parties["mypage"], world.browser(HANAKO)
    for _round in rounds:
        token = mypage.sign_in(browser=browser).refresh_token
        parameters: dict[str, object] = {"grant_type": "refresh_token", "refresh_token": token}
        answers = arena.at_once([to_token_endpoint(mypage, parameters) for _ in range(MANY)])
        assert outcomes(answers) == {"tokens": 1, "invalid_grant": MANY - 1}
        expect_dead(arena, parties, answers)


def test_of_thirty_that_send_one_client_assertion_one_is_believed(
    arena: Arena, parties: dict[str, RelyingParty], rounds: range
) -> None:
    portal = parties["agency-portal"]
    for _round in rounds:
        refused: dict[str, object] = {"grant_type": "refresh_token", "refresh_token": "ocr_" + "x" * 43}
        answers = arena.at_once([to_token_endpoint(portal, refused)] * MANY)
        assert outcomes(answers) == {"invalid_grant": 1, "invalid_client": MANY - 1}


def test_of_thirty_that_use_one_ticket_one_begins_a_proxy_login(
    arena: Arena, world: World, parties: dict[str, RelyingParty], rounds: range
) -> None:
    portal, mypage, browser = parties["agency-portal"], parties["mypage"], world.browser(MANAGER)
    for _round in rounds:
        staff = portal.sign_in(browser=browser)
        ticket = portal.exchange(staff.access_token, world.grant().id, requested_token_type=TICKET).tokens()
        running, mails = world.count(ActAsSession), len(world.letters())
        path = "/oauth/authorize?" + urlencode(mypage.request(login_hint=ticket.access_token))
        answers = arena.at_once([in_browser(browser, path) for _ in range(MANY)])
        assert {answer.status for answer in answers} == {303}
        ends = Counter(answer.parameters.get("error", "code") for answer in answers)
        assert ends == {"code": 1, "login_required": MANY - 1}
        assert world.count(ActAsSession) == running + 1
        assert len(world.letters()) == mails + 1


def test_of_thirty_that_send_one_registration_one_registers(arena: Arena, world: World) -> None:
    browser, email = world.browser(), "info@hikari-denki.example"
    browser.submit("/register/agency", email=email)
    link = f"/register/agency/member/{world.letters()[-1].data['token']}"
    typed = {
        "company": "ひかり電気", "name": "田中 一郎", "furigana": "タナカ イチロウ", "postal_code": "6008216",
        "prefecture": "京都府", "city": "京都市下京区", "street": "東塩小路町8-3", "phone": "0757654321",
        "password": PASSWORD, "password_confirm": PASSWORD,
    }  # fmt: skip
    assert browser.submit(link, **typed).status_code == 303
    page = browser.get(f"{link}/confirm")
    [form] = [form for form in forms_of(page) if form.action in {"", f"{link}/confirm"}]
    sent = in_browser(browser, f"{link}/confirm", dict(form.fields))
    answers = arena.at_once([sent] * MANY)
    assert Counter(answer.status for answer in answers) == {303: 1, 410: MANY - 1}
    for model, column in ((Account, Account.email), (Agency, Agency.email)):
        query = select(func.count()).select_from(model).where(column == email)
        assert world.read(lambda session, query=query: session.scalar(query)) == 1
