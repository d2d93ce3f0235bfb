"""Forms of the sign-in pages."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.fields import Field
from wtforms.validators import StopValidation

from idp.accounts.folding import fold_email
from idp.accounts.forms import ClubForm, LineField, Needed, password_field


class SignInForm(ClubForm):
    """Address and password of an owner. The shape of the address is not judged: it is right or it is not."""

    email = LineField(_l("メールアドレス"), fold_email, validators=[Needed()])
    password = password_field(_l("パスワード"))

    def validate_password(self, field: Field) -> None:
        """Refuse an empty password before anything is counted as a wrong one."""
        if not field.data:
            raise StopValidation(_("パスワードを入力してください。"))


class AgencySignInForm(SignInForm):
    """The same with the words that agencies know."""

    email = LineField(_l("販売店ID"), fold_email, validators=[Needed()])
