"""Apps that are not the club's own, made for one test: people are asked about them."""

from typing import Any

from idp.oauth.client_metadata import AUTHORIZATION_CODE, REFRESH_TOKEN, ClientMetadata
from idp.oauth.clients import register_client
from idp.oauth.keys import new_client_key
from idp.oauth.models import ClientProfile
from tests.oauth.relying_party import RelyingParty
from tests.world import World

GARDEN_SECRET = "ock_secret-of-the-garden"
GARDEN_SCOPE = "openid profile email address phone products offline_access"


def third_party(world: World, client_id: str = "garden", **metadata: Any) -> RelyingParty:
    """Register a confidential app of somebody else's and return it; ``metadata`` deviates."""
    given = {
        "client_name": "お庭アプリ", "client_uri": "https://garden.example",
        "token_endpoint_auth_method": "client_secret_basic", "scope": GARDEN_SCOPE,
        "redirect_uris": ("https://garden.example/cb",), "grant_types": (AUTHORIZATION_CODE, REFRESH_TOKEN),
        **metadata,
    }  # fmt: skip
    method = given["token_endpoint_auth_method"]
    secret = GARDEN_SECRET if method.startswith("client_secret") else None
    registered = ClientMetadata(client_id=client_id, secret=secret, **given)
    world.write(lambda session: register_client(session, registered))
    return RelyingParty(
        world, client_id, (*registered.redirect_uris, "")[0], registered.scope, method, secret or ""
    )


def signing_party(world: World, client_id: str = "bank", **metadata: Any) -> RelyingParty:
    """Register an app that has a key and authenticates by it."""
    key = new_client_key()
    public = {name: value for name, value in key.items() if name != "d"}
    party = third_party(
        world, client_id,
        **{"client_name": "ひまわり銀行", "token_endpoint_auth_method": "private_key_jwt",
           "jwks": {"keys": [public]}, "redirect_uris": ("https://bank.example/cb",),
           "scope": "openid profile", **metadata},
    )  # fmt: skip
    party.key = key
    return party


def fapi2_party(world: World, client_id: str = "bank", **metadata: Any) -> RelyingParty:
    """Register an app of the FAPI 2.0 Security Profile."""
    return signing_party(world, client_id, **{"profile": ClientProfile.FAPI2, **metadata})
