"""Forms of an agency's staff."""

from flask_babel import lazy_gettext as _l
from wtforms import RadioField

from idp.accounts.forms import (
    ClubForm,
    Needed,
    NewPasswordFields,
    PersonFields,
    Shape,
    choice,
    email_field,
)
from idp.accounts.rules import MemberRole
from idp.accounts.staff.words import ROLE_WORDS


def role_field() -> RadioField:
    """Return the choice of a role; none is chosen for anybody."""
    is_known = Shape(frozenset(MemberRole).__contains__, _l("役割を選んでください。"))
    return RadioField(
        _l("役割"), choices=[choice(role, words) for role, words in ROLE_WORDS.items()],
        validate_choice=False, validators=[Needed(choose=True), is_known], default="",
    )  # fmt: skip


class InviteForm(ClubForm):
    """Whom a manager invites, and for what."""

    email = email_field()
    role = role_field()


class RoleForm(ClubForm):
    """Another role for somebody."""

    role = role_field()


class JoinForm(ClubForm, PersonFields, NewPasswordFields):
    """What somebody new types about themselves; address, agency and role are the invitation's."""

    email = ""

    def personal_words(self) -> list[str]:
        """Return what is known of the person."""
        return [self.email, self.name.data or "", self.furigana.data or ""]
