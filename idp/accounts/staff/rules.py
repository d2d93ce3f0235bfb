"""What an agency's staff may do to one another's places, and what becomes of an invitation. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from idp.errors import NotFound, Refusal

MOST_IN_A_DAY = 200
"""Invitations that one agency may mail within a day, withdrawn ones too: we send nobody's mail."""
MOST_WAITING = 100
"""Invitations of one agency that may wait at once; whoever needs more is no agency inviting its staff."""


class InvitationState(StrEnum):
    """What the link of an invitation is: the five things that any mailed link can be, or void."""

    FRESH = "fresh"
    EXPIRED = "expired"
    USED = "used"
    REPLACED = "replaced"
    UNKNOWN = "unknown"
    VOID = "void"
    """Withdrawn; or whoever invited is no manager any more, or the agency is not in business."""


@dataclass(frozen=True)
class InvitationFacts:
    """What is known of an invitation at this moment."""

    expires_at: datetime
    accepted_at: datetime | None
    withdrawn_at: datetime | None
    link_replaced_at: datetime | None
    inviter_manages: bool
    agency_in_business: bool


def invitation_state(facts: InvitationFacts | None, *, now: datetime) -> InvitationState:
    """Say what an invitation is at this moment. Its end is exclusive."""
    if facts is None:
        return InvitationState.UNKNOWN
    if facts.accepted_at is not None:
        return InvitationState.USED
    if facts.link_replaced_at is not None:
        return InvitationState.REPLACED
    if facts.withdrawn_at is not None or not facts.inviter_manages or not facts.agency_in_business:
        return InvitationState.VOID
    return InvitationState.FRESH if now < facts.expires_at else InvitationState.EXPIRED


@dataclass(eq=False)
class InvitationOver(Refusal):
    """The link of an invitation cannot be used (any more)."""

    state: InvitationState
    status = 410


class TooManyInvitations(Refusal):
    """So many invitations of the agency wait, or were mailed within a day, that another has to wait."""

    status = 429


class NoSuchInvitation(NotFound):
    """No such invitation of this agency waits."""


class NoSuchMember(NotFound):
    """Nobody of this agency has this place (any more)."""


class LastManager(Refusal):
    """An agency is never without a manager: somebody else has to become one first."""


class MemberAlready(Refusal):
    """The person has a place in this agency already."""


class MemberElsewhere(Refusal):
    """The person has a place in another agency, which has to end first."""


@dataclass(eq=False)
class AnotherPerson(Refusal):
    """The invited address is a member's, and it is not they who are signed in.

    :ivar signed_in: whether anybody is.
    """

    signed_in: bool
