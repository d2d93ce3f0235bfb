"""The stage of the portal's tests: the server as the portal sees it, and a browser for a member of staff.

The server is foreign HTTP, so ``responses`` plays it: sign-in, an agency, its grants, decisions, exchange.
It keeps state, as the real one does: whoever approves a grant finds it active afterwards.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import responses
import time_machine
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from requests import PreparedRequest
from werkzeug.test import TestResponse

from clients.agency_portal.app import create_app
from clients.agency_portal.settings import PortalSettings
from clients.relying_party import clock
from tests.clients.page_forms import forms_of

DAY = "2026-11-24T01:00:00Z"
"""When the play takes place: two days after the last thing that happened to a grant."""
ISSUER = "http://localhost:8000"
PORTAL = "http://localhost:8002"
MYPAGE = "http://localhost:8001"
SERVER_KEY = RSAKey.generate_key(2048, {"kid": "server", "use": "sig", "alg": "RS256"})
PORTAL_KEY = ECKey.generate_key("P-256", {"kid": "portal"})
OPEN_STATES = {"requested", "active", "suspended"}
DECISIONS = {
    "approve": ({"requested"}, "active"),
    "deny": ({"requested"}, "denied"),
    "release": ({"active", "suspended"}, "revoked"),
}

AGENCY: Mapping[str, Any] = {
    "id": "6a0b6f0e-7c55-4d26-9a3f-3d5b9d1c0001",
    "name": "株式会社みらい電工",
    "representative_name": "佐藤 一郎",
    "representative_furigana": "サトウ イチロウ",
    "postal_code": "6048845",
    "prefecture": "京都府",
    "city": "京都市中京区",
    "street": "烏丸通御池上る1-2",
    "phone": "0752311111",
    "email": "mirai@agency.example",
    "member": {
        "name": "佐藤 一郎",
        "role": "manager",
        "can_decide": True,
        "can_proxy_login": True,
        "can_manage": True,
    },
}


def product(product_id: int = 501, **deviation: Any) -> dict[str, Any]:
    """Return a product as the API prints it: only 見守りサービス has been joined."""
    joined = {"joined": True, "joined_at": "2026-05-01T00:00:00Z"}
    not_joined = {"joined": False, "joined_at": None}
    return {
        "id": f"0d9f3c1a-0000-4000-8000-{product_id:012d}",
        "product_id": product_id,
        "model": "ESS-U4X1",
        "serial_number": "HC-A10001WN1",
        "remote_serial_number": "RC-7001",
        "installation_postal_code": "6040001",
        "services": {
            "watch": joined,
            "weather_warning": not_joined,
            "early_advisory": not_joined,
            "ai_control": not_joined,
        },
    } | deviation


def grant(user_id: int = 1001, state: str = "requested", **deviation: Any) -> dict[str, Any]:
    """Return a grant as the API prints it, with the data that this state lets the agency see."""
    hidden = state not in {"requested", "active"}
    ended = state not in OPEN_STATES
    decided = state not in {"requested", "withdrawn", "lapsed"}
    return {
        "id": f"5f0e2b7c-0000-4000-8000-{user_id:012d}",
        "state": state,
        "permissions": ["mypage.read", "mypage.write"],
        "term_months": 12,
        "requested_at": "2026-11-20T01:00:00Z",
        "decided_at": "2026-11-21T01:00:00Z" if decided else None,
        "expires_at": "2027-11-20T15:00:00Z" if state in {"active", "suspended"} else None,
        "ended_at": "2026-11-22T01:00:00Z" if ended else None,
        "last_used_at": None,
        "owner": {
            "user_id": user_id,
            "email": None if hidden else "hanako@owner.example",
            "name": None if hidden else "鈴木 花子",
            "furigana": None if hidden else "スズキ ハナコ",
            "prefecture": None if hidden else "大阪府",
            "city": None if hidden else "大阪市北区",
            "street": None if hidden else "梅田3-4-5",
            "registered_at": "2026-04-01T00:00:00Z",
        },
        "products": [] if hidden else [product()],
    } | deviation


class Server:
    """The authorization server, as far as the portal asks it."""

    def __init__(self) -> None:
        self.agency: dict[str, Any] = deepcopy(dict(AGENCY))
        self.grants: list[dict[str, Any]] = []
        self.staff = True
        self.exchange_error: str | None = None
        self.exchange_description = ""
        self.conditions: dict[str, Any] = {"reason_required": False, "max_age": None, "hours": []}
        self.exchanges: list[dict[str, str]] = []
        self.keys: list[str] = []
        self.decisions: list[tuple[str, str]] = []
        self.list_queries: list[dict[str, str]] = []
        self.next_cursor: str | None = None
        self.refuses_cursor = False
        self.real_pages = False
        self.down = False
        self.nonce = ""

    def find(self, grant_id: str) -> dict[str, Any] | None:
        """Return the grant with this id."""
        return next((item for item in self.grants if item["id"] == grant_id), None)

    def end(self, item: dict[str, Any], state: str) -> None:
        """Move a grant to another state, as somebody else would."""
        self.grants[self.grants.index(item)] = grant(item["owner"]["user_id"], state) | {"id": item["id"]}

    def install(self, mock: responses.RequestsMock) -> None:
        """Answer every address that the portal knows."""
        mock.get(f"{ISSUER}/.well-known/openid-configuration", json=_metadata())
        keys = {"keys": [SERVER_KEY.as_dict(private=False)]}
        mock.get(f"{ISSUER}/oauth/jwks", json=keys)
        mock.add_callback("POST", f"{ISSUER}/oauth/token", self._token)
        mock.add_callback("GET", re.compile(f"{ISSUER}/api/.*"), self._read)
        mock.add_callback("POST", re.compile(f"{ISSUER}/api/delegations/.*"), self._decide)

    def _token(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        fields = dict(parse_qsl(str(_text(request.body))))
        if fields["grant_type"] == "authorization_code":
            return _json(200, self._tokens())
        self.exchanges.append(fields)
        if self.exchange_error:
            told = {"error": self.exchange_error, "error_description": self.exchange_description}
            return _json(429 if self.exchange_error == "slow_down" else 400, told)
        ticket = {
            "access_token": "ticket-1",
            "issued_token_type": "urn:ownersclub:params:oauth:token-type:act-as-ticket",
            "token_type": "N_A",
            "expires_in": 60,
        }
        return _json(200, ticket)

    def _tokens(self) -> dict[str, Any]:
        issued = clock.now()
        claims = {
            "iss": ISSUER,
            "sub": "staff-1",
            "aud": "agency-portal",
            "sid": "session-1",
            "nonce": self.nonce,
            "name": "佐藤 一郎",
            "email": "sato@agency.example",
            "iat": clock.epoch(issued),
            "exp": clock.epoch(issued + timedelta(minutes=5)),
        }
        return {
            "access_token": "staff-access",
            "token_type": "Bearer",
            "expires_in": 300,
            "refresh_token": "staff-refresh",
            "id_token": jwt.encode({"alg": "RS256", "kid": "server"}, claims, SERVER_KEY),
        }

    def _read(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        assert request.headers["Authorization"] == "Bearer staff-access"
        if self.down:
            return _problem(503)
        if not self.staff:
            return _problem(403)
        address = urlsplit(str(request.url))
        if address.path == "/api/agency":
            return _json(200, self.agency)
        if address.path == "/api/agency/rules":
            return _json(200, self.conditions)
        if address.path == "/api/delegations":
            return self._list({name: values[0] for name, values in parse_qs(address.query).items()})
        found = self.find(address.path.rpartition("/")[2])
        return _json(200, found) if found else _problem(404)

    def _list(self, query: dict[str, str]) -> tuple[int, dict[str, str], str]:
        self.list_queries.append(query)
        if query.get("cursor") and self.refuses_cursor:
            return _problem(400)
        tally = dict.fromkeys([*OPEN_STATES, "ended"], 0)
        for item in self.grants:
            tally[item["state"] if item["state"] in OPEN_STATES else "ended"] += 1
        found = [item for item in self.grants if _matches(item, query)]
        begin = int(query.get("cursor", "0")) if self.real_pages else 0
        end = begin + int(query.get("limit", "50"))
        following = str(end) if self.real_pages and end < len(found) else self.next_cursor
        return _json(200, {"items": found[begin:end], "next_cursor": following, "counts": tally})

    def _decide(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        grant_id, _, decision = (
            urlsplit(str(request.url)).path.removeprefix("/api/delegations/").partition("/")
        )
        if not decision and grant_id in DECISIONS:
            return self._decide_many(request, grant_id)
        self.decisions.append((grant_id, decision))
        before, after = DECISIONS[decision]
        found = self.find(grant_id)
        if found is None:
            return _problem(404)
        if not self.agency["member"]["can_decide"]:
            return _problem(403)
        if found["state"] not in before:
            return _problem(409)
        self.end(found, after)
        return _json(200, self.find(grant_id))

    def _decide_many(self, request: PreparedRequest, decision: str) -> tuple[int, dict[str, str], str]:
        self.keys.append(str(request.headers.get("Idempotency-Key")))
        if not self.agency["member"]["can_decide"]:
            return _problem(403)
        results = []
        for grant_id in json.loads(_text(request.body))["ids"]:
            found, (before, after) = self.find(grant_id), DECISIONS[decision]
            code = "not_found" if found is None else "transition_refused"
            if found is None or found["state"] not in before:
                results.append({"id": grant_id, "status": "refused", "problem": {"code": code}})
            else:
                self.end(found, after)
                results.append({"id": grant_id, "status": "done"})
        return _json(200, {"results": results})


class Browser:
    """A browser at the portal; forms are sent as a person would, with the hidden fields of the page."""

    def __init__(self, server: Server, database: Path) -> None:
        self.server = server
        self.client = create_app(settings(database)).test_client()

    def open(self, path: str) -> TestResponse:
        """Open an address."""
        return self.client.get(path, base_url=PORTAL)

    def sign_in(self, path: str = "/agency") -> TestResponse:
        """Open a page, sign in at the server for it, and return the answer of the callback."""
        answer = self.open(path)
        while answer.location and not answer.location.startswith(ISSUER):
            answer = self.open(answer.location)
        asked = dict(parse_qsl(urlsplit(answer.location).query))
        self.server.nonce = asked["nonce"]
        return self.open(f"/oidc/callback?code=code-1&iss={ISSUER}&state={asked['state']}")

    def press(self, page: TestResponse, action: str, **typed: str) -> TestResponse:
        """Send the POST form of a page that goes to this action."""
        form = next(form for form in forms_of(page) if form.action == action and form.method == "post")
        return self.client.post(action, data=form.hidden | typed, base_url=PORTAL)

    def post(self, page: TestResponse, action: str, **fields: str) -> TestResponse:
        """Send a form that the page does not offer, with the page's CSRF token."""
        token = next(form.hidden["csrf_token"] for form in forms_of(page) if form.method == "post")
        return self.client.post(action, data={"csrf_token": token} | fields, base_url=PORTAL)


