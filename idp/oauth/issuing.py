"""Issuing tokens from a token family: the one place where code and refresh grants meet."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.people import is_member_in_good_standing
from idp.accounts.rules import AccountStatus
from idp.accounts.sessions.service import is_alive
from idp.credentials import SecretKind
from idp.db import insert_once
from idp.delegation import proxy_logins
from idp.delegation.authority import NoAuthority, session_authority
from idp.delegation.exchange_rules import AudienceFacts, ClientFacts
from idp.delegation.models import ActAsSession
from idp.delegation.permissions.products import limited_products
from idp.oauth.claims_parameter import requested_claims
from idp.oauth.client_metadata import CLIENT_CREDENTIALS, REFRESH_TOKEN, TOKEN_EXCHANGE
from idp.oauth.clients import find_client
from idp.oauth.models import Client, ClientStatus, RefreshToken, RevokedToken, SignInPage, TokenFamily
from idp.oauth.resource_indicators import audience_of
from idp.oauth.scopes import ACT_AS, OFFLINE_ACCESS
from idp.oauth.subjects import subject_for
from idp.oauth.tokens import AccessClaims, ActClaim, Mint, Subject, mint_access_token, mint_id_token
from idp.settings import Settings


def client_facts(client: Client) -> ClientFacts:
    """Return what delegation needs to know of a client that asks to act.

    An agency's own system acts with a token that it has for itself, so it must still be able to get one.
    """
    is_registered = TOKEN_EXCHANGE in client.grant_types and bool(client.act_as_audiences)
    if client.agency_id is not None:
        is_registered &= CLIENT_CREDENTIALS in client.grant_types and ACT_AS in client.scopes
    return ClientFacts(
        client.client_id,
        may_act=client.is_confidential and client.status == ClientStatus.ACTIVE and client.paused_at is None
        and is_registered,
        audiences=frozenset(client.act_as_audiences), agency_id=client.agency_id, name=client.client_name,
    )  # fmt: skip


def audience_facts(client: Client) -> AudienceFacts:
    """Return what delegation needs to know of a relying party."""
    return AudienceFacts(
        client.client_id,
        in_good_standing=client.status == ClientStatus.ACTIVE,
        act_as_supported=client.act_as_supported,
        permissions=tuple(client.act_as_permissions),
    )


@dataclass(frozen=True)
class Standing:
    """A family whose person, client and sign-in (or proxy login) are alive at this moment."""

    family: TokenFamily
    act_as: ActAsSession | None


def standing_of(session: Session, family: TokenFamily | None, *, settings: Settings) -> Standing | None:
    """Re-derive whether anything may still be issued or accepted for a family; None means no."""
    now = clock.now()
    idle = timedelta(seconds=settings.session_idle)
    if family is None or family.revoked_at is not None or now >= family.expires_at:
        return None
    if family.client.status != ClientStatus.ACTIVE or family.account.status != AccountStatus.ACTIVE:
        return None
    if family.act_as_session_id is None:
        alive = (
            _is_trusted_offline(family)
            if family.offline
            else is_alive(session, family.session_id, now=now, idle=idle)
        )
        return Standing(family, None) if alive else None
    act_as = live_act_as(session, family.act_as_session_id, settings=settings)
    return Standing(family, act_as) if act_as else None


def standing_to_issue(session: Session, family: TokenFamily | None, *, settings: Settings) -> Standing | None:
    """Return the standing of a family that asks for new tokens, to whom its app must still be open.

    Whoever has left the agency, or whose agency is suspended, could not sign in there now
    (``journey.Visitor.fits_client``), so that nothing goes on that was begun before.
    """
    standing = standing_of(session, family, settings=settings)
    if standing is None or standing.act_as is not None:
        return standing
    is_for_agencies = standing.family.client.sign_in_page == SignInPage.AGENCIES
    if is_for_agencies and not is_member_in_good_standing(session, standing.family.account_id):
        return None
    return standing


def _is_trusted_offline(family: TokenFamily) -> bool:
    """Tell whether the person may still mean what they allowed for the time when they are away.

    Signing out does not end it (OIDC Core §11); a new password does, because whoever changes it fears that
    somebody else has signed in.
    """
    changed_at = family.account.password_changed_at
    return changed_at is None or changed_at <= family.authenticated_at


def live_scope(family: TokenFamily) -> frozenset[str]:
    """Return what is left of the granted scopes: those that the client is still registered for.

    What a proxy login may is its grant's to say, and asked of the grant.
    """
    granted = frozenset(family.scope.split())
    return granted & family.client.scopes if family.act_as_session_id is None else granted


def find_live_client(session: Session, claims: AccessClaims) -> Client | None:
    """Return the client that speaks for itself in this token (RFC 6749 §4.4), if it still may, else None."""
    if claims.family_id is not None or claims.has_act or claims.sub != claims.client_id:
        return None
    client = find_client(session, claims.client_id)
    if client is None or CLIENT_CREDENTIALS not in client.grant_types or not client.is_confidential:
        return None
    is_revoked = session.get(RevokedToken, credentials.digest(claims.jti)) is not None
    return None if is_revoked else client


def revoke_client_token(session: Session, claims: AccessClaims) -> None:
    """Revoke a token that a client has for itself: it stands in no family, so its ``jti`` is remembered."""
    insert_once(
        session, RevokedToken,
        {"jti_digest": credentials.digest(claims.jti), "expires_at": claims.expires_at},
    )  # fmt: skip


def live_act_as(session: Session, sid: uuid.UUID, *, settings: Settings) -> ActAsSession | None:
    """Return the proxy login if all of what allowed it is still true, else None."""
    now = clock.now()
    act_as = proxy_logins.find_live_session(session, sid, now)
    client = find_client(session, act_as.client_id) if act_as else None
    audience = find_client(session, act_as.audience) if act_as else None
    if act_as is None or client is None or audience is None:
        return None
    answer = session_authority(
        session, act_as, client=client_facts(client), audience=audience_facts(audience), now=now,
        idle=timedelta(seconds=settings.session_idle),
    )  # fmt: skip
    return None if isinstance(answer, NoAuthority) else act_as


def start_family(
    session: Session, settings: Settings, *, client_id: str, account_id: uuid.UUID, session_id: uuid.UUID,
    scope: frozenset[str], authenticated_at: datetime, act_as: ActAsSession | None = None,
    resources: tuple[str, ...] = (), claims: dict[str, Any] | None = None, jkt: str | None = None,
) -> TokenFamily:  # fmt: skip
    """Store the beginning of an authorization, from which codes and tokens grow, and return it."""
    now, offline = clock.now(), OFFLINE_ACCESS in scope and act_as is None
    life = settings.offline_refresh_lifetime if offline else settings.refresh_token_lifetime
    family = TokenFamily(
        id=credentials.new_id(), client_id=client_id, account_id=account_id, session_id=session_id,
        act_as_session_id=act_as.id if act_as else None, scope=" ".join(sorted(scope)),
        authenticated_at=authenticated_at, created_at=now, offline=offline, resources=list(resources),
        claims=claims, jkt=jkt, expires_at=act_as.expires_at if act_as else now + timedelta(seconds=life),
    )  # fmt: skip
    session.add(family)
    session.flush()
    return family


def issue(
    session: Session, mint: Mint, standing: Standing, *, scope: frozenset[str], nonce: str | None,
    jkt: str | None = None, audience: str | None = None, with_refresh_token: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Return the token response of RFC 6749 §5.1 with the ID token of OIDC Core §3.1.3.3.

    ``jkt`` is the DPoP key that the access token is bound to, and a public client's refresh token as well: a
    confidential client's is bound to the client (RFC 9449 §5). ``audience`` is what ``audience_of`` made of
    the request's ``resource``; without it the token is for the first resource that was granted.

    :raises InvalidTargetError: the client may not ask for that resource any more.
    """
    family, act_as = standing.family, standing.act_as
    act = act_claim(session, act_as) if act_as else None
    subject = Subject(
        sub=subject_for(mint.settings, family.client, family.account_id),
        client_id=family.client_id, scope=scope,
        sid=act_as.id if act_as else family.session_id, authenticated_at=family.authenticated_at, act=act,
        jkt=jkt,
    )  # fmt: skip
    token, life = mint_access_token(
        mint, subject, family_id=family.id,
        audience=audience or audience_of(family, None, issuer=mint.settings.issuer),
        until=act_as.expires_at if act_as else None,
    )  # fmt: skip
    answer: dict[str, Any] = {
        "access_token": token, "token_type": token_type(jkt), "expires_in": life,
        "scope": " ".join(sorted(scope)),
    }  # fmt: skip
    if "openid" in scope:
        answer["id_token"] = mint_id_token(
            mint, subject, alg=family.client.id_token_signed_response_alg, access_token=token, nonce=nonce,
            extra=banner_claims(act_as, act) if act_as and act else requested_claims(family, "id_token"),
        )  # fmt: skip
    if with_refresh_token and act_as is None and REFRESH_TOKEN in family.client.grant_types:
        bound_to = None if family.client.is_confidential else jkt
        answer["refresh_token"] = mint_refresh_token(session, mint.settings, family, jkt=bound_to)
    return answer


