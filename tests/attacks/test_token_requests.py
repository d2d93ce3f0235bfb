"""TK-018 to TK-025, TK-037: what comes to the token endpoint in the wrong shape, size, place or method."""

import time
from urllib.parse import urlencode

import pytest

from idp.demo import HANAKO
from idp.oauth.client_metadata import TOKEN_EXCHANGE
from tests.attacks.cases import case, row
from tests.attacks.stage import Stage
from tests.oauth.relying_party import ACCESS_TOKEN, FORM, GRANT_TOKEN, VERIFIER, RelyingParty
from tests.races.arena import Message
from tests.world import MANAGER

MIB = 1024 * 1024
QUICK = 0.2
"""Seconds within which the answer to something huge has to be there."""
ENDPOINTS = ("/oauth/token", "/oauth/introspect", "/oauth/revoke")


@pytest.fixture
def code(stage: Stage, mypage: RelyingParty) -> str:
    return mypage.code_for(stage.at_home(HANAKO))


@pytest.mark.parametrize(
    ("client_id", "parameters"),
    [
        row("TK-018", "10 MiB assertion", "agency-portal",
            {"grant_type": "refresh_token", "client_assertion": "x" * 10 * MIB}),
        row("TK-018", "10 MiB header of an assertion", "agency-portal",
            {"grant_type": "refresh_token", "client_assertion": "e" * 10 * MIB + ".e30.e30"}),
        row("TK-018", "1 MiB refresh token", "mypage",
            {"grant_type": "refresh_token", "refresh_token": "ocr_" + "x" * MIB}),
        row("TK-018", "1 MiB code", "mypage",
            {"grant_type": "authorization_code", "code": "occ_" + "x" * MIB}),
        row("TK-018", "60 KiB refresh token", "mypage",
            {"grant_type": "refresh_token", "refresh_token": "ocr_" + "x" * 60_000}),
        row("TK-018", "60 KiB assertion", "agency-portal",
            {"grant_type": "refresh_token", "client_assertion": "e" * 60_000}),
        row("TK-018", "30,000 dots", "agency-portal",
            {"grant_type": "refresh_token", "client_assertion": "." * 30_000}),
        row("TK-018", "deep JSON in an assertion", "agency-portal",
            {"grant_type": "refresh_token", "client_assertion": "e30." + "W1tb" * 1900 + ".e30"}),
        row("TK-018", "5,000 parameters", "mypage", {f"p{number}": "1" for number in range(5000)}),
    ],
)  # fmt: skip
def test_something_huge_is_refused_at_once_and_kept_nowhere(
    stage: Stage, parties: dict[str, RelyingParty], client_id: str, parameters: dict[str, str]
) -> None:
    party = parties[client_id]
    body, headers = party.message(parameters)
    message = Message("POST", "/oauth/token", body, headers)
    stage.arena.send(message)
    before, taken = stage.memory(), []
    with stage.unchanged():
        for _ in range(8):
            begun = time.monotonic()
            answer = stage.arena.send(message)
            taken.append(time.monotonic() - begun)
            assert answer.status in {400, 401, 413}, answer.body
    assert sorted(taken)[3] < QUICK, taken
    assert stage.memory() - before < 20 * MIB
    party.sign_in(browser=stage.at_home(MANAGER if client_id == "agency-portal" else HANAKO))


@pytest.mark.parametrize(
    "twice",
    [
        row("TK-020", "grant type", {"grant_type": ["authorization_code", "refresh_token"]}),
        row("TK-020", "grant type, reversed", {"grant_type": ["refresh_token", "authorization_code"]}),
        row("TK-020", "code", {"code": ["*", "occ_x"]}),
        row("TK-020", "code, reversed", {"code": ["occ_x", "*"]}),
        row("TK-020", "the same code", {"code": ["*", "*"]}),
        row("TK-020", "client", {"client_id": ["mypage", "shop"]}),
        row("TK-020", "the same client", {"client_id": ["mypage", "mypage"]}),
        row("TK-020", "verifier", {"code_verifier": [VERIFIER, "x" * 43]}),
        row("TK-020", "redirect URI", {"redirect_uri": ["https://mypage.example.test/oidc/callback"] * 2}),
        row("TK-020", "an empty one too", {"code": ["*", ""]}),
        row("TK-020", "one that nobody knows", {"unknown": ["a", "b"]}),
        row("TK-020", "scope", {"scope": ["openid", "openid"]}),
    ],
)
def test_a_parameter_is_given_once(
    stage: Stage, mypage: RelyingParty, code: str, twice: dict[str, list[str]]
) -> None:
    known = {name: [code if one == "*" else one for one in values] for name, values in twice.items()}
    with stage.unchanged():
        mypage.redeem(code, **known).expect_error("invalid_request")
    mypage.redeem(code).tokens()


