"""The authorization server as マイページ sees it, played by ``responses``. It signs and keeps state.

A test states only its deviation: another claim, key or answer. Everything else is as it should be.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import responses
from joserfc import jwt
from joserfc.jwk import RSAKey
from requests import PreparedRequest

from clients.relying_party import clock

ISSUER = "http://localhost:8000"
MYPAGE = "http://localhost:8001"
PORTAL = "http://localhost:8002"
KEY = RSAKey.generate_key(2048, {"kid": "server-1", "use": "sig"})
NEXT_KEY = RSAKey.generate_key(2048, {"kid": "server-2", "use": "sig"})
FOREIGN_KEY = RSAKey.generate_key(2048, {"kid": "server-1", "use": "sig"})
EVENT = "http://schemas.openid.net/event/backchannel-logout"
OWNER = "owner-1"
ABSENT = object()
"""Stands for a claim that is left out."""

Answer = tuple[int, dict[str, str], str]

PROFILE: Mapping[str, Any] = {
    "sub": OWNER,
    "user_id": 1001,
    "email": "hanako@owner.example",
    "name": "鈴木 花子",
    "furigana": "スズキ ハナコ",
    "postal_code": "5300001",
    "prefecture": "大阪府",
    "city": "大阪市北区",
    "street": "梅田3-4-5",
    "phone": "0661234567",
    "info_sharing": True,
    "registered_at": "2026-04-01T00:00:00Z",
}
ACT: Mapping[str, Any] = {
    "sub": "staff-1",
    "sub_profile": "user",
    "name": "佐藤 一郎",
    "org": {"id": "agency-1", "name": "株式会社みらい電工"},
}
PRODUCT_ID = "0d9f3c1a-0000-4000-8000-000000000501"


def product(*, watch_joined_at: str | None = "2026-05-01T00:00:00Z", **deviation: Any) -> dict[str, Any]:
    """Return a product as the API prints it: only 見守りサービス has been joined."""
    no = {"joined": False, "joined_at": None}
    return {
        "id": PRODUCT_ID,
        "product_id": 501,
        "model": "ESS-U4X1",
        "serial_number": "HC-A10001WN1",
        "remote_serial_number": None,
        "installation_postal_code": "5300001",
        "services": {
            "watch": {"joined": watch_joined_at is not None, "joined_at": watch_joined_at},
            "weather_warning": no,
            "early_advisory": no,
            "ai_control": no,
        },
    } | deviation


class PlayedServer:
    """What the server is asked, and what it answers."""

    def __init__(self) -> None:
        self.products, self.limited = [product()], False
        self.permissions: list[dict[str, Any]] = []
        self.running: list[dict[str, Any]] = []
        self.reports: list[dict[str, Any]] = []
        """Activities that have arrived, again each time that they do."""
        self.takes_reports: Exception | tuple[int, dict[str, Any]] = (201, {"items": []})
        self.keys = [KEY]
        self.jwks_fetched = 0
        self.token_requests: list[dict[str, str]] = []
        self.api_calls: list[tuple[str, str, Any]] = []
        self.nonce = ""
        self.claims: dict[str, Any] = {}
        """Deviations of the next ID tokens."""
        self.id_token: str | None = None
        """The next ID token altogether."""
        self.tokens: dict[str, Any] = {}
        """Deviations of the next token responses."""
        self.token_error: Exception | str | None = None
        self.accepts_access_tokens = True
        self.access_tokens_begin = "access-"
        self.refresh_token = "refresh-0"
        self.refresh_tokens_used: list[str] = []
        self._lock = Lock()

    def install(self, mock: responses.RequestsMock, **more_metadata: str) -> None:
        """Answer every address that マイページ knows."""
        paths = {
            "authorization_endpoint": "/oauth/authorize",
            "token_endpoint": "/oauth/token",
            "userinfo_endpoint": "/oauth/userinfo",
            "jwks_uri": "/oauth/jwks",
            "end_session_endpoint": "/oauth/end-session",
        }
        metadata = {"issuer": ISSUER} | {name: ISSUER + path for name, path in paths.items()}
        metadata |= more_metadata
        mock.get(f"{ISSUER}/.well-known/openid-configuration", json=metadata)
        mock.add_callback("GET", f"{ISSUER}/oauth/jwks", self._jwks)
        mock.add_callback("POST", f"{ISSUER}/oauth/token", self._token)
        mock.add_callback("GET", f"{ISSUER}/oauth/userinfo", self._userinfo)
        for method in ("GET", "PATCH", "POST"):
            mock.add_callback(method, re.compile(f"{ISSUER}/api/.*"), self._api)

    def id_token_claims(self) -> dict[str, Any]:
        """Return the claims of an owner's own sign-in, with the deviations."""
        issued = clock.now()
        claims = {
            "iss": ISSUER,
            "sub": OWNER,
            "aud": "mypage",
            "sid": "sign-in-1",
            "nonce": self.nonce,
            "name": "鈴木 花子",
            "email": "hanako@owner.example",
            "iat": clock.epoch(issued),
            "exp": clock.epoch(issued + timedelta(minutes=5)),
            "at_hash": at_hash("access-0"),
        } | self.claims
        return {name: value for name, value in claims.items() if value is not ABSENT}

    def act(self, *, scope: str = "openid mypage.read mypage.write", minutes: int = 30) -> None:
        """Let the next sign-ins be proxy logins."""
        end = clock.now() + timedelta(minutes=minutes)
        self.claims = {
            "act": dict(ACT),
            "delegation": "grant-1",
            "sid": "act-as-1",
            "session_expiry": clock.epoch(end),
            "email": ABSENT,
        }
        self.tokens = {"scope": scope, "refresh_token": ABSENT}

    def _jwks(self, _request: PreparedRequest) -> Answer:
        self.jwks_fetched += 1
        return _json(200, {"keys": [key.as_dict(private=False) for key in self.keys]})

    def _token(self, request: PreparedRequest) -> Answer:
        body = request.body.decode() if isinstance(request.body, bytes) else request.body or ""
        fields = dict(parse_qsl(body))
        self.token_requests.append(fields)
        if isinstance(self.token_error, Exception):
            raise self.token_error
        if self.token_error is not None:
            return _json(400, {"error": self.token_error})
        if fields["grant_type"] == "client_credentials":
            return _json(200, {"access_token": "own-token", "token_type": "Bearer", "expires_in": 300})
        if fields["grant_type"] == "refresh_token":
            return self._refresh(fields["refresh_token"])
        id_token = self.id_token or sign(self.id_token_claims())
        return _json(200, self._token_response("access-0") | {"id_token": id_token} | self._deviations())

    def _reported(self, body: Any, authorization: str) -> Answer:
        if isinstance(self.takes_reports, Exception):
            raise self.takes_reports
        assert authorization == "Bearer own-token", authorization
        status, answer = self.takes_reports
        self.reports += body["activities"]
        return _json(status, answer)

    def _refresh(self, given: str) -> Answer:
        with self._lock:
            self.refresh_tokens_used.append(given)
            if given != self.refresh_token:
                return _json(400, {"error": "invalid_grant"})
            number = int(given.partition("-")[2]) + 1
            self.refresh_token = f"refresh-{number}"
        return _json(200, self._token_response(f"access-{number}") | self._deviations())

    def _token_response(self, access_token: str) -> dict[str, Any]:
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 300,
            "refresh_token": self.refresh_token,
            "scope": "openid profile email products products.write delegations.read",
        }

    def _deviations(self) -> dict[str, Any]:
        return {name: None if value is ABSENT else value for name, value in self.tokens.items()}

    def _userinfo(self, _request: PreparedRequest) -> Answer:
        return _json(200, {"sub": OWNER, "name": "鈴木 花子", "email": "hanako@owner.example"})

    def _api(self, request: PreparedRequest) -> Answer:
        path = urlsplit(str(request.url)).path
        body = json.loads(request.body) if request.body else None
        self.api_calls.append((str(request.method), path, body))
        if path.endswith("/activities"):
            return self._reported(body, str(request.headers["Authorization"]))
        if not self.accepts_access_tokens or not str(request.headers["Authorization"]).startswith(
            f"Bearer {self.access_tokens_begin}"
        ):
            return _json(401, {"title": "no"})
        if path == "/api/me/profile":
            return _json(200, PROFILE)
        if path == "/api/me/products":
            return _json(200, {"items": self.products} | ({"limited": True} if self.limited else {}))
        if path == "/api/me/delegations":
            return _json(200, {"items": self.permissions})
        if path == "/api/me/proxy-logins":
            return _json(200, {"items": self.running})
        for item in self.products:
            if path == f"/api/me/products/{item['id']}" and request.method == "PATCH":
                for name, joined in body["services"].items():
                    item["services"][name] = {
                        "joined": joined,
                        "joined_at": "2026-11-24T00:00:00Z" if joined else None,
                    }
                return _json(200, item)
        return _json(404, {"title": "no"})


