"""Agencies' own systems, as relying parties of the tests."""

from idp.demo import MIRAI, AgencyPart
from idp.oauth.client_metadata import CLIENT_CREDENTIALS, TOKEN_EXCHANGE, ClientMetadata
from idp.oauth.clients import register_client
from idp.oauth.keys import new_client_key
from idp.oauth.models import Client
from tests.oauth.relying_party import RelyingParty
from tests.world import World

SCOPE = "act_as delegations.read"


def system_of(world: World, agency: AgencyPart = MIRAI, *, client_id: str = "mirai-system") -> RelyingParty:
    """Register a system of an agency and return it."""
    key, agency_id = new_client_key(), world.agency(agency).id
    metadata = ClientMetadata(
        client_id=client_id, client_name="みらい基幹システム", token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [{name: value for name, value in key.items() if name != "d"}]},
        grant_types=(CLIENT_CREDENTIALS, TOKEN_EXCHANGE), scope=SCOPE, act_as_audiences=("mypage",),
    )  # fmt: skip
    world.write(lambda session: register_client(session, metadata))
    world.write(lambda session: setattr(session.get_one(Client, client_id), "agency_id", agency_id))
    return RelyingParty(world, client_id, "", SCOPE, method="private_key_jwt", key=key)


def own_token(system: RelyingParty, scope: str | None = None) -> str:
    """Return an access token that the system has for itself."""
    return system.token({"grant_type": CLIENT_CREDENTIALS, "scope": scope}).tokens().access_token
