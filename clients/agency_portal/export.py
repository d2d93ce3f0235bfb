"""登録ユーザー一覧 as a CSV file (RFC 4180), for the spreadsheets that agencies keep."""

import csv
from collections.abc import Iterable
from datetime import datetime
from io import StringIO

from flask_babel import gettext as _

from clients.agency_portal.rules import Grant
from clients.agency_portal.words import STATE_WORDS
from clients.relying_party import clock

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that begins so. Names and addresses come from strangers."""


def owners_as_csv(grants: Iterable[Grant]) -> str:
    """Return one line for each grant under a line of headings."""
    text = StringIO()
    writer = csv.writer(text)
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
                str(STATE_WORDS[grant.state]),
                _("閲覧と設定変更") if grant.may_change_settings else _("閲覧のみ"),
                _day(grant.expires_at),
                _day(grant.ended_at),
            ]
        )
    return text.getvalue()


def _harmless(text: str | None) -> str:
    """Return the text as a cell that no spreadsheet takes for a formula."""
    text = text or ""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _day(moment: datetime | None) -> str:
    """Return the day in Japan, in the form that every spreadsheet reads as a date."""
    return "" if moment is None else moment.astimezone(clock.JST).strftime("%Y-%m-%d")
