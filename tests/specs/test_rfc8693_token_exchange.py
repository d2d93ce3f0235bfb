"""RFC 8693 as this server uses it: whatever is wrong with grant or actor, there is one answer to it."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from sqlalchemy import inspect, update

from idp import clock
from idp.accounts.models import Account, Agency, BrowserSession, Member
from idp.accounts.rules import AccountStatus, AgencyStatus
from idp.db import Base
from idp.delegation.assignments.rules import Assignee
from idp.delegation.exchange_rules import ExchangeRefusal
from idp.delegation.models import Grant
from idp.demo import HANAKO, ICHIRO, MINORU, SAKURA, SETSUKO, TADASHI
from idp.oauth.keys import new_client_key
from tests.delegation.steps import answer, ask, end, suspend
from tests.delegation.test_assignments import give
from tests.oauth.assertions import hmac_signed, signed, unsigned
from tests.oauth.relying_party import ACCESS_TOKEN, TICKET, RelyingParty, TokenAnswer
from tests.world import BOTH, LOGIN_ONLY, RIVAL, VIEWER, World

ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
Parties = dict[str, RelyingParty]


class Scene:
    """A manager who is signed in at the portal, and a grant that allows everything."""

    def __init__(self, world: World, parties: Parties) -> None:
        self.world, self.parties, self.portal = world, parties, parties["agency-portal"]
        self.staff = self.portal.sign_in()
        self.actor = self.staff.access_token
        self.grant_id: object = world.grant(HANAKO).id

    def exchange(self, actor: str | None = "", grant_id: object = "", /, **deviation: Any) -> TokenAnswer:
        """Exchange; an argument that is not given is the right one."""
        return self.portal.exchange(
            self.actor if actor == "" else actor, self.grant_id if grant_id == "" else grant_id, **deviation
        )

    def set(self, model: type[Base], which: object, **values: object) -> None:
        """Change stored facts."""
        [key] = inspect(model).primary_key
        change = update(model).where(key == which).values(**values)
        self.world.write(lambda session: session.execute(change).close())


@pytest.fixture
def scene(world: World, parties: Parties) -> Scene:
    return Scene(world, parties)


def state(name: str) -> Callable[[Scene], TokenAnswer]:
    def exchange(scene: Scene) -> TokenAnswer:
        scene.set(Grant, scene.grant_id, state=name)
        return scene.exchange()

    return exchange


def revoked_by_the_owner(scene: Scene) -> TokenAnswer:
    end(scene.world, scene.world.grant(HANAKO).id)
    return scene.exchange()


def term_over_this_instant(scene: Scene) -> TokenAnswer:
    scene.set(Grant, scene.grant_id, expires_at=clock.now())
    return scene.exchange()


def agency_suspended_with_its_grants(scene: Scene) -> TokenAnswer:
    suspend(scene.world)
    return scene.exchange()


def owner(status: AccountStatus) -> Callable[[Scene], TokenAnswer]:
    def exchange(scene: Scene) -> TokenAnswer:
        scene.set(Account, scene.world.account(HANAKO).id, status=status)
        return scene.exchange()

    return exchange


def agency(status: AgencyStatus) -> Callable[[Scene], TokenAnswer]:
    def exchange(scene: Scene) -> TokenAnswer:
        scene.set(Agency, scene.world.agency().id, status=status)
        return scene.exchange()

    return exchange


def member_has_left(scene: Scene) -> TokenAnswer:
    scene.set(Member, scene.world.member().id, left_at=clock.now())
    return scene.exchange()


def member_is_with_the_other_agency_now(scene: Scene) -> TokenAnswer:
    scene.set(Member, scene.world.member().id, agency_id=scene.world.agency(SAKURA).id)
    return scene.exchange()


def member_suspended(scene: Scene) -> TokenAnswer:
    scene.set(Account, scene.world.member().account_id, status=AccountStatus.SUSPENDED)
    return scene.exchange()


def member_signed_out(scene: Scene) -> TokenAnswer:
    scene.set(BrowserSession, UUID(scene.staff.claims["sid"]), ended_at=clock.now())
    return scene.exchange()


def member_left_alone_for_too_long(scene: Scene) -> TokenAnswer:
    scene.set(
        BrowserSession, UUID(scene.staff.claims["sid"]), last_seen_at=clock.now() - timedelta(minutes=30)
    )
    return scene.exchange()


def viewer(scene: Scene) -> TokenAnswer:
    return scene.exchange(scene.portal.sign_in(VIEWER).access_token)


def owner_of_somebody_else(scene: Scene) -> TokenAnswer:
    scene.set(Agency, scene.world.agency().id, assigned_only=True)
    return scene.exchange(scene.portal.sign_in(LOGIN_ONLY).access_token)


def actor_is_the_owner(scene: Scene) -> TokenAnswer:
    grant_id = ask(scene.world, BOTH)
    answer(scene.world, grant_id)
    browser = scene.world.browser(BOTH)
    return scene.exchange(scene.portal.sign_in(browser=browser).access_token, grant_id)


def token_of_a_member_of_the_other_agency(scene: Scene) -> TokenAnswer:
    return scene.exchange(scene.parties["rival-portal"].sign_in(RIVAL).access_token)


def token_of_a_rival_who_signed_in_at_our_portal(scene: Scene) -> TokenAnswer:
    return scene.exchange(scene.portal.sign_in(RIVAL).access_token)


def token_of_our_member_at_the_rivals_portal(scene: Scene) -> TokenAnswer:
    return scene.parties["rival-portal"].exchange(scene.actor, scene.grant_id)


def token_of_the_owner(scene: Scene) -> TokenAnswer:
    return scene.exchange(scene.parties["mypage"].sign_in(HANAKO).access_token)


def token_without_the_scope(scene: Scene) -> TokenAnswer:
    code = scene.portal.code_for(scene.world.browser(VIEWER), scope="openid delegations.read")
    return scene.exchange(scene.portal.redeem(code).tokens().access_token)


def token_that_acts_itself(scene: Scene) -> TokenAnswer:
    return scene.exchange(scene.exchange().tokens().access_token)


def act_as_token_as_subject(scene: Scene) -> TokenAnswer:
    return scene.exchange("", scene.exchange().tokens().access_token)


def act_as_token_as_subject_alone(scene: Scene) -> TokenAnswer:
    return scene.exchange(None, scene.exchange().tokens().access_token, actor_token_type=None)


def forged(make: Callable[[dict[str, Any]], str]) -> Callable[[Scene], TokenAnswer]:
    def exchange(scene: Scene) -> TokenAnswer:
        return scene.exchange(make(scene.staff.access_claims))

    return exchange


def token_of_five_minutes_ago(scene: Scene) -> TokenAnswer:
    with time_machine.travel(clock.now() + timedelta(seconds=301), tick=False):
        return scene.exchange()


_UNSIGNED, _HMAC = ({"alg": alg, "typ": "at+jwt"} for alg in ("none", "HS256"))
SITUATIONS: dict[str, tuple[str, Callable[[Scene], TokenAnswer]]] = {
    "requested": ("grant_not_in_force", lambda s: s.exchange("", s.world.grant(ICHIRO).id)),
    "denied": ("grant_not_in_force", lambda s: s.exchange("", s.world.grant(SETSUKO).id)),
    "expired": ("grant_not_in_force", lambda s: s.exchange("", s.world.grant(TADASHI).id)),
    "withdrawn": ("grant_not_in_force", state("withdrawn")),
    "lapsed": ("grant_not_in_force", state("lapsed")),
    "suspended": ("grant_not_in_force", state("suspended")),
    "revoked": ("grant_not_in_force", revoked_by_the_owner),
    "term over": ("grant_not_in_force", term_over_this_instant),
    "agency suspended": ("grant_not_in_force", agency_suspended_with_its_grants),
    "agency's account suspended": ("agency_not_in_good_standing", agency(AgencyStatus.SUSPENDED)),
    "agency closed": ("agency_not_in_good_standing", agency(AgencyStatus.CLOSED)),
    "owner suspended": ("owner_not_in_good_standing", owner(AccountStatus.SUSPENDED)),
    "owner deleted": ("owner_not_in_good_standing", owner(AccountStatus.DELETED)),
    "never existed": ("grant_unknown", lambda s: s.exchange("", uuid4())),
    "another agency's": ("grant_of_other_agency",
                         lambda s: s.exchange("", s.world.grant(SETSUKO, SAKURA).id)),
    "another agency's request": ("grant_of_other_agency",
                                 lambda s: s.exchange("", ask(s.world, MINORU, agency=SAKURA))),
    "subject absent": ("grant_unknown", lambda s: s.exchange("", None)),
    "subject empty": ("grant_unknown", lambda s: s.exchange("", " ")),
    "subject spelt otherwise": ("grant_unknown", lambda s: s.exchange("", str(s.grant_id).upper())),
    "subject in braces": ("grant_unknown", lambda s: s.exchange("", f"{{{s.grant_id}}}")),
    "subject as urn": ("grant_unknown", lambda s: s.exchange("", f"urn:uuid:{s.grant_id}")),
    "subject guessed": ("grant_unknown", lambda s: s.exchange("", "1")),
    "subject an ID token": ("grant_unknown", lambda s: s.exchange("", s.staff.hint)),
    "subject an owner's ID token": (
        "actor_missing", lambda s: s.exchange("", s.parties["mypage"].sign_in(HANAKO).hint,
                                              subject_token_type=ID_TOKEN)),
    "subject an owner's access token": (
        "grant_unknown", lambda s: s.exchange("", s.parties["mypage"].sign_in(HANAKO).access_token)),
    "subject an access token by type": (
        "actor_missing", lambda s: s.exchange("", s.parties["mypage"].sign_in(HANAKO).access_token,
                                              subject_token_type=ACCESS_TOKEN)),
    "subject an act-as token": ("grant_unknown", act_as_token_as_subject),
    "subject an act-as token alone": ("actor_missing", act_as_token_as_subject_alone),
    "subject type absent": ("actor_missing", lambda s: s.exchange(subject_token_type=None)),
    "actor absent": ("actor_missing", lambda s: s.exchange(None)),
    "actor and type absent": ("actor_missing", lambda s: s.exchange(None, actor_token_type=None)),
    "actor type absent": ("actor_missing", lambda s: s.exchange(actor_token_type=None)),
    "actor type wrong": ("actor_missing", lambda s: s.exchange(actor_token_type=ID_TOKEN)),
    "actor nonsense": ("actor_missing", lambda s: s.exchange("nonsense")),
    "actor an ID token": ("actor_missing", lambda s: s.exchange(s.staff.hint)),
    "actor a refresh token": ("actor_missing", lambda s: s.exchange(s.staff.refresh_token)),
    "actor acts itself": ("actor_missing", token_that_acts_itself),
    "actor without the scope": ("actor_token_may_not_act", token_without_the_scope),
    "actor's token over": ("actor_missing", token_of_five_minutes_ago),
    "actor unsigned": ("actor_missing", forged(lambda c: unsigned(c, header=_UNSIGNED))),
    "actor signed by anybody": ("actor_missing",
                                forged(lambda c: signed(new_client_key(), c, header={"typ": "at+jwt"}))),
    "actor with HMAC": ("actor_missing",
                        forged(lambda c: hmac_signed(c, header=_HMAC, secret=b""))),
    "actor is the owner": ("actor_is_owner", actor_is_the_owner),
    "viewer": ("actor_role", viewer),
    "not assigned": ("actor_not_assigned", owner_of_somebody_else),
    "member left": ("actor_role", member_has_left),
    "member moved": ("grant_of_other_agency", member_is_with_the_other_agency_now),
    "member suspended": ("actor_missing", member_suspended),
    "member signed out": ("actor_missing", member_signed_out),
    "member idle": ("actor_missing", member_left_alone_for_too_long),
    "the rival's token": ("actor_of_other_client", token_of_a_member_of_the_other_agency),
    "the rival at our portal": ("grant_of_other_agency", token_of_a_rival_who_signed_in_at_our_portal),
    "our token at the rival's": ("actor_of_other_client", token_of_our_member_at_the_rivals_portal),
    "the owner's own token": ("actor_of_other_client", token_of_the_owner),
}  # fmt: skip


@pytest.mark.parametrize("name", SITUATIONS)
def test_whatever_is_wrong_with_grant_or_actor_gets_one_identical_answer_and_one_audit_row(
    scene: Scene, name: str
) -> None:
    reason, exchange = SITUATIONS[name]
    reference, begun = scene.exchange("", uuid4()).expect_error("invalid_request"), len(scene.world.events())
    refused = exchange(scene)
    written = [
        event for event in scene.world.events()[begun:] if event.event == "delegation.exchange.refused"
    ]
    assert refused.face == reference.face
    assert [event.data["reason"] for event in written] == [reason]


def test_every_reason_about_grant_or_actor_is_among_the_situations() -> None:
    told_apart = {"client_may_not_act", "scope_beyond_grant"}
    of_systems = {"actor_of_other_kind"}  # test_rfc8693_systems
    reasons = {reason.value for reason in ExchangeRefusal if not reason.startswith("audience_")} - told_apart
    # Whoever is not alive is not identified at all: the rule keeps its own check, which is tested with it.
    assert {reason for reason, _ in SITUATIONS.values()} == (
        reasons - of_systems - {"actor_not_in_good_standing"}
    )


def test_the_situation_without_any_deviation_is_allowed(scene: Scene) -> None:
    assert scene.exchange().tokens().scope == {"mypage.read"}


def test_whoever_looks_after_the_owner_is_allowed_where_owners_are_assigned(scene: Scene) -> None:
    token = scene.portal.sign_in(LOGIN_ONLY).access_token
    scene.exchange(token).tokens()
    owner_of_somebody_else(scene).expect_error("invalid_request")
    give(scene.world, [scene.world.grant(HANAKO).id], Assignee(scene.world.member(LOGIN_ONLY).id))
    scene.exchange(token).tokens()
    scene.exchange().tokens()  # a manager serves every owner


def test_a_refusal_changes_nothing_but_the_audit_log(scene: Scene) -> None:
    rival = scene.portal.sign_in(RIVAL).access_token
    # The client has proved itself with an assertion of its own each time; that it may not do twice.
    before = scene.world.digest(without=["used_assertions"])
    for actor, grant in ((rival, ""), (None, ""), ("nonsense", ""), ("", uuid4()),
                         ("", scene.world.grant(ICHIRO).id)):  # fmt: skip
        scene.exchange(actor, grant).expect_error("invalid_request")
        scene.exchange(actor, grant, requested_token_type=TICKET).expect_error("invalid_request")
    assert scene.world.digest(without=["used_assertions"]) == before


@pytest.mark.parametrize(
    "wrong", [{"audience": "shop"}, {"scope": "mypage.write openid"}, {"audience": "nobody"}]
)
def test_who_has_no_grant_learns_nothing_about_audiences_and_scopes(
    scene: Scene, wrong: dict[str, str]
) -> None:
    reference = scene.exchange("", uuid4()).expect_error("invalid_request").face
    assert scene.exchange("", uuid4(), **wrong).face == reference
    assert scene.exchange("", scene.world.grant(ICHIRO).id, **wrong).face == reference
    assert scene.exchange(None, **wrong).face == reference


@pytest.mark.parametrize(
    "value", [json.dumps({"sub": "x"}), "' OR 1=1 --", "../..", "x" * 20_000, "あ", "%00", "-1", "0" * 36]
)
def test_a_subject_that_is_no_id_is_an_unknown_grant(scene: Scene, value: str) -> None:
    assert scene.exchange("", value).face == scene.exchange("", uuid4()).face


def test_guessing_ids_finds_nothing(scene: Scene) -> None:
    reference = scene.exchange("", uuid4()).expect_error("invalid_request").face
    assert {json.dumps(scene.exchange("", f"{number:032x}").face[1].decode()) for number in range(20)} == {
        json.dumps(reference[1].decode())
    }
