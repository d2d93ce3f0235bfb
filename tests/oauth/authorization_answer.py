"""What the authorization endpoint answered, and what a test expects of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from werkzeug.test import TestResponse

if TYPE_CHECKING:
    from tests.oauth.relying_party import RelyingParty


@dataclass(frozen=True)
class AuthorizationAnswer:
    """What the authorization endpoint answered."""

    response: TestResponse
    party: "RelyingParty"
    sent: dict[str, Any]

    @property
    def location(self) -> str:
        """Where the browser is sent."""
        return self.response.headers.get("Location", "")

    @property
    def parameters(self) -> dict[str, str]:
        """What comes back to the client; no name may stand twice."""
        query = parse_qsl(urlsplit(self.location).query, keep_blank_values=True, strict_parsing=True)
        assert len(query) == len(dict(query)), self.location
        return dict(query)

    def expect_code(self) -> str:
        """Expect success (RFC 6749 §4.1.2) and return the code."""
        answer = self._expect_redirect()
        assert "error" not in answer, answer
        self.party.received.append(answer["code"])
        return answer["code"]

    def expect_error(self, error: str) -> "AuthorizationAnswer":
        """Expect a refusal sent to the client (RFC 6749 §4.1.2.1): no code, state and ``iss`` in it."""
        answer = self._expect_redirect()
        assert answer.get("error") == error, answer
        assert "code" not in answer
        assert answer.get("error_description", "").isascii()
        return self

    def expect_page(self) -> "AuthorizationAnswer":
        """Expect an error page of this server and no redirect, because there is nobody to trust."""
        assert self.response.status_code == 400, self.response.text
        assert "Location" not in self.response.headers
        assert self.response.mimetype == "text/html"
        return self

    def expect_sign_in(self) -> str:
        """Expect the sign-in page and return its address."""
        assert self.response.status_code == 303, self.response.text
        parts = urlsplit(self.location)
        assert parts.netloc in {"", urlsplit(self.party.world.settings.issuer).netloc}
        assert parts.path in {"/sign-in", "/store/linkaccounts"}
        return f"{parts.path}?{parts.query}"

    def expect_consent(self) -> str:
        """Expect the consent page and return its address."""
        assert self.response.status_code == 303, self.response.text
        path = urlsplit(self.location).path
        assert path.startswith("/oauth/consent/"), self.location
        return path

    def _expect_redirect(self) -> dict[str, str]:
        assert self.response.status_code == 303, self.response.text
        asked = self.sent.get("redirect_uri") or self.party.redirect_uri
        begun, _, registered = str(asked).partition("?")
        assert self.location.startswith(f"{begun}?{registered}"), self.location
        assert urlsplit(self.location).fragment == ""
        answer = self.parameters
        assert answer["iss"] == self.party.world.settings.issuer
        state = self.sent.get("state")
        assert answer.get("state") == (None if isinstance(state, list) else state)
        return answer
