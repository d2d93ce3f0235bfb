"""TK-033 to TK-046: a token counts in one place, for one client, unchanged, until it is taken back."""

import base64
import hashlib

import pytest

from idp import clock
from idp.demo import HANAKO
from tests.attacks.cases import case
from tests.attacks.stage import Stage
from tests.oauth.assertions import claims_of, header_of, hmac_signed, unsigned
from tests.oauth.desk import Desk
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import MANAGER

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
READERS = ("/oauth/userinfo", "/api/me/profile", "/api/me/delegations")


@pytest.fixture
def tokens(stage: Stage, mypage: RelyingParty) -> Tokens:
    return mypage.sign_in(browser=stage.at_home(HANAKO))


def expect_unknown(stage: Stage, token: str) -> None:
    """Expect 401 wherever an access token is read (RFC 6750 §3.1)."""
    for path in READERS:
        answer = stage.api("GET", path, token)
        assert answer.status_code == 401, (path, token[:80])
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@case("TK-033")
def test_no_token_passes_for_another_kind(
    stage: Stage, mypage: RelyingParty, portal: RelyingParty, tokens: Tokens
) -> None:
    code = mypage.code_for(stage.at_home(HANAKO))
    with stage.unchanged():
        for wrong in (tokens.access_token, tokens.hint, code):
            mypage.refresh(wrong).expect_error("invalid_grant")
        for wrong in (tokens.access_token, tokens.hint, tokens.refresh_token):
            mypage.redeem(wrong or "").expect_error("invalid_grant")
        for wrong in (tokens.hint, tokens.refresh_token, code, mypage.secret):
            expect_unknown(stage, wrong or "")
        for wrong in (tokens.hint, code):
            assert mypage.introspect(wrong).response.get_json() == {"active": False}
        for wrong in (tokens.hint, tokens.refresh_token):
            portal.exchange(wrong, stage.grant().id).expect_error("invalid_request")
    assert stage.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 200
    mypage.redeem(code).tokens()
    mypage.refresh(tokens.refresh_token).tokens()


@case("TK-033")
def test_no_token_passes_for_the_sign_in_cookie(
    stage: Stage, parties: dict[str, RelyingParty], tokens: Tokens
) -> None:
    desk = Desk(stage, parties)
    acting = desk.act()
    for name in ("idp_session", "session", "remember_token"):
        for token in (acting.access_token, acting.hint, tokens.access_token, tokens.refresh_token or ""):
            browser = stage.browser()
            browser.client.set_cookie(name, token, domain="localhost")
            assert browser.get("/account").status_code == 303
            browser.client.set_cookie(name, token, domain="localhost")
            desk.mypage.authorize(browser, prompt="none").expect_error("login_required")
    for path in ("/account", "/account/password", "/agency/profile"):
        assert stage.api("GET", path, acting.access_token).status_code == 303
    assert stage.at_home(HANAKO).get("/account").status_code == 200
    assert stage.api("GET", "/api/me/profile", acting.access_token).status_code in {200, 403}


def mutations(token: str) -> list[str]:
    """Return 300 texts that are the token but for something small."""
    parts = token.split(".")
    changed = []
    for number, part in enumerate(parts):
        for step in range(93):
            place = step * len(part) // 93
            # The last letter of a part holds bits that mean nothing; the letter two further on means others.
            letter = LETTERS[(LETTERS.index(part[place]) + 1 + (step % 3) * 16) % 64]
            mutated = part[:place] + letter + part[place + 1 :]
            changed.append(".".join([*parts[:number], mutated, *parts[number + 1 :]]))
    head, claims, signature = parts
    changed += [
        f"{head}.{claims}.", f"{head}.{claims}", f"{head}..{signature}", f".{claims}.{signature}", head,
        f"{token}.", f"{token}A", f"{token[: len(token) * 4 // 5]}", token[:-1], token[1:], token.swapcase(),
        unsigned(claims_of(token), header={"alg": "none", "typ": "at+jwt"}),
        unsigned(claims_of(token), header={**header_of(token), "alg": "None"}),
        unsigned(claims_of(token), header=header_of(token)),
        unsigned(claims_of(token), header=header_of(token), signature=b"\0" * 64),
        unsigned({**claims_of(token), "exp": 9_999_999_999}, header=header_of(token), signature=b"s" * 64),
        hmac_signed(claims_of(token), header={**header_of(token), "alg": "HS256"}, secret=b""),
        f"{head}.{claims}.{signature}.{signature}", f"{claims}.{head}.{signature}",
        f"{token[:40]} {token[40:]}", f"{head}=.{claims}.{signature}",
    ]  # fmt: skip
    return changed


