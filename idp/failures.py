"""What goes wrong becomes an answer: a page for people, problem details or an OAuth error for machines.

Each carries the id of its request and nothing of what went wrong; that is in the log, under the same id.
"""

import logging
from http import HTTPStatus

from flask import Flask, g, jsonify, make_response, redirect, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.wrappers import Response

from idp.accounts.rules import AgencyNotActive, NotSignedIn
from idp.accounts.sessions.access import OWNER_SIGN_IN, sign_in_address
from idp.db import Trouble, trouble_of
from idp.errors import Refusal
from idp.problems import code_of, code_of_status
from idp.web import API, ScopeMissing, TokenMissing, bearer_challenge, problem, request_id

PROTOCOL = ("/oauth/", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
BROWSERS = ("/oauth/authorize", "/oauth/consent", "/oauth/end-session")
"""Endpoints of the protocol that people's browsers visit."""
_PAGES = {400, 403, 404, 405, 409, 410, 413, 429, 500, 503}
_TROUBLES = {
    Trouble.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    Trouble.TAKEN: HTTPStatus.CONFLICT,
    Trouble.UNSTORABLE: HTTPStatus.BAD_REQUEST,
}
_DESCRIPTIONS = {
    400: "the request cannot be read",
    404: "there is no such endpoint",
    405: "this method is not allowed here; the Allow header lists those that are",
    413: "the request is too large",
    415: "the media type of the body is not supported here",
    429: "too many requests; wait before the next one",
    503: "the server cannot answer at the moment; try again later",
}


def init_errors(app: Flask) -> None:
    """Give the application an answer to everything that can go wrong."""
    app.register_error_handler(CSRFError, _stale)
    app.register_error_handler(NotSignedIn, _not_signed_in)
    app.register_error_handler(TokenMissing, bearer_challenge)
    app.register_error_handler(ScopeMissing, bearer_challenge)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _http)

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        if (answer := answer_trouble(error)) is not None:
            return answer
        app.logger.error("request failed id=%s", request_id(), exc_info=error)
        # Whatever failed, perhaps the database, must not be asked again for the page that says so.
        g.is_failing = True
        return answer_failure(HTTPStatus.INTERNAL_SERVER_ERROR)


def answer_trouble(error: Exception) -> Response | None:
    """Return the answer to what the database refused for a reason that is not a mistake of ours."""
    trouble = trouble_of(error)
    if trouble is None:
        return None
    logging.getLogger(__name__).warning("request not stored: %s id=%s", trouble, request_id())
    g.is_failing = trouble is Trouble.BUSY
    answer = answer_failure(_TROUBLES[trouble])
    if trouble is Trouble.BUSY:
        answer.headers["Retry-After"] = "1"
    return answer


def answer_failure(status: HTTPStatus) -> Response:
    """Return the answer to a failure, in the form that the one who asked can read."""
    path = request.path
    if path.startswith(API):
        return problem(status, code_of_status(status), detail=_api_detail(status))
    if path.startswith(PROTOCOL) and not path.startswith(BROWSERS):
        return _oauth_error(status)
    shown = status.value if status.value in _PAGES else (500 if status >= 500 else 400)
    return make_response(render_template(f"errors/{shown}.html"), status.value)


def _api_detail(status: int) -> str:
    """Say what a developer does next, in the language that was asked for."""
    details: dict[int, str] = {
        400: _("要求の形式を API の説明書(/api/openapi.json)でご確認ください。"),
        403: _("担当者の権限、アカウントの状態、またはアクセストークンのスコープをご確認ください。"),
        404: _("URL と識別子をご確認ください。ほかの方のものは、存在しないものと同じ回答になります。"),
        405: _("使えるメソッドは Allow ヘッダーにあります。"),
        409: _("最新の状態を取得してから、もう一度お試しください。"),
        413: _("要求を小さく分けてください。"),
        415: _("Content-Type: application/json で送ってください。"),
        429: _("しばらく待ってから、もう一度お試しください。"),
        503: _("何も変更されていません。少し待ってから、同じ要求をもう一度お送りください。"),
    }
    return details.get(status) or str(_("解決しない場合は、request_id を添えてお問い合わせください。"))


def _oauth_error(status: HTTPStatus) -> Response:
    """Return an error as OAuth clients read it (RFC 6749 §5.2), and §4.1.2.1 for what is our fault."""
    error, otherwise = "invalid_request", "the request cannot be answered"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        error, otherwise = "server_error", "the server failed and nothing was changed; report the request_id"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        error = "temporarily_unavailable"
    answer = jsonify(
        error=error, error_description=_DESCRIPTIONS.get(status, otherwise), request_id=request_id()
    )
    answer.status_code = status
    answer.headers["Cache-Control"], answer.headers["Pragma"] = "no-store", "no-cache"
    return answer


def _stale(_error: CSRFError) -> Response:
    """Answer 403, with the page for a form that was open for too long: nearly always it is that."""
    return make_response(render_template("errors/400.html"), HTTPStatus.FORBIDDEN.value)


def _not_signed_in(_error: NotSignedIn) -> Response:
    return redirect(sign_in_address(OWNER_SIGN_IN), code=303)


def _refused(error: Refusal) -> Response:
    if request.path.startswith(API):
        return problem(error.status, code_of(type(error).__name__), detail=_api_detail(error.status))
    if isinstance(error, AgencyNotActive):
        return make_response(render_template("errors/agency_suspended.html"), error.status)
    return answer_failure(HTTPStatus(error.status))


def _http(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return error.get_response()
    if isinstance(error, SecurityError):  # a Host that is not ours: no page of ours can be built for it
        return make_response("Bad Request: unknown host\n", 400, {"Content-Type": "text/plain"})
    g.is_failing = error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
    answer = answer_failure(HTTPStatus(error.code))
    for name, value in error.get_headers(request.environ):
        if name in {"Allow", "Retry-After"}:
            answer.headers[name] = value
    return answer
