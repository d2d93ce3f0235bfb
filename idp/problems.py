"""What problem details (RFC 9457) are called: a code that programs read, and a title that people read.

The code never changes and stands in ``code`` and, as a URN, in ``type``. The title, and the detail, are in
Japanese or English, as ``Accept-Language`` asks (RFC 9457 §3.1.3 lets a title be localized).
"""

import re
from http import HTTPStatus
from typing import Any

from flask_babel import lazy_gettext as _l

TYPE = "urn:ownersclub:problem:"
TITLES = {
    "account_not_active": _l("アカウントが停止されています"),
    "agency_not_active": _l("販売店・業者様のアカウントが停止されています"),
    "assignee_unknown": _l("該当する担当者またはグループがありません"),
    "bad_request": _l("要求の内容を読み取れません"),
    "conflict": _l("現在の状態では実行できません"),
    "content_too_large": _l("要求が大きすぎます"),
    "forbidden": _l("この操作は許可されていません"),
    "grant_unknown": _l("該当する連携がありません"),
    "idempotency_key_missing": _l("Idempotency-Key がありません"),
    "idempotency_key_reused": _l("同じ Idempotency-Key が別の要求に使われています"),
    "idempotency_request_in_progress": _l("同じ Idempotency-Key の要求を処理しています"),
    "invalid_activities": _l("操作の報告に誤りがあります"),
    "invalid_request": _l("要求の内容に誤りがあります"),
    "invalid_parameter": _l("パラメータに誤りがあります"),
    "method_not_allowed": _l("このメソッドは使えません"),
    "no_such_product": _l("該当する製品がありません"),
    "not_a_member": _l("販売店・業者様の担当者ではありません"),
    "not_an_owner": _l("オーナー様のアカウントではありません"),
    "not_found": _l("該当するものがありません"),
    "own_request": _l("ご自身の申請には回答できません"),
    "owner_not_active": _l("オーナー様のアカウントが停止されています"),
    "people_decide": _l("この操作は担当者が行います"),
    "role_may_not": _l("担当者の権限では操作できません"),
    "scope_missing": _l("アクセストークンの権限が足りません"),
    "server_error": _l("サーバーで問題が発生しました"),
    "service_unavailable": _l("ただいま応答できません"),
    "token_missing": _l("有効なアクセストークンが必要です"),
    "too_late": _l("報告の期限が過ぎています"),
    "too_many": _l("件数が多すぎます"),
    "too_many_requests": _l("要求が多すぎます"),
    "transition_refused": _l("連携の現在の状態では実行できません"),
    "unprocessable_content": _l("要求の内容を処理できません"),
    "unsupported_media_type": _l("本文の形式に対応していません"),
}
"""Titles by code, in the language of whoever asks."""
_BY_STATUS = {
    400: "bad_request", 401: "token_missing", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
    409: "conflict", 413: "content_too_large", 415: "unsupported_media_type", 422: "unprocessable_content",
    429: "too_many_requests", 503: "service_unavailable",
}  # fmt: skip


def code_of(name: str) -> str:
    """Return the code for a refusal's class name (``RoleMayNot``) or a status' phrase (``Not Found``)."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).split()
    return "_".join(words).lower().replace("-", "_")


def title_of(code: str, status: int) -> str:
    """Return the title of a code; of one that has none, the title of its status."""
    return str(TITLES.get(code) or TITLES[code_of_status(status)])


def code_of_status(status: int) -> str:
    """Return the code of an answer that is about nothing but its status."""
    return _BY_STATUS.get(
        status, "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "bad_request"
    )


def problem_body(status: int, code: str, *, detail: str = "", **extra: Any) -> dict[str, Any]:
    """Return the members of a problem, as an answer has them and as one of many results has them."""
    return {"type": f"{TYPE}{code}", "code": code, "title": title_of(code, status), "status": status,
            "detail": detail, **extra}  # fmt: skip
