"""RP-Initiated Logout 1.0: ending a sign-in, or a proxy login alone, at a relying party's word.

A hint that we signed and that names this browser's own session is enough to end it. Without one the
person is asked, because an image on any page could send the request.
"""

import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from sqlalchemy.orm import Session

from idp.accounts.models import BrowserSession
from idp.delegation import proxy_logins
from idp.delegation.rules import SessionEnd
from idp.oauth.clients import find_client
from idp.oauth.models import Client
from idp.oauth.parameters import Parameters
from idp.oauth.subjects import subject_for
from idp.oauth.tokens import Mint, TokenUnreadable, read_id_token_hint


class LogoutRefused(Exception):
    """The request cannot be answered by a redirect: a page says which field is wrong."""

    def __init__(self, field_name: str, reason: str) -> None:
        super().__init__(reason)
        self.field_name = field_name
        self.reason = reason


@dataclass(frozen=True)
class LogoutAsked:
    """What a checked request to the end-session endpoint asks for."""

    client: Client | None
    return_to: str | None
    """Registered address to return to, as registered."""
    state: str | None
    act_as_sid: uuid.UUID | None
    """End this proxy login alone."""
    ends_own_session: bool
    """The hint names this browser's session; no question is needed."""

    @property
    def location(self) -> str | None:
        """Where the browser goes afterwards: the registered address, with ``state`` if one was sent (§3)."""
        if self.return_to is None or self.state is None:
            return self.return_to
        parts = urlsplit(self.return_to)
        query = f"{parts.query}&" if parts.query else ""
        return urlunsplit(parts._replace(query=query + urlencode({"state": self.state})))


NOWHERE = LogoutAsked(None, None, None, None, ends_own_session=False)
"""Sign out and stay here."""


def check_logout(
    session: Session, mint: Mint, parameters: Parameters, sign_in: BrowserSession | None
) -> LogoutAsked:
    """Check the request (§2, §3).

    :raises LogoutRefused: the address to return to is not registered for the client.
    """
    claims = _read_hint(mint, parameters.get("id_token_hint"))
    client_id = parameters.get("client_id") or (claims or {}).get("aud")
    if claims is not None and claims["aud"] != client_id:
        raise LogoutRefused("client_id", "is not the audience of id_token_hint")
    client = find_client(session, client_id)
    return_to = _checked_return(parameters, client if claims or "client_id" in parameters else None)
    state = parameters.get("state")
    if claims is None:
        return LogoutAsked(client, return_to, state, None, ends_own_session=False)
    sid = uuid.UUID(claims["sid"])
    if "act" in claims:
        return LogoutAsked(client, return_to, state, sid, ends_own_session=False)
    own = (
        sign_in is not None
        and client is not None
        and sign_in.id == sid
        and subject_for(mint.settings, client, sign_in.account_id) == claims["sub"]
    )
    return LogoutAsked(client, return_to, state, None, ends_own_session=own)


def end_proxy_login(session: Session, sid: uuid.UUID) -> None:
    """End one proxy login; the staff member's own sign-in goes on. The relying party asked, so it knows."""
    proxy_logins.end_session(session, sid, reason=SessionEnd.STAFF, tell_app=False)


def _read_hint(mint: Mint, text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        return read_id_token_hint(mint, text)
    except TokenUnreadable:
        return None


def _checked_return(parameters: Parameters, client: Client | None) -> str | None:
    asked = parameters.get("post_logout_redirect_uri")
    if asked is None:
        return None
    if client is None:
        raise LogoutRefused("post_logout_redirect_uri", "needs id_token_hint or client_id")
    if asked not in client.post_logout_redirect_uris:
        raise LogoutRefused(
            "post_logout_redirect_uri", "not registered for this client; it must match exactly"
        )
    return asked
