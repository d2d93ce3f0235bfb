"""The APIs of people's own data, called by whoever the access token was verified to speak for."""

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from flask import g
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from idp import clock
from idp.accounts.models import Agency, Product
from idp.accounts.rules import AgencyStatus, MemberRole
from idp.audit.models import AuditEvent
from idp.web import BearerIdentity
from tests.accounts.conftest import Club

SERIAL = "HC-A10001WN1"


class Caller:
    """An application with a token whose verification ended in ``identity``."""

    def __init__(self, club: Club) -> None:
        self.club = club
        self.identity: BearerIdentity | None = None
        club.app.before_request(self._arrive)

    def _arrive(self) -> None:
        g.bearer = self.identity

    def call(self, method: str, path: str, body: Any = None) -> TestResponse:
        data = body if isinstance(body, bytes) else json.dumps(body)
        return self.club.app.test_client().open(
            path,
            method=method,
            base_url=self.club.settings.issuer,
            data=data,
            content_type="application/json",
        )


@pytest.fixture
def caller(club: Club) -> Caller:
    return Caller(club)


@pytest.fixture
def owner(club: Club) -> uuid.UUID:
    return club.make_owner()


@pytest.fixture
def product(club: Club, owner: uuid.UUID) -> uuid.UUID:
    return club.make_product(SERIAL, owner_id=owner, watch_joined_at=clock.now())


def of_owner(owner: uuid.UUID, *scope: str) -> BearerIdentity:
    return BearerIdentity(owner, "mypage", frozenset(scope), uuid.uuid4())


def under_act(owner: uuid.UUID, actor: uuid.UUID, *scope: str) -> BearerIdentity:
    return BearerIdentity(owner, "mypage", frozenset(scope), uuid.uuid4(), actor=actor, grant_id=uuid.uuid4())


def test_an_owner_reads_their_own_data(caller: Caller, owner: uuid.UUID) -> None:
    caller.identity = of_owner(owner, "profile")
    answer = caller.call("GET", "/api/me/profile")
    assert answer.status_code == 200
    body = answer.json
    assert body is not None
    assert body.pop("registered_at").endswith("Z")
    assert body == {
        "sub": str(owner), "user_id": 10000001, "email": "hanako@owner.example", "name": "山田 花子",
        "furigana": "ヤマダ ハナコ", "postal_code": "6040845", "prefecture": "京都府", "city": "京都市中京区",
        "street": "烏丸通御池上る1-2", "phone": "0751234567", "info_sharing": False,
    }  # fmt: skip


def test_an_owner_reads_their_own_products_and_nobody_elses(
    club: Club, caller: Caller, owner: uuid.UUID, product: uuid.UUID
) -> None:
    club.make_product("HC-A2", product_id=9, owner_id=club.make_owner("other@owner.example", user_id=2))
    caller.identity = of_owner(owner, "products")
    items = (caller.call("GET", "/api/me/products").json or {})["items"]
    assert [(item["id"], item["product_id"], item["model"], item["serial_number"]) for item in items] == [
        (str(product), 501, "ESS-U4X1", SERIAL)
    ]
    assert items[0]["remote_serial_number"] is None
    assert items[0]["services"]["watch"]["joined"] is True
    assert items[0]["services"]["watch"]["joined_at"].endswith("Z")
    assert items[0]["services"]["ai_control"] == {"joined": False, "joined_at": None}
    assert set(items[0]["services"]) == {"watch", "weather_warning", "early_advisory", "ai_control"}


def test_an_owner_joins_and_leaves_services(
    club: Club, caller: Caller, owner: uuid.UUID, product: uuid.UUID
) -> None:
    caller.identity = of_owner(owner, "products.write")
    body = {"services": {"ai_control": True, "watch": False}}
    answer = caller.call("PATCH", f"/api/me/products/{product}", body)
    assert answer.status_code == 200
    assert (answer.json or {})["services"]["ai_control"]["joined"] is True
    stored = club.read(lambda session: session.get(Product, product))
    assert (stored.watch_joined_at, stored.ai_control_joined_at is None) == (None, False)
    event = club.read(lambda session: session.scalars(select(AuditEvent)).one())
    assert (event.actor_id, event.owner_id, event.grant_id) == (owner, owner, None)


def test_what_a_member_changes_for_an_owner_is_recorded_with_actor_and_grant(
    club: Club, caller: Caller, owner: uuid.UUID, product: uuid.UUID
) -> None:
    member = club.make_member()
    agency = club.read(lambda session: session.scalars(select(Agency.id)).one())
    caller.identity = replace(under_act(owner, member, "mypage.read", "mypage.write"), agency_id=agency)
    answer = caller.call("PATCH", f"/api/me/products/{product}", {"services": {"ai_control": True}})
    assert answer.status_code == 200
    event = club.read(lambda session: session.scalars(select(AuditEvent)).one())
    assert (event.actor_id, event.owner_id, event.agency_id, event.grant_id, event.session_id) == (
        member, owner, agency, caller.identity.grant_id, caller.identity.session_id,
    )  # fmt: skip
    assert event.data == {"product_id": 501, "joined": ["ai_control"], "left": []}


