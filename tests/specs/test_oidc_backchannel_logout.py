"""OIDC Back-Channel Logout 1.0: each relying party of a session is told of its end, in a token of its own."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import responses
import time_machine
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import select

from idp import clock
from idp.demo import HANAKO
from idp.mail import delivery
from idp.mail.models import OutboxItem, Topic
from idp.oauth.backchannel_logout import logout_deliverer, session_end_deliverer
from tests.accounts.visitor import Visitor, forms_of
from tests.delegation.steps import end
from tests.oauth.assertions import header_of
from tests.oauth.relying_party import TICKET, RelyingParty
from tests.world import MANAGER, World

MYPAGE = "http://localhost:8001/oidc/backchannel-logout"
PORTAL = "http://localhost:8002/oidc/backchannel-logout"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as network:
        yield network


def deliver(world: World) -> list[str]:
    """Deliver everything that is due to relying parties, as the worker does; return what went wrong."""
    deliverers = {
        Topic.BACKCHANNEL_LOGOUT: logout_deliverer(world.database, world.settings),
        Topic.SESSION_ENDED: session_end_deliverer(world.database),
    }
    failures = []
    for topic in (Topic.SESSION_ENDED, Topic.BACKCHANNEL_LOGOUT):
        due = select(OutboxItem.id).where(OutboxItem.topic == topic, OutboxItem.done_at.is_(None))
        for item_id in world.read(lambda session, due=due: session.scalars(due).all()):
            claimed = world.write(
                lambda session, one=item_id: delivery.claim(session, one, now=clock.now(), attempts=12)
            )
            assert claimed is not None
            try:
                done = deliverers[topic](delivery.unseal_delivery(claimed, world.database.sealer))
            except delivery.DeliveryFailed as failure:
                failures.append(failure.reason)
                continue
            world.write(
                lambda session, one=claimed, done=done: delivery.settle_delivered(
                    session, one, done, now=clock.now()
                )
            )
    return failures


def tokens_sent(network: responses.RequestsMock) -> dict[str, str]:
    """Return the logout token that each address received last."""
    sent = {}
    for call in network.calls:
        assert call.request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        form = parse_qs(str(call.request.body))
        assert set(form) == {"logout_token"}
        sent[str(call.request.url)] = form["logout_token"][0]
    return sent


def verified(world: World, token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set(world.api("GET", "/oauth/jwks").get_json())
    assert header_of(token)["typ"] == "logout+jwt"
    return dict(jwt.decode(token, keys, algorithms=["RS256"]).claims)


def sign_out(browser: Visitor) -> None:
    token = forms_of(browser.get("/"))[0].fields["csrf_token"]
    assert browser.post("/sign-out", {"csrf_token": token}).status_code == 303


def test_the_end_of_a_sign_in_reaches_every_relying_party_that_was_given_tokens_in_it(
    world: World, parties: dict[str, RelyingParty], network: responses.RequestsMock
) -> None:
    browser, other = world.browser(HANAKO), world.browser(HANAKO)
    tokens = [parties[name].sign_in(browser=browser) for name in ("mypage", "shop", "mypage")]
    parties["mypage"].sign_in(browser=other)
    network.post(MYPAGE, status=200)
    sign_out(browser)
    assert deliver(world) == []
    sent = tokens_sent(network)
    assert set(sent) == {MYPAGE}  # the shop has no address for it and keeps its token for its minutes
    assert len(network.calls) == 1
    claims = verified(world, sent[MYPAGE])
    now = clock.epoch(clock.now())
    assert set(claims) == {"iss", "aud", "iat", "exp", "jti", "sid", "sub", "events"}
    assert claims["sub"] == tokens[0].claims["sub"]
    assert (claims["iss"], claims["aud"]) == (world.settings.issuer, "mypage")
    assert claims["sid"] == tokens[0].claims["sid"]
    assert claims["events"] == {EVENT: {}}
    assert "nonce" not in claims
    assert now - 5 <= claims["iat"] <= now
    assert claims["exp"] - claims["iat"] == 120


def test_the_end_of_a_grant_reaches_the_relying_party_of_each_proxy_login(
    world: World, portal: RelyingParty, mypage: RelyingParty, network: responses.RequestsMock
) -> None:
    browser = world.browser(MANAGER)
    staff = portal.sign_in(browser=browser)
    ticket = portal.exchange(staff.access_token, world.grant().id, requested_token_type=TICKET).tokens()
    acting = mypage.redeem(mypage.code_for(browser, login_hint=ticket.access_token)).tokens()
    network.post(MYPAGE, status=204)
    end(world, world.grant().id)
    assert deliver(world) == []
    claims = verified(world, tokens_sent(network)[MYPAGE])
    assert (claims["sid"], claims["sub"]) == (acting.claims["sid"], acting.claims["sub"])
    assert "act" not in claims
    assert staff.claims["sid"] not in str(claims)


def test_signing_out_ends_the_proxy_logins_of_that_sign_in_at_their_relying_party(
    world: World, portal: RelyingParty, mypage: RelyingParty, network: responses.RequestsMock
) -> None:
    browser = world.browser(MANAGER)
    staff = portal.sign_in(browser=browser)
    ticket = portal.exchange(staff.access_token, world.grant().id, requested_token_type=TICKET).tokens()
    acting = mypage.redeem(mypage.code_for(browser, login_hint=ticket.access_token)).tokens()
    network.post(MYPAGE, status=200)
    network.post(PORTAL, status=200)
    sign_out(browser)
    assert deliver(world) == []
    sent = {address: verified(world, token)["sid"] for address, token in tokens_sent(network).items()}
    assert sent == {MYPAGE: acting.claims["sid"], PORTAL: staff.claims["sid"]}


@pytest.mark.parametrize("answer", [400, 302, 500, 201, requests.ConnectionError("no route")])
def test_what_was_not_confirmed_is_tried_again(
    world: World, mypage: RelyingParty, network: responses.RequestsMock, answer: object
) -> None:
    browser = world.browser(HANAKO)
    mypage.sign_in(browser=browser)
    if isinstance(answer, int):
        network.post(MYPAGE, status=answer, headers={"Location": "https://evil.example/"})
    else:
        network.post(MYPAGE, body=answer)
    sign_out(browser)
    assert len(deliver(world)) == 1
    assert len(network.calls) == 1
    [waiting] = world.read(
        lambda session: session.scalars(
            select(OutboxItem).where(OutboxItem.topic == Topic.BACKCHANNEL_LOGOUT)
        ).all()
    )
    assert waiting.done_at is None


def test_each_try_has_a_token_of_its_own(
    world: World, mypage: RelyingParty, network: responses.RequestsMock
) -> None:
    for _ in range(2):
        browser = world.browser(HANAKO)
        mypage.sign_in(browser=browser)
        network.post(MYPAGE, status=200)
        sign_out(browser)
        deliver(world)
    forms = [parse_qs(str(call.request.body))["logout_token"][0] for call in network.calls]
    assert len({verified(world, token)["jti"] for token in forms}) == 2


def test_a_logout_token_is_no_access_token_and_no_hint(
    world: World, mypage: RelyingParty, network: responses.RequestsMock
) -> None:
    browser = world.browser(HANAKO)
    mypage.sign_in(browser=browser)
    network.post(MYPAGE, status=200)
    sign_out(browser)
    deliver(world)
    token = tokens_sent(network)[MYPAGE]
    assert world.api("GET", "/oauth/userinfo", token).status_code == 401
    mypage.authorize(id_token_hint=token).expect_error("invalid_request")


def test_no_logout_call_reaches_an_internal_address(
    world: World, mypage: RelyingParty, network: responses.RequestsMock
) -> None:
    browser = world.browser(HANAKO)
    mypage.sign_in(browser=browser)
    network.post(MYPAGE, status=200)
    sign_out(browser)
    lax, strict = world.settings, world.settings.model_copy(update={"INSECURE_internal_calls": False})
    world.settings = strict
    assert deliver(world) == ["must be a plain https address"]
    assert len(network.calls) == 0
    world.settings = lax
    with time_machine.travel(clock.now() + timedelta(minutes=5)):
        assert deliver(world) == []
    assert len(network.calls) == 1


def test_an_app_that_was_taken_back_is_told_whose_session_is_over(
    world: World, mypage: RelyingParty, network: responses.RequestsMock
) -> None:
    network.post(MYPAGE, status=204)
    hanako = world.browser(HANAKO)
    tokens = mypage.sign_in(browser=hanako)
    assert hanako.submit("/account/apps/disconnect?client_id=mypage").status_code == 303
    assert deliver(world) == []
    claims = verified(world, tokens_sent(network)[MYPAGE])
    assert (claims["sid"], claims["sub"]) == (tokens.claims["sid"], tokens.claims["sub"])
