"""What is decided on rows that others are changing, or that are not there yet, is decided once."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from sqlalchemy import func, select, update

from idp.accounts.models import Account, Product
from idp.accounts.products.service import Claim, claim_product
from idp.accounts.rules import FREE_ATTEMPTS, AccountStatus, AgencyNotActive, SerialTaken
from idp.clock import now
from idp.delegation import standing
from idp.delegation.models import ActAsSession
from idp.demo import HANAKO, ICHIRO, MINORU, PASSWORD, UNCLAIMED
from idp.oauth.client_metadata import TOKEN_EXCHANGE
from idp.oauth.models import KeyState, SigningKey
from tests.accounts.visitor import forms_of
from tests.delegation.steps import answer, ask, end, state_of, suspend
from tests.oauth.relying_party import ACCESS_TOKEN, GRANT_TOKEN, RelyingParty
from tests.races.arena import Arena, in_browser, to_token_endpoint
from tests.world import MANAGER, World

ROUNDS = 15


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Make calls at the same moment; return what each returned, or the exception that it raised."""

    def run(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_an_approval_and_a_suspension_at_once_nothing_active_is_left_behind(world: World) -> None:
    grant_id = ask(world, MINORU)
    for _ in range(ROUNDS):
        approval, suspension = at_once(partial(answer, world, grant_id), partial(suspend, world))
        assert isinstance(suspension, int), suspension
        state = state_of(world, grant_id).state
        # Either the approval came first and was suspended with the others, or it found the agency suspended.
        assert (type(approval), state) in {(type(None), "suspended"), (AgencyNotActive, "requested")}
        suspend(world, suspended=False)
        if state == "suspended":
            end(world, grant_id)
            grant_id = ask(world, MINORU)
    end(world, grant_id)


def test_an_owner_ends_a_grant_whatever_is_done_to_it_at_the_same_moment(world: World) -> None:
    for _ in range(ROUNDS):
        grant_id = ask(world, MINORU)
        ended, _other = at_once(partial(end, world, grant_id), partial(answer, world, grant_id))
        assert ended is None, ended
        assert state_of(world, grant_id).state != "active"
    grant_id = ask(world, MINORU)
    answer(world, grant_id)
    ended, suspension = at_once(partial(end, world, grant_id), partial(suspend, world))
    assert ended is None, ended
    assert isinstance(suspension, int), suspension
    assert state_of(world, grant_id).state == "revoked"
    suspend(world, suspended=False)


def test_no_proxy_login_outlives_the_suspension_that_it_began_beside(
    arena: Arena, world: World, parties: dict[str, RelyingParty]
) -> None:
    portal, hanako = parties["agency-portal"], world.account(HANAKO).id
    token, grant_id = portal.sign_in(MANAGER).access_token, world.grant(HANAKO).id
    parameters: dict[str, object] = {
        "grant_type": TOKEN_EXCHANGE, "subject_token": grant_id, "subject_token_type": GRANT_TOKEN,
        "actor_token": token, "actor_token_type": ACCESS_TOKEN, "audience": "mypage",
    }  # fmt: skip
    seen = Counter[int]()
    for _ in range(ROUNDS):
        exchange, suspended = at_once(
            lambda: arena.send(to_token_endpoint(portal, parameters)),
            lambda: world.write(lambda session: standing.suspend_account(session, hanako)),
        )
        assert suspended is True, suspended
        seen[exchange.status] += 1
        running = select(func.count()).where(ActAsSession.ended_at.is_(None), ActAsSession.expires_at > now())
        of_hers = running.where(ActAsSession.grant_id == grant_id)
        assert world.read(lambda session, query=of_hers: session.scalar(query)) == 0
        lift = update(Account).where(Account.id == hanako).values(status=AccountStatus.ACTIVE)
        world.write(lambda session, change=lift: session.execute(change).close())
    assert set(seen) <= {200, 400}, seen


def test_of_commands_that_rotate_at_once_each_rotates_what_the_last_one_made(world: World) -> None:
    command = [sys.executable, "-m", "idp", "key", "rotate", "ES256"]
    environment = {"IDP_DATABASE_URL": world.settings.database_url, "PATH": ""}
    before = world.count(SigningKey)
    rotations = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    told = [rotation.communicate(timeout=60) for rotation in rotations]
    assert [rotation.returncode for rotation in rotations] == [0] * 4, told
    query = select(SigningKey.state, func.count()).where(SigningKey.alg == "ES256")
    states = dict(world.read(lambda session: session.execute(query.group_by(SigningKey.state)).all()))
    assert states[KeyState.ACTIVE] == states[KeyState.NEXT] == 1
    assert world.count(SigningKey) == before + 4
    assert len({line for line, _error in told}) == 4


def test_of_wrong_passwords_at_once_no_more_are_looked_at_than_one_after_the_other(
    arena: Arena, world: World
) -> None:
    browser = world.browser()
    [form] = [form for form in forms_of(browser.get("/sign-in")) if "password" in form.fields]
    typed = {**form.fields, "email": ICHIRO.email, "password": "not-the-password-2026"}
    answers = arena.at_once([in_browser(browser, "/sign-in", typed) for _ in range(30)])
    statuses = Counter(one.status for one in answers)
    assert statuses == {400: FREE_ATTEMPTS, 429: 30 - FREE_ATTEMPTS}


def test_of_forgotten_passwords_at_once_no_more_mails_are_sent_than_one_after_the_other(
    arena: Arena, world: World
) -> None:
    browser, mails = world.browser(), len(world.letters())
    [form] = [form for form in forms_of(browser.get("/password/forgot")) if "email" in form.fields]
    sent = in_browser(browser, "/password/forgot", {**form.fields, "email": MINORU.email})
    answers = arena.at_once([sent] * 20)
    assert {one.status for one in answers} == {303}
    assert len(world.letters()) == mails + world.settings.mails_per_recipient_hour


def test_of_two_owners_that_claim_one_unit_at_once_one_has_it(world: World) -> None:
    owners = [world.account(owner).id for owner in (HANAKO, ICHIRO, MINORU)]
    claim = Claim.from_typed(
        serial_number=UNCLAIMED[0], remote_serial_number="", installation_postal_code="6008216", services=[]
    )
    outcomes = at_once(*(
        lambda owner=owner: world.write(
            lambda session: claim_product(session, owner, claim=claim, now=now()).owner_id
        )
        for owner in owners
    ))  # fmt: skip
    [winner] = [outcome for outcome in outcomes if outcome in owners]
    lost = [outcome for outcome in outcomes if outcome != winner]
    assert [type(outcome) for outcome in lost] == [SerialTaken] * 2, lost
    query = select(Product.owner_id).where(Product.serial_number == UNCLAIMED[0])
    assert world.read(lambda session: session.scalar(query)) == winner


def test_one_address_that_registers_twice_at_once_is_one_account(arena: Arena, world: World) -> None:
    email, sent = "futari@hikari-denki.example", []
    person = {
        "name": "田中 一郎", "furigana": "タナカ イチロウ", "postal_code": "6008216", "prefecture": "京都府",
        "city": "京都市下京区", "street": "東塩小路町8-3", "phone": "0757654321",
        "password": PASSWORD, "password_confirm": PASSWORD,
    }  # fmt: skip
    as_agency = [("", {"company": "ひかり電気", **person})]
    as_owner = [("", {"info_sharing": "no", **person}), ("/product", {"skip": "1"})]
    for path, pages in (("agency", as_agency), ("owner", as_owner)):
        browser = world.browser()
        browser.submit(f"/register/{path}", email=email)
        link = f"/register/{path}/{'member/' if path == 'agency' else ''}{world.letters()[-1].data['token']}"
        for page, typed in pages:
            assert browser.submit(f"{link}{page}", **typed).status_code == 303
        [form] = [
            form
            for form in forms_of(browser.get(f"{link}/confirm"))
            if "confirm" in form.action or not form.action
        ]
        sent.append(in_browser(browser, f"{link}/confirm", dict(form.fields)))
    answers = arena.at_once(sent)
    assert sorted(one.status for one in answers) == [303, 409]
    query = select(func.count()).select_from(Account).where(Account.email == email)
    assert world.read(lambda session: session.scalar(query)) == 1