@case("TK-020")
@pytest.mark.parametrize("path", ENDPOINTS[1:])
def test_a_parameter_is_given_once_at_the_other_endpoints(
    stage: Stage, mypage: RelyingParty, path: str
) -> None:
    token = mypage.sign_in(browser=stage.at_home(HANAKO)).access_token
    with stage.unchanged():
        for twice in ({"token": [token, token]}, {"token": token, "token_type_hint": ["a", "b"]},
                      {"token": token, "client_id": ["mypage", "mypage"]}):  # fmt: skip
            answer = mypage.post(path, twice)
            assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    assert mypage.post(path, {"token": token}).status_code == 200


@case("TK-021")
@pytest.mark.parametrize("content_type", [FORM, "", "application/json", "text/plain", "multipart/form-data"])
def test_parameters_do_not_stand_in_the_address(
    stage: Stage, parties: dict[str, RelyingParty], content_type: str
) -> None:
    shop = parties["shop"]
    code = shop.code_for(stage.at_home(HANAKO))
    proof = {"client_id": "shop", "client_secret": shop.secret}
    asked = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER,
             "redirect_uri": shop.redirect_uri}  # fmt: skip
    splits = [({**asked, **proof}, {}), (asked, proof), (proof, asked), ({"code": code}, {**asked, **proof}),
              ({"x": "1"}, {**asked, **proof})]  # fmt: skip
    with stage.unchanged():
        for query, body in splits:
            answer = stage.wire.test_client(use_cookies=False).post(
                f"/oauth/token?{urlencode(query)}", base_url=stage.settings.issuer, data=urlencode(body),
                content_type=content_type,
            )  # fmt: skip
            assert answer.status_code in {400, 401, 415}
            assert answer.get_json()["error"] in {"invalid_request", "invalid_client"}
            assert answer.headers["Cache-Control"] == "no-store"
    log = stage.arena.log.read_text(encoding="utf-8")
    assert [secret for secret in (shop.secret, code, VERIFIER) if secret in log] == []
    shop.redeem(code).tokens()


@case("TK-021")
@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/json", '{"grant_type": "authorization_code"}'), ("text/plain", "grant_type=x"),
     ("multipart/form-data; boundary=x", "--x\r\n\r\n--x--"), ("", "grant_type=x"),
     ("application/x-www-form-urlencoded; charset=utf-16", "g\0r\0a\0n\0t\0"), (FORM, "%"),
     (FORM, "grant_type=%ff"), (FORM, "grant_type=%00"), (FORM, "\0"), (FORM, ""),
     (FORM, "&&&&"), (FORM, "=")],
    ids=lambda value: value[:30],
)  # fmt: skip
def test_a_body_that_is_no_form_is_refused(stage: Stage, content_type: str, body: str) -> None:
    with stage.unchanged():
        for path in ENDPOINTS:
            answer = stage.arena.send(Message("POST", path, body, {"Content-Type": content_type}))
            assert answer.status in {400, 401, 415}, answer
            assert '"error"' in answer.body


@case("TK-022")
@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "CONNECT", "FOO"])
def test_only_post_is_served(stage: Stage, mypage: RelyingParty, code: str, path: str, method: str) -> None:
    asked = urlencode({"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER,
                       "redirect_uri": mypage.redirect_uri})  # fmt: skip
    with stage.unchanged():
        for address, body in ((f"{path}?{asked}", ""), (path, asked if method in {"PUT", "PATCH"} else "")):
            answer = stage.wire.test_client(use_cookies=False).open(
                address, method=method, base_url=stage.settings.issuer, data=body, content_type=FORM,
                headers=mypage.message({})[1],
            )  # fmt: skip
            assert answer.status_code == 405
            assert set(answer.headers["Allow"].replace(" ", "").split(",")) == {"POST", "OPTIONS"}
    mypage.redeem(code).tokens()


