"""Who is asking: the cookie, Flask-Login behind it, and the decorators that guard pages.

The cookie is signed but is not the session: under Flask-Login's ``_user_id`` it holds a random secret
whose digest names a stored row, so that a copied cookie is worth nothing after signing out.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import ParamSpec, TypeVar
from uuid import UUID

from flask import Flask, g, redirect, request, url_for
from flask import session as cookie
from flask_login import LoginManager, current_user, login_user, logout_user
from sqlalchemy.exc import OperationalError
from werkzeug.wrappers import Response

from idp import clock, credentials
from idp.accounts.models import Account, BrowserSession, Member
from idp.accounts.people import get_member_in_good_standing
from idp.accounts.rules import NotAnOwner, NotSignedIn
from idp.accounts.sessions import service
from idp.credentials import SecretKind
from idp.unit_of_work import SAFE_METHODS, current_database, current_session, unit_of_work
from idp.web import current_settings, here, own_path

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)
OWNER_SIGN_IN = "sign_in.owner_sign_in"
AGENCY_SIGN_IN = "sign_in.agency_sign_in"
"""Endpoints of the sign-in pages."""
_BROWSER, _KNOWN = "browser", "known"
_ERRAND, _ERRAND_KEPT = "errand", timedelta(days=1)
_KEPT = (_BROWSER, _KNOWN, _ERRAND)
"""What of the cookie outlives signing in and, apart from the errand, out."""


@dataclass(frozen=True)
class Visitor:
    """Somebody signed in, in the form that Flask-Login asks for."""

    secret: str
    browser_session: BrowserSession
    is_active = True
    is_authenticated = True
    is_anonymous = False

    def get_id(self) -> str:
        """Return what the cookie holds: the secret, never the account's id."""
        return self.secret


@dataclass(frozen=True)
class Person:
    """Who is named at the head of every page."""

    display_name: str


def init_login(app: Flask) -> None:
    """Give the application its sign-in; called after ``unit_of_work.init_app``."""
    manager = LoginManager()
    # Flask-Login's own protection binds a session to the network address, which signs phones out.
    manager.session_protection = None
    manager.user_loader(_load_visitor)
    # Its `current_user` in every template would ask the database even for the page that says it is gone.
    manager.init_app(app, add_context_processor=False)
    app.teardown_request(_note_visit)


def _load_visitor(secret: str) -> Visitor | None:
    """Look the cookie's session up in a reading unit of work of its own.

    The request's own one may be about to write, and on SQLite it would then hold the one write lock for
    as long as the request takes, an Argon2 hash included.
    """
    now = clock.now()
    with unit_of_work(current_database(), writes=False) as reading:
        found = service.find_session(reading, secret, now=now, idle=_idle())
    if found is None:
        return None
    if service.needs_touch(found, now=now):
        g.session_to_touch = found.id
    return Visitor(secret, found)


def _note_visit(_error: BaseException | None) -> None:
    """Note the visit once the request's own work is stored: a second writer would wait for the first."""
    session_id: UUID | None = g.pop("session_to_touch", None)
    if session_id is None:
        return
    try:
        with unit_of_work(current_database()) as writing:
            service.touch(writing, session_id, now=clock.now())
    except OperationalError:
        # The answer is made already; a visit that is not noted only brings the idle limit nearer.
        log.warning("visit not noted: the database is busy")


def _idle() -> timedelta:
    return timedelta(seconds=current_settings().session_idle)


# --- who is here ----------------------------------------------------------------------------------------


def browser_id() -> str:
    """Return the random id of this browser, made on first use; it is there before anybody signs in."""
    known = cookie.get(_BROWSER)
    if not isinstance(known, str) or not credentials.is_kind(known, SecretKind.BROWSER):
        known = cookie[_BROWSER] = credentials.mint_secret(SecretKind.BROWSER)
    return known


def current_browser_session() -> BrowserSession | None:
    """Return this browser's living sign-in, or None. It belongs to no open session: it is for reading."""
    visitor = current_user._get_current_object()
    return visitor.browser_session if isinstance(visitor, Visitor) else None


def current_account() -> Account:
    """Return who is signed in. It belongs to no open session: it is for reading.

    :raises NotSignedIn: nobody is.
    """
    signed_in_here = current_browser_session()
    if signed_in_here is None:
        raise NotSignedIn
    return signed_in_here.account


def current_member() -> Member:
    """Return the signed-in person's place in an agency, as it is at this moment.

    :raises NotAMember: there is none.
    :raises AgencyNotActive: the agency is suspended.
    """
    account = current_account()
    if "member" not in g:
        with unit_of_work(current_database(), writes=False) as reading:
            g.member = get_member_in_good_standing(reading, account.id)
    member: Member = g.member
    return member


