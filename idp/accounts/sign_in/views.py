"""Sign-in pages of owners and of agencies."""

from contextlib import suppress
from math import ceil
from urllib.parse import urlsplit

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp.accounts.models import Account
from idp.accounts.people import find_member, get_member_in_good_standing, is_member_in_good_standing
from idp.accounts.rules import NotAMember, TooManyAttempts, WrongPassword
from idp.accounts.sessions import access
from idp.accounts.sign_in import service
from idp.accounts.sign_in.forms import AgencySignInForm, SignInForm
from idp.unit_of_work import current_database, current_session, unit_of_work
from idp.web import current_settings, own_path

blueprint = Blueprint("sign_in", __name__)
OWNER_HOME = "customer.show"
AGENCY_HOME = "entrance.agency_login"
"""Endpoints of the first pages; the owners' one is of a slice above this one."""
View = str | tuple[str, int] | Response


@blueprint.get("/sign-in")
def owner_sign_in() -> View:
    """Show the owners' sign-in."""
    return _show("accounts/sign_in.html", _hinted(SignInForm()))


@blueprint.post("/sign-in")
def owner_signs_in() -> View:
    """Sign somebody in on the owners' page."""
    return _sign_in("accounts/sign_in.html", SignInForm(request.form))


@blueprint.get("/store/linkaccounts")
def agency_sign_in() -> View:
    """Show the agencies' sign-in; a member of a suspended agency would only come back here for ever.

    :raises AgencyNotActive: such a one is signed in. The page has the button to sign out.
    """
    here = access.current_browser_session()
    if here is not None:
        with suppress(NotAMember), unit_of_work(current_database(), writes=False) as reading:
            get_member_in_good_standing(reading, here.account_id)
    return _show("accounts/agency_sign_in.html", _hinted(AgencySignInForm()))


@blueprint.post("/store/linkaccounts")
def agency_signs_in() -> View:
    """Sign somebody in on the agencies' page."""
    return _sign_in("accounts/agency_sign_in.html", AgencySignInForm(request.form))


def _hinted(form: SignInForm) -> SignInForm:
    """Fill in the address that the application named that sent the person here (``g.login_hint``).

    Who is signed in and has only to give the password again (``g.sign_in_anew``) need not type it either.
    """
    here = access.current_browser_session() if g.get("sign_in_anew") else None
    form.email.data = g.get("login_hint") or (here.account.email if here else None)
    return form


def _show(template: str, form: SignInForm, *, status: int = 200) -> tuple[str, int]:
    target = own_path(request.args.get("next"), default="")
    if not target:
        _allow_way_to_portal()
    anew = bool(g.get("sign_in_anew"))
    return render_template(template, form=form, next=target, fits=_fits(form), anew=anew), status


def _sign_in(template: str, form: SignInForm) -> View:
    if not form.validate():
        return _show(template, form, status=400)
    email = form.email.data or ""
    browser = access.browser_id() if access.is_browser_of(email) else None
    try:
        proven = service.check_password(
            current_database(), email, password=form.password.data or "", browser=browser
        )
        account = service.accept_password(current_session(), proven)
    except WrongPassword:
        form.form_errors.append(
            _("%(address)sまたはパスワードが正しくありません。", address=str(form.email.label.text))
        )
        return _show(template, form, status=WrongPassword.status)
    except TooManyAttempts as refusal:
        form.form_errors.append(wait_words(refusal))
        return _show(template, form, status=TooManyAttempts.status)
    errand = access.errand() if account.owner is not None else ""
    access.sign_in(account)
    target = own_path(request.args.get("next"), default=errand or _home(form, account))
    if target == errand:
        access.forget_errand()
    return redirect(target, code=303)


def _fits(form: SignInForm) -> bool:
    """Tell whether whoever is signed in already belongs where this page leads to."""
    here = access.current_browser_session()
    if here is None or not isinstance(form, AgencySignInForm):
        return here is None or here.account.owner is not None
    with unit_of_work(current_database(), writes=False) as reading:
        return is_member_in_good_standing(reading, here.account_id)


def _home(form: SignInForm, account: Account) -> str:
    """Return where somebody is at home who signed in on this page; who is both is what the page is for."""
    is_owner = account.owner is not None
    if is_owner and isinstance(form, AgencySignInForm):
        is_owner = find_member(current_session(), account.id) is None
    return url_for(OWNER_HOME if is_owner else AGENCY_HOME)


def wait_words(refusal: TooManyAttempts) -> str:
    """Return the words that tell how long to wait, and how one need not."""
    minutes = ceil(refusal.wait.total_seconds() / 60)
    words = _(
        "パスワードの間違いが続いたため、しばらくログインできません。%(minutes)s分ほど待ってから、もう一度お試しください。"
        "お急ぎの場合は「パスワードをお忘れの方」から再設定すると、すぐにログインできます。",
        minutes=minutes,
    )
    return str(words)


def _allow_way_to_portal() -> None:
    """Let the sign-in form lead on to the agencies' portal, as Chromium asks of every step of the way."""
    portal = urlsplit(current_settings().agency_portal_url)
    g.form_action_extra = [f"{portal.scheme}://{portal.netloc}"]
