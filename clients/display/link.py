"""How a device without a keyboard gets its tokens and keeps them: RFC 8628 and refresh tokens."""

import time
from dataclasses import dataclass, field
from typing import Any

import requests

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
PATIENCE = 10
"""Seconds that the server has for an answer."""
LONGEST_INTERVAL = 60


class NotLetIn(Exception):
    """The owner refused, or did not answer in time; ``error`` is the word of RFC 8628 §3.5."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True)
class Codes:
    """What the display shows, and what it keeps to itself."""

    device_code: str = field(repr=False)
    user_code: str
    address: str
    """What somebody types."""
    address_with_code: str
    """What the QR code holds; it leads to the question and not past it."""
    interval: int
    expires_in: int


@dataclass(frozen=True)
class Tokens:
    """What the owner's answer gave."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class Link:
    """One device's link to the server of this issuer."""

    def __init__(self, issuer: str, *, client_id: str) -> None:
        answer = requests.get(f"{issuer}/.well-known/oauth-authorization-server", timeout=PATIENCE)
        answer.raise_for_status()
        metadata = answer.json()
        if metadata["issuer"] != issuer:  # RFC 8414 §3.3
            raise ValueError(f"{issuer} says that it is {metadata['issuer']}")
        self._issuer, self._client_id = issuer, client_id
        self._token_endpoint = str(metadata["token_endpoint"])
        self._device_endpoint = str(metadata["device_authorization_endpoint"])

    def ask(self) -> Codes:
        """Ask to be let in (§3.1, §3.2)."""
        answer = self._post(self._device_endpoint, {})
        answer.raise_for_status()
        body = answer.json()
        return Codes(
            body["device_code"], body["user_code"], address=body["verification_uri"],
            address_with_code=body.get("verification_uri_complete", body["verification_uri"]),
            interval=int(body.get("interval", 5)), expires_in=int(body["expires_in"]),
        )  # fmt: skip

    def wait(self, codes: Codes) -> Tokens:
        """Ask every few seconds until the owner has answered (§3.4, §3.5).

        :raises NotLetIn: refused, or too late.
        """
        interval = codes.interval
        while True:
            time.sleep(interval)
            try:
                answer = self._post(
                    self._token_endpoint, {"grant_type": DEVICE_CODE, "device_code": codes.device_code}
                )
            except (requests.ConnectionError, requests.Timeout):
                interval = min(interval * 2, LONGEST_INTERVAL)  # §3.5: ask less often when nobody answers
                continue
            body = answer.json()
            if answer.ok:
                return _tokens(body)
            if body["error"] == "slow_down":
                interval += 5
            elif body["error"] != "authorization_pending":
                raise NotLetIn(body["error"])

    def renew(self, refresh_token: str) -> Tokens:
        """Use the refresh token, which is used up by it.

        :raises NotLetIn: it is over, or the owner took the permission back.
        """
        answer = self._post(
            self._token_endpoint, {"grant_type": "refresh_token", "refresh_token": refresh_token}
        )
        if answer.status_code == requests.codes.bad_request:
            raise NotLetIn(answer.json()["error"])
        answer.raise_for_status()
        return _tokens(answer.json())

    def read(self, tokens: Tokens, path: str) -> dict[str, Any]:
        """Return what the server's API says under this path."""
        headers = {"Authorization": f"Bearer {tokens.access_token}"}
        answer = requests.get(f"{self._issuer}{path}", headers=headers, timeout=PATIENCE)
        answer.raise_for_status()
        return dict(answer.json())

    def _post(self, endpoint: str, parameters: dict[str, str]) -> requests.Response:
        data = {"client_id": self._client_id, **parameters}
        return requests.post(endpoint, data=data, timeout=PATIENCE)


def _tokens(body: dict[str, Any]) -> Tokens:
    return Tokens(body["access_token"], body["refresh_token"])
