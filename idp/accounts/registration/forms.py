"""Forms on the way to an account."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import RadioField
from wtforms.validators import StopValidation

from idp.accounts.forms import (
    ClubForm,
    CompanyFields,
    Needed,
    NewPasswordFields,
    PersonFields,
    PostalAddressFields,
    choice,
    email_field,
)


class AddressForm(ClubForm):
    """The address that the link is to be sent to; asked for once."""

    email = email_field()


class AgencyForm(ClubForm, CompanyFields, PersonFields, PostalAddressFields, NewPasswordFields):
    """販売店情報. The address is that of the link and no field."""

    email = ""

    def personal_words(self) -> list[str]:
        """Return what is known of the agency and its representative."""
        typed = (self.company, self.name, self.furigana, self.phone, self.postal_code)
        return [self.email, *(field.data or "" for field in typed)]


def info_sharing_field() -> RadioField:
    """Return the question whether the maker may send information."""
    return RadioField(
        _l("ニチコンからの情報提供可"), choices=[choice("yes", _l("はい")), choice("no", _l("いいえ"))],
        validate_choice=False, validators=[Needed(choose=True), _check_yes_or_no], default="",
    )  # fmt: skip


def _check_yes_or_no(_form: object, field: Any) -> None:
    if field.data not in {"yes", "no"}:
        raise StopValidation(str(_l("「はい」か「いいえ」を選んでください。")))


class OwnerForm(ClubForm, PersonFields, PostalAddressFields, NewPasswordFields):
    """お客様情報 of a new owner. The address is that of the link and no field."""

    info_sharing = info_sharing_field()
    email = ""

    def personal_words(self) -> list[str]:
        """Return what is known of the owner."""
        typed = (self.name, self.furigana, self.phone, self.postal_code)
        return [self.email, *(field.data or "" for field in typed)]
