"""Who calls an API with an access token (RFC 6750, RFC 9068 §4), asked of the live records at each call.

The API takes tokens whose audience is this server, and act-as tokens for a relying party whose
permissions it serves (docs/decisions/0005-audience-of-act-as-tokens.md).
"""

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from idp.delegation.permissions.products import limited_products
from idp.oauth.dpop import ProofRefused, check_proof
from idp.oauth.issuing import find_live_client, live_act_as, live_scope, standing_of
from idp.oauth.models import TokenFamily
from idp.oauth.tokens import AccessClaims, Mint, TokenUnreadable, read_access_token
from idp.settings import Settings
from idp.web import BearerIdentity, ClientIdentity, TokenMissing

BEARER, DPOP = "Bearer", "DPoP"
INVALID_TOKEN = "invalid_token"


@dataclass(frozen=True)
class PresentedToken:
    """An access token, and how it was sent."""

    scheme: str
    token: str


def find_token(authorization: str | None, *, in_body: str | None, in_query: bool) -> PresentedToken:
    """Return the access token of a call: in the header, or in the form that a client posts (RFC 6750 §2).

    In the address, where logs and histories keep it, none is looked at (RFC 9700 §4.3.2).

    :raises TokenMissing: there is none, or the call says twice who it is.
    """
    scheme, _, token = (authorization or "").partition(" ")
    known = {BEARER.lower(): BEARER, DPOP.lower(): DPOP}.get(scheme.lower())
    if [known, in_body, in_query or None].count(None) < 2:
        raise TokenMissing("invalid_request", description="send the access token in one place (RFC 6750 2)")
    if in_body is not None:
        return PresentedToken(BEARER, in_body)
    if known is None:
        raise TokenMissing
    return PresentedToken(known, token.strip())


def check_presented_proof(
    session: Session, settings: Settings, presented: PresentedToken, *, proof: str | None, method: str,
    uri: str,
) -> str:  # fmt: skip
    """Return the key that was proved with an access token of the DPoP scheme (RFC 9449 §7.1).

    :raises TokenMissing: the proof is missing or refused.
    """
    if proof is None:
        raise TokenMissing("invalid_dpop_proof", scheme=DPOP, description="DPoP header is missing")
    try:
        return check_proof(
            session, settings, proof=proof, method=method, uri=uri, access_token=presented.token,
            nonce_required=settings.dpop_nonce_required,
        )  # fmt: skip
    except ProofRefused as refused:
        raise TokenMissing(refused.error, scheme=DPOP, description=refused.description) from refused


def identify(
    session: Session, mint: Mint, presented: PresentedToken, *, jkt: str | None = None
) -> BearerIdentity | ClientIdentity:
    """Return who an access token speaks for; ``jkt`` is the key that was proved with it.

    :raises TokenMissing: the token is not (any longer) good, or not for this scheme or key.
    """
    try:
        claims = read_access_token(mint, presented.token)
    except TokenUnreadable as error:
        raise TokenMissing(INVALID_TOKEN, scheme=presented.scheme) from error
    if claims.jkt != jkt:  # RFC 9449 §7.1, §7.2: nobody may use a bound token without its key
        told = "the token is not bound to the key of the proof" if jkt else "the token needs a DPoP proof"
        raise TokenMissing(INVALID_TOKEN, scheme=presented.scheme, description=told)
    identity = _identify_live(session, mint, claims)
    if identity is None:
        raise TokenMissing(INVALID_TOKEN, scheme=presented.scheme)
    return replace(identity, scheme=presented.scheme)


def _identify_live(
    session: Session, mint: Mint, claims: AccessClaims
) -> BearerIdentity | ClientIdentity | None:
    if claims.has_act:
        return _identify_act_as(session, mint, claims)
    if claims.family_id is None:
        return _identify_client(session, mint, claims)
    return _identify_self(session, mint, claims)


def _identify_client(session: Session, mint: Mint, claims: AccessClaims) -> ClientIdentity | None:
    client = find_live_client(session, claims)
    if client is None or claims.audience != mint.settings.issuer:
        return None
    return ClientIdentity(client.client_id, claims.scope & client.scopes, agency_id=client.agency_id)


def _identify_self(session: Session, mint: Mint, claims: AccessClaims) -> BearerIdentity | None:
    family = session.get(TokenFamily, claims.family_id) if claims.family_id else None
    standing = standing_of(session, family, settings=mint.settings)
    if standing is None or standing.act_as is not None or claims.audience != mint.settings.issuer:
        return None
    account_id = standing.family.account_id
    return BearerIdentity(
        account_id, claims.client_id, claims.scope & live_scope(standing.family), claims.sid,
        sub=claims.sub, family_id=claims.family_id,
    )  # fmt: skip


def _identify_act_as(session: Session, mint: Mint, claims: AccessClaims) -> BearerIdentity | None:
    if claims.family_id is not None:
        family = session.get(TokenFamily, claims.family_id)
        if standing_of(session, family, settings=mint.settings) is None:
            return None
    act_as = live_act_as(session, claims.sid, settings=mint.settings) if claims.sid else None
    if act_as is None or act_as.audience != claims.audience:
        return None
    limited = limited_products(session, act_as.grant)
    return BearerIdentity(
        act_as.grant.owner_id, claims.client_id, claims.scope & frozenset({*act_as.scope.split(), "openid"}),
        act_as.id, actor=act_as.actor_id, grant_id=act_as.grant_id, sub=claims.sub,
        agency_id=act_as.grant.agency_id,
        products=None if limited is None else frozenset(product.id for product in limited),
    )  # fmt: skip