def current_person() -> Person | None:
    """Return the name for the head of the page, or None."""
    signed_in_here = current_browser_session()
    return None if signed_in_here is None else Person(signed_in_here.account.name)


# --- coming and going -----------------------------------------------------------------------------------


def sign_in(account: Account) -> BrowserSession:
    """Sign an account in, in this browser, and return its session.

    The cookie is emptied first and gets a new secret: whatever somebody planted in this browser before
    (session fixation) is worth nothing afterwards. The same person again keeps the session under a new
    secret; another person's session ends.
    """
    session, lifetime = current_session(), timedelta(seconds=current_settings().session_lifetime)
    before = current_browser_session()
    secret = None
    if before is not None and before.account_id == account.id:
        secret = service.renew_session(session, before.id, lifetime=lifetime)
    elif before is not None:
        service.end_session(session, before.id)
    if secret is not None and before is not None:
        session_id = before.id
    else:
        started, secret = service.start_session(
            session, account, address=request.remote_addr or "", lifetime=lifetime
        )
        session_id = started.id
    _forget()
    remember_browser_of(account.email or "")
    current = session.get_one(BrowserSession, session_id, populate_existing=True)
    login_user(Visitor(secret, current))
    for unneeded in ("_id", "_fresh"):  # for protections of Flask-Login that we do not use
        cookie.pop(unneeded, None)
    return current


def remember_errand(path: str) -> None:
    """Keep in this browser, for a day, the page that somebody is on the way to.

    It outlives registration and sign-in, which other pages may ask for in between, and not the sign-out.
    """
    cookie[_ERRAND] = [path, clock.epoch(clock.now() + _ERRAND_KEPT)]


def forget_errand() -> None:
    """Forget the page: they have arrived."""
    cookie.pop(_ERRAND, None)


def errand() -> str:
    """Return the page of ours that somebody was on the way to, or nothing."""
    kept = cookie.get(_ERRAND)
    if not isinstance(kept, list) or len(kept) != 2 or clock.epoch(clock.now()) >= kept[1]:
        return ""
    return own_path(kept[0], default="")


def sign_out() -> None:
    """End this browser's sign-in and forget it; nothing happens when there is none."""
    signed_in_here = current_browser_session()
    if signed_in_here is not None:
        service.end_session(current_session(), signed_in_here.id)
    logout_user()
    _forget()
    forget_errand()


def remember_browser_of(email: str) -> None:
    """Note in the cookie that the holder of this address has proved themselves in this browser."""
    mark = _mark(email)
    others = [known for known in _known_marks() if known != mark]
    cookie[_KNOWN] = [mark, *others[:2]]


def is_browser_of(email: str) -> bool:
    """Tell whether the holder of this address has proved themselves in this browser before."""
    return _mark(email) in _known_marks()


def _known_marks() -> list[str]:
    marks = cookie.get(_KNOWN)
    return [mark for mark in marks if isinstance(mark, str)] if isinstance(marks, list) else []


def _mark(email: str) -> str:
    return credentials.digest(f"known:{email}")[:22]


def _forget() -> None:
    """Empty the cookie except for what names the browser, and what this request knew of the person."""
    kept = {name: cookie[name] for name in _KEPT if name in cookie}
    cookie.clear()
    cookie.update(kept)
    for known in ("session_to_touch", "member", "csrf_token"):  # Flask-WTF keeps its token in `g` too
        g.pop(known, None)


# --- guards of pages ------------------------------------------------------------------------------------


def signed_in(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Open a page to anybody who is signed in; others are sent to the owners' sign-in and come back."""
    return _guard(view, sign_in_page=OWNER_SIGN_IN, check=lambda: None)


def owner_only(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Open a page to owners.

    :raises NotAnOwner: the person is signed in and is no owner.
    """
    return _guard(view, sign_in_page=OWNER_SIGN_IN, check=_check_owner)


def member_only(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Open a page to members of an agency.

    :raises NotAMember: the person is signed in and belongs to no agency.
    :raises AgencyNotActive: the person's agency is suspended.
    """
    return _guard(view, sign_in_page=AGENCY_SIGN_IN, check=current_member)


def _check_owner() -> None:
    if current_account().owner is None:
        raise NotAnOwner


def _guard(
    view: Callable[P, R], *, sign_in_page: str, check: Callable[[], object]
) -> Callable[P, R | Response]:
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        if current_browser_session() is None:
            return redirect(sign_in_address(sign_in_page), code=303)
        check()
        return view(*args, **kwargs)

    return guarded


def sign_in_address(sign_in_page: str) -> str:
    """Return the address of a sign-in page that leads back to this page, if a GET can show it."""
    return url_for(sign_in_page, next=here() if request.method in SAFE_METHODS else None)
