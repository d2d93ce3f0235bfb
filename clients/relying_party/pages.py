"""Every page that tells of a "no": what happened, what to do next, the telephone; never a code.

One template shows them all, so that they are calm in the same way.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

import structlog
from flask import Flask, Response, current_app, g, make_response, render_template, request, url_for
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from clients.relying_party import gate, pending, sign_in, sign_out
from clients.relying_party.errors import (
    ApiRefused,
    ProxyLoginIsOver,
    Refusal,
    RenewalIsDue,
    SessionIsOver,
    SignInFailed,
)
from clients.relying_party.parts import Parts
from clients.relying_party.pending import PendingSignIn, Purpose

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Page:
    """The words of one page, and its one way on."""

    heading: str
    happened: str
    next_step: str
    link: str
    link_text: str
    status: int


def add_error_pages(app: Flask, parts: Parts) -> None:
    """Register a page for each refusal of the kit, and for what the framework refuses."""

    @app.errorhandler(Refusal)
    def on_refusal(refusal: Refusal) -> ResponseReturnValue:
        return _answer_refusal(parts, refusal)

    @app.errorhandler(CSRFError)
    def on_csrf(_error: CSRFError) -> ResponseReturnValue:
        log.info("form_refused", reason="csrf")
        return _show(_not_sent(_own_get_path(), status=400))

    @app.errorhandler(HTTPException)
    def on_http(error: HTTPException) -> ResponseReturnValue:
        if error.response is not None or (error.code is not None and error.code < 400):
            return error.get_response()
        failed = getattr(error, "original_exception", None)
        if failed is not None:
            log.error("page_failed", kind=type(failed).__name__, page=request.endpoint)
        response = _show(_http_page(error.code or 500, start=parts.application.after_sign_out))
        allowed = getattr(error, "valid_methods", None)
        if allowed:
            response.headers["Allow"] = ", ".join(sorted(allowed))
        return response


def _answer_refusal(parts: Parts, refusal: Refusal) -> ResponseReturnValue:
    match refusal:
        case RenewalIsDue() if request.method in {"GET", "HEAD"}:
            return sign_in.start_renewal(parts)
        case RenewalIsDue():
            return _show(_not_sent(_own_get_path(), status=409))
        case ProxyLoginIsOver():
            return _proxy_login_over(parts, refusal)
        case SessionIsOver():
            return _session_over(parts)
        case SignInFailed():
            return _sign_in_failed(parts, refusal)
        case ApiRefused(status=401 | 403 | 404 | 409 as status):
            return _show(_http_page(status, start=parts.application.after_sign_out))
        case _:
            log.error("server_not_available", kind=type(refusal).__name__, reason=str(refusal))
            return _show(_unavailable(_own_get_path()))


def _show(page: Page) -> Response:
    return make_response(render_template("errors/page.html", page=page), page.status)


def _own_get_path() -> str:
    """Return the address to try again: that of the page itself, or that of the form that was sent."""
    if request.method in {"GET", "HEAD"} and request.blueprint != "rp":
        return request.full_path.rstrip("?")
    adapter = current_app.create_url_adapter(request)
    if adapter is None or request.blueprint == "rp" or not adapter.test(request.path, method="GET"):
        return "/"
    return request.full_path.rstrip("?")


def _proxy_login_over(parts: Parts, refusal: ProxyLoginIsOver) -> Response:
    """Tell the member of staff why it is over, and let nothing of it stay in the browser."""
    page = Page(
        heading=_("代理ログインは終了しました"),
        happened=_why_over(parts, refusal),
        next_step=_(
            "管理画面へお戻りください。お客様ご本人がお使いになるときは、もう一度マイページを開いて、ログインしてください。"
        )
        if refusal.was_ended_here
        else _(
            "お客様の情報は、この画面からはご覧いただけません。管理画面へ戻って、連携の状態をご確認ください。"
        ),
        link=f"{parts.application.agency_portal_url}/agency_admin",
        link_text=_("販売店・業者様向け管理画面へ戻る"),
        status=403,
    )
    browser.clear()
    g.rp_stored = None
    response = _show(page)
    sign_out.delete_session_cookie(parts, response)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _why_over(parts: Parts, refusal: ProxyLoginIsOver) -> str:
    """Say why. How long one lasts is for the server to decide, so that only this one's own times tell it."""
    stored = gate.find_stored(parts)
    words: str = _(
        "お客様がログインの許可を取り消されたか、許可の期間が終わったため、または、管理画面からログアウトされたため、終了しました。"
    )
    if refusal.was_ended_here:
        words = _("この画面かほかの画面で「代理ログインを終了する」が押されたため、終了しました。")
    elif refusal.time_is_over and stored is not None:
        minutes = ceil(stored.lifetime / timedelta(minutes=1))
        words = _("代理ログインの時間（%(minutes)s分）が過ぎたため、自動的に終了しました。", minutes=minutes)
    elif refusal.time_is_over:
        words = _("代理ログインの時間が過ぎたため、自動的に終了しました。")
    return words


