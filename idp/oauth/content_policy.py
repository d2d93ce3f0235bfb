"""Where a form may lead. Chromium applies ``form-action`` to the whole chain of redirects after a POST.

A sign-in form leads on to the authorization endpoint and from there to the relying party, so its page has
to name the origin of that request's redirect URI, or the browser stops the redirect without a word.
"""

import re
import uuid

from flask import request

from idp.oauth.authorize import origin_after_sign_in
from idp.unit_of_work import current_database, unit_of_work

_RESUME = re.compile(r"/oauth/authorize/([0-9a-f-]{36})\Z")


def origins_after_sign_in() -> list[str]:
    """Return the origins that the forms of this page may lead to, beside our own."""
    match = _RESUME.search(request.args.get("next", ""))
    if match is None:
        return []
    try:
        request_id = uuid.UUID(match[1])
    except ValueError:
        return []
    with unit_of_work(current_database(), writes=False) as session:
        origin = origin_after_sign_in(session, request_id)
    return [origin] if origin else []