def settings(database: Path) -> PortalSettings:
    """Return the portal's settings as in the demo."""
    return PortalSettings(
        base_url=PORTAL,
        issuer=ISSUER,
        client_id="agency-portal",
        private_key=json.dumps(PORTAL_KEY.as_dict(private=True)),
        database_url=f"sqlite:///{database}",
        secret_key="of the stage, at least 32 characters",
        mypage_initiate_login_uri=f"{MYPAGE}/oidc/initiate",
        mypage_home_uri=f"{MYPAGE}/home",
    )


@contextmanager
def stage(folder: Path) -> Iterator[Browser]:
    """Play the server for the time of one test, on the day of the stage, with nobody signed in."""
    server = Server()
    with time_machine.travel(DAY), responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        server.install(mock)
        yield Browser(server, folder / "portal.sqlite3")


def _metadata() -> dict[str, str]:
    paths = {
        "authorization_endpoint": "/oauth/authorize",
        "token_endpoint": "/oauth/token",
        "userinfo_endpoint": "/oauth/userinfo",
        "jwks_uri": "/oauth/jwks",
        "end_session_endpoint": "/oauth/end-session",
    }
    return {"issuer": ISSUER} | {name: ISSUER + path for name, path in paths.items()}


def _matches(item: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    state = query.get("state", "")
    group = item["state"] if item["state"] in OPEN_STATES else "ended"
    if group != state and (state or group == "ended"):
        return False
    user_id, text = str(item["owner"]["user_id"]), query.get("q", "")
    if query.get("user_id", user_id) != user_id:
        return False
    return not text or text in (item["owner"]["email"] or "") or text == user_id


def _text(body: str | bytes | None) -> str:
    return body.decode() if isinstance(body, bytes) else body or ""


def _json(status: int, data: Any) -> tuple[int, dict[str, str], str]:
    return status, {"Content-Type": "application/json"}, json.dumps(data)


def _problem(status: int) -> tuple[int, dict[str, str], str]:
    problem = {"type": "about:blank", "title": "no", "status": status, "detail": "no", "request_id": "r-1"}
    return status, {"Content-Type": "application/problem+json"}, json.dumps(problem)
