"""AZ-079 and AZ-088: no client gets more than it may have, by asking or by registering."""

import json

import pytest
from sqlalchemy import select

from idp.demo import HANAKO
from idp.oauth.models import Client
from tests.attacks.cases import case, row
from tests.attacks.stage import Stage
from tests.attacks.test_keys import operate, outcome
from tests.oauth.registrar import Registrar
from tests.oauth.relying_party import RelyingParty

MANY = " ".join(f"scope{number}" for number in range(5000))
METHODS = pytest.mark.parametrize("method", ["GET", "POST"])


@METHODS
@pytest.mark.parametrize(
    "scope",
    [
        row("AZ-079", "of another client", "agency.read delegations.manage act_as"),
        row("AZ-079", "unknown", "admin root *"),
        row("AZ-079", "empty", ""),
        row("AZ-079", "spaces", "   "),
        row("AZ-079", "none at all", None),
        row("AZ-079", "upper case", "OPENID PROFILE"),
        row("AZ-079", "5,000", MANY),
        row("AZ-079", "5,000 letters", " ".join("a" * 5000)),
        row("AZ-079", "5,000 and a good one", f"openid {MANY}"),
        row("AZ-079", "a permission of proxy logins", "mypage.read mypage.write"),
        row("AZ-079", "quotes", '"openid" \\openid'),
    ],
)
def test_a_scope_that_is_not_the_clients_is_refused(
    stage: Stage, mypage: RelyingParty, scope: str | None, method: str
) -> None:
    hanako = stage.at_home(HANAKO)
    with stage.unchanged():
        mypage.authorize(hanako, method=method, scope=scope).expect_error("invalid_scope")
    mypage.authorize(hanako, method=method).expect_code()


@METHODS
@case("AZ-079")
def test_among_good_scopes_the_others_are_left_out(stage: Stage, mypage: RelyingParty, method: str) -> None:
    asked = "openid agency.admin act_as mypage.write " + " ".join(f"s{number}" for number in range(500))
    code = mypage.authorize(stage.at_home(HANAKO), method=method, scope=asked).expect_code()
    tokens = mypage.redeem(code).tokens()
    assert tokens.scope == {"openid"} == set(tokens.access_claims["scope"].split())


LOOK_ALIKES = [
    row("AZ-088", repr(uri), uri)
    for uri in (
        "http://localhost.evil.test/cb", "http://localhost:80@attacker.test/cb",
        "http://127.0.0.1.evil.test/cb",
        "http://localhost@evil.test/", "http://127.0.0.1:80@evil.test/", "http://[::1]@evil.test/",
        "http://evil.test/cb", "http://localhost%2eevil.test/cb", "http://localhost%00.evil.test/cb",
        "http://localhost\\@evil.test/", "http://LOCALHOST.evil.test/", "http://0.0.0.0/cb",
        "http://2130706433/cb",
        "http://127.1/cb", "http://0x7f.0.0.1/cb", "http://①②⑦.0.0.1/cb", "http://localhos​t/cb",
        "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "vbscript:x", "about:blank",
        "//evil.test/",
        "https://app.example/cb#x", "https://user@app.example/cb", "https://app.example\\@evil.test/",
        "https://*.example/cb",
        "https://app.example/cb\r\nX: y", "/cb", "", "cb", "https:///cb", "https://",
        "blob:https://app.example/x",
    )
]  # fmt: skip


@pytest.mark.parametrize("uri", LOOK_ALIKES)
@pytest.mark.parametrize("name", ["redirect_uris", "post_logout_redirect_uris"])
def test_an_address_that_only_looks_like_this_machine_is_not_registered(
    stage: Stage, uri: str, name: str
) -> None:
    registrar = Registrar(stage)
    for kind in ("web", "native"):
        for uris in ([uri], ["https://app.example/cb", uri]):
            asked = {"redirect_uris": ["https://app.example/cb"], "application_type": kind, name: uris}
            with stage.unchanged():
                answer = registrar.attempt(**asked)
                assert answer.status_code == 400, (kind, uris, answer.text)
                assert answer.get_json()["error"] in {"invalid_redirect_uri", "invalid_client_metadata"}
    assert stage.read(
        lambda session: all(uri not in one.redirect_uris for one in session.scalars(select(Client)))
    )
    registrar.register(application_type="web")


@case("AZ-088")
@pytest.mark.parametrize("uri", ["http://localhost.evil.test/cb", "http://localhost:80@attacker.test/cb",
                                 "http://127.0.0.1.evil.test/cb", "javascript:alert(1)"])  # fmt: skip
def test_an_operator_cannot_register_it_either(stage: Stage, uri: str, tmp_path: object) -> None:
    from pathlib import Path

    file = Path(str(tmp_path)) / "client.json"
    document = {"client_id": f"look-alike-{hash(uri) % 10**6}", "client_name": "x", "redirect_uris": [uri],
                "token_endpoint_auth_method": "client_secret_basic"}  # fmt: skip
    file.write_text(json.dumps(document), encoding="utf-8")
    with stage.unchanged():
        command = operate(stage, "client", "register", str(file))
        _, told = command.communicate(timeout=60)
        assert command.returncode == 1
        assert "redirect_uris" in told
    file.write_text(json.dumps({**document, "redirect_uris": ["http://localhost:9/cb"]}), encoding="utf-8")
    assert "Its secret:" in outcome(operate(stage, "client", "register", str(file)))


@case("AZ-088")
@pytest.mark.parametrize("token", [None, "x", "oci_" + "x" * 43, "", "'--"])
def test_nobody_registers_without_the_operators_word(stage: Stage, token: str | None) -> None:
    registrar = Registrar(stage)
    document = {"redirect_uris": ["https://app.example/cb"], "client_name": "x"}
    shown = " " if token == "" else token
    with stage.unchanged():
        answer = registrar.send(document, token=shown)
        assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")
    assert registrar.send(document).status_code == 201
