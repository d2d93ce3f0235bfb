"""The pages where a person lets a device in (RFC 8628 §3.3): type its number, look, answer.

A number is looked at only for an owner who is signed in, and opening a page answers nothing, whoever
scanned whatever (§3.3.1, §5.4). The answer comes from the very browser and person that saw the question.
"""

from math import ceil
from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_babel import get_locale
from werkzeug.wrappers import Response

from idp import clock, credentials
from idp.accounts.models import BrowserSession
from idp.accounts.sessions.access import (
    OWNER_SIGN_IN,
    browser_id,
    current_browser_session,
    sign_in_address,
)
from idp.oauth.api_scopes import scope_words
from idp.oauth.consent.words import asking_of, localized
from idp.oauth.device import service
from idp.oauth.device.forms import UserCodeForm
from idp.oauth.device.guesses import Guesser
from idp.oauth.device.models import DeviceAnswer, DeviceRequest
from idp.oauth.device.rules import CodeState, DeviceAnswered, TooManyWrongCodes, compare_networks
from idp.oauth.scopes import OFFLINE_ACCESS
from idp.unit_of_work import current_session, writes_on_get
from idp.web import current_settings

PAGES = Blueprint("device_pages", __name__)
View = str | tuple[str, int] | Response


@PAGES.get("/device")
@writes_on_get
def enter() -> View:
    """Ask for the number, or show the device behind it; a wrong number is counted, nothing else stored."""
    form = UserCodeForm(request.args)
    if "user_code" not in request.args:
        return _show_form(form, status=200)
    if not form.validate():
        return _show_form(form)
    signed_in = _owner_here()
    if signed_in is None:
        return redirect(sign_in_address(OWNER_SIGN_IN), code=303)
    guesser = Guesser(signed_in.account_id, request.remote_addr or "")
    try:
        state, device = service.look_up(current_session(), current_settings(), form.digits, guesser=guesser)
    except TooManyWrongCodes as refusal:
        return _show_wait(refusal)
    if state is CodeState.UNKNOWN or device is None:
        return _show_form(form, is_unknown=True)
    if state is not CodeState.LIVE:
        return _show_over(state)
    return _show_request(device, form, signed_in)


@PAGES.post("/device")
def look_up() -> View:
    """Take the number that was typed and go on to what it leads to."""
    form = UserCodeForm(request.form)
    if not form.validate():
        return _show_form(form)
    return redirect(url_for(".enter", user_code=form.shown), code=303)


@PAGES.post("/device/answer")
def answer() -> View:
    """Let the device in or keep it out, at the word of the person who saw what it asks for."""
    form = UserCodeForm(request.form)
    back = url_for(".enter", user_code=form.shown) if form.validate() else url_for(".enter")
    signed_in, device = _owner_here(), _find_device(request.form.get("device", ""))
    if signed_in is None:
        return redirect(url_for(OWNER_SIGN_IN, next=back), code=303)
    word = request.form.get("answer")
    if device is None or word not in {"approve", "deny"} or not _is_proven(device, signed_in):
        return redirect(back, code=303)
    try:
        if word == "approve":
            service.approve(current_session(), current_settings(), device, signed_in=signed_in)
        else:
            service.deny(current_session(), device, signed_in=signed_in)
    except DeviceAnswered:
        pass  # the next page tells what became of it
    return redirect(url_for(".answered", device=device.id, proof=request.form["proof"]), code=303)


@PAGES.get("/device/answered")
def answered() -> View:
    """Say what became of a request; a page of its own, so that it can be loaded again."""
    signed_in, device = _owner_here(), _find_device(request.args.get("device", ""))
    if signed_in is None or device is None or not _is_proven(device, signed_in):
        return redirect(url_for(".enter"), code=303)
    state = service.state_of(device, now=clock.now())
    if state is not CodeState.ANSWERED:
        return _show_over(state)
    return render_template(
        "oauth/device_answered.html", name=localized(device.client, "client_name"),
        is_approved=device.answer == DeviceAnswer.APPROVED,
    )  # fmt: skip


# --- who, and which -------------------------------------------------------------------------------------


def _owner_here() -> BrowserSession | None:
    here = current_browser_session()
    return here if here is not None and here.account.owner is not None else None


def _find_device(text: str) -> DeviceRequest | None:
    try:
        return service.find_request(current_session(), UUID(text))
    except ValueError:
        return None


def _proof(device: DeviceRequest, signed_in: BrowserSession) -> str:
    """Return what only this person in this browser can send back about this request."""
    bound = f"device-answer:{device.id}:{signed_in.account_id}:{browser_id()}"
    return credentials.keyed_digest(current_settings().secret_key, bound)


def _is_proven(device: DeviceRequest, signed_in: BrowserSession) -> bool:
    return credentials.equal(request.values.get("proof", ""), _proof(device, signed_in))


# --- pages ----------------------------------------------------------------------------------------------


def _show_form(form: UserCodeForm, *, status: int = 400, is_unknown: bool = False) -> View:
    return render_template("oauth/device_enter.html", form=form, is_unknown=is_unknown), status


def _show_request(device: DeviceRequest, form: UserCodeForm, signed_in: BrowserSession) -> View:
    scope, now, settings = frozenset(device.scope.split()), clock.now(), current_settings()
    words = scope_words(current_session(), language=get_locale().language)
    return render_template(
        "oauth/device_confirm.html", device=device, form=form, proof=_proof(device, signed_in),
        network=compare_networks(device.address, request.remote_addr or ""),
        asking=asking_of(device.client, scope - {OFFLINE_ACCESS}, frozenset(), api_words=words),
        minutes_ago=int((now - device.created_at).total_seconds()) // 60,
        days=settings.offline_refresh_lifetime // 86400 if OFFLINE_ACCESS in scope else 0,
        hours=settings.session_lifetime // 3600,
    )  # fmt: skip


def _show_over(state: CodeState) -> View:
    minutes = current_settings().device_code_lifetime // 60
    return render_template("oauth/device_over.html", state=state, minutes=minutes), 410


def _show_wait(refusal: TooManyWrongCodes) -> View:
    seconds = ceil(refusal.wait.total_seconds())
    page = render_template("oauth/device_wait.html", minutes=ceil(seconds / 60))
    return make_response(page, refusal.status, {"Retry-After": str(seconds)})
