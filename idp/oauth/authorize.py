"""The authorization endpoint (OIDC Core §3.1.2): parse, store, then whatever ``journey`` says is next."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import BrowserSession
from idp.accounts.people import is_member_in_good_standing
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.credentials import SecretKind
from idp.delegation.exchange_rules import TicketUnusable
from idp.delegation.models import ActAsSession
from idp.oauth.authorization_request import (
    AskedFor,
    NoRedirect,
    RedirectError,
    check_redirect_uri,
    check_request,
    reply_address,
)
from idp.oauth.authorization_response import Response, respond, respond_error
from idp.oauth.clients import find_client
from idp.oauth.consent import service as consent
from idp.oauth.issuing import start_family
from idp.oauth.journey import REFUSALS, Step, Visitor, next_step
from idp.oauth.models import AuthorizationCode, AuthorizationRequest, Client, SignInPage
from idp.oauth.par import REQUEST_URI, find_pushed, must_push, use_pushed
from idp.oauth.parameters import Parameters, ParametersRefused
from idp.oauth.proxy_login import continue_proxy_login, start_proxy_login
from idp.oauth.request_object import RequestObjectRefused, unfold
from idp.oauth.subjects import subject_for
from idp.oauth.tokens import Mint
from idp.settings import Settings


@dataclass(frozen=True)
class SignInFirst:
    """Show the sign-in page, then come back to the stored request."""

    request_id: uuid.UUID
    page: SignInPage
    ui_locales: str


@dataclass(frozen=True)
class AskFirst:
    """Show the consent page, then come back to the stored request."""

    request_id: uuid.UUID
    ui_locales: str


Answer = Response | SignInFirst | AskFirst


@dataclass(frozen=True)
class Browser:
    """The browser that asks: its cookie's id, and who is signed in there."""

    browser_id: str
    sign_in: BrowserSession | None


def begin(session: Session, mint: Mint, parameters: Parameters, browser: Browser) -> Answer:
    """Check and store a new request, and take the next step.

    :raises NoRedirect: client or redirect URI cannot be trusted; shown as a page.
    """
    client = _trusted_client(session, parameters)
    try:
        asked = _check(session, mint, parameters, client)
    except RedirectError as error:
        return respond_error(error.to, error.error, error.description, issuer=mint.settings.issuer)
    now = clock.now()
    stored = AuthorizationRequest(
        id=credentials.new_id(), client_id=client.client_id,
        browser_digest=credentials.digest(browser.browser_id), parameters=asked.as_json(), created_at=now,
        expires_at=now + timedelta(seconds=mint.settings.authorization_request_lifetime),
    )  # fmt: skip
    session.add(stored)
    session.flush()
    return _advance(session, mint, stored, asked, browser=browser)


def _check(session: Session, mint: Mint, parameters: Parameters, client: Client) -> AskedFor:
    """Find out what is asked: from the parameters, a request object, or what was pushed under a name.

    :raises RedirectError: the first thing that is wrong.
    """
    request_uri = parameters.get("request_uri", "")
    if request_uri.startswith(REQUEST_URI):  # what stands beside it is ignored (RFC 9126 §4, RFC 9101 §6.3)
        pushed = find_pushed(session, client, request_uri)
        redirect_uri = check_redirect_uri(pushed.parameters, client)
        return check_request(
            mint, pushed.parameters, client, redirect_uri=redirect_uri, pushed_digest=pushed.digest
        )
    try:
        if request_uri:
            raise RequestObjectRefused("request_uri must be one of the pushed_authorization_request_endpoint",
                                       "request_uri_not_supported")  # fmt: skip
        if must_push(client):
            raise RequestObjectRefused("this client has to push its requests (RFC 9126 6)", "invalid_request")
        full = unfold(parameters, client, mint.settings)
    except RequestObjectRefused as refused:
        to = reply_address(parameters, check_redirect_uri(parameters, client))
        raise RedirectError(refused.error, refused.description, to) from refused
    return check_request(mint, full, client, redirect_uri=check_redirect_uri(full, client))


def begin_refused(session: Session, settings: Settings, refused: ParametersRefused) -> Answer:
    """Answer parameters that cannot be read: to the client if it and its redirect URI are beyond doubt.

    :raises NoRedirect: they are not.
    """
    client = _trusted_client(session, refused.readable)
    to = reply_address(refused.readable, check_redirect_uri(refused.readable, client))
    return respond_error(to, "invalid_request", refused.reason, issuer=settings.issuer)


def resume(session: Session, mint: Mint, request_id: uuid.UUID, browser: Browser) -> Answer:
    """Go on with a stored request, in the browser that began it.

    :raises NoRedirect: it is unknown, over, finished, or another browser's.
    """
    stored = find_stored(session, request_id, browser)
    return _advance(session, mint, stored, AskedFor.from_json(stored.parameters), browser=browser)


def find_stored(
    session: Session, request_id: uuid.UUID, browser: Browser, *, to_change: bool = False
) -> AuthorizationRequest:
    """Return a request that waits in this browser; if it is to be changed, nobody else changes it meanwhile.

    :raises NoRedirect: it is unknown, over, finished, or another browser's.
    """
    if to_change:
        row = select(AuthorizationRequest.id).where(AuthorizationRequest.id == request_id)
        session.execute(row.with_for_update())
    stored = session.get(AuthorizationRequest, request_id)
    if (
        stored is None
        or clock.now() >= stored.expires_at
        or stored.finished_at is not None
        or not credentials.equal(stored.browser_digest, credentials.digest(browser.browser_id))
        or find_client(session, stored.client_id) is None
    ):
        raise NoRedirect("request", "this sign-in was finished, is too old, or was begun in another browser")
    return stored


