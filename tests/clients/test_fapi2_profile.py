"""The kit under the FAPI 2.0 Security Profile: pushed requests, its own key, and tokens bound to that key."""

import json
from base64 import urlsafe_b64decode as b64decode
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key
from requests import PreparedRequest
from werkzeug.test import TestResponse

from clients.mypage.app import create_app
from clients.relying_party import ProviderUnavailable, clock
from clients.relying_party.algorithms import signatures
from clients.relying_party.client_authentication import ALGORITHMS, read_private_key
from clients.relying_party.dpop import Prover, access_token_hash
from clients.relying_party.provider import Provider
from clients.relying_party.token_endpoint import TokenEndpoint
from tests.clients.mypage_stage import Browser, mypage_settings
from tests.clients.played_server import ABSENT, ISSUER, Answer, PlayedServer, sign

KEY = ECKey.generate_key("P-256", {"kid": "server-es", "use": "sig"})
CLIENT_KEY = ECKey.generate_key("P-256", {"kid": "of-mypage"})
NONCE = "nonce-of-the-server"
FAPI2 = {
    "profile": "fapi2", "id_token_alg": "ES256", "client_secret": "",
    "private_key": json.dumps(CLIENT_KEY.as_dict(private=True)),
}  # fmt: skip


class StrictServer(PlayedServer):
    """A server that takes pushed requests alone, wants its nonce in each proof, and binds its tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = [KEY]
        self.pushed: list[dict[str, str]] = []
        self.push_error = ""
        self.proofs: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.authorizations: list[str] = []

    def install(self, mock: responses.RequestsMock, **more_metadata: str) -> None:
        """Offer PAR beside the rest."""
        super().install(mock, pushed_authorization_request_endpoint=f"{ISSUER}/oauth/par", **more_metadata)
        mock.add_callback("POST", f"{ISSUER}/oauth/par", self._par)

    def _par(self, request: PreparedRequest) -> Answer:
        if self.push_error:
            return 400, {}, json.dumps({"error": self.push_error})
        fields = dict(parse_qsl(str(request.body)))
        self._check_assertion(fields)
        self.pushed.append(fields)
        self.nonce = fields["nonce"]
        return 201, {}, json.dumps({"request_uri": f"urn:x:{len(self.pushed)}", "expires_in": 60})

    def _check_assertion(self, fields: Mapping[str, str]) -> None:
        token = jwt.decode(fields["client_assertion"], CLIENT_KEY, registry=signatures(["ES256"]))
        assert token.header["kid"] == "of-mypage"
        assert token.claims["aud"] == ISSUER

    def _has_nonce(self, request: PreparedRequest) -> bool:
        """Check and note the proof; False where the nonce is missing."""
        proof = str(request.headers["DPoP"])
        header = json.loads(b64decode(proof.partition(".")[0] + "=="))
        token = jwt.decode(proof, import_key(header["jwk"]), registry=signatures(["ES256"]))
        assert (header["typ"], header["jwk"].get("d")) == ("dpop+jwt", None)
        assert token.claims["htm"] == request.method
        assert token.claims["htu"] == str(request.url).partition("?")[0]
        self.proofs.append((header, token.claims))
        return token.claims.get("nonce") == NONCE

    def _token(self, request: PreparedRequest) -> Answer:
        if not self._has_nonce(request):
            return 400, {"DPoP-Nonce": NONCE}, json.dumps({"error": "use_dpop_nonce"})
        self.id_token = sign(self.id_token_claims(), alg="ES256", kid="server-es", key=KEY)
        self.tokens = {"token_type": "DPoP"} | self.tokens
        return super()._token(request)

    def _api(self, request: PreparedRequest) -> Answer:
        scheme, _, token = str(request.headers["Authorization"]).partition(" ")
        self.authorizations.append(scheme)
        if not self._has_nonce(request):
            return 401, {"DPoP-Nonce": NONCE, "WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}, "{}"
        assert self.proofs[-1][1]["ath"] == access_token_hash(token)
        request.headers["Authorization"] = f"Bearer {token}"
        return super()._api(request)


class StrictBrowser(Browser):
    """A browser that carries references to pushed requests."""

    def asked(self, answer: TestResponse) -> dict[str, str]:
        """Return the parameters that were pushed; the browser must not see them."""
        sent = dict(parse_qsl(urlsplit(answer.location).query))
        pushed = self.server.pushed
        assert sent == {"client_id": "mypage", "request_uri": f"urn:x:{len(pushed)}"}
        return pushed[-1]


@pytest.fixture
def server() -> Iterator[StrictServer]:
    """Play the strict server for the time of one test."""
    played = StrictServer()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        played.install(mock)
        yield played


@pytest.fixture
def browser(server: StrictServer, tmp_path: Path) -> StrictBrowser:
    return StrictBrowser(create_app(mypage_settings(tmp_path / "mypage.sqlite3", **FAPI2)), server)


def test_the_browser_carries_a_reference_alone(browser: StrictBrowser, server: StrictServer) -> None:
    pushed = browser.begin()
    assert (pushed["response_type"], pushed["code_challenge_method"]) == ("code", "S256")
    assert pushed["dpop_jkt"] == Prover("of the stage, at least 32 characters").thumbprint
    assert pushed["redirect_uri"].endswith("/oidc/callback")
    assert pushed["state"]


def test_a_pushed_request_that_is_refused_becomes_a_page(
    browser: StrictBrowser, server: StrictServer
) -> None:
    server.push_error = "invalid_request"
    answer = browser.open("/login")
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_tokens_are_bound_to_the_key_and_each_request_proves_it(
    browser: StrictBrowser, server: StrictServer
) -> None:
    browser.sign_in()
    assert browser.open("/customer").status_code == 200
    assert set(server.authorizations) == {"DPoP"}
    thumbprints = {import_key(header["jwk"]).thumbprint() for header, _ in server.proofs}
    assert thumbprints == {server.pushed[0]["dpop_jkt"]}
    identifiers = [claims["jti"] for _, claims in server.proofs]
    assert len(identifiers) == len(set(identifiers))


def test_a_nonce_is_asked_for_once_and_then_known(browser: StrictBrowser, server: StrictServer) -> None:
    browser.sign_in()
    assert browser.open("/customer").status_code == 200
    known = len(server.proofs)
    assert browser.open("/customer").status_code == 200
    assert all(claims["nonce"] == NONCE for _, claims in server.proofs[known:])


def test_a_bearer_token_is_not_taken(browser: StrictBrowser, server: StrictServer) -> None:
    server.tokens = {"token_type": "Bearer"}
    assert browser.sign_in().status_code == 503


def test_a_refresh_token_that_does_not_rotate_is_kept(
    browser: StrictBrowser, server: StrictServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.sign_in()
    for minutes in (10, 20):
        later = clock.now() + timedelta(minutes=minutes)
        with monkeypatch.context() as patch:
            patch.setattr(clock, "now", lambda moment=later: moment)
            server.tokens["refresh_token"] = ABSENT
            server.refresh_token = "refresh-0"
            assert browser.open("/customer").status_code == 200
    assert server.refresh_tokens_used == ["refresh-0", "refresh-0"]


def test_without_a_pushed_request_endpoint_nothing_is_sent_in_the_clear(tmp_path: Path) -> None:
    settings = mypage_settings(tmp_path / "m.sqlite3", **FAPI2)
    with responses.RequestsMock() as mock:
        mock.assert_all_requests_are_fired = False
        PlayedServer().install(mock)
        endpoint = TokenEndpoint(settings, Provider(ISSUER, timeout=settings.timeouts))
        with pytest.raises(ProviderUnavailable):
            endpoint.authorization_url(redirect_uri="x", code_verifier="v", parameters={})


@pytest.mark.parametrize(
    "deviation",
    [{"private_key": "", "client_secret": "of the demo"}, {"id_token_alg": "RS256"}, {"profile": "strict"}],
)
def test_settings_that_the_profile_does_not_allow_are_refused(
    tmp_path: Path, deviation: dict[str, str]
) -> None:
    assert mypage_settings(tmp_path / "m.sqlite3", **FAPI2).is_fapi2
    with pytest.raises(ValueError, match=r"profile|baseline"):
        mypage_settings(tmp_path / "m.sqlite3", **FAPI2 | deviation)


def test_keys_of_each_kind_sign_assertions() -> None:
    kinds = [
        (CLIENT_KEY, "ES256"),
        (RSAKey.generate_key(2048), "PS256"),
        (OKPKey.generate_key("Ed25519"), "EdDSA"),
    ]
    for key, alg in kinds:
        for text in (json.dumps(key.as_dict(private=True)), key.as_pem(private=True).decode()):
            assert ALGORITHMS[read_private_key(text).key_type] == alg
    for bad in (
        "{}",
        "-----BEGIN",
        json.dumps(CLIENT_KEY.as_dict(private=False)),
        json.dumps({"kty": "oct", "k": "YWJjZGVmZ2hpamtsbW5vcA"}),
    ):
        with pytest.raises(ValueError, match="private_key"):
            read_private_key(bad)
