"""What a user code is, how often a device may ask, and how many may wait (RFC 8628 §5.1, §6.1, §3.5).

Pure functions of the standard library. docs/decisions/0017-user-codes-are-eight-digits.md has the arithmetic.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from idp.errors import Refusal

CODES = 10**8
"""So many user codes there are: eight digits, which every telephone can type."""
MINTING_TRIES = 20
"""A code that is taken is minted anew so often."""
SLOW_DOWN_STEP = 5
"""Seconds that each slow_down adds (RFC 8628 §3.5)."""
EARLY = timedelta(seconds=1)
"""A poll may come so much too early: clocks and networks are not exact."""
WINDOW = timedelta(minutes=10)
MOST_REQUESTS = 30
"""Requests of one client from one network address within the window."""
MOST_LIVE_CODES = 1000
"""Codes of one client that wait at the same time: a guess hits one of them once in a hundred thousand."""
MOST_WRONG_CODES = 10
"""Wrong codes of one person within the window."""
MOST_WRONG_CODES_A_DAY = 30
MOST_WRONG_CODES_OF_ADDRESS = 100
"""Wrong codes from one network address within the window; many people may share one."""
_CODE = re.compile(r"[0-9]{8}")
_HOUSEHOLD_BITS = 64


class CodeState(StrEnum):
    """What a user code leads to."""

    LIVE = "live"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    ANSWERED = "answered"
    """Somebody has answered it already."""


class Network(StrEnum):
    """Where a device asks from, as seen from the browser of the person who answers."""

    SAME = "same"
    OTHER = "other"
    UNCLEAR = "unclear"
    """One of them speaks IPv4 and the other IPv6, or nothing is known."""


@dataclass(eq=False)
class TooManyWrongCodes(Refusal):
    """So many wrong codes that the next one must wait."""

    wait: timedelta
    status = 429


@dataclass(eq=False)
class TooManyDevices(Refusal):
    """So many devices of one client wait already, all told or from one network address."""

    wait: timedelta
    status = 429


class DeviceAnswered(Refusal):
    """The request was answered, ran out, or its client is gone, before this answer came."""

    status = 410


def show_user_code(digits: str) -> str:
    """Return a code as it is shown: 1234-5678 (RFC 8628 §6.1)."""
    return f"{digits[:4]}-{digits[4:]}"


def is_user_code(digits: str) -> bool:
    """Tell whether a folded text has the shape of a code."""
    return _CODE.fullmatch(digits) is not None


def is_too_early(polled_at: datetime | None, *, interval: int, now: datetime) -> bool:
    """Tell whether a device asks again sooner than it was told to (RFC 8628 §3.5)."""
    return polled_at is not None and now < polled_at + timedelta(seconds=interval) - EARLY


def compare_networks(device: str, browser: str) -> Network:
    """Tell whether two network addresses belong to the same connection.

    With IPv4 a household shares one address. With IPv6 each device has its own, and a household shares the
    first 64 bits at least (RFC 6177).
    """
    one, other = _address(device), _address(browser)
    if one is None or other is None or one.version != other.version:
        return Network.UNCLEAR
    bits = _HOUSEHOLD_BITS if one.version == 6 else one.max_prefixlen
    return Network.SAME if other in ip_network((one, bits), strict=False) else Network.OTHER


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
