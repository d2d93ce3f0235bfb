"""Calls to the server's API and token exchange, with an access token that is fresh or made fresh."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests
import structlog
from flask import request

from clients.relying_party import clock, gate
from clients.relying_party.dpop import send_with_token
from clients.relying_party.errors import (
    ProviderUnavailable,
    ProxyLoginIsOver,
    RenewalIsDue,
    SessionIsOver,
    TokenNotGenuine,
    TokenRefused,
)
from clients.relying_party.id_token import Expectation, verify_id_token
from clients.relying_party.parts import Parts
from clients.relying_party.sessions import StoredSession
from clients.relying_party.token_endpoint import NeverSent, TokenResponse
from clients.relying_party.values import ActAsTicket, ApiResponse, EndReason, Session

log = structlog.get_logger(__name__)

REFRESH_BEFORE = timedelta(seconds=20)
"""An access token that lives no longer than this is refreshed first."""
CLAIM_IS_DEAD = timedelta(seconds=30)
"""Whoever has been using up a refresh token for so long will not come back."""
POLL_SECONDS = 0.05
POLLS = 300


def call(
    parts: Parts,
    session: Session,
    *,
    method: str,
    path: str,
    json: Mapping[str, Any] | None,
    params: Mapping[str, str] | None,
    idempotency_key: str = "",
) -> ApiResponse:
    """Call the API. A 401 is answered by one refresh; a second one means that the session is over."""
    if not path.startswith("/api/") or urlsplit(path).path != path:
        raise ValueError("an API path starts with /api/ and has no query of its own")
    keyed = {"idempotency_key": idempotency_key} if idempotency_key else {}
    token = usable_access_token(parts, session)
    response = _send(parts, token, method=method, path=path, json=json, params=params, **keyed)
    if response.status == 401 and session.act is None:
        token = usable_access_token(parts, session, rejected=token)
        response = _send(parts, token, method=method, path=path, json=json, params=params, **keyed)
    if response.status == 401:
        _end(parts, session)
    return response


def exchange(
    parts: Parts,
    session: Session,
    *,
    delegation_id: str,
    audience: str,
    scope: tuple[str, ...],
    reason: str,
) -> ActAsTicket:
    """Exchange for an act-as ticket with the session's access token as the actor."""
    actor_token = usable_access_token(parts, session)
    return parts.tokens.exchange(
        delegation_id, actor_token=actor_token, audience=audience, scope=scope, reason=reason
    )


def usable_access_token(parts: Parts, session: Session, *, rejected: str = "") -> str:
    """Return an access token that lives for a while, refreshing it where needed.

    Of parallel requests one refreshes and the others wait for what it gets.

    :param rejected: a token that the server did not accept although its time is not over.
    :raises RenewalIsDue: an act-as token ran out; only the browser can bring a new one.
    :raises SessionIsOver: the session ended, or the server takes no refresh token any more.
    :raises ProviderUnavailable: the server does not answer.
    """
    for _ in range(POLLS):
        stored = parts.sessions.find(session.key, now=clock.now())
        if stored is None or stored.end_reason is not None:
            raise _over(session, stored.end_reason if stored else None)
        if _is_usable(stored, rejected=rejected):
            return stored.access_token
        if session.act is not None:
            raise RenewalIsDue
        claim = parts.sessions.claim_refresh(stored, now=clock.now()) if stored.refresh_token else None
        if claim is not None:
            return _refresh(parts, stored, claim)
        if not stored.refresh_token and not _somebody_is_refreshing(stored):
            parts.sessions.end(session.key, EndReason.TIME_OVER, now=clock.now())
            raise SessionIsOver
        time.sleep(POLL_SECONDS)
    raise ProviderUnavailable("another request is still refreshing")


def _is_usable(stored: StoredSession, *, rejected: str) -> bool:
    if stored.access_token == rejected:
        return False
    margin = timedelta(0) if stored.session.act is not None else REFRESH_BEFORE
    return stored.access_expires_at > clock.now() + margin


def _somebody_is_refreshing(stored: StoredSession) -> bool:
    return stored.refresh_claimed_at is not None and stored.refresh_claimed_at + CLAIM_IS_DEAD > clock.now()


def _refresh(parts: Parts, stored: StoredSession, claim: str) -> str:
    key = stored.session.key
    try:
        tokens = parts.tokens.refresh(stored.refresh_token)
        # A server that sends no new refresh token leaves the old one good (RFC 6749 §6).
        tokens = replace(tokens, refresh_token=tokens.refresh_token or stored.refresh_token)
        _check_same_person(parts, stored, tokens)
    except NeverSent:
        parts.sessions.give_back_refresh(stored, claim, used_up=False)
        raise
    except ProviderUnavailable:
        # Only a refresh token that rotates is used up by a request without an answer.
        parts.sessions.give_back_refresh(stored, claim, used_up=not parts.settings.is_fapi2)
        raise
    except (TokenRefused, TokenNotGenuine) as refusal:
        log.info("refresh_refused", reason=str(refusal))
        parts.sessions.end(key, EndReason.ENDED_BY_SERVER, now=clock.now())
        raise SessionIsOver from refusal
    if not parts.sessions.store_tokens(key, tokens, claim=claim, id_token=tokens.id_token):
        raise SessionIsOver
    log.info("token_refreshed")
    return tokens.access_token


def _check_same_person(parts: Parts, stored: StoredSession, tokens: TokenResponse) -> None:
    """Check the ID token of a refresh, where one came (OIDC Core §12.2)."""
    if not tokens.id_token:
        return
    identity = verify_id_token(
        tokens.id_token,
        parts.provider,
        expected=Expectation(
            issuer=parts.settings.issuer,
            client_id=parts.settings.client_id,
            algorithm=parts.settings.id_token_alg,
            nonce=None,
            access_token=tokens.access_token,
            act_as_supported=False,
        ),
        now=clock.now(),
    )
    if identity.sub != stored.session.sub:
        raise TokenNotGenuine("sub")


def _send(
    parts: Parts,
    token: str,
    *,
    method: str,
    path: str,
    json: Mapping[str, Any] | None,
    params: Mapping[str, str] | None,
    idempotency_key: str = "",
) -> ApiResponse:
    keyed = {"idempotency_key": idempotency_key} if idempotency_key else {}
    try:
        response = send_with_token(
            parts.tokens.prover,
            method,
            parts.settings.issuer + path,
            access_token=token,
            json=json,
            params=params,
            timeout=parts.settings.timeouts,
            **keyed,
        )
        data = response.json() if response.content else None
    except (requests.RequestException, ValueError) as error:
        raise ProviderUnavailable("no answer of the API") from error
    log.info("api_called", method=method, path=path, status=response.status_code, page=request.endpoint)
    return ApiResponse(status=response.status_code, data=data)


def _end(parts: Parts, session: Session) -> NoReturn:
    log.info("session_rejected_by_server", acting=session.act is not None)
    gate.forget(parts, EndReason.ENDED_BY_SERVER)
    raise _over(session, EndReason.ENDED_BY_SERVER)


def _over(session: Session, reason: EndReason | None) -> SessionIsOver | ProxyLoginIsOver:
    if session.act is None:
        return SessionIsOver()
    return ProxyLoginIsOver(time_is_over=reason is EndReason.TIME_OVER)
