"""An API that takes the server's access tokens: what it lets in, and what it answers to the rest."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import responses
from flask import Flask
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from werkzeug.test import TestResponse

from clients.relying_party import ApiTokens, Introspection, clock
from clients.relying_party.algorithms import signatures
from clients.relying_party.dpop_proof import access_token_hash
from tests.clients.played_server import (
    ABSENT,
    ACT,
    ISSUER,
    KEY,
    OWNER,
    PlayedServer,
    sign,
    unsigned,
)

API = "https://api.example"
EC_KEY = ECKey.generate_key("P-256", {"kid": "server-es", "use": "sig"})
FOREIGN_EC_KEY = ECKey.generate_key("P-256", {"kid": "server-es", "use": "sig"})
CLIENT_KEY = ECKey.generate_key("P-256")


class Caller:
    """A client that calls the API with tokens of its own making."""

    def __init__(self, app: Flask, server: PlayedServer) -> None:
        self.app, self.server = app, server

    def claims(self, **deviation: Any) -> dict[str, Any]:
        """Return the claims of an access token for this API."""
        issued = clock.epoch(clock.now())
        claims = {
            "iss": ISSUER, "aud": API, "sub": OWNER, "client_id": "shop", "iat": issued, "exp": issued + 300,
            "jti": "token-1", "scope": "openid watts.read", "sid": "sign-in-1",
        } | deviation  # fmt: skip
        return {name: value for name, value in claims.items() if value is not ABSENT}

    def token(self, **deviation: Any) -> str:
        """Return a signed access token, as the server makes them."""
        return sign(self.claims(**deviation), alg="ES256", kid="server-es", typ="at+jwt", key=EC_KEY)

    def bound_token(self, **deviation: Any) -> str:
        """Return an access token for the holder of the client's key."""
        return self.token(cnf={"jkt": CLIENT_KEY.thumbprint()}, **deviation)

    def call(
        self, token: str | None = None, *, path: str = "/watts", scheme: str = "Bearer", **headers: Any
    ) -> TestResponse:
        """Call the API."""
        given = {} if token is None else {"Authorization": f"{scheme} {token}"}
        return self.app.test_client().get(path, base_url="http://inner:8080", headers={**given, **headers})

    def prove(
        self, token: str, *, key: Any = CLIENT_KEY, header: dict[str, Any] | None = None, **deviation: Any
    ) -> str:
        """Return a proof for a call with this token."""
        claims = {
            "htm": "GET", "htu": f"{API}/watts", "iat": clock.epoch(clock.now()), "jti": "proof-1",
            "ath": access_token_hash(token),
        } | deviation  # fmt: skip
        given = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)} | (header or {})
        claims = {name: value for name, value in claims.items() if value is not ABSENT}
        return jwt.encode(given, claims, key, registry=signatures([given["alg"]]), default_type=None)

    def call_proven(self, token: str, **deviation: Any) -> TestResponse:
        """Call with a bound token and a proof."""
        return self.call(token, scheme="DPoP", DPoP=self.prove(token, **deviation))


def make_app(folder: Path, **more: Any) -> Flask:
    """Return an API with one view that reads and one that asks the server each time."""
    app = Flask("api")
    api = ApiTokens(
        app, issuer=ISSUER, audience=API, database_url=f"sqlite:///{folder}/api.sqlite3",
        introspection=Introspection(client_id="api", client_secret="of the api"), **more,
    )  # fmt: skip

    @app.get("/watts")
    @api.requires("watts.read")
    def watts() -> dict[str, Any]:
        actor = api.token.act.sub if api.token.act else None
        return {"owner": api.token.sub, "actor": actor}

    @app.get("/products")
    @api.requires("watts.read")
    def products() -> dict[str, Any]:
        return {"seen": [number for number in (1001, 1002) if api.token.sees(number)]}

    @app.get("/live")
    @api.requires("watts.read", live=True)
    def live() -> dict[str, Any]:
        return {"owner": api.token.sub}

    @app.get("/own")
    @api.requires("watts.read")
    @api.forbidden_under_act
    def own() -> dict[str, Any]:
        return {"owner": api.token.sub}

    return app


@pytest.fixture
def server() -> Iterator[PlayedServer]:
    """Play the server, with a key for access tokens and an introspection endpoint."""
    played = PlayedServer()
    played.keys = [KEY, EC_KEY]
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        played.install(mock)
        yield played


@pytest.fixture
def caller(server: PlayedServer, tmp_path: Path) -> Caller:
    return Caller(make_app(tmp_path), server)


