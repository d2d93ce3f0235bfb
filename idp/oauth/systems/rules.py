"""What an agency may register of its own, in the agency's words."""

from dataclasses import dataclass
from enum import StrEnum

from idp.errors import NotFound, Refusal

MOST_SYSTEMS = 10
"""Systems of one agency."""
MOST_TESTS, TESTS_IN_SECONDS = 5, 60
"""Test events that one system may be sent within so many seconds."""


class SystemUnknown(NotFound):
    """There is no such system, or it is another agency's: the two look the same."""


class TooManySystems(Refusal):
    """The agency has as many systems as it may have."""

    status = 409


class TooManyTests(Refusal):
    """The system has just been sent test events."""

    status = 429


class NoReceiver(Refusal):
    """The system has no address that events could be sent to."""

    status = 409


class KeyTrouble(StrEnum):
    """Why what was pasted are no public keys."""

    UNREADABLE = "unreadable"
    PRIVATE = "private"
    """A private key was pasted: it has left its place and must not be used any more."""
    WEAK = "weak"
    """Of a kind or size that is not used here."""


@dataclass(eq=False)
class KeysRefused(Refusal):
    """What was pasted are no public keys that could be registered."""

    trouble: KeyTrouble
    status = 400


TEST = "test"
"""An event that says nothing."""
