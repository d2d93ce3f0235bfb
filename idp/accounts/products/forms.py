"""The form with which an owner claims a product."""

import re
import unicodedata

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectMultipleField
from wtforms.widgets import CheckboxInput, ListWidget

from idp.accounts.folding import fold_digits
from idp.accounts.forms import POSTAL_CODE_SHAPE, ClubForm, LineField, Needed, Shape, choice
from idp.accounts.rules import SerialTaken, SerialUnknown, SerialYours, Service

SERVICE_NAMES = {
    Service.WATCH: _l("見守りサービス"),
    Service.WEATHER_WARNING: _l("気象警報自動制御"),
    Service.EARLY_ADVISORY: _l("早期注意情報自動制御"),
    Service.AI_CONTROL: _l("AI自動制御"),
}
_DASHES = re.compile("[‐‑‒–—―−─ーｰ]")
_SERIAL = re.compile(r"[A-Z0-9][A-Z0-9-]{3,31}")


def fold_serial(text: str) -> str:
    """Return a serial number as it is printed on the unit: half-width capitals, one kind of hyphen."""
    wide = _DASHES.sub("-", unicodedata.normalize("NFKC", _DASHES.sub("-", text)))
    return "".join(wide.split()).upper()


_SERIAL_SHAPE = Shape(
    _SERIAL.fullmatch, _l("製造番号は、英字・数字・ハイフンで入力してください。（例：HC-A10001WN1）")
)


class ProductForm(ClubForm):
    """A unit by its serial number, where it stands, and what it joins."""

    serial_number = LineField(_l("システム製造番号"), fold_serial, validators=[Needed(), _SERIAL_SHAPE])
    remote_serial_number = LineField(_l("室内リモコン製造番号"), fold_serial, validators=[_SERIAL_SHAPE])
    installation_postal_code = LineField(
        _l("設置場所郵便番号"), fold_digits, validators=[Needed(), POSTAL_CODE_SHAPE]
    )
    services = SelectMultipleField(
        _l("加入するサービス"),
        choices=[choice(service.value, name) for service, name in SERVICE_NAMES.items()],
        option_widget=CheckboxInput(), widget=ListWidget(prefix_label=False),
    )  # fmt: skip

    def refuse_serial(self, refusal: SerialUnknown | SerialTaken, *, phone: str) -> None:
        """Show beside the serial number why the unit cannot be claimed, and what to do."""
        if isinstance(refusal, SerialUnknown):
            words = _(
                "この製造番号の製品が見つかりません。本体側面の銘板、または保証書に書かれている番号をもう一度ご確認ください。"
            )
        elif isinstance(refusal, SerialYours):
            words = _("この製品は、すでにお客様のお名前で登録されています。")
        else:
            words = _(
                "この製品は、ほかの方のお名前で登録されています。"
                "お手数ですが、%(phone)s までお電話ください。",
                phone=phone,
            )
        self.serial_number.errors = [words]
