"""OIDC Core §8: clients of different sectors know the same person by different names, everywhere alike."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
import responses
from sqlalchemy import select

from idp import clock
from idp.demo import HANAKO, ICHIRO, OwnerPart
from idp.mail import delivery
from idp.mail.models import OutboxItem, Topic
from idp.oauth.backchannel_logout import logout_deliverer
from idp.oauth.client_metadata import ClientMetadata
from idp.oauth.clients import register_client
from idp.oauth.models import SubjectType
from tests.accounts.visitor import forms_of
from tests.oauth.assertions import claims_of
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import World

SECRET = "ock_secret-of-a-pairwise-client"


def pairwise(world: World, name: str, *hosts: str, **more: Any) -> RelyingParty:
    """Register a client whose redirect URIs are at these hosts."""
    uris = tuple(f"https://{host}/cb" for host in hosts)
    kind = more.pop("subject_type", SubjectType.PAIRWISE)
    metadata = ClientMetadata(
        client_id=name, client_name=name, token_endpoint_auth_method="client_secret_post", secret=SECRET,
        redirect_uris=uris, subject_type=kind, first_party=True, scope="openid profile", **more,
    )  # fmt: skip
    world.write(lambda session: register_client(session, metadata))
    return RelyingParty(world, name, uris[0], metadata.scope, metadata.token_endpoint_auth_method, SECRET)


def test_two_sectors_know_a_person_by_two_names_and_one_sector_by_one(world: World) -> None:
    shared = {"sector_identifier_uri": "https://sector.example/uris"}
    one, same = pairwise(world, "one", "a.example"), pairwise(world, "same", "a.example", "a.example:8443")
    other, public = (
        pairwise(world, "other", "b.example"),
        pairwise(world, "open", "a.example", subject_type=SubjectType.PUBLIC),
    )
    left, right = (
        pairwise(world, "left", "l.example", **shared),
        pairwise(world, "right", "r.example", **shared),
    )

    def sub(party: RelyingParty, person: OwnerPart = HANAKO) -> str:
        return str(party.sign_in(person).claims["sub"])

    account = str(world.account(HANAKO).id)
    assert sub(public) == account
    assert sub(one) == sub(same) == sub(one)
    assert sub(left) == sub(right)
    assert len({account, sub(one), sub(other), sub(left), sub(one, ICHIRO)}) == 5
    for name in (sub(one), sub(other), sub(left)):
        assert account not in name
        assert name.isascii()
        assert len(name) <= 255


def test_every_place_says_the_same_name(world: World) -> None:
    party = pairwise(world, "one", "a.example", backchannel_logout_uri="https://a.example/out")
    browser = world.browser(HANAKO)
    tokens = party.sign_in(browser=browser)
    sub, account = tokens.claims["sub"], str(world.account(HANAKO).id)
    told = world.api("GET", "/oauth/userinfo", tokens.access_token).get_json()
    introspected = party.introspect(tokens.access_token).response.get_json()
    access = claims_of(tokens.access_token)
    assert {sub, told["sub"], introspected["sub"], access["sub"], logout_token(world, browser)["sub"]} == {
        sub
    }
    for said in (told, introspected, access, tokens.claims):
        assert account not in json.dumps(said)


def logout_token(world: World, browser: Any) -> dict[str, Any]:
    """Sign out and return what the relying party is told."""
    from idp.oauth.backchannel_logout import session_end_deliverer

    csrf = forms_of(browser.get("/"))[0].fields["csrf_token"]
    browser.post("/sign-out", {"csrf_token": csrf})
    topics = {
        Topic.SESSION_ENDED: session_end_deliverer(world.database),
        Topic.BACKCHANNEL_LOGOUT: logout_deliverer(world.database, world.settings),
    }
    with responses.RequestsMock() as network:
        network.post("https://a.example/out", status=200)
        for topic, deliver in topics.items():
            due = select(OutboxItem.id).where(OutboxItem.topic == topic, OutboxItem.done_at.is_(None))
            item = world.read(lambda session, due=due: session.scalars(due).one())
            claimed = world.write(
                lambda session, one=item: delivery.claim(session, one, now=clock.now(), attempts=12)
            )
            assert claimed is not None
            done = deliver(delivery.unseal_delivery(claimed, world.database.sealer))
            world.write(
                lambda session, one=claimed, done=done: delivery.settle_delivered(
                    session, one, done, now=clock.now()
                )
            )
        return claims_of(parse_qs(str(network.calls[0].request.body))["logout_token"][0])


@pytest.fixture
def signed_in(world: World) -> tuple[RelyingParty, Any, Tokens]:
    party, browser = pairwise(world, "one", "a.example"), world.browser(HANAKO)
    return party, browser, party.sign_in(browser=browser)


def test_hints_with_that_name_are_understood(
    world: World, signed_in: tuple[RelyingParty, Any, Tokens]
) -> None:
    party, browser, tokens = signed_in
    party.authorize(browser, prompt="none", id_token_hint=tokens.hint).expect_code()
    stranger = world.browser(ICHIRO)
    party.authorize(stranger, prompt="none", id_token_hint=tokens.hint).expect_error("login_required")
    ichiro = party.sign_in(ICHIRO)
    party.authorize(browser, prompt="none", id_token_hint=ichiro.hint).expect_error("login_required")
    assert browser.get("/oauth/end-session", query_string={"id_token_hint": ichiro.hint}).status_code == 200
    assert browser.get("/account").status_code == 200
    browser.get("/oauth/end-session", query_string={"id_token_hint": tokens.hint})
    assert browser.get("/account").status_code == 303