@case("TK-034")
def test_of_three_hundred_changed_tokens_none_is_believed(stage: Stage, tokens: Tokens) -> None:
    changed = mutations(tokens.access_token)
    assert len(set(changed)) == len(changed) == 300
    assert tokens.access_token not in changed
    with stage.unchanged():
        statuses = [stage.api("GET", "/oauth/userinfo", one).status_code for one in changed]
    assert statuses.count(401) == len(changed), [
        one for one, status in zip(changed, statuses, strict=True) if status != 401
    ]
    assert stage.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 200


@case("TK-034")
def test_no_letter_of_a_token_can_be_another_one(stage: Stage, tokens: Tokens) -> None:
    """The last letter of a part has bits that no byte takes up: a lenient decoder would not see them."""
    parts = tokens.access_token.split(".")
    with stage.unchanged():
        for number, part in enumerate(parts):
            for letter in set(LETTERS) - {part[-1]}:
                changed = ".".join([*parts[:number], part[:-1] + letter, *parts[number + 1 :]])
                assert stage.api("GET", "/oauth/userinfo", changed).status_code == 401, (number, letter)
    assert stage.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 200


@case("TK-034")
def test_a_piece_of_an_opaque_token_is_worth_nothing(
    stage: Stage, mypage: RelyingParty, tokens: Tokens
) -> None:
    whole = tokens.refresh_token or ""
    with stage.unchanged():
        for share in (80, 90, 99):
            mypage.refresh(whole[: len(whole) * share // 100]).expect_error("invalid_grant")
        for other in (f"{whole}A", f" {whole}", f"{whole}\n", whole.upper(), whole[4:], f"{whole[:-1]}é"):
            mypage.refresh(other).expect_error("invalid_grant")
    mypage.refresh(whole).tokens()


@case("TK-034")
@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "bearer", "Basic *", "Token *", "* *", "Bearer *,*", "Bearer * *", 'Bearer "*"',
     "Bearer\t*x", "DPoP *"],
)  # fmt: skip
def test_a_token_that_is_shown_in_another_way_is_not_taken(stage: Stage, tokens: Tokens, header: str) -> None:
    shown = {"Authorization": header.replace("*", tokens.access_token)}
    with stage.unchanged():
        for path in READERS:
            assert stage.api("GET", path, headers=shown).status_code == 401
            assert (
                stage.api("GET", path, query_string={"access_token": tokens.access_token}).status_code == 401
            )
    assert stage.api("GET", READERS[0], tokens.access_token).status_code == 200


@case("TK-038")
def test_who_is_not_meant_learns_nothing_of_a_token(
    stage: Stage, mypage: RelyingParty, parties: dict[str, RelyingParty], tokens: Tokens
) -> None:
    with stage.unchanged():
        for name in ("shop", "evilrp", "myapp", "agency-portal", "rival-portal"):
            for token in (tokens.access_token, tokens.refresh_token, tokens.hint, "x", "ocr_" + "x" * 43):
                answer = parties[name].introspect(token).response
                assert (answer.status_code, answer.get_json()) == (200, {"active": False})
            signed = parties[name].introspect(
                tokens.access_token, accept="application/token-introspection+jwt"
            )
            assert claims_of(signed.response.text)["token_introspection"] == {"active": False}
        parties["spa"].introspect(tokens.access_token).expect_error("invalid_client")
        mypage.introspect(None).expect_error("invalid_request")
    for token in (tokens.access_token, tokens.refresh_token):
        assert mypage.introspect(token).response.get_json()["active"] is True


