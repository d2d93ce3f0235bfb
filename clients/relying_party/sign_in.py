"""Sign-in, initiated here or elsewhere, and renewal: request and callback (OIDC Core §3.1, RFC 9207)."""

from collections.abc import Mapping
from datetime import timedelta

import structlog
from flask import Blueprint, Response, current_app, flash, g, redirect, request, url_for
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _

from clients.relying_party import clock, gate, pending
from clients.relying_party.claims import read_text
from clients.relying_party.errors import (
    ProxyLoginIsOver,
    SignInFailed,
    TokenNotGenuine,
    TokenRefused,
)
from clients.relying_party.id_token import Expectation, Identity, verify_id_token
from clients.relying_party.own_path import find_own_path
from clients.relying_party.parts import Parts
from clients.relying_party.pending import PendingSignIn, Purpose
from clients.relying_party.sessions import NewSession
from clients.relying_party.token_endpoint import TokenResponse
from clients.relying_party.values import EndReason

log = structlog.get_logger(__name__)

OVER_ERRORS = frozenset(
    {
        "login_required",
        "access_denied",
        "interaction_required",
        "consent_required",
        "account_selection_required",
    }
)
"""What the server answers to a silent renewal when the proxy login may not go on (OIDC Core §3.1.2.6)."""


def add_routes(blueprint: Blueprint, parts: Parts) -> None:
    """Register ``/login``, ``/oidc/initiate`` and ``/oidc/callback``."""

    @blueprint.get("/login")
    def login() -> ResponseReturnValue:
        return_to = _own_path(parts, request.args.get("next", "")) or url_for(parts.application.home_endpoint)
        return start(parts, PendingSignIn(purpose=Purpose.SIGN_IN, return_to=return_to), extra={})

    @blueprint.route("/oidc/initiate", methods=["GET", "POST"])
    def initiate() -> ResponseReturnValue:
        return _initiate(parts)

    @blueprint.get("/oidc/callback")
    def callback() -> ResponseReturnValue:
        return _callback(parts)


def start(parts: Parts, begun: PendingSignIn, *, extra: Mapping[str, str]) -> Response:
    """Send the browser to the server with a fresh state, nonce and PKCE challenge."""
    parameters = {"scope": parts.application.scope, "state": begun.state, "nonce": begun.nonce, **extra}
    language = get_locale().language
    if language != "ja":
        parameters["ui_locales"] = language
    try:
        url = parts.tokens.authorization_url(
            redirect_uri=_redirect_uri(parts), code_verifier=begun.code_verifier, parameters=parameters
        )
    except TokenRefused as refusal:
        raise SignInFailed(refusal.error) from refusal
    response = _see_other(url)
    pending.remember(parts, request, response=response, begun=begun)
    return response


def start_renewal(parts: Parts) -> Response:
    """Send the browser for a new act-as token, with no page in between (OIDC Core §3.1.2.1 ``prompt``)."""
    stored = gate.find_stored(parts)
    if stored is None:
        raise SignInFailed("no session to renew")
    begun = PendingSignIn(
        purpose=Purpose.RENEW,
        return_to=_own_path(parts, request.full_path.rstrip("?")) or url_for(parts.application.home_endpoint),
        session_key=stored.session.key,
    )
    return start(parts, begun, extra={"prompt": "none", "id_token_hint": stored.id_token})


def _initiate(parts: Parts) -> ResponseReturnValue:
    """Start a sign-in that another party asks for (OIDC Core §4).

    The party is not authenticated and need not be: all that it can bring about is an ordinary sign-in at the
    one configured server, which decides who signs in.
    """
    if any(len(request.values.getlist(name)) > 1 for name in ("iss", "login_hint", "target_link_uri")):
        raise SignInFailed("duplicate parameter")
    if request.values.get("iss") != parts.settings.issuer:
        raise SignInFailed("iss")
    target = request.values.get("target_link_uri", "")
    return_to = _own_path(parts, target) if target else url_for(parts.application.home_endpoint)
    if return_to is None:
        raise SignInFailed("target_link_uri")
    hint = request.values.get("login_hint", "")
    if len(hint) > 2048:
        raise SignInFailed("login_hint")
    begun = PendingSignIn(purpose=Purpose.INITIATED, return_to=return_to)
    return start(parts, begun, extra={"login_hint": hint} if hint else {})


def _callback(parts: Parts) -> ResponseReturnValue:
    if any(len(request.args.getlist(name)) > 1 for name in request.args):
        raise SignInFailed("duplicate parameter")
    state = request.args.get("state", "")
    begun = pending.recall(parts, request, state=state)
    g.rp_pending = begun
    if request.args.get("iss") != parts.settings.issuer:
        # RFC 9207 §2.4: an answer of another server must not reach the token endpoint of this one.
        raise SignInFailed("iss")
    error = request.args.get("error")
    if error is not None:
        return _refused(parts, begun, error)
    tokens, identity = _redeem(parts, begun)
    finish = _renewed if begun.purpose is Purpose.RENEW else _signed_in
    response = finish(parts, begun, identity=identity, tokens=tokens)
    pending.forget(parts, response, state=state)
    return response


