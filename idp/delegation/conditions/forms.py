"""The form with which a manager says what the agency demands of its own staff."""

from datetime import timedelta

from flask_babel import lazy_gettext as _l
from wtforms import RadioField, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs

from idp.accounts.forms import ClubForm
from idp.delegation.conditions.rules import Conditions

OPTIONAL, REQUIRED = "optional", "required"
ANY = "any"
MAX_AGES = {
    ANY: _l("決めない"),
    "300": _l("5分以内"),
    "900": _l("15分以内"),
    "3600": _l("1時間以内"),
    "14400": _l("4時間以内"),
}
"""Seconds since the password was given, in the words of the page."""


class ConditionsForm(ClubForm):
    """What an agency demands: a reason, and how long ago the member may have given the password."""

    reason = RadioField(
        _l("代理ログインの理由"),
        choices=[SelectChoice(OPTIONAL, _l("任意")), SelectChoice(REQUIRED, _l("必ず入力する"))],
        default=OPTIONAL,
    )
    max_age = SelectField(
        _l("パスワードの入力からの時間"),
        choices=[SelectChoice(value, words) for value, words in MAX_AGES.items()],
        default=ANY,
    )

    @classmethod
    def of(cls, held: Conditions) -> "ConditionsForm":
        """Return the form with what is demanded now."""
        seconds = str(int(held.max_age.total_seconds())) if held.max_age else ANY
        return cls(data={
            "reason": REQUIRED if held.reason_required else OPTIONAL,
            "max_age": seconds if seconds in MAX_AGES else ANY,
        })  # fmt: skip

    def conditions(self) -> Conditions:
        """Return what was chosen."""
        seconds = None if self.max_age.data == ANY else int(self.max_age.data)
        return Conditions(
            reason_required=self.reason.data == REQUIRED,
            max_age=None if seconds is None else timedelta(seconds=seconds),
        )
