"""Forgotten passwords, and changing the present one."""

from datetime import timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp import clock, credentials
from idp.accounts.link_pages import show_link_over
from idp.accounts.link_policy import LinkPolicy
from idp.accounts.passwords import service
from idp.accounts.passwords.forms import ChangePasswordForm, ForgottenForm, NewPasswordForm
from idp.accounts.rules import LinkNotFresh, NotSignedIn, TooManyAttempts, WrongPassword
from idp.accounts.sessions import access
from idp.accounts.sign_in.service import check_password
from idp.accounts.sign_in.views import wait_words
from idp.unit_of_work import current_database, current_session, unit_of_work
from idp.web import current_settings, duration_words

blueprint = Blueprint("passwords", __name__)
View = str | tuple[str, int] | Response


@blueprint.get("/password/forgot")
def forgotten() -> View:
    """Ask for the address."""
    return render_template("accounts/password_forgotten.html", form=ForgottenForm())


@blueprint.post("/password/forgot")
def send_link() -> View:
    """Send the link; the answer is the same whether or not the address is known."""
    form = ForgottenForm(request.form)
    if not form.validate():
        return render_template("accounts/password_forgotten.html", form=form), 400
    return _send_to(form.email.data or "")


@blueprint.get("/password/sent")
def sent() -> View:
    """Say that a mail is on its way."""
    lifetime = duration_words(current_settings().password_link_lifetime)
    return render_template("accounts/password_link_sent.html", lifetime=lifetime)


@blueprint.post("/password/reset/<token>/again")
def send_again(token: str) -> View:
    """Send a new link to the address of one that is over."""
    email = service.find_address(current_session(), token)
    return redirect(url_for(".forgotten"), code=303) if email is None else _send_to(email)


@blueprint.get("/password/reset/<token>")
def reset(token: str) -> View:
    """Show the form behind the link. Opening it changes nothing: scanners open every link."""
    account = service.account_behind(current_session(), token, now=clock.now())
    return _show_reset(NewPasswordForm(), account.email)


@blueprint.post("/password/reset/<token>")
def set_new_password(token: str) -> View:
    """Set the new password, and let this browser sign in however often others guessed wrong."""
    with unit_of_work(current_database(), writes=False) as reading:  # hashing holds no write lock
        account = service.account_behind(reading, token, now=clock.now())
    form = NewPasswordForm(request.form)
    form.account = account
    if not form.validate():
        return _show_reset(form, account.email, status=400)
    password_hash = credentials.hash_password(form.password.data or "", current_database().sealer)
    service.reset_password(current_session(), token, password_hash=password_hash, now=clock.now())
    access.sign_out()
    access.remember_browser_of(account.email or "")
    flash(_("新しいパスワードを設定しました。新しいパスワードでログインしてください。"), "success")
    page = "sign_in.owner_sign_in" if account.owner is not None else "sign_in.agency_sign_in"
    return redirect(url_for(page), code=303)


@blueprint.get("/account/password")
@access.signed_in
def change() -> View:
    """Show the form for another password."""
    return _show_change(ChangePasswordForm())


@blueprint.post("/account/password")
@access.signed_in
def change_password() -> View:
    """Change the password of whoever knows the present one."""
    account, this_browser = access.current_account(), access.current_browser_session()
    if this_browser is None:
        raise NotSignedIn
    form = ChangePasswordForm(request.form)
    form.account = account
    if not form.validate():
        return _show_change(form, status=400)
    try:
        proven = check_password(
            current_database(), account.email or "", password=form.current_password.data or "",
            browser=access.browser_id(),
        )  # fmt: skip
        password_hash = credentials.hash_password(form.password.data or "", current_database().sealer)
        changed = service.change_password(
            current_session(), proven, password_hash=password_hash, keep=this_browser.id, now=clock.now()
        )
    except WrongPassword:
        form.current_password.errors = [_("現在のパスワードが正しくありません。")]
        return _show_change(form, status=WrongPassword.status)
    except TooManyAttempts as refusal:
        form.current_password.errors = [wait_words(refusal)]
        return _show_change(form, status=TooManyAttempts.status)
    access.sign_in(changed)
    flash(_("パスワードを変更しました。ほかの端末のログインは終了しました。"), "success")
    return redirect(url_for(".change"), code=303)


@blueprint.get("/.well-known/change-password")
def well_known() -> View:
    """Lead password managers to the page (W3C, A Well-Known URL for Changing Passwords)."""
    return redirect(url_for(".change"), code=303)


@blueprint.errorhandler(LinkNotFresh)
def _link_over(refusal: LinkNotFresh) -> View:
    return show_link_over((request.view_args or {})["token"], refusal)


def _send_to(email: str) -> View:
    settings = current_settings()
    policy = LinkPolicy(
        lifetime=timedelta(seconds=settings.password_link_lifetime),
        mails_per_hour=settings.mails_per_recipient_hour,
        mails_per_day=settings.mails_per_recipient_day,
    )
    service.request_link(current_session(), email, policy=policy, now=clock.now())
    return redirect(url_for(".sent"), code=303)


def _show_reset(form: NewPasswordForm, email: str | None, *, status: int = 200) -> View:
    return render_template("accounts/password_reset.html", form=form, email=email or ""), status


def _show_change(form: ChangePasswordForm, *, status: int = 200) -> View:
    account = access.current_account()
    page = render_template(
        "accounts/password_change.html", form=form, email=account.email or "",
        is_owner=account.owner is not None,
    )  # fmt: skip
    return page, status
