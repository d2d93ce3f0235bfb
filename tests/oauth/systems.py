"""Agencies' own systems, as relying parties of the tests."""

from typing import Any

from idp.demo import MIRAI, AgencyPart
from idp.oauth.client_metadata import CLIENT_CREDENTIALS
from idp.oauth.keys import new_client_key
from idp.oauth.systems.service import SystemDetails, register_system
from tests.oauth.relying_party import RelyingParty
from tests.world import World

SCOPE = "act_as delegations.read"
RECEIVER = "http://localhost:9999/events"


def public(key: dict[str, Any]) -> dict[str, Any]:
    """Return the public half of a key."""
    return {name: value for name, value in key.items() if name != "d"}


def system_of(
    world: World, agency: AgencyPart = MIRAI, *, name: str = "発電量レポート", receiver: str | None = RECEIVER
) -> RelyingParty:
    """Register a system as the agency's manager does, and return it."""
    key, manager = new_client_key(), world.member(agency.members[0])
    details = SystemDetails(
        name, audiences=("mypage",), jwks={"keys": [public(key)]}, event_receiver_uri=receiver
    )
    client_id = world.write(
        lambda session: register_system(session, manager, details, internal_calls=True).client_id
    )
    return RelyingParty(world, client_id, "", SCOPE, method="private_key_jwt", key=key)


def own_token(system: RelyingParty, scope: str | None = None) -> str:
    """Return an access token that the system has for itself."""
    return system.token({"grant_type": CLIENT_CREDENTIALS, "scope": scope}).tokens().access_token
