"""RFC 6750 and OIDC Core §5.3: userinfo for a good access token in the header, and for nothing else."""

import base64
import random

import pytest
from joserfc import jwt
from sqlalchemy import update

from idp.accounts.models import Account
from idp.demo import HANAKO, MINORU
from idp.oauth.keys import load_ring, new_client_key
from tests.oauth.assertions import header_of, hmac_signed, signed, unsigned
from tests.oauth.relying_party import TICKET, RelyingParty, Tokens
from tests.world import MANAGER, World

USERINFO = "/oauth/userinfo"


@pytest.fixture
def tokens(mypage: RelyingParty) -> Tokens:
    return mypage.sign_in(HANAKO)


def expect_refused(world: World, token: str) -> None:
    """Expect 401 in the words of RFC 6750 §3, at userinfo and at an API."""
    for path in (USERINFO, "/api/me/profile"):
        told = world.api("GET", path, token)
        assert told.status_code == 401, token
        assert told.headers["Cache-Control"] == "no-store"
    told = world.api("GET", USERINFO, token)
    assert told.headers["WWW-Authenticate"].startswith("Bearer ")
    assert 'error="invalid_token"' in told.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("scope", "claims"),
    [("openid", {"sub"}), ("openid profile", {"sub", "name", "name#ja-Kana-JP"}),
     ("openid email", {"sub", "email", "email_verified"}),
     ("openid profile email", {"sub", "name", "name#ja-Kana-JP", "email", "email_verified"})],
)  # fmt: skip
def test_each_scope_opens_its_claims(
    world: World, mypage: RelyingParty, scope: str, claims: set[str]
) -> None:
    tokens = mypage.redeem(mypage.code_for(world.browser(HANAKO), scope=scope)).tokens()
    for method in ("GET", "POST"):
        told = world.api(method, USERINFO, tokens.access_token)
        assert told.headers["Cache-Control"] == "no-store"
        body = told.get_json()
        assert set(body) == claims
        assert body["sub"] == tokens.claims["sub"]
        assert body.get("name", HANAKO.name) == HANAKO.name
        assert body.get("email", HANAKO.email) == HANAKO.email


def test_claims_are_those_of_now(world: World, tokens: Tokens) -> None:
    world.write(lambda session: session.execute(
        update(Account).where(Account.email == HANAKO.email).values(name="鈴木 はな")).close())  # fmt: skip
    assert world.api("GET", USERINFO, tokens.access_token).get_json()["name"] == "鈴木 はな"


def test_under_act_nothing_of_the_owner_is_told_but_who_acts(
    world: World, portal: RelyingParty, mypage: RelyingParty
) -> None:
    browser = world.browser(MANAGER)
    staff = portal.sign_in(browser=browser)
    ticket = portal.exchange(staff.access_token, world.grant().id, requested_token_type=TICKET).tokens()
    acting = mypage.redeem(mypage.code_for(browser, login_hint=ticket.access_token)).tokens()
    assert world.api("GET", USERINFO, acting.access_token).get_json() == {
        "sub": str(world.account(HANAKO).id), "act": {"sub": staff.claims["sub"]},
        "delegation": str(world.grant().id),
    }  # fmt: skip


def test_no_other_kind_of_secret_passes_for_an_access_token(
    world: World, mypage: RelyingParty, tokens: Tokens
) -> None:
    browser = world.browser(HANAKO)
    cookie = browser.client.get_cookie("idp_session", domain="localhost")
    assert cookie is not None
    for wrong in (tokens.hint, tokens.refresh_token or "", mypage.code_for(browser), cookie.value,
                  world.template.mypage_secret, "nonsense", "a.b.c", "é", "x" * 9000):  # fmt: skip
        expect_refused(world, wrong)
    assert world.api("GET", USERINFO, tokens.access_token).status_code == 200


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic {}", "DPoP {}", "{}", "Bearer\t{}", "Bearer {} x"]
)
def test_the_header_has_one_form(world: World, tokens: Tokens, header: str) -> None:
    told = world.app.test_client().get(
        USERINFO,
        base_url=world.settings.issuer,
        headers={"Authorization": header.format(tokens.access_token)},
    )
    assert told.status_code == 401


