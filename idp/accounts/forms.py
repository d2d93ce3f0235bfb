"""Fields that several of the slice's forms share, and what each of them converts and refuses.

Forms check the shape of what was typed. They carry no CSRF token of their own: every POST of the
application is checked before its view runs.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Form, PasswordField, SelectField, StringField
from wtforms.fields import Field
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import StopValidation

from idp.accounts.folding import fold_digits, fold_email, fold_kana, fold_name, is_email
from idp.accounts.password_rule import LONGEST, SHORTEST, PasswordWeakness, check_password
from idp.accounts.prefectures import PREFECTURES, prefecture_words

LONGEST_NAME = 100
LONGEST_STREET = 200
_KATAKANA = re.compile(r"[ァ-ヺー・ヽヾ ]+")
_PHONE = re.compile(r"0[0-9]{9,10}")
_POSTAL_CODE = re.compile(r"[0-9]{7}")


class ClubForm(Form):
    """A form whose fields hold folded text and whose messages are our own."""

    class Meta:
        """WTForms' own messages are never shown, so that its catalogues need not be loaded."""

        locales = False


def one_line(text: str | None) -> str:
    """Return a text without line breaks and other invisible characters, as one line of a form holds it.

    A line break in a name would otherwise reach the header of a mail, and a NUL the database.
    """
    kept = (_visible(char) for char in text or "")
    return "".join(kept)


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if category in {"Cc", "Zl", "Zp"}:
        return " "
    return "" if category in {"Cf", "Cs"} else char


class LineField(StringField):
    """A line of text, folded; kept as it was typed when it is refused, so that it can be corrected."""

    def __init__(
        self, label: Any, fold: Callable[[str], str], *, validators: list[Any], **bound: Any
    ) -> None:
        super().__init__(label, validators=validators, filters=[one_line, fold], default="", **bound)


class Needed:
    """Something must be typed; ``named`` is the field's name in the message 「＊…を入力してください。」."""

    field_flags = {"required": True}  # noqa: RUF012 - WTForms reads it from the class

    def __init__(self, *, choose: bool = False) -> None:
        self.choose = choose

    def __call__(self, form: Form, field: Field) -> None:
        """Refuse an empty field and leave it at that."""
        if field.data:
            return
        name = str(field.label.text)
        raise StopValidation(
            _("%(name)sを選んでください。", name=name)
            if self.choose
            else _("%(name)sを入力してください。", name=name)
        )


class Shape:
    """What is typed must have a certain shape; nothing typed passes."""

    def __init__(self, fits: Callable[[str], object], message: Any) -> None:
        self.fits, self.message = fits, message

    def __call__(self, form: Form, field: Field) -> None:
        """Refuse what does not fit."""
        if field.data and not self.fits(field.data):
            raise StopValidation(str(self.message))


def no_longer_than(limit: int) -> Shape:
    """Refuse a text of more than so many characters."""
    return Shape(lambda text: len(text) <= limit, _l("%(limit)s文字以内で入力してください。", limit=limit))


EMAIL_SHAPE = Shape(is_email, _l("メールアドレスの形をご確認ください。（例：hanako@example.jp）"))
KANA_SHAPE = Shape(_KATAKANA.fullmatch, _l("フリガナは全角カタカナで入力してください。（例：ヤマダ ハナコ）"))
PHONE_SHAPE = Shape(_PHONE.fullmatch, _l("電話番号は、0から始まる10桁か11桁の数字で入力してください。"))
POSTAL_CODE_SHAPE = Shape(_POSTAL_CODE.fullmatch, _l("郵便番号は7桁の数字で入力してください。"))


def choice(value: str, label: Any) -> Any:
    """Return one choice of a select, of radios or of checkboxes."""
    return SelectChoice(value, label)


_PREFECTURE_CHOICES = [
    choice("", _l("選んでください")), *(choice(name, prefecture_words(name)) for name in PREFECTURES),
]  # fmt: skip


