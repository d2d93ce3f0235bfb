"""A device without a keyboard, and the person who lets it in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from werkzeug.test import TestResponse

from idp.oauth.client_metadata import DEVICE_CODE
from tests.accounts.visitor import Visitor, forms_of
from tests.oauth.relying_party import FORM, RelyingParty, TokenAnswer

ENDPOINT = "/oauth/device_authorization"


@dataclass
class Device:
    """What a device was told when it asked."""

    party: RelyingParty
    body: dict[str, Any]

    @property
    def user_code(self) -> str:
        """What its screen shows."""
        return str(self.body["user_code"])

    @property
    def path(self) -> str:
        """Where its QR code leads."""
        parts = urlsplit(self.body["verification_uri_complete"])
        return f"{parts.path}?{parts.query}"

    def poll(self, **deviation: Any) -> TokenAnswer:
        """Ask the token endpoint once."""
        parameters = {"grant_type": DEVICE_CODE, "device_code": self.body["device_code"]}
        return self.party.token(parameters, **deviation)


def ask(
    party: RelyingParty, /, *, address: str = "127.0.0.1", headers: Mapping[str, str] | None = None,
    **parameters: Any,
) -> TestResponse:  # fmt: skip
    """Ask to be let in, from this network address; ``headers`` add to the right ones."""
    body, own = party.message({"client_id": party.client_id, **parameters}, path=ENDPOINT)
    return party.world.served.test_client(use_cookies=False).post(
        ENDPOINT, base_url=party.world.settings.issuer, data=body, content_type=FORM,
        headers={**own, **(headers or {})}, environ_base={"REMOTE_ADDR": address},
    )  # fmt: skip


def begin(party: RelyingParty, /, *, address: str = "127.0.0.1", **parameters: Any) -> Device:
    """Ask to be let in and expect two codes."""
    answer = ask(party, address=address, **parameters)
    assert answer.status_code == 200, answer.text
    return Device(party, answer.get_json())


def answer_form(page: TestResponse) -> dict[str, Any]:
    """Return what the page that asks would send, but for the button."""
    [form] = [form for form in forms_of(page) if form.action == "/device/answer"]
    assert [name for name, _ in form.buttons] == ["answer", "answer"]
    return dict(form.fields)


def decide(browser: Visitor, device: Device, answer: str = "approve") -> TestResponse:
    """Open what the QR code leads to, press a button, and return the page that follows."""
    page = browser.get(device.path)
    assert page.status_code == 200, page.text
    sent = browser.post("/device/answer", {**answer_form(page), "answer": answer})
    assert sent.status_code == 303, sent.text
    return browser.get(sent.location)


def address_of(digits: str) -> str:
    """Return the address at which a number is looked up."""
    return "/device?" + urlencode({"user_code": digits})
