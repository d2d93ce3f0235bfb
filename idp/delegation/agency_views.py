"""Addresses of the agencies' pages on this server, for mails: they lead on to the portal and change nothing.

Every link of a mail begins with the issuer, so that nobody has to learn a second address to trust.
"""

from flask import Blueprint, redirect
from werkzeug.wrappers import Response

from idp.web import current_settings

AGENCY_LINKS = Blueprint("agency_links", __name__)


@AGENCY_LINKS.get("/agency_admin")
def owners() -> Response:
    """Lead on to 登録ユーザー一覧."""
    return redirect(f"{current_settings().agency_portal_url}/agency_admin", code=303)


@AGENCY_LINKS.get("/agency_admin/<int:user_id>")
def owner(user_id: int) -> Response:
    """Lead on to ユーザー情報編集; who asks and what there is to see is the portal's and the API's matter."""
    return redirect(f"{current_settings().agency_portal_url}/agency_admin/{user_id}", code=303)
