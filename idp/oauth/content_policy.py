"""What a sign-in page has to know of the authorization request that it leads back to.

Chromium applies ``form-action`` to the whole chain of redirects after a POST: a sign-in form leads on to the
authorization endpoint and from there to the relying party, so its page has to name the origin of that
request's redirect URI, or the browser stops the redirect without a word. And the relying party may have said
who is about to sign in (``login_hint``, OIDC Core §3.1.2.1); it is never carried in an address. Where it
asked for a recent sign-in (``max_age``, ``prompt=login``), who is signed in has to give the password again.
"""

import re
import uuid
from contextlib import suppress

from flask import g, request

from idp.accounts.sessions.access import OWNER_SIGN_IN
from idp.oauth.authorization_request import AskedFor, NoRedirect
from idp.oauth.authorization_response import form_source
from idp.oauth.authorize import find_stored
from idp.oauth.models import AuthorizationRequest
from idp.oauth.views import this_browser
from idp.unit_of_work import current_database, unit_of_work

_RESUME = re.compile(r"/oauth/authorize/([0-9a-f-]{36})\Z")
_SIGN_IN = OWNER_SIGN_IN.partition(".")[0]
_MAIL_ADDRESS = re.compile(r"[^\s@\x00-\x1f]{1,64}@[^\s@\x00-\x1f]{1,189}")


def origins_after_sign_in() -> list[str]:
    """Return the origins that the forms of this page may lead to, beside our own."""
    request_id = _waiting_request()
    if request_id is None:
        return []
    with unit_of_work(current_database(), writes=False) as session:
        stored = session.get(AuthorizationRequest, request_id)
        return [form_source(AskedFor.from_json(stored.parameters).redirect_uri)] if stored else []


def load_login_hint() -> None:
    """Give the sign-in form what the relying party said of who is to sign in, in the browser that it sent."""
    request_id = _waiting_request() if request.blueprint == _SIGN_IN else None
    if request_id is None:
        return
    with unit_of_work(current_database(), writes=False) as session, suppress(NoRedirect):
        asked = AskedFor.from_json(find_stored(session, request_id, this_browser()).parameters)
        if asked.login_hint is not None and _MAIL_ADDRESS.fullmatch(asked.login_hint):
            g.login_hint = asked.login_hint
        g.sign_in_anew = asked.max_age is not None or "login" in asked.prompt


def _waiting_request() -> uuid.UUID | None:
    match = _RESUME.search(request.args.get("next", ""))
    try:
        return uuid.UUID(match[1]) if match else None
    except ValueError:
        return None
