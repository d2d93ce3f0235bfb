"""KM-007 and KM-010: whoever copies database, log and source has no key and nothing that opens a door."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import text

from idp.accounts.models import Account
from idp.db import Base
from idp.demo import HANAKO, ICHIRO, PASSWORD
from tests.attacks.cases import case
from tests.attacks.stage import EVIL_SECRET, Stage
from tests.house.tree import project_files, text_of
from tests.oauth.desk import Desk
from tests.oauth.relying_party import RelyingParty, basic
from tests.races.arena import Message

PRIVATE_KEY = re.compile(r'-----BEGIN [A-Z ]*PRIVATE KEY|"(?:d|p|q|dp|dq|qi|k)"\s*:\s*"[A-Za-z0-9_-]{40,}"')
HANDED_OUT = re.compile(r"\boc[a-z]{1,2}_[A-Za-z0-9_-]{43}\b")
OPAQUE = re.compile(r"[A-Za-z0-9_.=+/-]{20,}")


def dump(stage: Stage) -> str:
    """Return every row of every table as the database itself gives it, without any of our own types."""
    with stage.database.engine.connect() as connection:
        return "\n".join(
            f"{table.name} {tuple(row)}"
            for table in Base.metadata.sorted_tables
            for row in connection.execute(text(f'SELECT * FROM "{table.name}"'))  # noqa: S608 - our own names
        )


def entropy(word: str) -> float:
    """Return the bits in each letter of a word."""
    return -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values())


def live_a_day(stage: Stage, parties: dict[str, RelyingParty]) -> list[str]:
    """Do everything once and return every secret that somebody was given on the way."""
    mypage, desk = parties["mypage"], Desk(stage, parties)
    owner = stage.browser(HANAKO)
    for name in ("mypage", "shop", "spa"):
        tokens = parties[name].sign_in(browser=owner)
        parties[name].refresh(tokens.refresh_token).tokens()
    desk.act()
    desk.ticket()
    mypage.code_for(stage.at_home(ICHIRO))
    someone = stage.browser()
    known = len(stage.letters())
    someone.submit("/password/forgot", email=ICHIRO.email)
    someone.submit("/register/owner", email="new@owner.example")
    links = [letter.data["token"] for letter in stage.letters()[known:] if "token" in letter.data]
    assert len(links) == 2
    cookies = [
        browser.client.get_cookie("idp_session", domain="localhost") for browser in (owner, desk.browser)
    ]
    secrets = [party.secret for party in parties.values() if party.secret]
    private = [party.key["d"] for party in parties.values() if party.key]
    return [*links, *secrets, *private, *mypage.received, *(one.value for one in cookies if one), PASSWORD,
            stage.settings.secret_key, stage.settings.encryption_key]  # fmt: skip


@case("KM-007")
def test_no_key_stands_in_the_database_the_log_or_the_source(
    stage: Stage, parties: dict[str, RelyingParty]
) -> None:
    given, stolen = live_a_day(stage, parties), dump(stage)
    log = stage.arena.log.read_text(encoding="utf-8")
    assert HANAKO.serials[0] in stolen, "the copy is empty"
    assert "request_answered" in log
    for name, copy in (("database", stolen), ("log", log)):
        assert PRIVATE_KEY.search(copy) is None, name
        assert HANDED_OUT.search(copy) is None, name
        assert [secret for secret in given if secret in copy] == [], name
    # What the log says is short of anything that could be a key.
    said = OPAQUE.findall(re.sub(r"path=\S+", "", log))
    assert [word for word in said if len(word) >= 40 and entropy(word) > 4.5] == []
    for path in project_files():
        assert PRIVATE_KEY.search(text_of(path)) is None, path
        # The documents show what a ticket and a code look like: these were made for them and never issued.
        assert path.startswith("docs/") or HANDED_OUT.search(text_of(path)) is None, path
    sealed = stage.read(lambda session: session.execute(text("SELECT private_jwk FROM signing_keys")).all())
    assert [one for (one,) in sealed if one], "no private key is stored at all"
    assert all(stage.database.sealer.unseal(one).startswith("{") for (one,) in sealed if one)


def words(stolen: str) -> Iterator[str]:
    """Yield whatever in the copy might be a secret, as it stands and in the forms that secrets have."""
    for word in sorted(set(OPAQUE.findall(stolen))):
        if entropy(word) > 3:
            yield word
            yield from (f"{kind}_{word}" for kind in ("occ", "ocr", "oct", "ocs", "ocl", "ock"))


@case("KM-010")
def test_nothing_that_is_stolen_opens_anything(stage: Stage, parties: dict[str, RelyingParty]) -> None:
    live_a_day(stage, parties)
    stolen = dump(stage)
    taken = [word for word in words(stolen) if len(word) < 300]
    assert len(taken) > 500
    digests = [word for word in taken if re.fullmatch(r"(?:oc[a-z]_)?[0-9a-f]{64}", word)]
    assert len(digests) > 100
    others = sorted(set(taken) - set(digests))
    likely = [*digests[:: len(digests) // 70], *others[:: len(others) // 40]]
    with stage.unchanged():
        opened = [word for word in likely for way in ways_in(word, parties) if not is_refused(stage, way)]
    assert opened == []
    for account in stage.read(lambda session: session.query(Account).all()):
        stored = account.password_hash
        assert stored is None or stored.startswith("p1$argon2id$")
        assert stored is None or not is_argon2_of(PASSWORD, stored), "the password alone opens its hash"
    assert parties["mypage"].sign_in(browser=stage.browser(HANAKO)).refresh_token


def is_argon2_of(password: str, stored: str) -> bool:
    """Tell whether whoever has the database alone can try a password out."""
    try:
        return PasswordHasher().verify(stored.removeprefix("p1"), password)
    except VerifyMismatchError:
        return False


def ways_in(word: str, parties: dict[str, RelyingParty]) -> Iterator[Message]:
    """Yield the requests in which this word would be a token, a code, a cookie, a link or a secret."""
    mypage = parties["mypage"]
    for name, grant in (("refresh_token", "refresh_token"), ("code", "authorization_code")):
        body, headers = mypage.message({"grant_type": grant, name: word, "redirect_uri": mypage.redirect_uri,
                                        "code_verifier": "v" * 43})  # fmt: skip
        yield Message("POST", "/oauth/token", body, headers)
    yield Message("GET", "/oauth/userinfo", "", {"Authorization": f"Bearer {word}"})
    yield Message("GET", "/account", "", {"Cookie": f"idp_session={word}"})
    yield Message("POST", "/oauth/introspect", "token=x", {"Authorization": basic("mypage", word)})
    if "/" not in word:
        yield Message("GET", f"/password/reset/{word}")


def is_refused(stage: Stage, message: Message) -> bool:
    """Tell whether a way in is closed."""
    answer = stage.arena.send(message)
    if message.path == "/account":
        return answer.status == 303 and "sign-in" in answer.location
    return answer.status in {400, 401, 404, 410}


@case("KM-010")
def test_a_cookie_cannot_be_signed_with_what_is_stolen(
    stage: Stage, parties: dict[str, RelyingParty]
) -> None:
    """The digest of a session is no session: the cookie holds what was hashed."""
    from flask.sessions import SecureCookieSessionInterface

    stage.browser(HANAKO)
    [digest, *_] = re.findall(r"browser_sessions .*?'([0-9a-f]{64})'", dump(stage))
    signer = SecureCookieSessionInterface().get_signing_serializer(stage.template.app)
    assert signer is not None
    for held in (
        {"_user_id": digest},
        {"_user_id": f"ocs_{digest}"},
        {"_user_id": str(stage.account(HANAKO).id)},
    ):
        cookie = signer.dumps(held)  # even with the key
        answer = stage.arena.send(Message("GET", "/account", "", {"Cookie": f"idp_session={cookie}"}))
        assert answer.status == 303
    assert json.loads(json.dumps(EVIL_SECRET)) not in dump(stage)
