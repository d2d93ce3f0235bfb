"""``grant_type=urn:ietf:params:oauth:grant-type:token-exchange`` (RFC 8693): proxy login.

The subject token is the id of a delegation grant: a reference, not a secret. All power comes from the
actor token, the staff member's own access token or an agency's system's, and from the live records
(``delegation.authority``).
This grant type issues nothing without ``act``, whatever parameters are left out, and takes nothing that
carries ``act`` itself. DEVIATION docs/decisions/0003-grant-as-subject-token.md
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc6749.errors import UnauthorizedClientError
from sqlalchemy import select

from idp import clock, credentials
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.delegation import proxy_logins, tickets
from idp.delegation.authority import (
    ActorClaim,
    Authority,
    Claim,
    NoAuthority,
    SystemClaim,
    authority_for,
    hold,
)
from idp.delegation.exchange_rules import ExchangeRefusal
from idp.delegation.rules import SessionKind
from idp.oauth.client_metadata import TOKEN_EXCHANGE
from idp.oauth.clients import find_client
from idp.oauth.issuing import (
    act_claim,
    audience_facts,
    client_facts,
    find_live_client,
    live_scope,
    standing_of,
    token_type,
)
from idp.oauth.models import Client, TokenFamily
from idp.oauth.parameters import Parameters
from idp.oauth.resource_indicators import InvalidTargetError
from idp.oauth.scopes import ACT_AS
from idp.oauth.server import Grant
from idp.oauth.subjects import subject_for
from idp.oauth.tokens import Subject, TokenUnreadable, mint_access_token, read_access_token

ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"
GRANT_TOKEN_TYPE = "urn:ownersclub:params:oauth:token-type:delegation-grant"
TICKET_TOKEN_TYPE = "urn:ownersclub:params:oauth:token-type:act-as-ticket"

_R = ExchangeRefusal
_INVALID_TARGET = {
    _R.AUDIENCE_UNKNOWN,
    _R.AUDIENCE_NOT_ALLOWED,
    _R.AUDIENCE_CANNOT_ACT,
    _R.AUDIENCE_NOT_GRANTED,
}


def oauth_error_for(refusal: ExchangeRefusal) -> OAuth2Error:
    """Return the OAuth error for a refusal (RFC 8693 §2.2.2): everything about grant or actor looks alike."""
    if refusal is _R.CLIENT_MAY_NOT_ACT:
        return UnauthorizedClientError("The client is not registered to act for owners")
    if refusal in _INVALID_TARGET:
        return InvalidTargetError(
            "audience is not a relying party that this client may act at for this grant"
        )
    if refusal is _R.SCOPE_BEYOND_GRANT:
        return InvalidScopeError("scope is beyond what the grant permits at this audience")
    return InvalidRequestError("subject_token or actor_token is not acceptable")


@dataclass(frozen=True)
class _Asked:
    ticket: bool
    audience: str
    scope: frozenset[str] | None
    reason: str
    grant_id: uuid.UUID | None
    claim: Claim | None


class TokenExchangeGrant(Grant):
    """Exchange a delegation grant and the token of who acts for an act-as token or an act-as ticket."""

    GRANT_TYPE = TOKEN_EXCHANGE
    asked: _Asked
    authority: Authority
    audience: Client

    def check_request(self, client: Client, parameters: Parameters) -> None:
        """Ask delegation; write the refusal down before it is answered."""
        asked = self._read(client, parameters)
        session, settings = self.server.session, self.server.mint.settings
        audience = find_client(session, asked.audience)
        if asked.grant_id is not None and asked.claim is not None:
            self._hold(asked.grant_id, asked.claim)
        answer = authority_for(
            session, asked.claim, client=client_facts(client), grant_id=asked.grant_id,
            audience=audience_facts(audience) if audience else None, scope=asked.scope, now=clock.now(),
            idle=timedelta(seconds=settings.session_idle),
        )  # fmt: skip
        self.asked = asked
        if isinstance(answer, NoAuthority):
            raise self._refused(answer, client)
        if audience is None:  # authority_for has refused it already
            raise oauth_error_for(_R.AUDIENCE_UNKNOWN)
        self.authority, self.audience = answer, audience

    def _hold(self, grant_id: uuid.UUID, claim: Claim) -> None:
        """Keep what the answer rests on as it is: grant, and sign-in or the system's client."""
        session = self.server.session
        if isinstance(claim, ActorClaim):
            hold(session, grant_id=grant_id, staff_session_id=claim.staff_session_id)
            return
        hold(session, grant_id=grant_id, staff_session_id=None)
        own = select(Client).where(Client.client_id == claim.token_client_id)
        session.scalars(own.with_for_update(read=True).execution_options(populate_existing=True)).all()

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Issue, leaving the audit row in the same transaction."""
        issue: Callable[[str], dict[str, Any]]
        issue = self._issue_ticket if self.asked.ticket else self._issue_token
        jti = credentials.mint_jti()
        body = issue(jti)
        grant = self.authority.grant
        record_event(
            self.server.session, Event.EXCHANGE_ISSUED, actor_id=self.authority.actor_id,
            owner_id=grant.owner_id, agency_id=grant.agency_id, grant_id=grant.id,
            session_id=self.authority.staff_session_id, client_id=self.client.client_id,
            audience=self.asked.audience, scope=body["scope"], issued=body["issued_token_type"], jti=jti,
        )  # fmt: skip
        return 200, body, []

    def _refused(self, answer: NoAuthority, client: Client) -> OAuth2Error:
        """Write a refusal down with its reason, and return the error, which does not tell it."""
        record_event(
            self.server.session, Event.EXCHANGE_REFUSED,
            actor_id=getattr(self.asked.claim, "account_id", None),
            owner_id=answer.owner_id, agency_id=answer.agency_id, grant_id=answer.grant_id,
            client_id=client.client_id, reason=answer.reason, audience=self.asked.audience[:128],
        )  # fmt: skip
        return oauth_error_for(answer.reason)

    def _issue_ticket(self, _jti: str) -> dict[str, Any]:
        life = self.server.mint.settings.act_as_ticket_lifetime
        ticket = tickets.mint_ticket(
            self.server.session, self.authority, audience=self.asked.audience, reason=self.asked.reason,
            life=timedelta(seconds=life),
        )  # fmt: skip
        return self._body(ticket, TICKET_TOKEN_TYPE, token_type="N_A", life=life)

    def _issue_token(self, jti: str) -> dict[str, Any]:
        mint, session = self.server.mint, self.server.session
        act_as = proxy_logins.start_session(
            session, self.authority, audience=self.asked.audience, app_name=self.audience.client_name,
            kind=SessionKind.API, reason=self.asked.reason,
            life=timedelta(seconds=mint.settings.access_token_lifetime),
        )  # fmt: skip
        if isinstance(act_as, NoAuthority):  # revoked since it was checked
            raise self._refused(act_as, self.client)
        session.refresh(act_as)
        subject = Subject(
            sub=subject_for(mint.settings, self.audience, act_as.grant.owner_id),
            client_id=self.client.client_id, scope=self.authority.scope, sid=act_as.id,
            authenticated_at=act_as.started_at, act=act_claim(act_as), jkt=self.jkt,
        )  # fmt: skip
        token, life = mint_access_token(
            mint, subject, audience=self.asked.audience, family_id=None, until=act_as.expires_at, jti=jti
        )
        return self._body(token, ACCESS_TOKEN_TYPE, token_type=token_type(self.jkt), life=life)

    def _body(self, token: str, issued: str, *, token_type: str, life: int) -> dict[str, Any]:
        scope = " ".join(sorted(self.authority.scope))
        return {"access_token": token, "issued_token_type": issued, "token_type": token_type,
                "expires_in": life, "scope": scope}  # fmt: skip

    def _read(self, client: Client, parameters: Parameters) -> _Asked:
        """Check the form of the request (RFC 8693 §2.1); meaning is delegation's."""
        requested = parameters.get("requested_token_type", ACCESS_TOKEN_TYPE)
        if requested not in {ACCESS_TOKEN_TYPE, TICKET_TOKEN_TYPE}:
            raise InvalidRequestError("requested_token_type must be access_token or act-as-ticket")
        if requested == TICKET_TOKEN_TYPE and client.agency_id is not None:
            raise InvalidRequestError("requested_token_type must be access_token: a system has no browser")
        if "resource" in parameters and "audience" in parameters:
            raise InvalidTargetError("name exactly one audience or resource")
        audience = parameters.get("audience") or parameters.get("resource")
        if audience is None:
            raise InvalidTargetError("audience is missing")
        subject = parameters.get("subject_token", "")
        right_types = (
            parameters.get("subject_token_type") == GRANT_TOKEN_TYPE
            and parameters.get("actor_token_type") == ACCESS_TOKEN_TYPE
        )
        return _Asked(
            ticket=requested == TICKET_TOKEN_TYPE, audience=audience,
            scope=frozenset(parameters["scope"].split()) if "scope" in parameters else None,
            reason=parameters.get("reason", ""), grant_id=_uuid(subject) if right_types else None,
            claim=self._actor_claim(parameters.get("actor_token", "")) if right_types else None,
        )  # fmt: skip

    def _actor_claim(self, token: str) -> Claim | None:
        """Return what the actor token says, if it is a live access token of ours.

        One that is bound to a key is worth nothing without a proof of that key (RFC 9449 §7), and one for
        another API is not for this server (RFC 9068 §4): whoever serves that API holds it too. A token that
        a client has for itself stands in no family: only an agency's own system acts with such a one.
        """
        try:
            claims = read_access_token(self.server.mint, token)
        except TokenUnreadable:
            return None
        if claims.jkt not in {None, self.jkt} or claims.audience != self.server.mint.settings.issuer:
            return None
        session = self.server.session
        if claims.family_id is None:
            client = find_live_client(session, claims)
            may_act = client is not None and ACT_AS in claims.scope & client.scopes
            return SystemClaim(claims.client_id, token_may_act=may_act) if client else None
        family = session.get(TokenFamily, claims.family_id)
        standing = standing_of(session, family, settings=self.server.mint.settings)
        if standing is None or standing.act_as is not None:
            return None
        family = standing.family
        return ActorClaim(
            family.account_id,
            family.session_id,
            claims.client_id,
            token_may_act=ACT_AS in claims.scope & live_scope(family) and not claims.has_act,
        )


def _uuid(text: str) -> uuid.UUID | None:
    try:
        value = uuid.UUID(text)
    except ValueError:
        return None
    return value if str(value) == text else None  # one spelling only: a reference has no aliases