def _session_over(parts: Parts) -> Response:
    """Offer the way back in. After a form that could not be sent, the page says so."""
    target = _own_get_path()
    sent = request.method not in {"GET", "HEAD"}
    page = Page(
        heading=_("もう一度ログインしてください"),
        happened=_("ログインの有効時間が過ぎたか、ほかの画面でログアウトされたため、ログアウトしました。")
        + (_("送信された内容は、まだ反映されていません。") if sent else ""),
        next_step=_("お手数ですが、もう一度ログインしてください。ご覧になっていたページへ戻ります。"),
        link=url_for("rp.login", next=target),
        link_text=_("ログイン"),
        status=401,
    )
    g.rp_stored = None
    response = _show(page)
    sign_out.delete_session_cookie(parts, response)
    return response


def _sign_in_failed(parts: Parts, refusal: SignInFailed) -> Response:
    begun: PendingSignIn | None = g.get("rp_pending")
    log.warning("sign_in_failed", reason=refusal.reason, purpose=begun.purpose.value if begun else "unknown")
    acting = begun is not None and begun.purpose is not Purpose.SIGN_IN
    acting = acting or request.endpoint == "rp.initiate"
    if acting and parts.application.agency_portal_url:
        page = Page(
            heading=_("代理ログインができませんでした"),
            happened=_(
                "手続きの途中で時間が過ぎたか、お客様の許可が確認できなかったため、代理ログインは始まっていません。"
            ),
            next_step=_(
                "管理画面へ戻って、連携の状態をご確認のうえ、もう一度「代理ログイン」を押してください。"
            ),
            link=f"{parts.application.agency_portal_url}/agency_admin",
            link_text=_("販売店・業者様向け管理画面へ戻る"),
            status=400,
        )
    else:
        page = Page(
            heading=_("ログインできませんでした"),
            happened=_("ログインが途中で取りやめになったか、時間が過ぎたため、完了しませんでした。"),
            next_step=_("お手数ですが、もう一度はじめからログインしてください。"),
            link=url_for("rp.login", next=begun.return_to) if begun else url_for("rp.login"),
            link_text=_("もう一度ログインする"),
            status=400,
        )
    response = _show(page)
    if begun is not None:
        pending.forget(parts, response, state=begun.state)
    return response


def _not_sent(path: str, *, status: int) -> Page:
    return Page(
        heading=_("送信できませんでした"),
        happened=_(
            "画面を開いてから時間がたったか、ほかの画面でログインやログアウトをされたため、送信された内容は反映されていません。"
        ),
        next_step=_("元の画面を開き直して、もう一度操作してください。同じ操作をくり返しても問題ありません。"),
        link=path,
        link_text=_("元の画面を開き直す"),
        status=status,
    )


def _unavailable(path: str, *, status: int = 503) -> Page:
    return Page(
        heading=_("ただいまつながりにくくなっています"),
        happened=_("お客様の操作に問題はありません。システムの都合で、ページを表示できませんでした。"),
        next_step=_("しばらくしてから、もう一度お試しください。"),
        link=path,
        link_text=_("もう一度試す"),
        status=status,
    )


def _http_page(status: int, *, start: str) -> Page:
    words = {
        403: (
            _("このページはご利用いただけません"),
            _("今のログインでは、この操作は許可されていません。お客様の情報を守るためです。"),
            _("ほかの操作は、トップページからご利用いただけます。"),
        ),
        404: (
            _("ページが見つかりません"),
            _("お探しのページは、移動したか、なくなった可能性があります。"),
            _("トップページから、もう一度お探しください。"),
        ),
        409: (
            _("この操作は完了できませんでした"),
            _("画面を開いたあとに、ほかの方が先に変更した可能性があります。"),
            _("トップページから開き直して、今の状態をご確認ください。"),
        ),
    }
    other = (
        _("このページを表示できませんでした"),
        _("お送りいただいた内容を、受け付けることができませんでした。"),
        _("トップページから、もう一度お試しください。"),
    )
    if status >= 500:
        return _unavailable(start, status=status)
    heading, happened, next_step = words.get(status, other)
    return Page(
        heading=heading,
        happened=happened,
        next_step=next_step,
        link=start,
        link_text=_("トップページへ"),
        status=status,
    )
