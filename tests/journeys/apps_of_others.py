"""Apps that are not the club's own, in the running club: registering one, and how it asks."""

from urllib.parse import urlencode

from idp import credentials
from idp.oauth.client_metadata import AUTHORIZATION_CODE, REFRESH_TOKEN, ClientMetadata
from idp.oauth.clients import register_client
from idp.unit_of_work import unit_of_work
from tests.journeys.club import Club


def register_app(club: Club, *, is_public: bool = False) -> str:
    """Register an app of somebody else's and return its client id."""
    metadata = ClientMetadata(
        client_id=f"tour-{credentials.new_id()}", client_name="お庭みまもりアプリ", client_uri=club.portal,
        token_endpoint_auth_method="none" if is_public else "client_secret_basic",
        redirect_uris=(f"{club.idp}/signed-out",),
        scope="openid profile email address phone products offline_access", policy_uri=club.portal,
        grant_types=(AUTHORIZATION_CODE, REFRESH_TOKEN), initiate_login_uri=f"{club.mypage}/oidc/initiate",
    )  # fmt: skip
    with unit_of_work(club.casting.database) as session:
        register_client(session, metadata)
    return metadata.client_id


def asking(club: Club, client_id: str, **deviation: str) -> str:
    """Return the address at which an app asks for everything."""
    parameters = {
        "response_type": "code", "client_id": client_id, "redirect_uri": f"{club.idp}/signed-out",
        "scope": "openid profile email address phone products", "code_challenge": "x" * 43,
        "code_challenge_method": "S256", **deviation,
    }  # fmt: skip
    return f"{club.idp}/oauth/authorize?{urlencode(parameters)}"