def sign(
    claims: Mapping[str, Any],
    *,
    alg: str = "RS256",
    kid: str | None = "server-1",
    typ: str | None = None,
    key: Any = KEY,
) -> str:
    """Return a signed token, by default as the server signs ID tokens."""
    header: dict[str, Any] = {"alg": alg} | ({"kid": kid} if kid else {}) | ({"typ": typ} if typ else {})
    return jwt.encode(header, dict(claims), key, algorithms=[alg], default_type=None)


def sign_with_public_key(claims: Mapping[str, Any]) -> str:
    """Return a token that takes the server's public RSA key for an HMAC secret (RFC 8725 §2.1)."""
    signed = _encode({"alg": "HS256", "kid": "server-1"}, claims)
    mac = hmac.digest(KEY.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{_base64url(mac)}"


def unsigned(claims: Mapping[str, Any]) -> str:
    """Return a token with ``alg: none``."""
    return _encode({"alg": "none", "kid": "server-1"}, claims) + "."


def _encode(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return ".".join(_base64url(json.dumps(dict(part)).encode()) for part in (header, claims))


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def at_hash(access_token: str) -> str:
    """Return the ``at_hash`` of an access token (OIDC Core §3.1.3.6)."""
    return _base64url(hashlib.sha256(access_token.encode()).digest()[:16])


def logout_claims(**deviation: Any) -> dict[str, Any]:
    """Return the claims of a logout token for the owner's own sign-in, with the deviations."""
    issued = clock.now()
    claims = {
        "iss": ISSUER,
        "aud": "mypage",
        "iat": clock.epoch(issued),
        "exp": clock.epoch(issued + timedelta(minutes=2)),
        "jti": "notice-1",
        "sid": "sign-in-1",
        "sub": OWNER,
        "events": {EVENT: {}},
    } | deviation
    return {name: value for name, value in claims.items() if value is not ABSENT}


def _json(status: int, data: Any) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(data)
