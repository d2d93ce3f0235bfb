"""The form that asks which owners to write into a file."""

from flask_babel import lazy_gettext as _l
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs

from idp.accounts.folding import fold_name
from idp.accounts.forms import ClubForm, LineField
from idp.delegation.listing import StateFilter


class ExportForm(ClubForm):
    """Which part of the list."""

    state = SelectField(
        _l("状態"),
        choices=[
            SelectChoice(StateFilter.OPEN, _l("現在のお客様（申請中・連携中・停止中）")),
            SelectChoice(StateFilter.REQUESTED, _l("申請中")),
            SelectChoice(StateFilter.ACTIVE, _l("連携中")),
            SelectChoice(StateFilter.SUSPENDED, _l("停止中")),
            SelectChoice(StateFilter.ENDED, _l("終了")),
        ],
        default=StateFilter.OPEN,
    )
    q = LineField(_l("検索する言葉"), fold_name, validators=[])
