"""The userinfo endpoint (OIDC Core §5.3): claims of the person as they are now."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from idp.accounts.people import find_account
from idp.oauth.claims_parameter import requested
from idp.oauth.clients import find_client
from idp.oauth.models import SignInPage, TokenFamily
from idp.oauth.scopes import claims_about, claims_opened_by
from idp.oauth.tokens import Mint, mint_userinfo_token
from idp.web import BearerIdentity


@dataclass(frozen=True)
class UserinfoAnswer:
    """What the endpoint answers: claims as JSON, or the JWT that the client registered for (§5.3.2)."""

    claims: dict[str, Any]
    signed: str | None


def answer_userinfo(session: Session, mint: Mint, identity: BearerIdentity) -> UserinfoAnswer:
    """Return the claims, signed with ``userinfo_signed_response_alg`` if the client registered one."""
    claims = userinfo(session, identity)
    client = find_client(session, identity.client_id)
    alg = client.userinfo_signed_response_alg if client else None
    signed = mint_userinfo_token(mint, audience=identity.client_id, claims=claims, alg=alg) if alg else None
    return UserinfoAnswer(claims, signed)


def userinfo(session: Session, identity: BearerIdentity) -> dict[str, Any]:
    """Return the claims that scopes and ``claims`` parameter open; under act, who acts and nothing else."""
    claims: dict[str, Any] = {"sub": identity.sub}
    if identity.is_acting:
        actor = identity.client_id if identity.actor is None else str(identity.actor)
        return {**claims, "act": {"sub": actor}, "delegation": str(identity.grant_id)}
    account, client = find_account(session, identity.subject), find_client(session, identity.client_id)
    family = session.get(TokenFamily, identity.family_id) if identity.family_id else None
    if account is None or client is None:
        return claims
    names = claims_opened_by(identity.scope) | (requested(family, "userinfo") if family else frozenset())
    return claims | claims_about(account, names, as_owner=client.sign_in_page == SignInPage.OWNERS)
