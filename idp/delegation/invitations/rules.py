"""What an agency's invitation is at a moment, and how its code is written and read. Pure."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from idp.accounts.rules import AgencyStatus
from idp.errors import NotFound, Refusal

ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
"""Nothing that is taken for something else on paper: no 0 and o, 1, i and l, u and v."""
CODE_LENGTH = 12
"""59 bits: of a million codes in use, nobody finds one by trying."""
GROUP = 4
LABEL_LENGTH = 60
MOST_OPEN = 50
"""Invitations of one agency that are open at a time."""


class Standing(StrEnum):
    """What an invitation is good for at a moment."""

    OPEN = "open"
    WITHDRAWN = "withdrawn"
    """The agency took it back."""
    AGENCY_SUSPENDED = "agency_suspended"
    AGENCY_CLOSED = "agency_closed"


class InvitationUnknown(NotFound):
    """There is no such invitation, or it is another agency's: the two look the same."""


@dataclass(eq=False)
class InvitationOver(Refusal):
    """The invitation leads nowhere (any more)."""

    standing: Standing
    status = 410


class TooManyInvitations(Refusal):
    """The agency has as many open invitations as anybody can keep apart."""


def standing_of(*, withdrawn_at: datetime | None, agency_status: str) -> Standing:
    """Say what an invitation is good for."""
    if agency_status == AgencyStatus.CLOSED:
        return Standing.AGENCY_CLOSED
    if withdrawn_at is not None:
        return Standing.WITHDRAWN
    return Standing.OPEN if agency_status == AgencyStatus.ACTIVE else Standing.AGENCY_SUSPENDED


def written(code: str) -> str:
    """Return a code in groups, as people read it off paper: k3f9-x2mp-7qwt."""
    return "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))


def read(typed: str) -> str:
    """Return a code as it is stored, however it was typed: capitals, full-width, with or without hyphens."""
    folded = unicodedata.normalize("NFKC", typed[:64]).lower()
    return "".join(character for character in folded if character in ALPHABET)
