"""A display on the wall of somebody's house, which speaks to the server by itself (RFC 8628)."""

from dataclasses import dataclass
from typing import Any

import requests

from idp.oauth.client_metadata import DEVICE_CODE
from tests.journeys.club import Club

NEVER_SHOWN = "0000-0000"
"""A number that no device of a test can be expected to show."""


@dataclass(frozen=True)
class Display:
    """The demo's display, with the codes that it was told."""

    club: Club
    body: dict[str, Any]

    @property
    def number(self) -> str:
        """What it shows."""
        return str(self.body["user_code"])

    @property
    def qr_code(self) -> str:
        """Where its QR code leads."""
        return str(self.body["verification_uri_complete"])

    def poll(self) -> dict[str, Any]:
        """Ask the server once whether it was let in."""
        answer = requests.post(
            f"{self.club.idp}/oauth/token", timeout=10,
            data={"grant_type": DEVICE_CODE, "client_id": "display", "device_code": self.body["device_code"]},
        )  # fmt: skip
        return dict(answer.json())


def switch_on(club: Club) -> Display:
    """Switch a display on: it asks for its codes."""
    answer = requests.post(
        f"{club.idp}/oauth/device_authorization", data={"client_id": "display"}, timeout=10
    )
    answer.raise_for_status()
    return Display(club, answer.json())
