"""What the suite's conditions check, failures and warnings alike."""

import re
import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet

from idp import clock
from idp.oauth.algorithms import SERVER_SIGNING, signatures
from idp.oauth.tokens import left_half_hash
from tests.certification.suite import Callback, Shown, Suite
from tests.oauth.assertions import header_of
from tests.oauth.relying_party import RelyingParty, TokenAnswer, Tokens

DESCRIPTION = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 6749 §4.1.2.1, §5.2."""
TOKEN = re.compile(r"[\x20-\x7e]+")
"""RFC 6749 appendix A.12, A.17."""
ID_TOKEN_CLAIMS = frozenset(
    {"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "sid"}
)
"""What an ID token may have without a warning where nothing was asked for by name."""


def came_back(suite: Suite, outcome: Callback | Shown) -> Callback:
    """Expect a good answer: the code, the state as it was sent, the issuer, and nothing else."""
    assert isinstance(outcome, Callback), outcome.response.text
    _check_way(suite, outcome)
    expected = {"code", "iss"} | ({"state"} if outcome.sent.get("state") is not None else set())
    assert set(outcome.parameters) == expected, outcome.parameters
    assert outcome.parameters["iss"] == suite.metadata()["issuer"]
    assert outcome.parameters.get("state") == outcome.sent.get("state")
    assert len(outcome.parameters["code"]) >= 22
    return outcome


def came_back_with_error(suite: Suite, outcome: Callback | Shown, *errors: str) -> Callback:
    """Expect an error answer with nothing unexpected in it."""
    assert isinstance(outcome, Callback), outcome.response.text
    _check_way(suite, outcome)
    answer = outcome.parameters
    assert answer["error"] in errors, answer
    assert set(answer) <= {"error", "error_description", "error_uri", "state", "iss"}, answer
    assert answer["iss"] == suite.metadata()["issuer"]
    assert answer.get("state") == outcome.sent.get("state")
    assert DESCRIPTION.fullmatch(answer["error_description"])
    return outcome


def _check_way(suite: Suite, outcome: Callback) -> None:
    assert outcome.method == ("POST" if suite.response_mode == "form_post" else "GET")


def stayed(outcome: Callback | Shown, field_name: str) -> Shown:
    """Expect an error page, of which a tester takes a screenshot; it names the parameter that is wrong."""
    assert isinstance(outcome, Shown), outcome
    assert outcome.response.status_code == 400
    assert outcome.response.mimetype == "text/html"
    assert f">{field_name}<" in outcome.response.text
    return outcome


def check_tokens(
    suite: Suite, party: RelyingParty, answer: TokenAnswer, *, nonce: str | None,
    claims: frozenset[str] = ID_TOKEN_CLAIMS, alg: str = "RS256",
) -> Tokens:  # fmt: skip
    """Expect a good token response and a good ID token in it."""
    tokens = answer.tokens()
    assert tokens.body["token_type"] == ("DPoP" if party.dpop_key else "Bearer")
    assert isinstance(tokens.body["expires_in"], int)
    assert tokens.body["expires_in"] > 0
    assert TOKEN.fullmatch(tokens.access_token)
    assert tokens.refresh_token is None or (
        TOKEN.fullmatch(tokens.refresh_token) and len(tokens.refresh_token) >= 22
    )
    check_id_token(suite, party, tokens, nonce=nonce, claims=claims, alg=alg)
    return tokens


def check_id_token(
    suite: Suite, party: RelyingParty, tokens: Tokens, *, nonce: str | None, claims: frozenset[str], alg: str
) -> dict[str, Any]:
    """Expect what PerformStandardIdTokenChecks expects."""
    header, keys = header_of(tokens.hint), suite.jwks()["keys"]
    assert header["alg"] == alg
    signer = [key for key in keys if key["kid"] == header["kid"]]
    assert len(signer) == 1
    assert signer[0].get("alg", alg) == alg
    verified = jwt.decode(
        tokens.hint, KeySet.import_key_set({"keys": signer}), registry=signatures(SERVER_SIGNING)
    ).claims
    now = clock.epoch(clock.now())
    assert verified["iss"] == suite.metadata()["issuer"]
    assert verified["aud"] == party.client_id
    assert verified["exp"] > now >= verified["iat"] >= now - 300
    assert verified.get("nonce") == nonce
    assert 0 < len(verified["sub"]) <= 255
    assert verified["sub"].isascii()
    assert verified["acr"] in suite.metadata()["acr_values_supported"]
    assert verified["at_hash"] == left_half_hash(tokens.access_token, alg)
    assert set(verified) <= claims, set(verified) - claims
    return dict(verified)


def check_token_error(answer: TokenAnswer, *errors: str) -> dict[str, Any]:
    """Expect a refusal of the token endpoint; 400, or 401 for ``invalid_client``."""
    body = answer.response.get_json()
    assert body["error"] in errors, body
    answer.expect_error(body["error"])
    return dict(body)


def check_userinfo(suite: Suite, tokens: Tokens, *, names: frozenset[str] | None = None) -> dict[str, Any]:
    """Expect userinfo as JSON, about the same person as the ID token, well-formed (OIDC Core §5.1)."""
    answer = suite.userinfo(tokens.access_token)
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    body = dict(answer.get_json())
    assert body["sub"] == tokens.claims["sub"]
    for name, value in body.items():
        wanted = bool if name.endswith("_verified") else dict if name == "address" else str
        assert isinstance(value, wanted), name
    assert all(isinstance(value, str) for value in body.get("address", {}).values())
    if names is not None:
        assert set(body) == {"sub", *names}
    return body


def wait(seconds: int) -> Any:
    """Let time pass: the server's clock is this many seconds ahead from here on."""
    import time_machine

    return time_machine.travel(time.time() + seconds, tick=True)
