"""docs/examples/conformance.yaml: the clients and the person with which the plans are run."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from idp.accounts.models import Account
from idp.apply.command import apply_file
from idp.oauth.models import Client
from tests.certification.conditions import came_back, check_tokens, check_userinfo
from tests.certification.fapi2 import Pushing
from tests.certification.suite import Suite
from tests.house.tree import ROOT
from tests.oauth.proofs import new_proof_key, public_of
from tests.oauth.relying_party import RelyingParty
from tests.world import World

EXAMPLE = ROOT / "docs/examples/conformance.yaml"
PERSON, PASSWORD = "conformance@owner.example", "a-password-for-conformance"


@pytest.fixture
def secrets(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Apply the document and return the secrets that it prints, by client."""
    monkeypatch.setenv("CONFORMANCE_PASSWORD", PASSWORD)
    changes = world.write(lambda session: apply_file(session, EXAMPLE))
    return {change.what.split()[-1]: change.secret for change in changes if change.secret}


@pytest.fixture
def suite(world: World, secrets: dict[str, str | None]) -> Suite:
    assert world.read(
        lambda session: session.scalars(select(Account.id).where(Account.email == PERSON)).one()
    )
    return Suite(world, email=PERSON, password=PASSWORD)


def party(world: World, client_id: str, **more: Any) -> RelyingParty:
    client = world.read(lambda session: session.get_one(Client, client_id))
    return RelyingParty(
        world, client_id, client.redirect_uris[0], client.scope, client.token_endpoint_auth_method, **more
    )


@pytest.mark.parametrize("client_id", ["conformance", "conformance-2", "conformance-post"])
def test_the_static_clients_do_without_pkce_and_the_person_has_every_claim(
    suite: Suite, secrets: dict[str, str | None], client_id: str
) -> None:
    given = party(suite.world, client_id, secret=secrets[client_id] or "")
    callback = came_back(suite, suite.visit(given, scope="openid profile email address phone"))
    tokens = check_tokens(suite, given, suite.redeem(given, callback), nonce=callback.sent["nonce"])
    told = check_userinfo(suite, tokens)
    assert {"name", "email", "email_verified", "address", "phone_number", "phone_number_verified"} <= set(
        told
    )


@pytest.mark.parametrize("client_id", ["conformance-fapi2", "conformance-fapi2-2"])
def test_the_clients_of_the_profile_keep_to_it(suite: Suite, client_id: str) -> None:
    key = {**new_proof_key(), "kid": "own"}

    def put_own_key(session: Any) -> None:
        session.get_one(Client, client_id).jwks = {"keys": [public_of(key)]}

    suite.world.write(put_own_key)
    given = party(suite.world, client_id, key=key, dpop_key=new_proof_key())
    tokens = Pushing(suite, given).tokens(claims=json.dumps({"userinfo": {"name": None}}))
    headers = given.with_proof(tokens.access_token, "/oauth/userinfo")
    told = suite.world.api("GET", "/oauth/userinfo", headers=headers).get_json()
    assert set(told) == {"sub", "name"}
