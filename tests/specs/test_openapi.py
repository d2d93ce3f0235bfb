"""The OpenAPI document: valid, complete, and what the server does.

That every answer is as promised is watched in every test of the suite (``tests/api_promises.py``); here each
operation is called once.
"""

from typing import Any
from uuid import uuid4

import pytest
from openapi_spec_validator import validate

from idp.demo import HANAKO, ICHIRO
from idp.openapi.views import document_for, read_document
from idp.problems import TITLES
from tests.api_promises import documented_path
from tests.delegation.steps import ask
from tests.oauth.relying_party import RelyingParty
from tests.world import World

METHODS = ("get", "post", "patch", "put", "delete")


def operations() -> set[tuple[str, str]]:
    return {
        (method.upper(), path)
        for path, item in read_document()["paths"].items()
        for method in METHODS
        if method in item
    }


def test_the_document_is_valid_and_names_this_installation(world: World) -> None:
    validate(document_for(world.settings))
    answer = world.api("GET", "/api/openapi.json")
    document = answer.get_json()
    assert document["servers"] == [{"url": world.settings.issuer}]
    assert answer.cache_control.max_age == 3600
    again = world.api("GET", "/api/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_every_route_of_the_apis_is_documented_and_nothing_else(world: World) -> None:
    routes = {
        (method, documented_path(rule.rule))
        for rule in world.app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes - operations() == set(), "write these into idp/openapi/openapi.yaml"
    assert operations() - routes == set(), "idp/openapi/openapi.yaml promises these"


def test_every_operation_asks_for_a_token_and_is_told_so_in_words(world: World) -> None:
    for method, path in sorted(operations() - {("GET", "/api/openapi.json")}):
        url = path.replace("{grant_id}", str(uuid4())).replace("{product_id}", str(uuid4()))
        answer = world.api(method, url.replace("{sid}", str(uuid4())), headers={"Accept-Language": "en"})
        assert (answer.status_code, answer.get_json()["code"]) == (401, "token_missing"), path
        assert answer.get_json()["title"].isascii()


def test_every_operation_of_owners_and_agencies_answers_as_promised(
    world: World, portal: RelyingParty, mypage: RelyingParty
) -> None:
    staff, owner = portal.sign_in().access_token, mypage.sign_in(HANAKO).access_token
    requested, active = world.grant(ICHIRO).id, world.grant(HANAKO).id
    product = world.api("GET", "/api/me/products", owner).get_json()["items"][0]["id"]
    many, called = [str(ask(world))], set[tuple[str, str]]()

    def call(method: str, path: str, token: str, *, url: str = "", status: int = 200, **sent: Any) -> None:
        answer = world.api(method, url or path, token, **sent)
        assert answer.status_code == status, (path, answer.text)
        called.add((method, path))

    for path in ("/api/agency", "/api/agency/staff", "/api/agency/rules", "/api/delegations"):
        call("GET", path, staff)
    for path in ("/api/me/profile", "/api/me/products", "/api/me/delegations", "/api/me/proxy-logins"):
        call("GET", path, owner)
    call("GET", "/api/delegations/{grant_id}", staff, url=f"/api/delegations/{requested}")
    call("PATCH", "/api/me/products/{product_id}", owner, url=f"/api/me/products/{product}",
         json={"services": {"watch": True}})  # fmt: skip
    call("POST", "/api/delegations/assign", staff, json={"ids": [str(active)], "member": None})
    for action, key in (("approve", "a"), ("deny", "b"), ("release", "c")):
        call(
            "POST", f"/api/delegations/{action}", staff, json={"ids": many}, headers={"Idempotency-Key": key}
        )
    for action, grant_id, status in (
        ("approve", requested, 200),
        ("deny", requested, 409),
        ("release", active, 200),
    ):
        path = f"/api/delegations/{{grant_id}}/{action}"
        call("POST", path, staff, url=path.replace("{grant_id}", str(grant_id)), status=status)
    call("GET", "/api/openapi.json", "")
    left = {one for one in operations() - called if one[1] != "/api/proxy-logins/{sid}/activities"}
    assert left == set(), "call these here too"


def test_an_answer_that_is_not_as_promised_does_not_pass_unseen(
    world: World, portal: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = portal.sign_in().access_token
    assert world.api("GET", "/api/delegations", staff).status_code == 200
    monkeypatch.setattr("idp.delegation.api.counts_by_state", lambda *_args, **_more: {"requested": -1})
    assert world.api("GET", "/api/delegations", staff).status_code == 500


def test_each_code_of_a_problem_has_a_title_in_both_languages(world: World) -> None:
    from flask_babel import force_locale

    with world.app.test_request_context("/api/x"):
        for code, title in TITLES.items():
            with force_locale("en_GB"):
                assert str(title).isascii(), code
            with force_locale("ja"):
                assert not str(title).isascii(), code
