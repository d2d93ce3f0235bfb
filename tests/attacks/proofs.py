"""Good and bad proofs of who a client is, and what a bad one must not bring."""

from typing import Any

from idp import clock
from tests.attacks.stage import Stage
from tests.oauth.assertions import claims_of, client_assertion
from tests.oauth.relying_party import RelyingParty


def refuse(
    stage: Stage, party: RelyingParty, code: str, *, error: str = "invalid_client", **deviation: Any
) -> None:
    """Expect that the deviating request gets nothing and leaves the code as good as it was."""
    with stage.unchanged():
        party.redeem(code, **deviation).expect_error(error)


def made(portal: RelyingParty, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Return an assertion of the portal that deviates in header or claims; times are from now."""
    now = clock.epoch(clock.now())
    moved = {name: now + value if name in {"exp", "iat", "nbf"} and type(value) is int else value
             for name, value in claims.items()}  # fmt: skip
    return client_assertion(
        portal.key, client_id="agency-portal", settings=portal.world.settings, header=header, **moved
    )


def claims_now(portal: RelyingParty) -> dict[str, Any]:
    """Return what a good assertion says."""
    return claims_of(made(portal))
