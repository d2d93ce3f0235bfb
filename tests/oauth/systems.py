"""Agencies' own systems, as relying parties of the tests."""

from typing import Any

from idp.demo import MIRAI, AgencyPart
from idp.oauth.client_metadata import CLIENT_CREDENTIALS, TOKEN_EXCHANGE, ClientMetadata
from idp.oauth.clients import register_client
from idp.oauth.keys import new_client_key
from idp.oauth.models import Client
from tests.oauth.relying_party import RelyingParty
from tests.world import World

SCOPE = "act_as delegations.read"
NAME = "みらい基幹システム"
RECEIVER = "http://localhost:9999/events"


def public(key: dict[str, Any]) -> dict[str, Any]:
    """Return the public half of a key."""
    return {name: value for name, value in key.items() if name != "d"}


def system_of(
    world: World, agency: AgencyPart = MIRAI, *, client_id: str = "mirai-system", receiver: str = RECEIVER
) -> RelyingParty:
    """Register a system of an agency and return it."""
    key, agency_id = new_client_key(), world.agency(agency).id
    metadata = ClientMetadata(
        client_id=client_id, client_name=NAME, token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [public(key)]}, grant_types=(CLIENT_CREDENTIALS, TOKEN_EXCHANGE), scope=SCOPE,
        act_as_audiences=("mypage",),
    )  # fmt: skip
    world.write(lambda session: register_client(session, metadata))

    def belong(client: Client) -> None:
        client.agency_id, client.event_receiver_uri = agency_id, receiver

    world.write(lambda session: belong(session.get_one(Client, client_id)))
    return RelyingParty(world, client_id, "", SCOPE, method="private_key_jwt", key=key)


def own_token(system: RelyingParty, scope: str | None = None) -> str:
    """Return an access token that the system has for itself."""
    return system.token({"grant_type": CLIENT_CREDENTIALS, "scope": scope}).tokens().access_token
