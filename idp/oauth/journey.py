"""One place decides what comes next in an authorization (OIDC Core §3.1.2.3, §3.1.2.4).

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
    ASK_CONSENT = "ask_consent"
    ISSUE = "issue"
    START_PROXY_LOGIN = "start_proxy_login"
    CONTINUE_PROXY_LOGIN = "continue_proxy_login"
    REFUSE_LOGIN_REQUIRED = "login_required"
    REFUSE_CONSENT_REQUIRED = "consent_required"
    REFUSE_ACCESS_DENIED = "access_denied"


REFUSALS = {
    Step.REFUSE_LOGIN_REQUIRED: "nobody is signed in who could be shown to this client",
    Step.REFUSE_CONSENT_REQUIRED: "the person has to be asked first, and prompt=none forbids it",
    Step.REFUSE_ACCESS_DENIED: "the person did not allow it",
}
"""Steps that end the journey, and what the client's developer is told."""


@dataclass(frozen=True)
class Visitor:
    """Who is signed in in this browser."""

    sub: str
    """As the client knows them."""
    account_id: str
    authenticated_at: datetime
    fits_client: bool
    """An owner at an owners' app, a member of an agency at an agencies' app."""
    has_consented: bool
    """Need not be asked: allowed all of this before, or it is an app of the maker's own."""


def next_step(asked: AskedFor, visitor: Visitor | None, *, begun_at: datetime, now: datetime) -> Step:
    """Say what comes next for a stored request, whenever the browser comes back with it."""
    if asked.ticket_digest is not None:
        return Step.START_PROXY_LOGIN
    if asked.id_token_hint is not None and asked.id_token_hint["act"]:
        return Step.CONTINUE_PROXY_LOGIN
    is_silent = "none" in asked.prompt
    if visitor is None or _must_sign_in(asked, visitor, begun_at=begun_at, now=now):
        return Step.REFUSE_LOGIN_REQUIRED if is_silent else Step.SIGN_IN
    if asked.required_sub and visitor.sub not in asked.required_sub:
        # OIDC Core §3.1.2.2, §5.5.1: whoever has just signed in is not the one who is meant.
        has_tried = visitor.authenticated_at >= begun_at
        return Step.REFUSE_LOGIN_REQUIRED if is_silent or has_tried else Step.SIGN_IN
    if asked.refused_by == visitor.account_id:
        return Step.REFUSE_ACCESS_DENIED
    if asked.allowed_by == visitor.account_id or (visitor.has_consented and "consent" not in asked.prompt):
        return Step.ISSUE
    return Step.REFUSE_CONSENT_REQUIRED if is_silent else Step.ASK_CONSENT


def _must_sign_in(asked: AskedFor, visitor: Visitor, *, begun_at: datetime, now: datetime) -> bool:
    if not visitor.fits_client:
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
