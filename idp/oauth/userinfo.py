"""The userinfo endpoint (OIDC Core §5.3): claims of the person as they are now."""

from typing import Any

from sqlalchemy.orm import Session

from idp.accounts.people import find_account
from idp.oauth.scopes import claims_for
from idp.web import BearerIdentity


def userinfo(session: Session, identity: BearerIdentity) -> dict[str, Any]:
    """Return the claims that the token's scopes open; under act, who acts and nothing else of the owner."""
    claims: dict[str, Any] = {"sub": identity.sub}
    if identity.actor is not None:
        return {**claims, "act": {"sub": str(identity.actor)}, "delegation": str(identity.grant_id)}
    account = find_account(session, identity.subject)
    if account is not None:
        claims |= claims_for(identity.scope, name=account.name, email=account.email)
    return claims