def test_the_name_of_the_scheme_may_be_written_in_any_case(world: World, tokens: Tokens) -> None:
    for scheme in ("bearer", "BEARER"):
        told = world.app.test_client().get(
            USERINFO,
            base_url=world.settings.issuer,
            headers={"Authorization": f"{scheme} {tokens.access_token}"},
        )
        assert told.status_code == 200


def test_a_token_in_the_address_is_not_looked_at(world: World, tokens: Tokens) -> None:
    """RFC 9700 §4.3.2: addresses stand in logs and histories."""
    for method in ("GET", "POST"):
        assert world.api(method, f"{USERINFO}?access_token={tokens.access_token}").status_code == 401


def test_a_form_may_carry_the_token(world: World, tokens: Tokens) -> None:
    """RFC 6750 §2.2, which the conformance suite tries."""
    told = world.api("POST", USERINFO, data={"access_token": tokens.access_token})
    assert (told.status_code, told.get_json()["sub"]) == (200, tokens.claims["sub"])
    for wrong in (tokens.hint, "nonsense", "é"):
        refused = world.api("POST", USERINFO, data={"access_token": wrong})
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert world.api("POST", USERINFO, data={"access_token": ""}).status_code == 401


def test_only_a_form_to_userinfo_carries_a_token(world: World, tokens: Tokens) -> None:
    form = {"access_token": tokens.access_token}
    for options in ({"json": form}, {"data": form, "content_type": "multipart/form-data"}):
        assert world.api("POST", USERINFO, **options).status_code == 401
    body = f"access_token={tokens.access_token}"
    asked = {"data": body, "content_type": "application/x-www-form-urlencoded"}
    assert world.api("GET", USERINFO, **asked).status_code == 401
    assert world.api("GET", "/api/me/profile", **asked).status_code == 401


@pytest.mark.parametrize(
    "body",
    [b"access_token=%00", b"access_token=%ff", b"access_token=a&access_token=b", b"\xff",
     b"x=" + b"x" * 70_000, b"&".join([b"a=1"] * 200)],
    ids=lambda body: str(body[:20]),
)  # fmt: skip
def test_a_form_that_cannot_be_read_is_refused(world: World, tokens: Tokens, body: bytes) -> None:
    told = world.api("POST", USERINFO, data=body, content_type="application/x-www-form-urlencoded")
    assert told.status_code == 400
    assert 'error="invalid_request"' in told.headers["WWW-Authenticate"]


def test_a_call_that_says_twice_who_it_is_is_refused(world: World, tokens: Tokens) -> None:
    """§2: one way to send the token in each request."""
    form, query = {"access_token": tokens.access_token}, f"?access_token={tokens.access_token}"
    for told in (
        world.api("POST", USERINFO, tokens.access_token, data=form),
        world.api("POST", USERINFO + query, data=form),
        world.api("GET", USERINFO + query, tokens.access_token),
        world.api("GET", "/api/me/profile" + query, tokens.access_token),
    ):
        assert told.status_code == 400
        assert 'error="invalid_request"' in told.headers["WWW-Authenticate"]


def test_a_cookie_is_no_access_token(world: World) -> None:
    for path in (USERINFO, "/api/me/profile", "/api/me/products"):
        assert world.browser(HANAKO).get(path).status_code == 401


