"""One place decides what comes next in an authorization: sign in, issue, or refuse (OIDC Core §3.1.2.3).

``next_step`` is pure; the view carries it out. A proxy login never leads to a sign-in page: it is for
the very session that the ticket was made in, and for nobody who signs in now.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from idp.oauth.authorization_request import AskedFor


class Step(StrEnum):
    """What comes next."""

    SIGN_IN = "sign_in"
    ISSUE = "issue"
    START_PROXY_LOGIN = "start_proxy_login"
    CONTINUE_PROXY_LOGIN = "continue_proxy_login"
    REFUSE_LOGIN_REQUIRED = "login_required"


@dataclass(frozen=True)
class Visitor:
    """Who is signed in in this browser."""

    sub: str
    """As the client knows them."""
    authenticated_at: datetime
    fits_client: bool
    """An owner at an owners' app, a member of an agency at an agencies' app."""


def next_step(asked: AskedFor, visitor: Visitor | None, *, begun_at: datetime, now: datetime) -> Step:
    """Say what comes next for a stored request, whenever the browser comes back with it."""
    if asked.ticket_digest is not None:
        return Step.START_PROXY_LOGIN
    if asked.id_token_hint is not None and asked.id_token_hint["act"]:
        return Step.CONTINUE_PROXY_LOGIN
    if visitor is not None and not _must_sign_in(asked, visitor, begun_at=begun_at, now=now):
        return Step.ISSUE
    return Step.REFUSE_LOGIN_REQUIRED if "none" in asked.prompt else Step.SIGN_IN


def _must_sign_in(asked: AskedFor, visitor: Visitor, *, begun_at: datetime, now: datetime) -> bool:
    if not visitor.fits_client:
        return True
    if asked.id_token_hint is not None and asked.id_token_hint["sub"] != visitor.sub:
        return True
    # prompt=login is satisfied only by a password given after this request began, so that neither the
    # back button nor a second tab passes for it.
    if {"login", "select_account"} & set(asked.prompt) and visitor.authenticated_at < begun_at:
        return True
    if asked.max_age is None:
        return False
    return now - visitor.authenticated_at > timedelta(seconds=asked.max_age) and (
        visitor.authenticated_at < begun_at
    )