def token_type(jkt: str | None) -> str:
    """Return how an access token is to be sent (RFC 6750 §2.1, RFC 9449 §5)."""
    return "Bearer" if jkt is None else "DPoP"


def act_claim(session: Session, act_as: ActAsSession) -> ActClaim:
    """Return who acts, in opaque ids: a member of staff, or the agency's own system by its client id."""
    actor, limited = act_as.actor_id, limited_products(session, act_as.grant)
    return ActClaim(
        act_as.client_id if actor is None else str(actor), act_as.grant.agency_id, act_as.grant_id,
        profile="service" if actor is None else "user",
        products=None if limited is None else tuple(product.product_id for product in limited),
    )  # fmt: skip


def banner_claims(act_as: ActAsSession, act: ActClaim) -> dict[str, Any]:
    """Return what the relying party's banner shows: names, and when the proxy login is over."""
    claims = act.as_claims()
    claims["act"]["name"] = act_as.actor_name
    claims["act"]["org"]["name"] = act_as.grant.agency.name
    return {**claims, "name": act_as.grant.owner.name, "session_expiry": clock.epoch(act_as.expires_at)}


def refresh_token_end(settings: Settings, family: TokenFamily, now: datetime) -> datetime:
    """Return until when a refresh token is good: as long as its family, and offline only while it is used."""
    idle = timedelta(seconds=settings.offline_refresh_idle)
    return min(family.expires_at, now + idle) if family.offline else family.expires_at


def mint_refresh_token(
    session: Session, settings: Settings, family: TokenFamily, *, jkt: str | None = None
) -> str:
    """Return a new refresh token of the family; it lives no longer than the family."""
    now = clock.now()
    secret = credentials.mint_secret(SecretKind.REFRESH_TOKEN)
    session.add(
        RefreshToken(
            digest=credentials.digest(secret), family_id=family.id, created_at=now,
            expires_at=refresh_token_end(settings, family, now), jkt=jkt,
        )
    )  # fmt: skip
    return secret


def revoke_family(session: Session, family_id: uuid.UUID, now: datetime) -> bool:
    """Revoke everything that grew out of one authorization; return whether this call did it."""
    revoked = session.execute(
        update(TokenFamily)
        .where(TokenFamily.id == family_id, TokenFamily.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(TokenFamily.id)
    ).first()
    return revoked is not None
