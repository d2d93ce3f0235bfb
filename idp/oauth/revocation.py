"""Token revocation (RFC 7009): a client takes back what was issued to it.

Revoking a refresh token or an access token revokes everything of the same authorization (§2.1). A token
that is unknown, over or another client's gets the same 200 as one that was revoked (§2.2), so that nobody
learns which tokens exist.
"""

from authlib.oauth2.rfc6749 import InvalidRequestError

from idp import clock, credentials
from idp.credentials import SecretKind
from idp.delegation import proxy_logins
from idp.delegation.rules import SessionEnd
from idp.oauth.issuing import revoke_client_token, revoke_family
from idp.oauth.models import RefreshToken
from idp.oauth.server import EndpointAnswer, ProtocolRequest, ProtocolServer
from idp.oauth.tokens import TokenUnreadable, read_access_token


def revoke(server: ProtocolServer, request: ProtocolRequest) -> EndpointAnswer:
    """Answer a revocation request (§2.1).

    :raises OAuth2Error: the client is not authenticated, or sent no token.
    """
    client = server.authenticate_client(request, endpoint="revocation")
    token = request.parameters.get("token")
    if token is None:
        raise InvalidRequestError("token is missing (RFC 7009 2.1)")
    if credentials.is_kind(token, SecretKind.REFRESH_TOKEN):
        stored = server.session.get(RefreshToken, credentials.digest(token))
        if stored is not None and stored.family.client_id == client.client_id:
            revoke_family(server.session, stored.family_id, clock.now())
        return EndpointAnswer(200, None)
    try:
        claims = read_access_token(server.mint, token)
    except TokenUnreadable:
        return EndpointAnswer(200, None)
    if claims.client_id == client.client_id:
        if claims.family_id is None and not claims.has_act:
            revoke_client_token(server.session, claims)
        if claims.family_id is not None:
            revoke_family(server.session, claims.family_id, clock.now())
        if claims.has_act and claims.sid is not None:
            proxy_logins.end_session(server.session, claims.sid, reason=SessionEnd.STAFF, tell_app=True)
    return EndpointAnswer(200, None)
