"""What the modules start from: a run, and the clients that the plans are configured with."""

from typing import Any

import pytest

from tests.certification.suite import CALLBACK, Suite
from tests.oauth.registrar import Registrar
from tests.oauth.relying_party import RelyingParty
from tests.oauth.third_parties import third_party
from tests.world import World

SCOPE = "openid profile email address phone offline_access"


@pytest.fixture
def response_mode() -> str:
    """The plans for form_post run the same modules with another one."""
    return "query"


@pytest.fixture
def suite(world: World, response_mode: str) -> Suite:
    return Suite(world, response_mode)


def static_client(world: World, client_id: str, **metadata: Any) -> RelyingParty:
    """Register a client as the operator does for the suite; its code flow does without PKCE."""
    return third_party(
        world, client_id,
        **{"redirect_uris": (CALLBACK,), "require_pkce": False, "scope": SCOPE,
           "client_name": "OpenID conformance suite", **metadata},
    )  # fmt: skip


@pytest.fixture
def client(world: World) -> RelyingParty:
    return static_client(world, "conformance-1")


@pytest.fixture
def client2(world: World) -> RelyingParty:
    return static_client(world, "conformance-2")


@pytest.fixture
def client_secret_post(world: World) -> RelyingParty:
    return static_client(world, "conformance-post", token_endpoint_auth_method="client_secret_post")


@pytest.fixture
def registrar(world: World) -> Registrar:
    return Registrar(world)
