"""RFC 9207: every answer of the authorization endpoint says who gives it, so that no mix-up goes unseen."""

import pytest

from idp.demo import HANAKO
from tests.oauth.relying_party import RelyingParty
from tests.world import World


@pytest.mark.parametrize(
    ("error", "deviation"),
    [
        (None, {}),
        ("login_required", {"prompt": "none"}),
        ("invalid_request", {"code_challenge": None}),
        ("invalid_scope", {"scope": "x"}),
        ("unsupported_response_type", {"response_type": "token"}),
        ("invalid_request_object", {"request": "x"}),
        ("request_uri_not_supported", {"request_uri": "https://x.example"}),
        ("registration_not_supported", {"registration": "{}"}),
        ("invalid_request", {"nonce": ["a", "b"]}),
        ("login_required", {"login_hint": "oct_" + "x" * 43}),
    ],
    ids=str,
)
@pytest.mark.parametrize("client", ["mypage", "shop"])
def test_success_and_every_error_carry_the_issuer_of_the_metadata(
    world: World,
    parties: dict[str, RelyingParty],
    client: str,
    error: str | None,
    deviation: dict[str, object],
) -> None:
    metadata = world.api("GET", "/.well-known/openid-configuration").get_json()
    assert metadata["authorization_response_iss_parameter_supported"] is True
    answer = parties[client].authorize(None if error else world.browser(HANAKO), **deviation)
    answer.expect_error(error) if error else answer.expect_code()
    assert answer.parameters["iss"] == metadata["issuer"]


def test_nobody_else_can_put_an_issuer_into_the_answer(world: World, mypage: RelyingParty) -> None:
    answer = mypage.authorize(world.browser(HANAKO), iss="https://evil.example")
    answer.expect_code()
    assert answer.parameters["iss"] == world.settings.issuer
