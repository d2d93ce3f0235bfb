"""What the system asks of the club: its own token, the grants, a token to act for one owner, power data."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from clients.relying_party import ProviderUnavailable, clock
from clients.relying_party.client_authentication import make_assertion, read_private_key
from clients.relying_party.provider import Provider

TIMEOUT = (5.0, 30.0)
TRIES = 5
PATIENCE = 5
"""Seconds until it asks again where nobody says how long; longer each time."""
LONGEST_WAIT = 600
"""Whoever is told to wait for longer tries again another night."""
SCOPE = "mypage.read"
REASON = "毎晩の発電量レポート"
"""Shown to the owner."""
URN = "urn:ietf:params:oauth"
CLUB = "urn:ownersclub:params:oauth:token-type"


class NotAllowed(Exception):
    """The club says no for this owner; ``error`` is its code."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class TryLater(Exception):
    """No answer, or one that asks for patience that is over."""


class ShutOut(Exception):
    """The club does not take this system itself: it was stopped or removed, or its key is another."""


@dataclass(frozen=True)
class Grant:
    """An owner who allows the agency something now."""

    id: str
    user_id: int


class Club:
    """The club as this system sees it.

    :param mypage: address of マイページ, where power data is read.
    """

    def __init__(
        self, issuer: str, *, client_id: str, private_key: str, mypage: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.issuer, self.client_id, self._mypage = issuer, client_id, mypage
        self._key, self._sleep = read_private_key(private_key), sleep
        self.provider = Provider(issuer, timeout=TIMEOUT)
        self._token, self._token_ends = "", clock.now()

    def grants(self) -> list[Grant]:
        """Return every grant that is in force, page by page."""
        found, cursor = list[Grant](), ""
        while True:
            query = {"state": "active", "limit": "200"} | ({"cursor": cursor} if cursor else {})
            page = self._ask("/api/delegations", query).json()
            found += [Grant(item["id"], item["owner"]["user_id"]) for item in page["items"]]
            cursor = page["next_cursor"] or ""
            if not cursor:
                return found

    def has_ended(self, delegation: str) -> bool:
        """Tell whether a grant is over for good. One that only rests is not."""
        answer = self._ask(f"/api/delegations/{delegation}", {})
        return answer.status_code == 404 or answer.json()["state"] not in {"requested", "active", "suspended"}

    def act_for(self, grant: Grant) -> str:
        """Return a token that reads for one owner, for a few minutes (RFC 8693).

        :raises NotAllowed: the owner, the agency's rules or the operator say no.
        """
        answer = self._token_request(
            {
                "grant_type": f"{URN}:grant-type:token-exchange", "subject_token": grant.id,
                "subject_token_type": f"{CLUB}:delegation-grant", "actor_token": self._own_token(),
                "actor_token_type": f"{URN}:token-type:access_token", "audience": "mypage", "scope": SCOPE,
                "reason": REASON,
            }
        )  # fmt: skip
        return str(answer["access_token"])

    def power(self, token: str, day: date) -> list[Mapping[str, Any]]:
        """Return what the owner's products made and used in a day, hour by hour.

        :raises NotAllowed: it was ended a moment ago.
        """
        answer = self._patiently(
            lambda: requests.get(
                f"{self._mypage}/api/power", params={"day": day.isoformat()}, timeout=TIMEOUT,
                headers={"Authorization": f"Bearer {token}"}, allow_redirects=False,
            )
        )  # fmt: skip
        if answer.status_code in {401, 403}:
            raise NotAllowed(str(answer.json().get("title", "")))
        if answer.status_code != 200:
            raise TryLater(f"マイページ answered {answer.status_code}")
        return list(answer.json()["items"])

    def _ask(self, path: str, query: Mapping[str, str]) -> requests.Response:
        """Call the server's API as the system itself."""
        answer = self._patiently(
            lambda: requests.get(
                f"{self.issuer}{path}", params=query, timeout=TIMEOUT, allow_redirects=False,
                headers={"Authorization": f"Bearer {self._own_token()}"},
            )
        )  # fmt: skip
        if answer.status_code in {401, 403}:
            raise ShutOut(f"the server answered {answer.status_code}")
        if answer.status_code not in {200, 404}:
            raise TryLater(f"the server answered {answer.status_code}")
        return answer

    def _own_token(self) -> str:
        """Return the system's own token (RFC 6749 §4.4), a new one when it is nearly over."""
        if clock.now() >= self._token_ends:
            asked_at = clock.now()
            try:
                body = self._token_request({"grant_type": "client_credentials"})
            except NotAllowed as refused:
                raise ShutOut(refused.error) from refused
            self._token = str(body["access_token"])
            self._token_ends = asked_at + timedelta(seconds=max(int(body["expires_in"]) - 30, 1))
        return self._token

    def _token_request(self, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        """Ask for a token, with a fresh proof of who asks at each try (RFC 7523 §2.2)."""

        def post() -> requests.Response:
            assertion = make_assertion(self._key, client_id=self.client_id, issuer=self.issuer)
            proof = {"client_assertion_type": f"{URN}:client-assertion-type:jwt-bearer",
                     "client_assertion": assertion}  # fmt: skip
            endpoint = self.provider.metadata.token_endpoint
            return requests.post(endpoint, data={**parameters, **proof}, timeout=TIMEOUT,
                                 allow_redirects=False)  # fmt: skip

        answer = self._patiently(post)
        if answer.status_code == 401:
            raise ShutOut("the server does not know this system, or it was stopped")
        if answer.status_code == 400:
            raise NotAllowed(str(answer.json().get("error", "")))
        if answer.status_code != 200:
            raise TryLater(f"the token endpoint answered {answer.status_code}")
        return dict(answer.json())

    def _patiently(self, send: Callable[[], requests.Response]) -> requests.Response:
        """Send until there is an answer other than "later" (RFC 6585 §4, RFC 9110 §10.2.3).

        :raises TryLater: there is none.
        """
        for number in range(1, TRIES + 1):
            wait: float = PATIENCE * number
            try:
                answer = send()
            except (requests.ConnectionError, requests.Timeout, ProviderUnavailable):
                pass
            else:
                if answer.status_code not in {429, 503}:
                    return answer
                wait = _seconds(answer.headers.get("Retry-After", ""), otherwise=wait)
            if wait > LONGEST_WAIT or number == TRIES:
                break
            self._sleep(wait)
        raise TryLater("no answer")


def _seconds(text: str, *, otherwise: float) -> float:
    """Read ``Retry-After``: seconds, or a moment (RFC 9110 §10.2.3)."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max((parsedate_to_datetime(text) - clock.now()).total_seconds(), 1.0)
    except (ValueError, TypeError):
        return otherwise
