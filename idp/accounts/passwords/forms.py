"""Forms for setting a password anew."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.fields import Field
from wtforms.validators import StopValidation

from idp.accounts.forms import ClubForm, NewPasswordFields, email_field, password_field
from idp.accounts.models import Account


class ForgottenForm(ClubForm):
    """The address of somebody who has forgotten the password."""

    email = email_field()


class NewPasswordForm(ClubForm, NewPasswordFields):
    """A new password, after the mailbox is proven."""

    password = password_field(_l("新しいパスワード"))
    password_confirm = password_field(_l("新しいパスワード(確認用)"))
    account: Account | None = None

    def personal_words(self) -> list[str]:
        """Return what is known of the person."""
        if self.account is None:
            return []
        phone = self.account.owner.phone if self.account.owner is not None else ""
        return [self.account.email or "", self.account.name, self.account.furigana, phone]


class ChangePasswordForm(NewPasswordForm):
    """The present password and a new one."""

    current_password = password_field(_l("現在のパスワード"))

    def validate_current_password(self, field: Field) -> None:
        """Refuse an empty password before anything is counted as a wrong one."""
        if not field.data:
            raise StopValidation(_("現在のパスワードを入力してください。"))
