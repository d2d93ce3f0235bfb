"""Who calls an API with an access token (RFC 6750, RFC 9068 §4), asked of the live records at each call.

The API takes tokens whose audience is this server, and act-as tokens for a relying party whose
permissions it serves (docs/decisions/0005-audience-of-act-as-tokens.md).
"""

from sqlalchemy.orm import Session

from idp.oauth.issuing import live_act_as, standing_of
from idp.oauth.models import TokenFamily
from idp.oauth.tokens import AccessClaims, Mint, TokenUnreadable, read_access_token
from idp.web import BearerIdentity


def identify(session: Session, mint: Mint, authorization: str) -> BearerIdentity | None:
    """Return who an Authorization header speaks for, or None if its token is not (any longer) good."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    try:
        claims = read_access_token(mint, token.strip())
    except TokenUnreadable:
        return None
    return (
        _identify_act_as(session, mint, claims) if claims.has_act else _identify_self(session, mint, claims)
    )


def _identify_self(session: Session, mint: Mint, claims: AccessClaims) -> BearerIdentity | None:
    family = session.get(TokenFamily, claims.family_id) if claims.family_id else None
    standing = standing_of(session, family, settings=mint.settings)
    if standing is None or standing.act_as is not None or claims.audience != mint.settings.issuer:
        return None
    account_id = standing.family.account_id
    return BearerIdentity(account_id, claims.client_id, claims.scope, claims.sid, sub=claims.sub)


def _identify_act_as(session: Session, mint: Mint, claims: AccessClaims) -> BearerIdentity | None:
    if claims.family_id is not None:
        family = session.get(TokenFamily, claims.family_id)
        if standing_of(session, family, settings=mint.settings) is None:
            return None
    act_as = live_act_as(session, claims.sid, settings=mint.settings) if claims.sid else None
    if act_as is None or act_as.audience != claims.audience:
        return None
    return BearerIdentity(
        act_as.grant.owner_id, claims.client_id, claims.scope & frozenset({*act_as.scope.split(), "openid"}),
        act_as.id, actor=act_as.member.account_id, grant_id=act_as.grant_id, sub=claims.sub,
    )  # fmt: skip
