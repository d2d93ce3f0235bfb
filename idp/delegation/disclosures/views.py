"""第三者提供の記録: owners read and take along what went to whom, agencies take along what they received."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from idp import clock
from idp.accounts.agency_menu import current_manager
from idp.accounts.models import Member
from idp.accounts.sessions.access import current_account, member_only, owner_only
from idp.csv_files import CONTENT_TYPE
from idp.delegation.cursors import CursorUnreadable
from idp.delegation.disclosures import reading, rules
from idp.delegation.disclosures.forms import PeriodForm
from idp.delegation.disclosures.reading import LARGEST_FILE, Scope, TooManyRecords
from idp.delegation.disclosures.rules import Occasion
from idp.unit_of_work import current_session
from idp.web import current_settings, is_japanese

OWNER_DISCLOSURES = Blueprint("owner_disclosures", __name__, url_prefix="/account/disclosures")
AGENCY_DISCLOSURES = Blueprint("agency_disclosures", __name__, url_prefix="/agency/disclosures")
View = str | tuple[str, int] | Response
OCCASIONS = {
    Occasion.REQUEST: _l("お客様が申請したとき（申請のメールと、相手の管理画面）"),
    Occasion.APPROVAL: _l("相手が許可したとき（連携しているあいだ、相手の管理画面で見られます）"),
    Occasion.EXPORT: _l("相手が一覧をファイルに書き出したとき"),
    Occasion.PROXY_LOGIN: _l("代理ログインしたとき"),
    Occasion.SYSTEM: _l("相手のシステムが情報を取得したとき"),
}
ITEMS = {
    rules.NAME: _l("氏名"), rules.FURIGANA: _l("フリガナ"), rules.EMAIL: _l("メールアドレス"),
    rules.USER_ID: _l("ユーザーID"), rules.ADDRESS: _l("都道府県・市区町村・町名番地"),
    rules.REGISTERED: _l("登録日"), rules.MODEL: _l("システム機種名"), rules.SERIAL: _l("システム製造番号"),
    rules.REMOTE_SERIAL: _l("室内リモコン製造番号"), rules.INSTALLATION: _l("設置場所郵便番号"),
    rules.SERVICES: _l("サービスの加入状況"),
}  # fmt: skip
"""What our own pages and mails show, in the language of the page; relying parties name the rest in both."""


@OWNER_DISCLOSURES.get("")
@owner_only
def index() -> View:
    """Show what went to whom, page by page."""
    cursor = request.args.get("cursor", "")[:1024]
    try:
        page = reading.page_of_owner(current_session(), current_account().id, cursor=cursor)
    except CursorUnreadable:
        return redirect(url_for(".index"), code=303)
    return render_template(
        "delegation/disclosures.html", page=page, is_first=not cursor, occasions=OCCASIONS,
        in_words=_words_for_items(), years=current_settings().disclosure_record_years,
    )  # fmt: skip


@OWNER_DISCLOSURES.get("/wordings/<version>")
@owner_only
def wording(version: str) -> View:
    """Show the consent text that covered a disclosure, as it was shown then."""
    text = reading.get_wording_of(current_session(), current_account().id, version)
    return render_template("delegation/disclosure_wording.html", version=version, wording=text)


@OWNER_DISCLOSURES.post("/export")
@owner_only
def export() -> View:
    """Give the owner all of the records as a file."""
    owner_id = current_account().id
    file = reading.export_records(current_session(), Scope(owner_id=owner_id), actor_id=owner_id)
    return _file(file)


@AGENCY_DISCLOSURES.get("")
@member_only
def show() -> View:
    """Ask a manager for which days the records of what the agency received are wanted."""
    form = PeriodForm()
    form.last_day.data = clock.now().astimezone(clock.JST).date()
    form.first_day.data = form.last_day.data.replace(day=1)
    return _ask_period(current_manager(), form)


@AGENCY_DISCLOSURES.post("")
@member_only
def export_received() -> View:
    """Give a manager the records of these days as a file."""
    manager, form = current_manager(), PeriodForm(request.form)
    if not form.validate():
        return _ask_period(manager, form, status=400)
    scope = Scope(agency_id=manager.agency_id, first_day=form.first_day.data, last_day=form.last_day.data)
    try:
        return _file(reading.export_records(current_session(), scope, actor_id=manager.account_id))
    except TooManyRecords as refusal:
        form.form_errors.append(
            _(
                "この期間の記録は%(count)s件を超えています。期間を短く分けてください。",
                count=f"{LARGEST_FILE:,}",
            )
        )
        return _ask_period(manager, form, status=refusal.status)


@OWNER_DISCLOSURES.errorhandler(TooManyRecords)
def _too_many(_refusal: TooManyRecords) -> View:
    flash(_("記録が多いため、ファイルにできません。%(phone)s へお電話ください。",
            phone=current_settings().contact_phone), "error")  # fmt: skip
    return redirect(url_for(".index"), code=303)


def _ask_period(manager: Member, form: PeriodForm, *, status: int = 200) -> View:
    today = clock.now().astimezone(clock.JST)
    week = Scope(agency_id=manager.agency_id, first_day=(today - timedelta(days=6)).date())
    page = render_template(
        "delegation/agency_disclosures.html", form=form, agency=manager.agency.name,
        recent=reading.count_records(current_session(), week),
        years=current_settings().disclosure_record_years,
    )  # fmt: skip
    return page, status


def _words_for_items() -> Callable[[Iterable[str]], str]:
    """Return what names kinds of data in the language of the page."""
    named = {} if is_japanese() else reading.items_in_english(current_session())
    named |= {item: str(words) for item, words in ITEMS.items()}
    return lambda items: str(_("、")).join(named.get(item, item) for item in items)


def _file(content: bytes) -> Response:
    name = f"disclosures-{clock.now().astimezone(clock.JST):%Y%m%d}.csv"
    answer = Response(content, content_type=CONTENT_TYPE)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
