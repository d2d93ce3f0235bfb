"""Forms of groups, and of whom owners are given to."""

import uuid
from collections.abc import Iterable

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, SelectField, SelectMultipleField
from wtforms.widgets import CheckboxInput, ListWidget

from idp.accounts.forms import ClubForm, Needed, choice, name_field
from idp.accounts.models import Member
from idp.accounts.rules import MemberRole
from idp.accounts.staff.words import ROLE_WORDS
from idp.delegation.assignments.groups import Group
from idp.delegation.assignments.rules import NOBODY, Assignee

_MEMBER, _GROUP, _NOBODY = "member", "group", "nobody"


class GroupForm(ClubForm):
    """A group's name."""

    name = name_field(_l("グループ名"))


class GroupMembersForm(GroupForm):
    """A group's name and who is in it."""

    members = SelectMultipleField(
        _l("グループの人"), validate_choice=False, option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
    )  # fmt: skip

    def offer(self, members: Iterable[Member]) -> "GroupMembersForm":
        """Offer everybody of the agency."""
        self.members.choices = [
            choice(
                str(member.id),
                _("%(name)s（%(role)s）", name=member.account.name, role=ROLE_WORDS[MemberRole(member.role)]),
            )
            for member in members
        ]
        return self

    def chosen(self) -> set[uuid.UUID]:
        """Return who is chosen; what is no id is left out."""
        return as_ids(self.members.data or [])


class AssigneeForm(ClubForm):
    """Whom owners are given to: a group, a colleague, or nobody."""

    to = SelectField(_l("引き継ぎ先"), validate_choice=False, validators=[Needed(choose=True)], default="")

    def offer(self, groups: Iterable[Group], members: Iterable[Member]) -> "AssigneeForm":
        """Offer these, and nobody."""
        self.to.choices = [
            choice("", _("選んでください")),
            *(choice(f"{_GROUP}:{group.id}", _("グループ：%(name)s", name=group.name)) for group in groups),
            *(choice(f"{_MEMBER}:{member.id}", member.account.name) for member in members),
            choice(_NOBODY, _("担当なしにする")),
        ]
        return self

    def assignee(self) -> Assignee | None:
        """Return whom was chosen; None where it makes no sense. Whether they are there is asked later."""
        kind, _colon, text = (self.to.data or "").partition(":")
        found = _id(text)
        if kind == _NOBODY and not text:
            return NOBODY
        if found is None or kind not in {_MEMBER, _GROUP}:
            return None
        return Assignee(member_id=found) if kind == _MEMBER else Assignee(group_id=found)


class AssignedOnlyForm(ClubForm):
    """Whether the agency wants owners assigned."""

    assigned_only = BooleanField(_l("担当を決めて利用する"))


def as_ids(texts: Iterable[str]) -> set[uuid.UUID]:
    """Return the ids among what a form sent."""
    return {found for text in texts if (found := _id(text)) is not None}


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
