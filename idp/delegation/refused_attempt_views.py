"""断られた代理ログイン: the page on which a manager reads which attempts were refused, and why."""

from flask import Blueprint, render_template, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from idp.accounts.agency_menu import current_manager
from idp.accounts.sessions.access import member_only
from idp.delegation.conditions.rules import ConditionRefusal
from idp.delegation.exchange_limits import LimitRefusal
from idp.delegation.exchange_rules import ExchangeRefusal, TicketRefusal
from idp.delegation.refused_attempts import page_of_refused_attempts
from idp.unit_of_work import current_session

REFUSED_ATTEMPT_PAGES = Blueprint("refused_attempts", __name__)
LARGEST_NUMBER = 2**31 - 1

_E, _T, _C, _L = ExchangeRefusal, TicketRefusal, ConditionRefusal, LimitRefusal
_MISUSE = _l("ログインの情報が、正しい使い方ではありませんでした")
_APP = _l("お客様が許可していないアプリ、または利用できないアプリでした")
_TICKET = _l("代理ログインを始めた画面とは、ちがう画面・ちがう方・ちがうアプリで使われました")
_TOO_LATE = _l("代理ログインの受け付けが、時間切れか、すでに使われていました")
REASONS: dict[str, LazyString] = {
    _E.CLIENT_MAY_NOT_ACT: _l("代理ログインに使えるアプリではありませんでした"),
    _E.ACTOR_MISSING: _l("スタッフのログインが終わっていました"),
    _E.ACTOR_OF_OTHER_CLIENT: _MISUSE, _E.ACTOR_OF_OTHER_KIND: _MISUSE, _E.ACTOR_TOKEN_MAY_NOT_ACT: _MISUSE,
    _E.ACTOR_NOT_IN_GOOD_STANDING: _l("スタッフのログインが終わっていました"),
    _E.ACTOR_ROLE: _l("スタッフの役割では、代理ログインができません"),
    _E.ACTOR_NOT_ASSIGNED: _l("担当ではないお客様でした"),
    _E.GRANT_UNKNOWN: _l("お客様とのログイン連携が見つかりませんでした"),
    _E.GRANT_OF_OTHER_AGENCY: _l("貴社のお客様ではありませんでした"),
    _E.GRANT_NOT_IN_FORCE: _l("ログイン連携が、許可される前か、終わったか、停止中でした"),
    _E.OWNER_NOT_IN_GOOD_STANDING: _l("お客様のアカウントが停止中でした"),
    _E.AGENCY_NOT_IN_GOOD_STANDING: _l("貴社のアカウントが停止中でした"),
    _E.ACTOR_IS_OWNER: _l("ご自分のマイページへの代理ログインでした"),
    _E.AUDIENCE_UNKNOWN: _APP, _E.AUDIENCE_NOT_ALLOWED: _APP, _E.AUDIENCE_CANNOT_ACT: _APP,
    _E.AUDIENCE_NOT_GRANTED: _APP,
    _E.SCOPE_BEYOND_GRANT: _l("お客様が許可した範囲を超えていました"),
    _T.UNKNOWN: _TOO_LATE, _T.OVER: _TOO_LATE, _T.USED: _TOO_LATE,
    _T.OTHER_SIGN_IN: _TICKET, _T.OTHER_AUDIENCE: _TICKET, _T.OTHER_MEMBER: _TICKET,
    _T.SESSION_OVER: _l("代理ログインは、もう終わっていました"),
    _C.OUTSIDE_HOURS: _l("代理ログインを始められる時間帯ではありませんでした"),
    _C.OTHER_NETWORK: _l("代理ログインを始められるネットワークではありませんでした"),
    _C.TOO_MANY_IN_HOUR: _l("1時間に始められる回数を超えました"),
    _C.REASON_MISSING: _l("理由が入力されていませんでした"),
    _C.SIGN_IN_TOO_OLD: _l("パスワードの入力から時間がたっていました"),
    _L.TOO_MANY_OF_ACTOR: _l("短い時間に、操作が多すぎました"),
    _L.TOO_MANY_OF_AGENCY: _l("短い時間に、貴社全体の操作が多すぎました"),
}  # fmt: skip
"""Each reason of the audit log in the words of somebody who has to explain it to a colleague."""
OTHERWISE = _l("要求の形が正しくありませんでした")


@REFUSED_ATTEMPT_PAGES.get("/agency/refusals")
@member_only
def show() -> str:
    """Show a manager the attempts, the newest first, page by page."""
    manager, before = current_manager(), request.args.get("before", "")
    is_number = before.isascii() and before.isdecimal() and len(before) < 20
    number = min(int(before), LARGEST_NUMBER) if is_number else None
    page = page_of_refused_attempts(current_session(), manager.agency_id, before=number)
    return render_template(
        "delegation/refused_attempts.html", page=page, reasons=REASONS, otherwise=OTHERWISE,
        is_first=number is None, agency=manager.agency.name,
    )  # fmt: skip
