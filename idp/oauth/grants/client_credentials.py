"""``grant_type=client_credentials`` (RFC 6749 §4.4): a confidential client speaks for itself.

There is no person in it, so there is no ID token, no refresh token (§4.4.3) and no scope that is about a
person. The token is believed as long as the client is in good standing and has not revoked it.
"""

from typing import Any

from authlib.oauth2.rfc6749 import InvalidScopeError
from authlib.oauth2.rfc6749.errors import UnauthorizedClientError

from idp.oauth.api_scopes import scopes_for_client
from idp.oauth.client_metadata import CLIENT_CREDENTIALS
from idp.oauth.issuing import token_type
from idp.oauth.models import Client
from idp.oauth.parameters import Parameters
from idp.oauth.resource_indicators import audience_for_client
from idp.oauth.server import Grant
from idp.oauth.tokens import Subject, mint_access_token


class ClientCredentialsGrant(Grant):
    """Issue an access token whose ``sub`` is the client (RFC 9068 §2.2)."""

    GRANT_TYPE = CLIENT_CREDENTIALS
    scope: frozenset[str]
    audience: str

    def check_request(self, client: Client, parameters: Parameters) -> None:
        """Check that the client can keep a secret, and that it asks for nothing of a person's."""
        if not client.is_confidential:
            raise UnauthorizedClientError("client_credentials is for confidential clients (RFC 6749 4.4)")
        allowed = scopes_for_client(self.server.session, client)
        asked = frozenset(parameters["scope"].split()) if "scope" in parameters else allowed
        if not asked <= allowed:
            raise InvalidScopeError("scope is not one that this client can have for itself")
        issuer = self.server.mint.settings.issuer
        self.scope = asked
        self.audience = audience_for_client(client, parameters.get("resource"), issuer=issuer)

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Issue; nothing is stored."""
        client_id: str = self.client.client_id
        subject = Subject(
            sub=client_id, client_id=client_id, scope=self.scope, sid=None, authenticated_at=None,
            jkt=self.jkt,
        )  # fmt: skip
        token, life = mint_access_token(self.server.mint, subject, audience=self.audience, family_id=None)
        body: dict[str, Any] = {
            "access_token": token, "token_type": token_type(self.jkt), "expires_in": life
        }  # fmt: skip
        if self.scope:
            body["scope"] = " ".join(sorted(self.scope))
        return 200, body, []
