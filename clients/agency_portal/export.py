"""登録ユーザー一覧 as a CSV file (RFC 4180), for the spreadsheets that agencies keep."""

import csv
from collections.abc import Iterable
from datetime import datetime
from io import StringIO

from flask_babel import gettext as _

from clients.agency_portal.rules import Grant, GrantState
from clients.relying_party import clock

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that begins so. Names and addresses come from strangers."""


def owners_as_csv(grants: Iterable[Grant]) -> str:
    """Return one line for each grant under a line of headings."""
    text = StringIO()
    writer = csv.writer(text)
    words = _state_words()
    writer.writerow(
        [
            _("ユーザーID"),
            "Email",
            _("氏名"),
            _("登録日"),
            _("申請日"),
            _("状態"),
            _("許可の内容"),
            _("連携の期限"),
            _("終了日"),
        ]
    )
    for grant in grants:
        writer.writerow(
            [
                grant.owner.user_id,
                _harmless(grant.owner.email),
                _harmless(grant.owner.name),
                _day(grant.owner.registered_at),
                _day(grant.requested_at),
                words[grant.state],
                _("閲覧と設定変更") if grant.may_change_settings else _("閲覧のみ"),
                _day(grant.expires_at),
                _day(grant.ended_at),
            ]
        )
    return text.getvalue()


def _state_words() -> dict[GrantState, str]:
    return {
        GrantState.REQUESTED: _("申請中"),
        GrantState.ACTIVE: _("連携中"),
        GrantState.SUSPENDED: _("停止中"),
        GrantState.DENIED: _("連携を許可しない"),
        GrantState.WITHDRAWN: _("お客様が申請を取り下げ"),
        GrantState.LAPSED: _("申請の期限切れ"),
        GrantState.REVOKED: _("連携を終了"),
        GrantState.EXPIRED: _("連携の期間が満了"),
    }


def _harmless(text: str | None) -> str:
    """Return the text as a cell that no spreadsheet takes for a formula."""
    text = text or ""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _day(moment: datetime | None) -> str:
    """Return the day in Japan, in the form that every spreadsheet reads as a date."""
    return "" if moment is None else moment.astimezone(clock.JST).strftime("%Y-%m-%d")