@case("TK-040")
def test_nobody_takes_back_another_clients_token_or_learns_that_it_exists(
    stage: Stage, mypage: RelyingParty, parties: dict[str, RelyingParty], tokens: Tokens
) -> None:
    with stage.unchanged():
        for name in ("shop", "evilrp", "spa", "agency-portal"):
            unknown = parties[name].revoke("ocr_" + "x" * 43)
            assert unknown.response.status_code in {200, 400}
            for token in (tokens.refresh_token, tokens.access_token, tokens.hint, "garbage"):
                for hint in (None, "access_token", "refresh_token", "bogus"):
                    assert parties[name].revoke(token, token_type_hint=hint).face == unknown.face
    assert stage.api("GET", "/oauth/userinfo", tokens.access_token).status_code == 200
    mypage.refresh(tokens.refresh_token).tokens()


@case("TK-041")
@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token"])
def test_one_token_taken_back_takes_back_all_of_its_authorization(
    stage: Stage, mypage: RelyingParty, tokens: Tokens, which: str, hint: str | None
) -> None:
    bystander = mypage.sign_in(browser=stage.at_home(HANAKO))
    renewed = mypage.refresh(tokens.refresh_token).tokens()
    taken = renewed.refresh_token if which == "refresh_token" else renewed.access_token
    assert mypage.revoke(taken, token_type_hint=hint).response.status_code == 200
    for token in (tokens.access_token, renewed.access_token):
        expect_unknown(stage, token)
    for token in (renewed.access_token, renewed.refresh_token):
        assert mypage.introspect(token).response.get_json() == {"active": False}
    mypage.refresh(renewed.refresh_token).expect_error("invalid_grant")
    for garbage in ("garbage", taken, "ocr_", "あ", "a.b.c"):
        assert mypage.revoke(garbage).response.status_code == 200
    assert stage.api("GET", "/oauth/userinfo", bystander.access_token).status_code == 200


@case("TK-046")
@pytest.mark.parametrize("client_id", ["mypage", "shop", "spa", "native", "evilrp", "agency-portal"])
@pytest.mark.parametrize("nonce", ["N1", "ｎ→é \"'<>&+%20", "n" * 4000, None])
def test_an_id_token_is_for_its_client_and_says_what_was_asked(
    stage: Stage, parties: dict[str, RelyingParty], client_id: str, nonce: str | None
) -> None:
    party = parties[client_id]
    person = MANAGER if client_id == "agency-portal" else HANAKO
    got = party.redeem(party.code_for(stage.at_home(person), nonce=nonce)).tokens()
    claims, now = got.claims, clock.epoch(clock.now())
    assert claims["iss"] == stage.settings.issuer
    assert claims["aud"] in (client_id, [client_id])
    assert claims.get("azp", client_id) == client_id
    assert claims.get("nonce") == nonce
    assert claims["sub"] == str(stage.account(person).id)
    assert claims["exp"] - claims["iat"] <= 600
    assert abs(claims["iat"] - now) <= 5
    half = hashlib.sha256(got.access_token.encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert header_of(got.hint)["alg"] == ("ES256" if client_id == "shop" else "RS256")
    published = {key["kid"]: key for key in stage.api("GET", "/oauth/jwks").get_json()["keys"]}
    for token in (got.hint, got.access_token):
        header = header_of(token)
        assert published[header["kid"]]["alg"] == header["alg"]
    assert header_of(got.access_token)["typ"] == "at+jwt"