def email_field(label: Any = None) -> LineField:
    """Return a field for a mail address."""
    return LineField(label or _l("メールアドレス"), fold_email, validators=[Needed(), EMAIL_SHAPE])


def name_field(label: Any) -> LineField:
    """Return a field for the name of a person or company."""
    return LineField(label, fold_name, validators=[Needed(), no_longer_than(LONGEST_NAME)])


def password_field(label: Any) -> PasswordField:
    """Return a field for a password, which is the same in full-width and half-width letters (NFKC)."""
    return PasswordField(label, filters=[lambda text: unicodedata.normalize("NFKC", text or "")])


class CompanyFields(Form):
    """The name of a company."""

    company = name_field(_l("企業名"))


class PersonFields(Form):
    """A person's name and its reading."""

    name = name_field(_l("氏名"))
    furigana = LineField(
        _l("フリガナ"), fold_kana, validators=[Needed(), no_longer_than(LONGEST_NAME), KANA_SHAPE]
    )


class PostalAddressFields(Form):
    """Postal code, address and telephone number, for forms of owners and agencies alike."""

    postal_code = LineField(_l("郵便番号"), fold_digits, validators=[Needed(), POSTAL_CODE_SHAPE])
    prefecture = SelectField(
        _l("都道府県"), choices=_PREFECTURE_CHOICES,
        validators=[Needed(choose=True), Shape(PREFECTURES.__contains__, _l("都道府県を選んでください。"))],
        validate_choice=False, default="",
    )  # fmt: skip
    city = LineField(_l("市区町村"), fold_name, validators=[Needed(), no_longer_than(LONGEST_NAME)])
    street = LineField(
        _l("町名番地(建物名)"), fold_name, validators=[Needed(), no_longer_than(LONGEST_STREET)]
    )
    phone = LineField(_l("電話番号"), fold_digits, validators=[Needed(), PHONE_SHAPE])


class NewPasswordFields(Form):
    """A new password, typed twice.

    ``keep_password`` says that one was typed on an earlier page and is kept (as a hash): both fields may
    then stay empty.
    """

    password = password_field(_l("ログインパスワード"))
    password_confirm = password_field(_l("ログインパスワード(確認用)"))
    keep_password = False

    def personal_words(self) -> list[str]:
        """Return what is known of the person, of which the password must not be made."""
        return []

    def has_new_password(self) -> bool:
        """Tell whether a password was typed that may be used, whatever else the form lacks."""
        return bool(self.password.data) and not self.password.errors and not self.password_confirm.errors

    def validate_password(self, field: Field) -> None:
        """Refuse a password that is missing, too short or easy to guess."""
        if not field.data:
            if self.keep_password and not self.password_confirm.data:
                return
            raise StopValidation(_("%(name)sを入力してください。", name=str(field.label.text)))
        weakness = check_password(field.data, self.personal_words())
        if weakness is not None:
            raise StopValidation(str(_WEAKNESS[weakness]))

    def validate_password_confirm(self, field: Field) -> None:
        """Refuse a second password that is not the first."""
        if not self.password.data and self.keep_password and not field.data:
            return
        if not field.data:
            raise StopValidation(_("%(name)sを入力してください。", name=str(field.label.text)))
        if field.data != self.password.data:
            raise StopValidation(_("確認用のパスワードが一致しません。もう一度入力してください。"))


_WEAKNESS = {
    PasswordWeakness.TOO_SHORT: _l("パスワードは%(shortest)s文字以上で入力してください。", shortest=SHORTEST),
    PasswordWeakness.TOO_LONG: _l("パスワードは%(longest)s文字以内で入力してください。", longest=LONGEST),
    PasswordWeakness.EASY_TO_GUESS: _l(
        "このパスワードは推測されやすいため、お使いいただけません。"
        "関係のない言葉をいくつか並べるなど、長めのものを入力してください。"
    ),
}
