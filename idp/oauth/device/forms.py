"""Forms of the pages where a person lets a device in."""

from typing import Any

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


def device_words(scope: str) -> tuple[list[Any], list[Any]]:
    """Return in plain words what a device that gets this scope will be able to do, and what not."""
    asked = frozenset(scope.split())
    can = [words for name, words in _CAN.items() if name in asked]
    cannot = [words for name, words in _CANNOT.items() if name not in asked]
    return can, cannot


_CAN = {
    "openid": _l("どなたの機器かを確かめること"),
    "profile": _l("お名前を表示すること"),
    "email": _l("メールアドレスを見ること"),
    "products": _l("ご登録の製品とサービスの加入状況を見ること"),
    "products.write": _l("サービスの加入・解約を変更すること"),
    "delegations.read": _l("販売店・業者様へのログイン許可の一覧を見ること"),
}
_CANNOT = {
    "products.write": _l("サービスの加入・解約を変更すること"),
    "never: password": _l("パスワードやメールアドレスを変えること"),
    "never: delegation": _l("販売店・業者様にログインを許可すること"),
}
"""Names that begin with ``never`` are no scopes: no client can ask for these things."""
