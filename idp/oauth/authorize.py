"""The authorization endpoint (OIDC Core §3.1.2): parse, store, then whatever ``journey`` says is next."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sqlalchemy import update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import BrowserSession
from idp.accounts.people import is_member_in_good_standing
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.credentials import SecretKind
from idp.delegation import proxy_logins, tickets
from idp.delegation.models import ActAsSession
from idp.delegation.rules import ExchangeRefusal, TicketRefusal, TicketUnusable
from idp.delegation.tickets import Lifetimes
from idp.oauth.authorization_request import (
    AskedFor,
    NoRedirect,
    RedirectError,
    check_redirect_uri,
    check_request,
)
from idp.oauth.clients import find_client
from idp.oauth.issuing import audience_facts, client_facts, live_act_as, start_family
from idp.oauth.journey import Step, Visitor, next_step
from idp.oauth.models import AuthorizationCode, AuthorizationRequest, Client, SignInPage
from idp.oauth.parameters import Parameters, ParametersRefused
from idp.oauth.subjects import subject_for
from idp.oauth.tokens import Mint, TokenUnreadable, read_id_token_hint
from idp.settings import Settings


@dataclass(frozen=True)
class SendTo:
    """Send the browser to this address (303)."""

    location: str


@dataclass(frozen=True)
class SignInFirst:
    """Show the sign-in page, then come back to the stored request."""

    request_id: uuid.UUID
    page: SignInPage


Answer = SendTo | SignInFirst


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
    redirect_uri = check_redirect_uri(parameters, client)
    try:
        asked = check_request(
            parameters, client, redirect_uri=redirect_uri, read_hint=lambda text: _read_hint(mint, text)
        )
    except RedirectError as error:
        return _error(
            error.redirect_uri, error.error, error.description, state=error.state, issuer=mint.settings.issuer
        )
    now = clock.now()
    stored = AuthorizationRequest(
        id=credentials.new_id(), client_id=client.client_id,
        browser_digest=credentials.digest(browser.browser_id), parameters=asked.as_json(), created_at=now,
        expires_at=now + timedelta(seconds=mint.settings.authorization_request_lifetime),
    )  # fmt: skip
    session.add(stored)
    session.flush()
    return _advance(session, mint, stored, asked, browser=browser)


def begin_refused(session: Session, settings: Settings, refused: ParametersRefused) -> Answer:
    """Answer parameters that cannot be read: to the client if it and its redirect URI are beyond doubt.

    :raises NoRedirect: they are not.
    """
    client = _trusted_client(session, refused.readable)
    redirect_uri = check_redirect_uri(refused.readable, client)
    return _error(
        redirect_uri, "invalid_request", refused.reason, state=refused.readable.get("state"),
        issuer=settings.issuer,
    )  # fmt: skip


def resume(session: Session, mint: Mint, request_id: uuid.UUID, browser: Browser) -> Answer:
    """Go on with a stored request, in the browser that began it.

    :raises NoRedirect: it is unknown, over, finished, or another browser's.
    """
    stored = session.get(AuthorizationRequest, request_id)
    if (
        stored is None
        or clock.now() >= stored.expires_at
        or stored.finished_at is not None
        or not credentials.equal(stored.browser_digest, credentials.digest(browser.browser_id))
        or find_client(session, stored.client_id) is None
    ):
        raise NoRedirect("request", "this sign-in was finished, is too old, or was begun in another browser")
    return _advance(session, mint, stored, AskedFor.from_json(stored.parameters), browser=browser)


def origin_after_sign_in(session: Session, request_id: uuid.UUID) -> str | None:
    """Return the origin of the redirect URI that a sign-in form leads to, for Content-Security-Policy."""
    stored = session.get(AuthorizationRequest, request_id)
    return origin_of(AskedFor.from_json(stored.parameters).redirect_uri) if stored else None


def origin_of(uri: str) -> str:
    """Return scheme and authority of a URI."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def _trusted_client(session: Session, parameters: Mapping[str, str]) -> Client:
    client_id = parameters.get("client_id")
    if client_id is None:
        raise NoRedirect("client_id", "missing, or given more than once")
    client = find_client(session, client_id)
    if client is None:
        raise NoRedirect("client_id", "not registered here")
    return client


def _read_hint(mint: Mint, text: str) -> dict[str, object] | None:
    try:
        return read_id_token_hint(mint, text)
    except TokenUnreadable:
        return None


def _advance(
    session: Session, mint: Mint, stored: AuthorizationRequest, asked: AskedFor, *, browser: Browser
) -> Answer:
    client = stored.client
    visitor = _visitor(session, mint, client, sign_in=browser.sign_in)
    step = next_step(asked, visitor, begun_at=stored.created_at, now=clock.now())
    if step is Step.SIGN_IN:
        return SignInFirst(stored.id, SignInPage(client.sign_in_page))
    if not _finish(session, stored):
        raise NoRedirect("request", "this sign-in was finished already")
    if step is Step.REFUSE_LOGIN_REQUIRED or browser.sign_in is None:
        return _refuse_login(mint, asked)
    if step is Step.ISSUE:
        return _issue_code(session, mint, client, asked, sign_in=browser.sign_in)
    try:
        act_as = _proxy_login(session, mint, client, asked, sign_in=browser.sign_in, step=step)
    except TicketUnusable as refusal:
        record_event(
            session, Event.PROXY_LOGIN_REFUSED, actor_id=browser.sign_in.account_id,
            owner_id=refusal.owner_id, agency_id=refusal.agency_id, grant_id=refusal.grant_id,
            client_id=client.client_id, reason=refusal.reason,
        )  # fmt: skip
        return _refuse_login(mint, asked)
    return _issue_code(session, mint, client, asked, sign_in=browser.sign_in, act_as=act_as)


