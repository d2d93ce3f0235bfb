"""KM-001: keys are rotated while the club is busy, and nobody meets a signature that cannot be checked."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from idp import clock
from idp.demo import HANAKO
from idp.oauth import keys
from tests.attacks.cases import case
from tests.attacks.stage import Stage
from tests.oauth.assertions import header_of
from tests.oauth.relying_party import FORM, RelyingParty, Tokens
from tests.races.arena import Message, with_token
from tests.world import publish_long_ago

ROTATIONS, WORKERS = 20, 4
USED = ("RS256", "ES256")
"""For the ID tokens of マイページ, and for access tokens."""


@dataclass
class KeyKeeper:
    """A relying party's memory of our keys: asks again only when it meets one that it does not know."""

    stage: Stage
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: int = 0

    def check(self, token: str) -> None:
        """Check a signature as a relying party does.

        :raises JoseError: it is not by a key that we publish.
        """
        kid = header_of(token)["kid"]
        if kid not in self.known:
            document = json.loads(self.stage.arena.send(Message("GET", "/oauth/jwks")).body)
            self.known, self.asked = {key["kid"]: key for key in document["keys"]}, self.asked + 1
        jwt.decode(token, KeySet.import_key_set({"keys": [self.known[kid]]}), algorithms=USED)


@dataclass
class Load:
    """What one busy relying party does, over and over, and what went wrong."""

    stage: Stage
    party: RelyingParty
    tokens: Tokens
    keeper: KeyKeeper
    done: int = 0
    failed: list[str] = field(default_factory=list)
    kids: set[str] = field(default_factory=set)

    def run(self, is_over: Callable[[], bool]) -> None:
        """Refresh, check, and use, until it is over."""
        while not is_over():
            body, headers = self.party.message(
                {"grant_type": "refresh_token", "refresh_token": self.tokens.refresh_token}
            )
            answer = self.stage.arena.send(
                Message("POST", "/oauth/token", body, {**headers, "Content-Type": FORM})
            )
            if answer.status != 200:
                self.failed.append(f"refresh: {answer.body}")
                return
            got = json.loads(answer.body)
            self.tokens = Tokens(got["access_token"], got["id_token"], got["refresh_token"], frozenset(), got)
            for token in (got["id_token"], got["access_token"]):
                self.kids.add(header_of(token)["kid"])
                try:
                    self.keeper.check(token)
                except (JoseError, KeyError) as error:
                    self.failed.append(f"{type(error).__name__}: {header_of(token)}")
            for _ in range(3):  # in whichever process
                used = self.stage.arena.send(with_token(got["access_token"], "/oauth/userinfo", method="GET"))
                if used.status != 200:
                    self.failed.append(f"userinfo: {used.status}")
            self.done += 5


@case("KM-001")
def test_twenty_rotations_under_load_are_noticed_by_nobody(stage: Stage, mypage: RelyingParty) -> None:
    stage.write(publish_long_ago)
    time.sleep(keys.RING_SECONDS + 0.2)  # both processes have read the keys since
    first = mypage.sign_in(browser=stage.at_home(HANAKO))
    keeper = KeyKeeper(stage)
    keeper.check(first.hint)
    loads = [
        Load(stage, mypage, mypage.sign_in(browser=stage.at_home(HANAKO)), keeper) for _ in range(WORKERS)
    ]
    over, begun = threading.Event(), time.monotonic()
    threads = [threading.Thread(target=load.run, args=(over.is_set,)) for load in loads]
    for thread in threads:
        thread.start()
    known_before = set(keeper.known)
    try:
        for _ in range(ROTATIONS):
            for alg in USED:
                stage.write(lambda session, alg=alg: keys.rotate(session, alg))
            time.sleep(keys.RING_SECONDS * 1.3 / ROTATIONS)
            assert all(thread.is_alive() for thread in threads), [load.failed for load in loads]
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
    elapsed = time.monotonic() - begun
    assert [load.failed for load in loads] == [[]] * WORKERS
    assert sum(load.done for load in loads) / elapsed > 50, "the club was not busy"
    used = set().union(*(load.kids for load in loads))
    # The key that everybody knew took over; those that came after it have to be known for a while first.
    assert used <= known_before
    assert len(used) == 2 * len(USED)
    # What the first key signed is good to its end.
    assert stage.api("GET", "/oauth/userinfo", first.access_token).status_code == 200
    keeper.check(first.hint)
    assert first.access_claims["exp"] > clock.epoch(clock.now())
