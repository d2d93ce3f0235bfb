"""Forms of the pages where a person lets a device in."""

from flask_babel import lazy_gettext as _l

from idp.accounts.folding import fold_digits
from idp.accounts.forms import ClubForm, LineField, Needed, Shape
from idp.oauth.device.rules import is_user_code, show_user_code


class UserCodeForm(ClubForm):
    """The number that a device shows; full-width digits, dashes and spaces are folded (RFC 8628 §6.1)."""

    user_code = LineField(
        _l("番号"), fold_digits,
        validators=[
            Needed(),
            Shape(is_user_code, _l("番号は8桁の数字です。機器の画面を見て、もう一度入力してください。")),
        ],
    )  # fmt: skip

    @property
    def digits(self) -> str:
        """The folded number."""
        return self.user_code.data or ""

    @property
    def shown(self) -> str:
        """The number as the device shows it."""
        return show_user_code(self.digits)
