"""``grant_type=urn:ietf:params:oauth:grant-type:token-exchange`` (RFC 8693): proxy login.

The subject token is the id of a delegation grant: a reference, not a secret. All power comes from the
actor token, the staff member's own access token or an agency's system's, and from the live records
(``delegation.authority``).
This grant type issues nothing without ``act``, whatever parameters are left out, and takes nothing that
carries ``act`` itself. DEVIATION docs/decisions/0003-grant-as-subject-token.md
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from authlib.oauth2.base import OAuth2Error
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
from idp.delegation.conditions.service import check_conditions
from idp.delegation.exchange_limits import LimitRefusal, Limits, check_limits
from idp.delegation.rules import SessionKind
from idp.oauth.client_metadata import TOKEN_EXCHANGE
from idp.oauth.clients import find_client
from idp.oauth.grants.exchange_errors import oauth_error_for
from idp.oauth.grants.exchange_request import (
    ACCESS_TOKEN_TYPE,
    TICKET_TOKEN_TYPE,
    AskedExchange,
    read_actor,
    read_exchange,
)
from idp.oauth.issuing import act_claim, audience_facts, client_facts, token_type
from idp.oauth.models import Client
from idp.oauth.parameters import Parameters
from idp.oauth.server import ClientNotAuthenticated, Grant
from idp.oauth.subjects import subject_for
from idp.oauth.tokens import Subject, mint_access_token

MALFORMED = "malformed"
"""Reason of a refusal in the audit log: the request had not the form of an exchange."""


class TokenExchangeGrant(Grant):
    """Exchange a delegation grant and the token of who acts for an act-as token or an act-as ticket."""

    GRANT_TYPE = TOKEN_EXCHANGE
    asked: AskedExchange
    claim: Claim | None = None
    authority: Authority
    audience: Client
    is_recorded = False

    def validate_token_request(self) -> None:
        """Refuse as all grants do, and leave one audit row of it, whatever it was that was wrong.

        Whoever is not authenticated as a client is nobody that a row could be about.
        """
        try:
            super().validate_token_request()
        except ClientNotAuthenticated:
            raise
        except OAuth2Error as error:
            if not self.is_recorded:
                reason = error.error if error.error == "unauthorized_client" else MALFORMED
                self._record_refusal(NoAuthority(reason, owner_id=None, agency_id=None, grant_id=None))
            raise

    def check_request(self, client: Client, parameters: Parameters) -> None:
        """Ask delegation; write the refusal down before it is answered."""
        session, settings, facts = self.server.session, self.server.mint.settings, client_facts(client)
        now, idle = clock.now(), timedelta(seconds=settings.session_idle)
        claim = self.claim = read_actor(self.server, parameters, self.jkt)
        if claim is not None:
            limits = Limits(settings.exchanges_per_minute, settings.system_exchanges_per_minute,
                            settings.agency_exchanges_per_minute)  # fmt: skip
            limited = check_limits(session, claim, client=facts, limits=limits, now=now)
            if limited is not None:
                raise self._refused(limited)
        asked = self.asked = read_exchange(client, parameters)
        audience = find_client(session, asked.audience)
        if asked.grant_id is not None and claim is not None:
            self._hold(asked.grant_id, claim)
            facts = client_facts(client)
        answer = authority_for(
            session, claim, client=facts, grant_id=asked.grant_id,
            audience=audience_facts(audience) if audience else None, scope=asked.scope, now=now, idle=idle,
        )  # fmt: skip
        if isinstance(answer, Authority):
            unmet = check_conditions(session, answer, reason=asked.reason, now=now, at_browser=False)
            answer = unmet or answer
        if isinstance(answer, NoAuthority):
            raise self._refused(answer)
        assert audience is not None  # noqa: S101 - without one there is no authority
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
        if self.asked.ticket:
            jti = credentials.digest(body["access_token"])
        grant = self.authority.grant
        record_event(
            self.server.session, Event.EXCHANGE_ISSUED, actor_id=self.authority.actor_id,
            owner_id=grant.owner_id, agency_id=grant.agency_id, grant_id=grant.id,
            session_id=self.authority.staff_session_id, client_id=self.client.client_id,
            audience=self.asked.audience, scope=body["scope"], issued=body["issued_token_type"], jti=jti,
        )  # fmt: skip
        return 200, body, []

    def _refused(self, answer: NoAuthority) -> OAuth2Error:
        """Write a refusal down with its reason, and return the error, which may not tell it."""
        self._record_refusal(answer)
        return oauth_error_for(answer)

    def _record_refusal(self, answer: NoAuthority) -> None:
        sent, is_limited = self.request.parameters, isinstance(answer.reason, LimitRefusal)
        record_event(
            self.server.session, Event.EXCHANGE_LIMITED if is_limited else Event.EXCHANGE_REFUSED,
            actor_id=self.claim.account_id if isinstance(self.claim, ActorClaim) else None,
            owner_id=answer.owner_id, agency_id=answer.agency_id, grant_id=answer.grant_id,
            client_id=self.request.client.client_id, reason=answer.reason,
            audience=(sent.get("audience") or sent.get("resource", ""))[:128],
            system=isinstance(self.claim, SystemClaim),
        )  # fmt: skip
        self.is_recorded = True

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
            raise self._refused(act_as)
        session.refresh(act_as)
        subject = Subject(
            sub=subject_for(mint.settings, self.audience, act_as.grant.owner_id),
            client_id=self.client.client_id, scope=self.authority.scope, sid=act_as.id,
            authenticated_at=act_as.started_at, act=act_claim(session, act_as), jkt=self.jkt,
        )  # fmt: skip
        token, life = mint_access_token(
            mint, subject, audience=self.asked.audience, family_id=None, until=act_as.expires_at, jti=jti
        )
        return self._body(token, ACCESS_TOKEN_TYPE, token_type=token_type(self.jkt), life=life)

    def _body(self, token: str, issued: str, *, token_type: str, life: int) -> dict[str, Any]:
        scope = " ".join(sorted(self.authority.scope))
        return {"access_token": token, "issued_token_type": issued, "token_type": token_type,
                "expires_in": life, "scope": scope}  # fmt: skip