@case("TK-022")
@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_no_header_makes_another_method_of_it(stage: Stage, header: str) -> None:
    answer = stage.api("GET", "/oauth/token", headers={header: "POST"})
    assert answer.status_code == 405
    assert stage.api("GET", "/oauth/token", query_string={"_method": "POST"}).status_code == 405


@pytest.mark.parametrize("client_id", ["mypage", "agency-portal", "shop", "spa"])
@pytest.mark.parametrize("grant_type", [
    row("TK-024", repr(grant_type), grant_type)
    for grant_type in (
        "password", "implicit", "client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:saml2-bearer", "urn:openid:params:grant-type:ciba",
        "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:uma-ticket",
        "AUTHORIZATION_CODE", "authorization_code ", "code", "none", "*", "あ",
    )
])  # fmt: skip
def test_no_other_grant_type_is_served(
    stage: Stage, parties: dict[str, RelyingParty], client_id: str, grant_type: str
) -> None:
    more = {"username": HANAKO.email, "password": "pw", "assertion": "e30.e30.e30", "device_code": "x",
            "auth_req_id": "x", "scope": "openid"}  # fmt: skip
    with stage.unchanged():
        answer = parties[client_id].token({"grant_type": grant_type, **more})
        error = answer.response.get_json()["error"]
        # マイページ speaks for itself, to report; it gets no scope of a person's so.
        for_itself = (
            {"invalid_scope"} if (client_id, grant_type) == ("mypage", "client_credentials") else set()
        )
        assert error in {"unsupported_grant_type", "unauthorized_client"} | for_itself
        answer.expect_error(error)


@case("TK-024")
def test_without_a_grant_type_nothing_is_served(stage: Stage, mypage: RelyingParty, code: str) -> None:
    with stage.unchanged():
        for missing in (None, ""):
            mypage.token({"grant_type": missing, "code": code}).expect_error("invalid_request")
    mypage.redeem(code).tokens()


@case("TK-025")
@pytest.mark.parametrize("client_id", ["mypage", "shop", "spa", "native", "evilrp"])
def test_a_grant_type_is_for_the_clients_that_registered_it(
    stage: Stage, parties: dict[str, RelyingParty], client_id: str
) -> None:
    portal, party, grant = parties["agency-portal"], parties[client_id], stage.grant().id
    staff = portal.sign_in(browser=stage.at_home(MANAGER)).access_token
    asked = {"grant_type": TOKEN_EXCHANGE, "subject_token": str(grant), "subject_token_type": GRANT_TOKEN,
             "actor_token": staff, "actor_token_type": ACCESS_TOKEN, "audience": "mypage",
             "scope": "mypage.read"}  # fmt: skip
    with stage.unchanged():
        party.token(asked).expect_error("unauthorized_client")
    if client_id == "native":  # has no refresh tokens either
        party.token({"grant_type": "refresh_token", "refresh_token": "ocr_x"}).expect_error(
            "unauthorized_client"
        )
    portal.token(asked).tokens()


@case("TK-037")
@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://localhost:8000.evil.test",
                                    "https://mypage.example.test.evil.test", "http://localhost"])  # fmt: skip
def test_no_script_of_another_site_reads_an_answer(stage: Stage, mypage: RelyingParty, origin: str) -> None:
    tokens = mypage.sign_in(browser=stage.at_home(HANAKO))
    asking = {"Origin": origin, "Access-Control-Request-Method": "POST",
              "Access-Control-Request-Headers": "authorization"}  # fmt: skip
    with stage.unchanged():
        for path in (
            *ENDPOINTS,
            "/oauth/userinfo",
            "/api/me/profile",
            "/oauth/authorize",
            "/oauth/end-session",
        ):
            answer = stage.api("OPTIONS", path, headers=asking)
            assert answer.status_code in {200, 204, 405}
            assert not [name for name in answer.headers.keys() if name.startswith("Access-Control-")], path  # noqa: SIM118
        for answer in (
            stage.api("GET", "/oauth/userinfo", tokens.access_token),
            mypage.post("/oauth/introspect", {"token": "x"}, more={"Origin": origin}),
            mypage.post("/oauth/token", {"grant_type": "x"}, more={"Origin": origin}),
        ):
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert "Access-Control-Allow-Credentials" not in answer.headers
    public = stage.api("GET", "/oauth/jwks", headers={"Origin": origin})
    assert public.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in public.headers