def test_300_mutations_of_a_token_are_refused_one_by_one(world: World, tokens: Tokens) -> None:
    """TK-034; a bit that base64 ignores at the end of a part is no mutation of what was signed."""
    chance, alphabet = random.Random(20261124), "ABCDEFabcdef0123456789-_."  # noqa: S311 - no secret
    token, tried = tokens.access_token, set[str]()
    while len(tried) < 300:
        at = chance.randrange(len(token))
        kind = chance.choice(["replace", "delete", "insert", "truncate", "swap"])
        letter = chance.choice(alphabet)
        mutated = {
            "replace": token[:at] + letter + token[at + 1 :],
            "delete": token[:at] + token[at + 1 :],
            "insert": token[:at] + letter + token[at:],
            "truncate": token[:at],
            "swap": token[at:] + token[:at],
        }[kind]
        if decoded(mutated) != decoded(token):
            tried.add(mutated)
    accepted = [one for one in tried if world.api("GET", USERINFO, one).status_code != 401]
    assert accepted == []
    assert world.api("GET", USERINFO, token).status_code == 200


def decoded(token: str) -> list[bytes]:
    """Return the bytes of each part, so that two spellings of one token count as one."""
    return [base64.urlsafe_b64decode(part.rstrip("=") + "=" * (-len(part.rstrip("=")) % 4))
            if len(part.rstrip("=")) % 4 != 1 else part.encode() for part in token.split(".")]  # fmt: skip


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "HS256", "RS256", "ES256K", ""])
def test_a_token_that_somebody_else_made_is_refused(world: World, tokens: Tokens, alg: str) -> None:
    kid = header_of(tokens.access_token)["kid"]
    [key] = [key for key in world.api("GET", "/oauth/jwks").get_json()["keys"] if key["kid"] == kid]
    header = {"alg": alg, "typ": "at+jwt", "kid": kid}
    for signature in (b"", b"x" * 64):
        expect_refused(world, unsigned(tokens.access_claims, header=header, signature=signature))
    expect_refused(world, hmac_signed(tokens.access_claims, header=header, secret=key["x"].encode()))


def test_a_key_that_comes_with_the_token_is_not_looked_at(world: World, tokens: Tokens) -> None:
    own, kid = new_client_key(), header_of(tokens.access_token)["kid"]
    public = {name: value for name, value in own.items() if name != "d"}
    for extra in (
        {"jwk": public},
        {"jwk": public, "kid": kid},
        {"jku": "https://evil.example"},
        {"kid": kid},
    ):
        expect_refused(world, signed(own, tokens.access_claims, header={"typ": "at+jwt", **extra}))


def test_a_token_for_another_person_cannot_be_made_from_ones_own(world: World, tokens: Tokens) -> None:
    claims = {**tokens.access_claims, "sub": str(world.account(MINORU).id)}
    head, _, signature = tokens.access_token.split(".")
    forged = unsigned(claims, header={}).split(".")[1]
    expect_refused(world, f"{head}.{forged}.{signature}")


@pytest.mark.parametrize(
    "deviation", ["nothing", "audience", "act-as audience", "issuer", "type", "no family"]
)
def test_even_a_token_that_we_signed_is_refused_if_it_is_for_something_else(
    world: World, tokens: Tokens, deviation: str
) -> None:
    """RFC 9068 §4: typ, iss and aud are looked at, not the signature alone."""
    claims: dict[str, object] = dict(tokens.access_claims)
    changes: dict[str, dict[str, object]] = {
        "audience": {"aud": "https://elsewhere.example"}, "act-as audience": {"aud": "mypage"},
        "issuer": {"iss": "https://elsewhere.example"}, "no family": {"jti": "x"},
    }  # fmt: skip
    claims |= changes.get(deviation, {})
    ring = world.read(load_ring)
    header = {
        "alg": "ES256",
        "typ": "JWT" if deviation == "type" else "at+jwt",
        "kid": ring.signer("ES256").kid,
    }
    token = jwt.encode(header, claims, ring.signer("ES256"), algorithms=["ES256"])
    if deviation == "nothing":
        assert world.api("GET", USERINFO, token).status_code == 200
    else:
        expect_refused(world, token)
