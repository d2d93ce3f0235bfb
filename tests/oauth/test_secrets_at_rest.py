"""Whoever copies the database can use nothing in it: no secret that was handed out stands there in clear."""

import re
from urllib.parse import unquote

from flask.sessions import SecureCookieSessionInterface

from idp import credentials
from idp.demo import HANAKO, ICHIRO, PASSWORD
from tests.accounts.visitor import Visitor
from tests.databases import contents
from tests.delegation.steps import end
from tests.oauth.relying_party import TICKET, RelyingParty
from tests.world import MANAGER, VIEWER, World


def in_cookie(world: World, browser: Visitor) -> list[str]:
    """Return the secrets in a browser's cookie, and the cookie itself."""
    cookie = browser.client.get_cookie("idp_session", domain="localhost")
    signer = SecureCookieSessionInterface().get_signing_serializer(world.app)
    assert cookie is not None
    assert signer is not None
    held = signer.loads(unquote(cookie.value))
    return [cookie.value, *(value for value in held.values() if isinstance(value, str))]


def live_a_day(world: World, parties: dict[str, RelyingParty]) -> list[str]:
    """Do everything once and return every secret that somebody was given on the way."""
    mypage, portal, secrets = parties["mypage"], parties["agency-portal"], [PASSWORD]
    owner, staff = world.browser(HANAKO), world.browser(MANAGER)
    for party in ("mypage", "shop", "spa"):
        tokens = parties[party].sign_in(browser=owner)
        parties[party].refresh(tokens.refresh_token).tokens()
    signed_in = portal.sign_in(browser=staff)
    grant_id = world.grant().id
    portal.exchange(signed_in.access_token, grant_id).tokens()
    ticket = portal.exchange(signed_in.access_token, grant_id, requested_token_type=TICKET).tokens()
    acting = mypage.redeem(mypage.code_for(staff, login_hint=ticket.access_token)).tokens()
    mypage.authorize(staff, prompt="none", id_token_hint=acting.hint).expect_code()
    portal.exchange(None, grant_id).expect_error("invalid_request")
    mypage.code_for(world.browser(ICHIRO), nonce="N-of-the-day")
    someone = world.browser()
    someone.submit("/password/forgot", email=ICHIRO.email)
    someone.submit("/register/owner", email="new@owner.example")
    someone.submit("/register/agency", email="new@agency.example")
    links = [letter.data["token"] for letter in world.letters() if "token" in letter.data]
    assert len(links) == 3
    [link] = [letter.data["token"] for letter in world.letters() if letter.name == "password_link"]
    fresh = "akarui-taiyou-no-hatsuden-2027"
    answer = someone.submit(f"/password/reset/{link}", password=fresh, password_confirm=fresh)
    assert answer.status_code == 303, answer.text
    end(world, grant_id)
    for browser in (owner, staff, world.browser(VIEWER)):
        secrets += in_cookie(world, browser)
    return [*secrets, *links, fresh, *mypage.received, *world_secrets(world, parties)]


def world_secrets(world: World, parties: dict[str, RelyingParty]) -> list[str]:
    """Return what clients prove themselves with, and the keys that seal and sign."""
    found = [world.settings.secret_key, world.settings.encryption_key]
    for party in parties.values():
        found += [party.secret] if party.secret else []
        found += [party.key["d"]] if party.key else []
    return found


def test_no_secret_stands_in_the_database_in_clear(world: World, parties: dict[str, RelyingParty]) -> None:
    secrets = live_a_day(world, parties)
    kinds = {secret.split("_")[0] for secret in secrets if re.match(r"oc[a-z]_", secret)}
    assert kinds >= {"occ", "ocr", "oct", "ocs", "ocl", "ock"}
    assert len(secrets) > 40
    content = contents(world.settings.database_url)
    assert HANAKO.serials[0].encode() in content
    assert [secret for secret in secrets if secret.encode() in content] == []
    # The digest of a secret is what is looked up, so each kind of secret can be found by it.
    for kind in ("occ", "ocr", "oct"):
        [one, *_] = [secret for secret in secrets if secret.startswith(f"{kind}_")]
        assert credentials.digest(one).encode() in content


def test_no_secret_and_no_address_stands_in_the_audit_log(
    world: World, parties: dict[str, RelyingParty]
) -> None:
    secrets = live_a_day(world, parties)
    told = str([(event.event, event.data, event.client_id, event.address) for event in world.events()])
    assert [secret for secret in secrets if secret in told] == []
    assert "@" not in told
    assert HANAKO.name not in told