READ, WRITE = ("GET", "/api/me/products"), ("PATCH", "/api/me/products/{product}")
PROFILE, AGENCY = ("GET", "/api/me/profile"), ("GET", "/api/agency")


@pytest.mark.parametrize(
    ("call", "scope", "status"),
    [
        (PROFILE, "profile", 200), (PROFILE, "openid email products products.write", 403),
        (PROFILE, "mypage.read mypage.write", 403),
        (READ, "products", 200), (READ, "profile products.write mypage.read", 403),
        (WRITE, "products.write", 200), (WRITE, "products profile mypage.write", 403),
        (AGENCY, "agency.read", 403), (AGENCY, "profile", 403),
    ],
)  # fmt: skip
def test_an_owners_token_reaches_what_its_scope_names(
    caller: Caller, owner: uuid.UUID, product: uuid.UUID, call: tuple[str, str], scope: str, status: int
) -> None:
    caller.identity = of_owner(owner, *scope.split())
    method, path = call
    answer = caller.call(method, path.format(product=product), {"services": {"watch": True}})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("call", "scope", "status"),
    [
        (PROFILE, "mypage.read", 200), (PROFILE, "profile mypage.write", 403),
        (READ, "mypage.read", 200), (READ, "products mypage.write", 403),
        (WRITE, "mypage.write", 200), (WRITE, "mypage.read products.write", 403),
        (AGENCY, "agency.read mypage.read mypage.write", 403),
    ],
)  # fmt: skip
def test_a_token_under_act_reaches_what_the_grant_allows(
    club: Club, caller: Caller, owner: uuid.UUID, product: uuid.UUID, *,
    call: tuple[str, str], scope: str, status: int,
) -> None:  # fmt: skip
    caller.identity = under_act(owner, club.make_member(), *scope.split())
    method, path = call
    answer = caller.call(method, path.format(product=product), {"services": {"watch": True}})
    assert answer.status_code == status


@pytest.mark.parametrize("call", [PROFILE, READ, WRITE, AGENCY])
def test_without_a_token_there_is_a_problem_document(
    caller: Caller, product: uuid.UUID, call: tuple[str, str]
) -> None:
    method, path = call
    answer = caller.call(method, path.format(product=product), {"services": {}})
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")


def test_a_foreign_and_an_unknown_product_look_the_same(club: Club, caller: Caller, owner: uuid.UUID) -> None:
    foreign = club.make_product("HC-A2", owner_id=club.make_owner("other@owner.example", user_id=2))
    caller.identity = of_owner(owner, "products.write")
    before = club.digest()
    answers = [
        caller.call("PATCH", f"/api/me/products/{product}", {"services": {"watch": True}})
        for product in (foreign, uuid.uuid4())
    ]
    bodies = [{**(answer.json or {}), "request_id": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert bodies[0] == bodies[1]
    assert club.digest() == before


@pytest.mark.parametrize(
    "body",
    [
        {}, [], None, {"services": []}, {"services": {"free_energy": True}}, {"services": {"watch": "yes"}},
        {"services": {"watch": 1}}, {"services": {"watch": True}, "owner_id": "x"}, b"{", b"\xff", b"",
    ],
)  # fmt: skip
def test_a_body_that_is_no_change_of_services_changes_nothing(
    club: Club, caller: Caller, owner: uuid.UUID, product: uuid.UUID, body: Any
) -> None:
    caller.identity = of_owner(owner, "products.write")
    before = club.digest()
    answer = caller.call("PATCH", f"/api/me/products/{product}", body)
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert club.digest() == before


@pytest.mark.parametrize(
    ("role", "can_decide", "can_proxy_login"),
    [
        (MemberRole.MANAGER, True, True), (MemberRole.APPROVER, True, True),
        (MemberRole.PROXY_LOGIN, False, True), (MemberRole.VIEWER, False, False),
    ],
)  # fmt: skip
def test_a_member_reads_the_agency_and_their_own_place_in_it(
    club: Club, caller: Caller, role: MemberRole, *, can_decide: bool, can_proxy_login: bool
) -> None:
    caller.identity = BearerIdentity(
        club.make_member(role=role), "agency-portal", frozenset({"agency.read"}), uuid.uuid4()
    )
    body = caller.call("GET", "/api/agency").json or {}
    assert (body["name"], body["email"], body["phone"]) == (
        "株式会社みらい電工",
        "info@mirai.example",
        "0757654321",
    )
    assert body["member"] == {
        "name": "佐藤 健一", "role": role, "can_decide": can_decide, "can_proxy_login": can_proxy_login,
        "can_manage": role is MemberRole.MANAGER,
    }  # fmt: skip


def test_the_agency_of_a_suspended_agency_is_closed(club: Club, caller: Caller) -> None:
    caller.identity = BearerIdentity(
        club.make_member(), "agency-portal", frozenset({"agency.read"}), uuid.uuid4()
    )
    assert caller.call("GET", "/api/agency").status_code == 200
    club.write(lambda session: session.execute(update(Agency).values(status=AgencyStatus.SUSPENDED)))
    assert caller.call("GET", "/api/agency").status_code == 403
