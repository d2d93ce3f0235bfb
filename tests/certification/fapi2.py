"""Clients of the FAPI 2.0 Security Profile as the suite plays them: they push, sign, and prove a key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from idp.oauth.models import ClientProfile
from tests.certification.conditions import DESCRIPTION, ID_TOKEN_CLAIMS, came_back, check_tokens
from tests.certification.conftest import static_client
from tests.certification.suite import CALLBACK, Callback, Shown, Suite
from tests.oauth.proofs import new_proof_key, public_of
from tests.oauth.relying_party import CHALLENGE, VERIFIER, RelyingParty, TokenAnswer, Tokens
from tests.world import World

SECOND_CALLBACK = f"{CALLBACK}?dummy1=lorem&dummy2=ipsum"
PREFIX = "urn:ietf:params:oauth:request_uri:"


def both_clients(world: World, *, alg: str = "ES256", number: int = 1) -> tuple[RelyingParty, RelyingParty]:
    """Register the two clients of the plan, each with keys of its own."""
    one = _register(world, f"fapi2-{number}", CALLBACK, alg=alg)
    return one, _register(world, f"fapi2-{number}-second", SECOND_CALLBACK, alg=alg)


def _register(world: World, client_id: str, callback: str, *, alg: str) -> RelyingParty:
    key = {**new_proof_key(alg), "kid": f"key-of-{client_id}"}
    public = {name: value for name, value in public_of(key).items() if name != "alg"}
    party = static_client(
        world, client_id, profile=ClientProfile.FAPI2, require_pkce=True, redirect_uris=(callback,),
        token_endpoint_auth_method="private_key_jwt", jwks={"keys": [public]},
    )  # fmt: skip
    party.key, party.dpop_key = key, new_proof_key()
    return party


@dataclass
class Pushing:
    """One client in one run."""

    suite: Suite
    party: RelyingParty

    def request(self, **deviation: Any) -> dict[str, Any]:
        """Return what is pushed; None leaves a parameter out."""
        pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
        return self.suite.request(self.party, **{**pkce, **deviation})

    def push(self, *, proof: Mapping[str, str] | None = None, **deviation: Any) -> TestResponse:
        """Push a request, without a DPoP proof unless one is given."""
        key, self.party.dpop_key = self.party.dpop_key, {}
        try:
            return self.party.post("/oauth/par", self.request(**deviation), more=proof)
        finally:
            self.party.dpop_key = key

    def request_uri(self, sent: Mapping[str, Any], *, proof: Mapping[str, str] | None = None) -> str:
        """Push and return the name."""
        answer = self.push(proof=proof, **sent)
        assert (answer.status_code, answer.mimetype) == (201, "application/json"), answer.text
        body = answer.get_json()
        assert 0 < body["expires_in"] < 600
        assert isinstance(body["expires_in"], int)
        assert body["request_uri"].startswith(PREFIX)
        assert len(body["request_uri"]) >= len(PREFIX) + 22
        return str(body["request_uri"])

    def visit(
        self, *, said: str = "allow", beside: Mapping[str, str] | None = None,
        proof: Mapping[str, str] | None = None, **deviation: Any,
    ) -> Callback | Shown:  # fmt: skip
        """Push, and send the browser with the name and whatever stands beside it."""
        sent = self.request(**deviation)
        request_uri = self.request_uri(sent, proof=proof)
        query = {"client_id": self.party.client_id, "request_uri": request_uri, **(beside or {})}
        return self.suite.follow(self.party, query, said=said, asked=sent)

    def callback(self, **more: Any) -> Callback:
        """Return a good answer."""
        return came_back(self.suite, self.visit(**more))

    def redeem(self, callback: Callback, /, **deviation: Any) -> TokenAnswer:
        """Exchange the code, with the verifier."""
        return self.suite.redeem(self.party, callback, **{"code_verifier": VERIFIER, **deviation})

    def tokens(self, *, allowed: frozenset[str] = ID_TOKEN_CLAIMS, **more: Any) -> Tokens:
        """Go all the way and return the tokens, checked."""
        callback = self.callback(**more)
        answer = self.redeem(callback)
        return check_tokens(
            self.suite, self.party, answer, nonce=callback.sent.get("nonce"), claims=allowed, alg="ES256"
        )


def pushed_refused(answer: TestResponse, *errors: str) -> None:
    """Expect a refusal of the PAR endpoint (RFC 9126 §2.3)."""
    body = answer.get_json()
    assert body["error"] in errors, body
    assert answer.status_code == (401 if body["error"] == "invalid_client" else 400)
    assert set(body) <= {"error", "error_description", "error_uri"}
    assert DESCRIPTION.fullmatch(body["error_description"])
