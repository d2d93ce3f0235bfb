"""What an API answers to a call whose access token is missing, bad or too narrow (RFC 6750 §3)."""

import pytest

from idp.demo import HANAKO
from tests.oauth.relying_party import RelyingParty
from tests.world import World

OPEN_TO_NOBODY = ["/api/me/profile", "/api/me/products", "/api/agency", "/api/delegations", "/oauth/userinfo"]


@pytest.mark.parametrize("path", OPEN_TO_NOBODY)
def test_a_call_without_a_token_is_told_that_one_is_needed_and_of_no_error(world: World, path: str) -> None:
    answer = world.api("GET", path)
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"] == f'Bearer realm="{world.settings.issuer}"'


@pytest.mark.parametrize("path", OPEN_TO_NOBODY)
def test_a_call_with_a_bad_token_is_told_that_it_is_bad(world: World, path: str) -> None:
    answer = world.api("GET", path, "nonsense")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].endswith(', error="invalid_token"')


def test_a_call_with_another_way_to_prove_oneself_is_told_of_no_error(world: World) -> None:
    client = world.app.test_client(use_cookies=False)
    headers = {"Authorization": "Basic YTpi"}
    answer = client.get("/api/me/profile", base_url=world.settings.issuer, headers=headers)
    assert answer.status_code == 401
    assert "error" not in answer.headers["WWW-Authenticate"]


def test_a_call_that_the_token_does_not_reach_names_the_scope(world: World, shop: RelyingParty) -> None:
    token = shop.sign_in(HANAKO).access_token
    assert world.api("GET", "/oauth/userinfo", token).status_code == 200
    answer = world.api("GET", "/api/me/products", token)
    assert answer.status_code == 403
    assert answer.headers["WWW-Authenticate"].endswith(', error="insufficient_scope", scope="products"')


def test_a_call_closed_to_proxy_logins_names_no_scope_that_would_open_it(
    world: World, portal: RelyingParty
) -> None:
    staff = portal.sign_in().access_token
    exchanged = portal.exchange(staff, world.grant(HANAKO).id)
    token = exchanged.response.get_json()["access_token"]
    assert world.api("GET", "/api/me/profile", token).status_code == 200
    answer = world.api("GET", "/api/delegations", token)
    assert answer.status_code == 403
    assert answer.headers["WWW-Authenticate"].endswith(', error="insufficient_scope"')