def _refused(parts: Parts, begun: PendingSignIn, error: str) -> ResponseReturnValue:
    if begun.purpose is Purpose.RENEW and error in OVER_ERRORS and _is_renewing_own_session(parts, begun):
        gate.forget(parts, EndReason.ENDED_BY_SERVER)
        raise ProxyLoginIsOver
    raise SignInFailed(error if error.isascii() and len(error) < 64 else "error")


def _redeem(parts: Parts, begun: PendingSignIn) -> tuple[TokenResponse, Identity]:
    """Exchange the code and verify what comes for it."""
    code = request.args.get("code", "")
    if not code:
        raise SignInFailed("code")
    try:
        tokens = parts.tokens.redeem_code(
            code, redirect_uri=_redirect_uri(parts), code_verifier=begun.code_verifier
        )
        identity = verify_id_token(
            tokens.id_token,
            parts.provider,
            expected=Expectation(
                issuer=parts.settings.issuer,
                client_id=parts.settings.client_id,
                algorithm=parts.settings.id_token_alg,
                nonce=begun.nonce,
                access_token=tokens.access_token,
                act_as_supported=parts.application.act_as_supported,
            ),
            now=clock.now(),
        )
        return tokens, _completed(parts, identity, tokens)
    except (TokenRefused, TokenNotGenuine) as refusal:
        raise SignInFailed(str(refusal)) from refusal


def _completed(parts: Parts, identity: Identity, tokens: TokenResponse) -> Identity:
    """Fill in name and e-mail address from userinfo where the ID token has none (OIDC Core §5.4).

    Not under act: a banner that names people must come whole from the signed token.
    """
    if identity.act is not None or (identity.name and identity.email):
        return identity
    claims = parts.tokens.userinfo(tokens.access_token)
    if read_text(claims, "sub") != identity.sub:
        raise TokenNotGenuine("userinfo sub")
    return Identity(
        sub=identity.sub,
        sid=identity.sid,
        name=identity.name or str(claims.get("name") or ""),
        email=identity.email or str(claims.get("email") or ""),
        issued_at=identity.issued_at,
        act=None,
        delegation="",
        session_expires_at=None,
    )


def _signed_in(parts: Parts, begun: PendingSignIn, *, identity: Identity, tokens: TokenResponse) -> Response:
    """Begin a session under a new cookie; whatever session the browser had before is over."""
    scope = frozenset(parts.application.scope.split()) if tokens.scope is None else tokens.scope
    now = clock.now()
    old = gate.find_stored(parts)
    new = parts.sessions.begin(identity, tokens, scope=scope, now=now)
    if new is None:
        if identity.act is not None:
            raise ProxyLoginIsOver
        raise SignInFailed("ended meanwhile")
    if old is not None:
        parts.sessions.end(old.session.key, EndReason.SIGNED_OUT, now=now)
    # The browser's own cookie is emptied too, so that no CSRF token from before the sign-in is good after it.
    browser.clear()
    g.pop(current_app.config["WTF_CSRF_FIELD_NAME"], None)
    if identity.act is not None:
        flash(_("お客様のマイページに代理ログインができました!"), "success")
    log.info("signed_in", purpose=begun.purpose.value, acting=identity.act is not None)
    response = _see_other(begun.return_to)
    set_session_cookie(parts, response, new)
    return response


def _renewed(parts: Parts, begun: PendingSignIn, *, identity: Identity, tokens: TokenResponse) -> Response:
    """Put the new token into the very session that asked for it, and into no other."""
    stored = gate.find_stored(parts)
    if stored is None or not _is_renewing_own_session(parts, begun):
        raise SignInFailed("another session")
    session = stored.session
    told = (identity.sub, identity.sid, identity.delegation, identity.act)
    known = (session.sub, session.sid, session.delegation, session.act)
    if told != known or identity.session_expires_at is None:
        raise SignInFailed("another person")
    if tokens.access_expires_at <= clock.now() + gate.RENEW_BEFORE:
        # A server that hands out tokens of seconds would send the browser round and round.
        raise SignInFailed("short token")
    end = min(identity.session_expires_at, session.session_expires_at)
    if not parts.sessions.store_tokens(session.key, tokens, id_token=tokens.id_token, end=end):
        raise ProxyLoginIsOver
    log.info("proxy_login_renewed", time_left=int((end - clock.now()) / timedelta(seconds=1)))
    return _see_other(begun.return_to)


def _is_renewing_own_session(parts: Parts, begun: PendingSignIn) -> bool:
    session = gate.current_session(parts)
    return session is not None and session.act is not None and session.key == begun.session_key


def set_session_cookie(parts: Parts, response: Response, new: NewSession) -> None:
    """Give the browser its session: a random id, gone when the browser closes."""
    response.set_cookie(
        parts.cookie("session"),
        new.cookie,
        path="/",
        secure=parts.settings.cookies_are_secure,
        httponly=True,
        samesite="Lax",
    )


def _own_path(parts: Parts, target: str) -> str | None:
    return find_own_path(target, origin=parts.settings.base_url)


def _redirect_uri(parts: Parts) -> str:
    return f"{parts.settings.base_url}/oidc/callback"


def _see_other(url: str) -> Response:
    response = redirect(url, code=303)
    if not isinstance(response, Response):
        raise TypeError("a redirect is always a Response of this application")
    return response