def _refuse_login(mint: Mint, asked: AskedFor) -> SendTo:
    return _error(
        asked.redirect_uri, "login_required", "nobody is signed in who could be shown to this client",
        state=asked.state, issuer=mint.settings.issuer,
    )  # fmt: skip


def _visitor(
    session: Session, mint: Mint, client: Client, *, sign_in: BrowserSession | None
) -> Visitor | None:
    if sign_in is None:
        return None
    account = sign_in.account
    if client.sign_in_page == SignInPage.AGENCIES:
        fits = is_member_in_good_standing(session, account.id)
    else:
        fits = account.owner is not None
    return Visitor(subject_for(mint.settings, client, account.id), sign_in.authenticated_at, fits_client=fits)


def _finish(session: Session, stored: AuthorizationRequest) -> bool:
    """Use the request up: one request gives one answer, however often the browser comes back."""
    finished = session.execute(
        update(AuthorizationRequest)
        .where(AuthorizationRequest.id == stored.id, AuthorizationRequest.finished_at.is_(None))
        .values(finished_at=clock.now())
        .returning(AuthorizationRequest.id)
    ).first()
    return finished is not None


def _proxy_login(
    session: Session, mint: Mint, client: Client, asked: AskedFor, *, sign_in: BrowserSession, step: Step
) -> ActAsSession:
    """Redeem the ticket, or find the running proxy login that the hint names, in this very browser.

    :raises TicketUnusable: there is none that is alive, allowed, of this browser and of this client.
    """
    settings = mint.settings
    if step is Step.START_PROXY_LOGIN:
        lifetimes = Lifetimes(
            timedelta(seconds=settings.act_as_session_lifetime), timedelta(seconds=settings.session_idle)
        )
        ticket = tickets.find_ticket(session, asked.ticket) if asked.ticket else None
        if ticket is None:
            raise TicketUnusable(TicketRefusal.UNKNOWN)
        actor_client = find_client(session, ticket.client_id)
        if actor_client is None:
            raise tickets.unusable(session, ticket, ExchangeRefusal.CLIENT_MAY_NOT_ACT)
        return tickets.redeem_ticket(
            session, ticket, sign_in=sign_in, client=client_facts(actor_client),
            audience=audience_facts(client), app_name=client.client_name, lifetimes=lifetimes,
        )  # fmt: skip
    hint = asked.id_token_hint or {}
    sid = uuid.UUID(hint["sid"])
    act_as = live_act_as(session, sid, settings=settings)
    if act_as is None or act_as.staff_session_id != sign_in.id or act_as.audience != client.client_id:
        raise proxy_logins.not_renewable(session, sid, sign_in=sign_in, audience=client.client_id)
    return act_as


def _issue_code(
    session: Session, mint: Mint, client: Client, asked: AskedFor, *, sign_in: BrowserSession,
    act_as: ActAsSession | None = None,
) -> SendTo:  # fmt: skip
    now, settings = clock.now(), mint.settings
    scope = asked.scope
    if act_as is not None:  # what the grant allows, not what the client usually asks for
        scope = " ".join(sorted({*act_as.scope.split(), *({"openid"} & set(asked.scope.split()))}))
    family = start_family(
        session, settings, client_id=client.client_id, session_id=sign_in.id, act_as=act_as,
        account_id=act_as.grant.owner_id if act_as else sign_in.account_id, scope=frozenset(scope.split()),
        authenticated_at=sign_in.authenticated_at,
    )  # fmt: skip
    code = credentials.mint_secret(SecretKind.AUTHORIZATION_CODE)
    session.add(
        AuthorizationCode(
            digest=credentials.digest(code), family_id=family.id, redirect_uri=asked.redirect_uri,
            redirect_uri_was_sent=asked.redirect_uri_was_sent, code_challenge=asked.code_challenge,
            nonce=asked.nonce, expires_at=now + timedelta(seconds=settings.authorization_code_lifetime),
        )
    )  # fmt: skip
    return _respond(asked.redirect_uri, {"code": code}, state=asked.state, issuer=settings.issuer)


def _error(redirect_uri: str, error: str, description: str, *, state: str | None, issuer: str) -> SendTo:
    return _respond(
        redirect_uri, {"error": error, "error_description": description}, state=state, issuer=issuer
    )


def _respond(redirect_uri: str, values: dict[str, str], *, state: str | None, issuer: str) -> SendTo:
    """Build the authorization response: the query that was registered is kept, ``iss`` is in every one."""
    if state is not None:
        values["state"] = state
    values["iss"] = issuer
    parts = urlsplit(redirect_uri)
    kept = parse_qsl(parts.query, keep_blank_values=True)
    return SendTo(urlunsplit(parts._replace(query=urlencode([*kept, *values.items()]))))