def expect(answer: TestResponse, status: int, error: str = "") -> None:
    """Check that an answer is a problem with the challenge of RFC 6750 §3."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["status"] == status
    challenges = answer.headers.getlist("WWW-Authenticate")
    assert [challenge.split(" ")[0] for challenge in challenges] == ["Bearer", "DPoP"]
    assert any(f'error="{error}"' in challenge for challenge in challenges) == bool(error)


def test_a_good_token_opens_the_call(caller: Caller) -> None:
    assert caller.call(caller.token()).get_json() == {"owner": OWNER, "actor": None}
    assert caller.call(caller.token(aud=["https://other.example", API])).status_code == 200


def test_a_call_without_a_token_hears_how_to_send_one_and_no_error_code(caller: Caller) -> None:
    expect(caller.call(), 401)
    expect(caller.call("dXNlcjpwdw", scheme="Basic"), 401)


@pytest.mark.parametrize(
    "deviation",
    [
        {"iss": "https://evil.example"}, {"iss": ABSENT}, {"aud": "https://other.example"}, {"aud": ABSENT},
        {"aud": [ISSUER]}, {"exp": 1}, {"exp": ABSENT}, {"exp": "soon"}, {"iat": 9_999_999_999},
        {"nbf": 9_999_999_999}, {"iat": ABSENT}, {"jti": ABSENT}, {"client_id": ABSENT}, {"sub": ABSENT},
        {"sub": 7}, {"scope": ["watts.read"]}, {"act": dict(ACT), "delegation": "grant-1"},
        {"delegation": "grant-1"}, {"cnf": {"x5t#S256": "abc"}}, {"cnf": "abc"}, {"act": None},
    ],
)  # fmt: skip
def test_a_token_that_deviates_is_refused(caller: Caller, deviation: dict[str, Any]) -> None:
    expect(caller.call(caller.token(**deviation)), 401, "invalid_token")


def test_a_token_of_another_type_key_or_algorithm_is_refused(caller: Caller) -> None:
    claims = caller.claims()
    forged = [
        sign(claims, alg="ES256", kid="server-es", typ="JWT", key=EC_KEY),
        sign(claims, alg="ES256", kid="server-es", typ=None, key=EC_KEY),
        sign(claims, alg="ES256", kid="server-es", typ="at+jwt", key=FOREIGN_EC_KEY),
        sign(claims, alg="RS256", kid="server-1", typ="at+jwt", key=KEY),
        unsigned(claims),
        "no-token",
        "a.b.c",
    ]
    for token in forged:
        expect(caller.call(token), 401, "invalid_token")
    right = sign(claims, alg="ES256", kid="server-es", typ="application/at+jwt", key=EC_KEY)
    assert caller.call(right).status_code == 200


def test_a_scope_that_is_missing_is_named(caller: Caller) -> None:
    answer = caller.call(caller.token(scope="openid watts"))
    expect(answer, 403, "insufficient_scope")
    assert 'scope="watts.read"' in answer.headers["WWW-Authenticate"]


def test_two_tokens_or_one_in_the_address_are_refused(caller: Caller) -> None:
    token = caller.token()
    expect(caller.call(token, path=f"/watts?access_token={token}"), 400, "invalid_request")
    expect(caller.call(path=f"/watts?access_token={token}"), 400, "invalid_request")
    expect(caller.call(f"{token}, Bearer {token}"), 400, "invalid_request")


def test_a_new_key_is_fetched_once_and_forged_key_ids_do_not_fetch(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert caller.call(caller.token()).status_code == 200
    new = ECKey.generate_key("P-256", {"kid": "server-new", "use": "sig"})
    token = sign(caller.claims(), alg="ES256", kid="server-new", typ="at+jwt", key=new)
    expect(caller.call(token), 401, "invalid_token")
    caller.server.keys.append(new)
    later = clock.now() + timedelta(seconds=15)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert caller.call(token).status_code == 200
    fetched = caller.server.jwks_fetched
    for number in range(5):
        forged = sign(caller.claims(), alg="ES256", kid=f"k{number}", typ="at+jwt", key=new)
        expect(caller.call(forged), 401, "invalid_token")
    assert caller.server.jwks_fetched == fetched


# --- DPoP --------------------------------------------------------------------------------------------------


def test_a_bound_token_opens_the_call_with_a_proof_of_its_key(caller: Caller) -> None:
    assert caller.call_proven(caller.bound_token()).status_code == 200
    others = (RSAKey.generate_key(2048), "PS256"), (OKPKey.generate_key("Ed25519"), "EdDSA")
    for key, alg in others:
        token = caller.token(cnf={"jkt": key.thumbprint()})
        assert caller.call_proven(token, key=key, header={"alg": alg}).status_code == 200


def test_a_header_that_no_parser_survives_is_refused(caller: Caller) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 4000).rstrip(b"=").decode()
    token = caller.bound_token()
    expect(caller.call(token, scheme="DPoP", DPoP=f"{deep}.e30.e30"), 401, "invalid_dpop_proof")
    expect(caller.call(f"{deep}.e30.e30"), 401, "invalid_token")


def test_a_bound_token_as_bearer_and_an_unbound_one_as_dpop_are_refused(caller: Caller) -> None:
    token = caller.bound_token()
    expect(caller.call(token), 401, "invalid_token")
    expect(caller.call(token, DPoP=caller.prove(token)), 401, "invalid_token")
    expect(caller.call_proven(caller.token()), 401, "invalid_token")


@pytest.mark.parametrize(
    "deviation",
    [
        {"htm": "POST"}, {"htu": f"{API}/other"}, {"htu": "http://inner:8080/watts"}, {"htu": "https://[x"},
        {"iat": 1}, {"iat": 9_999_999_999}, {"iat": ABSENT}, {"jti": ABSENT}, {"jti": ""}, {"ath": ABSENT},
        {"ath": access_token_hash("another")}, {"htu": ABSENT}, {"htm": ABSENT},
        {"key": FOREIGN_EC_KEY}, {"header": {"typ": "JWT"}},
        {"header": {"jwk": CLIENT_KEY.as_dict(private=True)}},
        {"header": {"jwk": FOREIGN_EC_KEY.as_dict(private=False)}},
        {"header": {"jwk": {"kty": "oct", "k": "abcd"}}},
        {"key": RSAKey.generate_key(2048), "header": {"alg": "RS256"}},
        {"key": OKPKey.generate_key("Ed25519"), "header": {"alg": "EdDSA"}},
    ],
)  # fmt: skip
def test_a_proof_that_deviates_is_refused(caller: Caller, deviation: dict[str, Any]) -> None:
    expect(caller.call_proven(caller.bound_token(), **deviation), 401, "invalid_dpop_proof")


def test_the_address_of_a_proof_may_be_spelt_otherwise_and_have_a_query(caller: Caller) -> None:
    token = caller.bound_token()
    proof = caller.prove(token, htu="HTTPS://API.example:443/w%61tts?day=1#top")
    assert caller.call(token, path="/watts?day=1", scheme="dpop", DPoP=proof).status_code == 200


def test_a_proof_is_good_once(caller: Caller) -> None:
    token = caller.bound_token()
    proof = caller.prove(token)
    assert caller.call(token, scheme="DPoP", DPoP=proof).status_code == 200
    expect(caller.call(token, scheme="DPoP", DPoP=proof), 401, "invalid_dpop_proof")
    assert caller.call_proven(token, jti="proof-2").status_code == 200


def test_a_bound_token_without_or_with_two_proofs_is_refused(caller: Caller) -> None:
    token = caller.bound_token()
    expect(caller.call(token, scheme="DPoP"), 401, "invalid_dpop_proof")
    two = f"{caller.prove(token)}, {caller.prove(token, jti='2')}"
    expect(caller.call(token, scheme="DPoP", DPoP=two), 401, "invalid_dpop_proof")


def test_where_the_api_asks_for_a_nonce_the_first_answer_brings_it(
    server: PlayedServer, tmp_path: Path
) -> None:
    caller = Caller(make_app(tmp_path, nonce_secret="of the stage, at least 32 characters"), server)
    token = caller.bound_token()
    refused = caller.call_proven(token)
    expect(refused, 401, "use_dpop_nonce")
    nonce = refused.headers["DPoP-Nonce"]
    assert caller.call_proven(token, nonce=nonce).status_code == 200
    expect(caller.call_proven(token, nonce=nonce[:-4] + "abc=", jti="2"), 401, "use_dpop_nonce")


# --- introspection ---------------------------------------------------------------------------------------


INTROSPECTION = f"{ISSUER}/oauth/introspect"


def test_a_live_call_goes_on_only_while_the_server_stands_by_the_token(
    server: PlayedServer, tmp_path: Path
) -> None:
    caller, good = Caller(make_app(tmp_path), server), {
        "active": True, "sub": OWNER, "client_id": "shop", "scope": "openid watts.read"
    }  # fmt: skip
    refused: list[tuple[dict[str, Any], int]] = [
        ({"active": False}, 401), ({**good, "active": "true"}, 401), ({**good, "sub": "owner-2"}, 401),
        ({**good, "client_id": "other"}, 401), ({**good, "act": {"sub": "staff-1"}}, 401),
        ({**good, "scope": "openid"}, 403), ({**good, "act": None}, 200), (good, 200),
    ]  # fmt: skip
    for answer, status in refused:
        with responses.RequestsMock() as mock:
            server.install(mock, introspection_endpoint=INTROSPECTION)
            mock.assert_all_requests_are_fired = False
            asked = mock.post(INTROSPECTION, json=answer)
            assert caller.call(caller.token(), path="/live").status_code == status, answer
            assert asked.calls[0].request.headers["Authorization"].startswith("Basic ")


def test_a_live_call_does_not_go_on_while_the_server_is_silent(server: PlayedServer, tmp_path: Path) -> None:
    caller = Caller(make_app(tmp_path), server)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        server.install(mock, introspection_endpoint=INTROSPECTION)
        mock.post(INTROSPECTION, status=500)
        answer = caller.call(caller.token(), path="/live")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert caller.call(caller.token()).status_code == 200


def test_an_api_that_cannot_be_safe_does_not_start(tmp_path: Path) -> None:
    app = Flask("api")
    with pytest.raises(ValueError, match="base_url"):
        ApiTokens(app, issuer=ISSUER, audience="mypage")
    with pytest.raises(ValueError, match="nonce_secret"):
        ApiTokens(app, issuer=ISSUER, audience=API, nonce_secret="short")
    api = ApiTokens(app, issuer=ISSUER, audience=API, database_url=f"sqlite:///{tmp_path}/a.sqlite3")
    with pytest.raises(ValueError, match="introspection"):
        api.requires("watts.read", live=True)
