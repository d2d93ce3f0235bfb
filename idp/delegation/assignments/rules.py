"""What can become of an assignment, and why one is refused. Pure."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

from idp.errors import NotFound, Refusal

MOST_AT_ONCE = 200
"""Grants that one call assigns."""


@dataclass(frozen=True)
class Assignee:
    """The member or the group that is to look after owners; neither means nobody."""

    member_id: uuid.UUID | None = None
    group_id: uuid.UUID | None = None


NOBODY = Assignee()


class Outcome(StrEnum):
    """What became of one grant of many."""

    ASSIGNED = "assigned"
    ENDED = "ended"
    """The grant is over: there is nobody to look after."""
    UNKNOWN = "not_found"
    """There is no such grant, or it is another agency's: the two look the same."""


class AssigneeUnknown(Refusal):
    """There is no such member or group in this agency (any more)."""

    status = 400


class NoSuchGroup(NotFound):
    """The agency has no such group (any more)."""


class GroupNameTaken(Refusal):
    """The agency has a group of this name already."""
