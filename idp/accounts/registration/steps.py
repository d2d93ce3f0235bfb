"""Steps that agencies and owners share on their way to an account."""

from datetime import timedelta

from flask import redirect, render_template
from werkzeug.wrappers import Response

from idp import clock, credentials
from idp.accounts import links
from idp.accounts.forms import NewPasswordFields
from idp.accounts.link_policy import LinkPolicy
from idp.accounts.registration import service
from idp.accounts.rules import AddressTaken, LinkPurpose
from idp.unit_of_work import current_database, current_session
from idp.web import current_settings, duration_words


def policy() -> LinkPolicy:
    """Return the settings for registration links."""
    settings = current_settings()
    return LinkPolicy(
        lifetime=timedelta(seconds=settings.registration_link_lifetime),
        mails_per_hour=settings.mails_per_recipient_hour,
        mails_per_day=settings.mails_per_recipient_day,
    )


def show_sent(*, start: str) -> str:
    """Say that a mail is on its way, and how long its link lives."""
    lifetime = duration_words(current_settings().registration_link_lifetime)
    return render_template("accounts/registration_sent.html", start=start, lifetime=lifetime)


def send_again(token: str, purpose: LinkPurpose, *, sent: str, start: str) -> Response:
    """Send a new link to the address of an older one, or begin anew when there is none."""
    email = links.find_address(current_session(), token, purpose=purpose)
    if email is None:
        return redirect(start, code=303)
    service.request_link(current_session(), email, purpose=purpose, policy=policy(), now=clock.now())
    return redirect(sent, code=303)


def password_hash(form: NewPasswordFields, kept: str | None) -> str | None:
    """Return what to keep of the password: a new one that may be used, else the one kept before.

    Of one that was typed and refused nothing is kept, nor of the one before: the person wanted another.
    """
    if form.has_new_password():
        return credentials.hash_password(form.password.data or "", current_database().sealer)
    return None if form.password.data or form.password_confirm.data else kept


def show_address_taken(*, sign_in: str) -> tuple[str, int]:
    """Tell the holder of a mailbox, who has proved it, that it is registered already."""
    return render_template("accounts/address_taken.html", sign_in=sign_in), AddressTaken.status