def step_of(session: Session, mint: Mint, stored: AuthorizationRequest, browser: Browser) -> Step:
    """Return what comes next for a request that waits, without doing it."""
    asked = AskedFor.from_json(stored.parameters)
    visitor = _visitor(session, mint, stored.client, asked=asked, sign_in=browser.sign_in)
    return next_step(asked, visitor, begun_at=stored.created_at, now=clock.now())


def answer_consent(stored: AuthorizationRequest, account_id: uuid.UUID, *, is_allowed: bool) -> None:
    """Note what the person said to this very request; it counts for nobody else."""
    asked = AskedFor.from_json(stored.parameters)
    who = str(account_id)
    asked = replace(asked, allowed_by=who) if is_allowed else replace(asked, refused_by=who)
    stored.parameters = asked.as_json()


def _trusted_client(session: Session, parameters: Mapping[str, str]) -> Client:
    client_id = parameters.get("client_id")
    if client_id is None:
        raise NoRedirect("client_id", "missing, or given more than once")
    client = find_client(session, client_id)
    if client is None:
        raise NoRedirect("client_id", "not registered here")
    return client


def _advance(
    session: Session, mint: Mint, stored: AuthorizationRequest, asked: AskedFor, *, browser: Browser
) -> Answer:
    client = stored.client
    step = step_of(session, mint, stored, browser)
    if step is Step.SIGN_IN:
        return SignInFirst(stored.id, SignInPage(client.sign_in_page), asked.ui_locales)
    if step is Step.ASK_CONSENT:
        return AskFirst(stored.id, asked.ui_locales)
    if not _finish(session, stored, asked):
        raise NoRedirect("request", "this sign-in was finished already")
    if step in REFUSALS or browser.sign_in is None:
        return _refuse(mint, asked, step if step in REFUSALS else Step.REFUSE_LOGIN_REQUIRED)
    if step is Step.ISSUE:
        if not consent.hold_consent(session, client, browser.sign_in.account_id, asked):
            return _refuse(mint, asked, Step.REFUSE_ACCESS_DENIED)
        return _issue_code(session, mint, client, asked, sign_in=browser.sign_in)
    enter = start_proxy_login if step is Step.START_PROXY_LOGIN else continue_proxy_login
    try:
        act_as = enter(session, mint.settings, client=client, asked=asked, sign_in=browser.sign_in)
    except TicketUnusable as refusal:
        record_event(
            session, Event.PROXY_LOGIN_REFUSED, actor_id=browser.sign_in.account_id,
            owner_id=refusal.owner_id, agency_id=refusal.agency_id, grant_id=refusal.grant_id,
            client_id=client.client_id, reason=refusal.reason,
        )  # fmt: skip
        return _refuse(mint, asked, Step.REFUSE_LOGIN_REQUIRED)
    return _issue_code(session, mint, client, asked, sign_in=browser.sign_in, act_as=act_as)


def _refuse(mint: Mint, asked: AskedFor, step: Step) -> Response:
    return respond_error(asked.reply_to, str(step), REFUSALS[step], issuer=mint.settings.issuer)


def _visitor(
    session: Session, mint: Mint, client: Client, *, asked: AskedFor, sign_in: BrowserSession | None
) -> Visitor | None:
    if sign_in is None:
        return None
    account = sign_in.account
    if client.sign_in_page == SignInPage.AGENCIES:
        fits = is_member_in_good_standing(session, account.id)
    else:
        fits = account.owner is not None
    return Visitor(
        subject_for(mint.settings, client, account.id), str(account.id), sign_in.authenticated_at,
        fits_client=fits, has_consented=not consent.must_ask(session, client, account.id, asked),
    )  # fmt: skip


def _finish(session: Session, stored: AuthorizationRequest, asked: AskedFor) -> bool:
    """Use the request up, and its pushed name: one request gives one answer, whoever comes back with it."""
    finished = session.execute(
        update(AuthorizationRequest)
        .where(AuthorizationRequest.id == stored.id, AuthorizationRequest.finished_at.is_(None))
        .values(finished_at=clock.now())
        .returning(AuthorizationRequest.id)
    ).first()
    return finished is not None and (asked.pushed_digest is None or use_pushed(session, asked.pushed_digest))


def _issue_code(
    session: Session, mint: Mint, client: Client, asked: AskedFor, *, sign_in: BrowserSession,
    act_as: ActAsSession | None = None,
) -> Response:  # fmt: skip
    now, settings, scope = clock.now(), mint.settings, asked.scopes
    if act_as is not None:  # what the grant allows, not what the client usually asks for
        scope = frozenset({*act_as.scope.split(), *({"openid"} & asked.scopes)})
    family = start_family(
        session, settings, client_id=client.client_id, session_id=sign_in.id, act_as=act_as, scope=scope,
        account_id=act_as.grant.owner_id if act_as else sign_in.account_id,
        authenticated_at=sign_in.authenticated_at, jkt=asked.jkt,
        resources=() if act_as else asked.resources,
        claims=asked.claims if asked.claims and act_as is None else None,
    )  # fmt: skip
    code = credentials.mint_secret(SecretKind.AUTHORIZATION_CODE)
    session.add(
        AuthorizationCode(
            digest=credentials.digest(code), family_id=family.id, redirect_uri=asked.redirect_uri,
            redirect_uri_was_sent=asked.redirect_uri_was_sent, code_challenge=asked.code_challenge,
            nonce=asked.nonce, expires_at=now + timedelta(seconds=settings.authorization_code_lifetime),
        )
    )  # fmt: skip
    return respond(asked.reply_to, {"code": code}, issuer=settings.issuer)
