"""Who a client is: exactly one proof, the registered one, and one answer to everything else."""

from typing import Any

import pytest

from idp.demo import HANAKO
from idp.oauth.models import Client, ClientStatus
from tests.oauth.relying_party import VERIFIER, RelyingParty, TokenAnswer, basic
from tests.world import World

NONE: dict[str, str] = {}


@pytest.fixture
def code(world: World, mypage: RelyingParty) -> str:
    return mypage.code_for(world.browser(HANAKO))


def redeem(party: RelyingParty, code: str, *, headers: dict[str, str] | None, **proof: Any) -> TokenAnswer:
    """Redeem mypage's code with another proof than the right one."""
    return party.token(
        {"grant_type": "authorization_code", "code": code, "redirect_uri": party.redirect_uri,
         "code_verifier": VERIFIER}, headers=headers, **proof,
    )  # fmt: skip


@pytest.mark.parametrize("client_id", ["mypage", "shop", "spa", "agency-portal"])
def test_each_registered_way_of_proving_oneself_works(
    parties: dict[str, RelyingParty], client_id: str
) -> None:
    parties[client_id].sign_in()


@pytest.mark.parametrize(
    ("headers", "proof"),
    [
        (NONE, {}),
        (NONE, {"client_id": "mypage"}),
        (NONE, {"client_id": "mypage", "client_secret": "SECRET"}),
        (NONE, {"client_id": "mypage", "client_secret": "wrong"}),
        (NONE, {"client_id": "nope", "client_secret": "SECRET"}),
        (NONE, {"client_secret": "SECRET"}),
        ({"Authorization": "Bearer SECRET"}, {}),
        ({"Authorization": "Basic"}, {}),
        ({"Authorization": "Basic "}, {}),
        ({"Authorization": "Basic ~~~~"}, {}),
        ({"Authorization": "Basic /w=="}, {}),
        ({"Authorization": "Basic bXlwYWdl"}, {}),
        ({"Authorization": basic("mypage", "wrong")}, {}),
        ({"Authorization": basic("mypage", "")}, {}),
        ({"Authorization": basic("", "SECRET")}, {}),
        ({"Authorization": basic("nope", "SECRET")}, {}),
        ({"Authorization": basic("mypage\0", "SECRET")}, {}),
        ({"Authorization": basic("shop", "ock_secret-of-the-shop")}, {}),
        ({"Authorization": basic("agency-portal", "x")}, {}),
        ({"Authorization": basic("spa", "")}, {}),
        ({"Authorization": basic("mypage", "SECRET")}, {"client_id": "shop"}),
    ],
    ids=str,
)
def test_a_wrong_or_missing_proof_gets_one_answer_and_burns_nothing(
    world: World, mypage: RelyingParty, code: str, headers: dict[str, str], proof: dict[str, str]
) -> None:
    secret = world.template.mypage_secret
    if "Authorization" in headers and headers["Authorization"].startswith("Basic "):
        headers = {"Authorization": headers["Authorization"].replace(
            basic("mypage", "SECRET"), basic("mypage", secret))}  # fmt: skip
    proof = {name: value.replace("SECRET", secret) for name, value in proof.items()}
    before = world.digest()
    wrong = redeem(mypage, code, headers=headers, **proof).expect_error("invalid_client")
    unknown = redeem(mypage, code, headers={"Authorization": basic("nobody", "x")})
    assert wrong.face == unknown.expect_error("invalid_client").face
    assert world.digest() == before
    mypage.redeem(code).tokens()


@pytest.mark.parametrize("header", [basic("spa", "x"), basic("mypage", "wrong"), "Basic", "Basic ~~~"])
def test_a_wrong_proof_is_not_made_good_by_the_name_of_a_public_client(
    spa: RelyingParty, header: str
) -> None:
    token = spa.sign_in().refresh_token
    body = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "spa"}
    answer = spa.post("/oauth/token", body, headers={"Authorization": header})
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")
    spa.refresh(token).tokens()


def test_two_proofs_at_once_are_refused_even_if_both_are_right(
    world: World, mypage: RelyingParty, portal: RelyingParty, code: str
) -> None:
    before, secret = world.digest(), world.template.mypage_secret
    right = {"Authorization": basic("mypage", secret)}
    redeem(mypage, code, headers=right, client_secret=secret).expect_error("invalid_request")
    redeem(mypage, code, headers=right, client_id="mypage", client_secret=secret).expect_error(
        "invalid_request"
    )
    redeem(mypage, code, headers=right, **portal.asserted()).expect_error("invalid_request")
    redeem(mypage, code, headers={}, client_secret=secret, **portal.asserted()).expect_error(
        "invalid_request"
    )
    assert world.digest() == before
    redeem(mypage, code, headers=right, client_id="mypage").tokens()


def test_id_and_secret_in_the_basic_header_are_form_encoded(
    world: World, mypage: RelyingParty, code: str
) -> None:
    """RFC 6749 §2.3.1; a client id with reserved characters works only if both sides agree on it."""
    from idp import credentials

    def rename(session: Any) -> None:
        client = session.get_one(Client, "mypage")
        client.secret_digest = credentials.digest("s%cret+with:colon é")

    world.write(rename)
    mypage.secret = "s%cret+with:colon é"
    mypage.redeem(code).tokens()


def test_a_disabled_client_is_as_unknown(world: World, mypage: RelyingParty, code: str) -> None:
    world.write(lambda session: setattr(session.get_one(Client, "mypage"), "status", ClientStatus.DISABLED))
    gone = mypage.redeem(code).expect_error("invalid_client")
    nobody = redeem(mypage, code, headers={"Authorization": basic("nobody", "x")})
    assert gone.face == nobody.expect_error("invalid_client").face


def test_a_public_client_proves_nothing_and_gets_only_what_its_code_allows(
    world: World, spa: RelyingParty, mypage: RelyingParty
) -> None:
    code = spa.code_for(world.browser(HANAKO))
    mypage.redeem(code, redirect_uri=spa.redirect_uri).expect_error("invalid_grant")
    spa.token(
        {"grant_type": "authorization_code", "code": code, "redirect_uri": spa.redirect_uri,
         "code_verifier": VERIFIER, "client_secret": "made up"},
    ).expect_error("invalid_client")  # fmt: skip
    spa.redeem(code).tokens()


@pytest.mark.parametrize("header", ["Bearer ", "Basic ", " ", "\t", "Bearer", "Basic", " Basic  "])
def test_a_header_without_a_credential_proves_nothing(mypage: RelyingParty, header: str) -> None:
    mypage.refresh("ocr_x", headers={"Authorization": header}).expect_error("invalid_client")
