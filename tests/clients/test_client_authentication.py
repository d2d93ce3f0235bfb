"""How a relying party proves itself at the token endpoint, and what it takes for a ticket."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import responses
from joserfc import jwt
from joserfc.jwk import ECKey

from clients.relying_party import ActAsTicket, ExchangeRefused, ProviderUnavailable, clock
from clients.relying_party.provider import Provider
from clients.relying_party.token_endpoint import TokenEndpoint
from tests.clients.mypage_stage import mypage_settings
from tests.clients.played_server import ISSUER

KEY = ECKey.generate_key("P-256", {"kid": "portal"})
TICKET: dict[str, Any] = {
    "access_token": "ticket-1",
    "issued_token_type": "urn:ownersclub:params:oauth:token-type:act-as-ticket",
    "token_type": "N_A",
    "expires_in": 60,
}


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    """A server that is discovered; each test adds its token endpoint."""
    names = ("authorization", "token", "userinfo", "end_session")
    metadata = {f"{name}_endpoint": f"{ISSUER}/oauth/{name}" for name in names}
    metadata |= {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/oauth/jwks"}
    with responses.RequestsMock() as played:
        played.get(f"{ISSUER}/.well-known/openid-configuration", json=metadata)
        yield played


def exchange(folder: Path, *, reason: str = "", **settings: Any) -> ActAsTicket:
    """Exchange for a ticket as the portal does."""
    chosen = mypage_settings(folder / "m.sqlite3", **settings)
    return TokenEndpoint(chosen, Provider(chosen.issuer, timeout=chosen.timeouts)).exchange(
        "grant-1",
        actor_token="staff-access",
        audience="mypage",
        scope=("mypage.read", "mypage.write"),
        reason=reason,
    )


def sent_with(call: responses.Call) -> dict[str, str]:
    """Return the fields of a request, none of them twice."""
    pairs = parse_qsl(str(call.request.body))
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def as_pem() -> str:
    """Return the private key in the other form that the settings take."""
    return KEY.as_pem(private=True).decode()


@pytest.mark.parametrize("key", [json.dumps(KEY.as_dict(private=True)), as_pem()], ids=["JWK", "PEM"])
def test_an_assertion_is_fresh_short_and_for_the_issuer(
    mock: responses.RequestsMock, tmp_path: Path, key: str
) -> None:
    mock.post(f"{ISSUER}/oauth/token", json=TICKET)
    seen = set()
    for _ in range(2):
        exchange(tmp_path, private_key=key, client_secret="", client_id="agency-portal")
        request = mock.calls[-1].request
        fields = sent_with(mock.calls[-1])
        assert "Authorization" not in request.headers
        assert fields["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assertion = jwt.decode(fields["client_assertion"], KEY, algorithms=["ES256"]).claims
        assert assertion["iss"] == assertion["sub"] == "agency-portal"
        assert assertion["aud"] == ISSUER
        assert 0 < assertion["exp"] - clock.epoch(clock.now()) <= 300
        seen.add(assertion["jti"])
    assert len(seen) == 2


def test_a_secret_goes_into_the_header_alone(mock: responses.RequestsMock, tmp_path: Path) -> None:
    mock.post(f"{ISSUER}/oauth/token", json=TICKET)
    exchange(tmp_path)
    scheme, _, given = str(mock.calls[-1].request.headers["Authorization"]).partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(given) == b"mypage:of the demo"
    assert not {"client_id", "client_secret", "client_assertion"} & sent_with(mock.calls[-1]).keys()


def test_an_exchange_asks_in_the_words_of_the_profile(mock: responses.RequestsMock, tmp_path: Path) -> None:
    mock.post(f"{ISSUER}/oauth/token", json=TICKET)
    ticket = exchange(tmp_path, reason="お電話でのご依頼")
    assert (ticket.value, ticket.expires_in) == ("ticket-1", 60)
    assert "ticket-1" not in repr(ticket)
    assert sent_with(mock.calls[-1]) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "grant-1",
        "subject_token_type": "urn:ownersclub:params:oauth:token-type:delegation-grant",
        "actor_token": "staff-access",
        "actor_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "audience": "mypage",
        "scope": "mypage.read mypage.write",
        "requested_token_type": "urn:ownersclub:params:oauth:token-type:act-as-ticket",
        "reason": "お電話でのご依頼",
    }


@pytest.mark.parametrize(
    "deviation",
    [
        {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"},
        {"token_type": "Bearer"},
        {"access_token": ""},
        {"access_token": 7},
        {"expires_in": "soon"},
        {"expires_in": -1},
    ],
)
def test_what_is_no_ticket_is_not_taken_for_one(
    mock: responses.RequestsMock, tmp_path: Path, deviation: dict[str, Any]
) -> None:
    mock.post(f"{ISSUER}/oauth/token", json=TICKET | deviation)
    with pytest.raises(ProviderUnavailable):
        exchange(tmp_path)


def test_a_refused_exchange_keeps_the_servers_code(mock: responses.RequestsMock, tmp_path: Path) -> None:
    mock.post(f"{ISSUER}/oauth/token", json={"error": "invalid_target"}, status=400)
    with pytest.raises(ExchangeRefused) as refusal:
        exchange(tmp_path)
    assert refusal.value.error == "invalid_target"


@pytest.mark.parametrize(("status", "body"), [(500, "{}"), (429, "slow down"), (200, "[]"), (302, "")])
def test_an_answer_without_sense_is_an_outage(
    mock: responses.RequestsMock, tmp_path: Path, status: int, body: str
) -> None:
    mock.post(
        f"{ISSUER}/oauth/token", body=body, status=status, headers={"Location": "https://evil.example/"}
    )
    with pytest.raises(ProviderUnavailable):
        exchange(tmp_path)
