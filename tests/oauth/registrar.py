"""A client that registers itself, with everything right but for what a test tells it to do otherwise."""

import json
from typing import Any

from werkzeug.test import TestResponse

from idp.oauth.models import Client
from idp.oauth.registration.service import issue_initial_token
from tests.oauth.relying_party import RelyingParty
from tests.world import World

REGISTER = "/oauth/register"
CALLBACK = "https://app.example/cb"


class Registrar:
    """Somebody whom the operator gave an initial access token."""

    def __init__(self, world: World, *, uses: int | None = None) -> None:
        self.world = world
        self.token_id, self.token = world.write(
            lambda session: issue_initial_token(session, "a test", days=1, uses=uses)
        )

    def send(
        self, document: Any, *, token: str | None = "", raw: bytes | None = None, path: str = REGISTER,
        method: str = "POST", content_type: str = "application/json",
    ) -> TestResponse:  # fmt: skip
        """Send a document; the token is the initial one unless another, or None, is given."""
        shown = self.token if token == "" else token
        return self.world.served.test_client(use_cookies=False).open(
            path, method=method, base_url=self.world.settings.issuer, content_type=content_type,
            data=json.dumps(document) if raw is None else raw,
            headers={"Authorization": f"Bearer {shown}"} if shown is not None else {},
        )  # fmt: skip

    def attempt(self, **deviation: Any) -> TestResponse:
        """Register with the least that is needed, and whatever deviates; None leaves a field out."""
        document = {"redirect_uris": [CALLBACK], "client_name": "アプリ", **deviation}
        return self.send({name: value for name, value in document.items() if value is not None})

    def register(self, **deviation: Any) -> dict[str, Any]:
        """Expect to be registered and return what the server says."""
        answer = self.attempt(**deviation)
        assert answer.status_code == 201, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        body: dict[str, Any] = answer.get_json()
        return body

    def expect_refused(self, error: str, field: str, **deviation: Any) -> None:
        """Expect a refusal that names the field, and nothing stored."""
        before = self.world.digest()
        expect_error(self.attempt(**deviation), error, field)
        assert self.world.digest() == before

    def manage(self, registered: dict[str, Any], method: str, document: Any = None) -> TestResponse:
        """Ask the management endpoint (RFC 7592)."""
        path = registered["registration_client_uri"].removeprefix(self.world.settings.issuer)
        return self.send(document, path=path, method=method, token=registered["registration_access_token"])

    def party(self, registered: dict[str, Any], **more: Any) -> RelyingParty:
        """Return the registered client as a relying party."""
        return RelyingParty(
            self.world, registered["client_id"], registered["redirect_uris"][0], registered["scope"],
            registered["token_endpoint_auth_method"], registered.get("client_secret", ""), **more,
        )  # fmt: skip

    def stored(self, registered: dict[str, Any]) -> Client:
        """Return the row."""
        return self.world.read(lambda session: session.get_one(Client, registered["client_id"]))


def expect_error(answer: TestResponse, error: str, field: str) -> None:
    """Expect the error of RFC 7591 §3.2.2 with a description that begins with the field."""
    assert answer.status_code == 400, answer.text
    body = answer.get_json()
    assert body["error"] == error, body
    assert body["error_description"].startswith(f"{field}: "), body
    assert answer.headers["Cache-Control"] == "no-store"
