"""Decides at the door of a view whether the request may go on, and as whom."""

from datetime import datetime, timedelta

from flask import g, redirect, request, url_for
from flask import session as browser
from flask.typing import ResponseReturnValue

from clients.relying_party import clock
from clients.relying_party.credentials import digest
from clients.relying_party.errors import ProxyLoginIsOver, RenewalIsDue, SessionIsOver
from clients.relying_party.parts import Parts
from clients.relying_party.sessions import StoredSession
from clients.relying_party.values import EndReason, Session

RENEW_BEFORE = timedelta(seconds=20)
"""A page is not begun with an act-as token that is about to run out."""
ENDED_HERE = "proxy_login_ended"
"""Where the browser's own cookie remembers, until it was said, that a proxy login was ended by its button."""
LAST_SECONDS = timedelta(seconds=5)
"""A form is still sent on with a token that lives at least so long."""


def find_stored(parts: Parts) -> StoredSession | None:
    """Return the session of this request's cookie, ended or not. Read once a request."""
    if "rp_stored" not in g:
        cookie = request.cookies.get(parts.cookie("session"), "")
        g.rp_stored = parts.sessions.find(digest(cookie), now=clock.now()) if cookie else None
    stored: StoredSession | None = g.rp_stored
    return stored


def current_session(parts: Parts) -> Session | None:
    """Return the living session of this request; None while nobody is signed in."""
    stored = find_stored(parts)
    return stored.session if stored is not None and stored.end_reason is None else None


def get_session(parts: Parts) -> Session:
    """Return the living session of this request.

    :raises SessionIsOver: there is none.
    """
    session = current_session(parts)
    if session is None:
        raise SessionIsOver
    return session


def check_proxy_login_is_not_over(parts: Parts) -> None:
    """Stop at a proxy login that ended meanwhile: the next click says so, on whichever page it comes.

    :raises ProxyLoginIsOver: the cookie belongs to such a session.
    """
    stored = find_stored(parts)
    if stored is None or stored.session.act is None or stored.end_reason in {None, EndReason.SIGNED_OUT}:
        return
    raise ProxyLoginIsOver(time_is_over=stored.end_reason is EndReason.TIME_OVER)


def check_signed_in(parts: Parts) -> ResponseReturnValue | None:
    """Return where to send somebody who is not signed in; None to go on.

    :raises SessionIsOver: a session ended, or a form was sent without one.
    :raises ProxyLoginIsOver: this browser ended one, and a page that was open meanwhile asks for more of it.
    :raises RenewalIsDue: the act-as access token has run out.
    """
    session = current_session(parts)
    if session is None:
        if request.method not in {"GET", "HEAD"} or find_stored(parts) is not None:
            raise SessionIsOver
        if browser.get(ENDED_HERE):
            # Once, and not the owners' sign-in, with which staff can do nothing.
            raise ProxyLoginIsOver(was_ended_here=True)
        return redirect(url_for("rp.login", next=request.full_path.rstrip("?")), code=303)
    if session.act is not None and _renewal_is_due(parts, session, now=clock.now()):
        raise RenewalIsDue
    return None


def forget(parts: Parts, reason: EndReason) -> None:
    """End the session of this request."""
    stored = find_stored(parts)
    if stored is not None:
        parts.sessions.end(stored.session.key, reason, now=clock.now())
    g.pop("rp_stored", None)


def _renewal_is_due(parts: Parts, session: Session, *, now: datetime) -> bool:
    stored = find_stored(parts)
    if stored is None:
        return False
    margin = RENEW_BEFORE if request.method in {"GET", "HEAD"} else LAST_SECONDS
    if stored.access_expires_at > now + margin:
        return False
    # Near the absolute end a new token would live no longer than this one: use it up.
    return stored.access_expires_at <= now or session.session_expires_at > now + RENEW_BEFORE
