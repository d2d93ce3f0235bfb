"""The form with which an agency makes an invitation."""

from flask_babel import lazy_gettext as _l

from idp.accounts.folding import fold_name
from idp.accounts.forms import ClubForm, LineField, no_longer_than
from idp.delegation.invitations.rules import LABEL_LENGTH


class InvitationForm(ClubForm):
    """The agency's own note, which no owner sees."""

    label = LineField(_l("貴社用のメモ"), fold_name, validators=[no_longer_than(LABEL_LENGTH)])
