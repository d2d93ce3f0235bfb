"""The form for a period."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import DateField
from wtforms.fields import Field
from wtforms.validators import StopValidation

from idp.accounts.folding import fold_name
from idp.accounts.forms import ClubForm, Needed


class DayField(DateField):
    """A day, as a browser's calendar sends it or as somebody types it: 2026-11-24."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read the day; what is none is said in our words."""
        typed = fold_name(valuelist[0]) if valuelist else ""
        if not typed:
            return
        try:
            super().process_formdata([typed])
        except ValueError as error:
            raise ValueError(_("日付をご確認ください。（例：2026-11-24）")) from error


class PeriodForm(ClubForm):
    """First and last day, both included."""

    first_day = DayField(_l("はじめの日"), validators=[Needed()])
    last_day = DayField(_l("おわりの日"), validators=[Needed()])

    def validate_last_day(self, field: Field) -> None:
        """Refuse a period that ends before it begins."""
        if field.data and self.first_day.data and field.data < self.first_day.data:
            raise StopValidation(_("おわりの日は、はじめの日と同じかそれより後にしてください。"))
