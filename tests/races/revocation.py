"""Revoking while others exchange, redeem and introspect, over two worker processes, as often as asked.

A round is one grant and one revocation; beside it, each at a moment of its own, go exchanges, redemptions of
tickets and introspections: each of these is one interleaving. What is sent after the revocation was answered
must be refused, and whatever was issued before must be worth nothing from then on.
``python -m tests.races.revocation 10000`` plays ten thousand.
"""

import json
import logging
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID

import click
import structlog

from idp.demo import HANAKO
from idp.oauth.client_metadata import TOKEN_EXCHANGE
from tests.accounts.visitor import forms_of
from tests.databases import Databases
from tests.delegation.steps import answer, ask, end
from tests.oauth.relying_party import ACCESS_TOKEN, GRANT_TOKEN, TICKET, VERIFIER, parties_of
from tests.races.arena import Answer, Arena, Message, in_browser, to_token_endpoint
from tests.world import MANAGER, World, make_template

EXCHANGES, REDEMPTIONS, INTROSPECTIONS = 4, 3, 3
A_ROUND = EXCHANGES + REDEMPTIONS + INTROSPECTIONS
SPREAD = 0.15
"""Seconds within which the requests of a round begin."""
ROUNDS_A_SIGN_IN = 20
"""An access token of staff lives for five minutes."""


@dataclass
class Tally:
    """What was seen."""

    rounds: int = 0
    interleavings: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    sent_after_the_answer: Counter[str] = field(default_factory=Counter)
    stale: list[str] = field(default_factory=list)
    """What was accepted although it may not be; none, if all is well."""

    def lines(self) -> list[str]:
        """Say it, a line for each kind of request."""
        head = f"{self.interleavings} interleavings in {self.rounds} rounds"
        return [
            head,
            *(f"  {kind}: {self.accepted[kind]} accepted before, {self.refused[kind]} refused, "
              f"{self.sent_after_the_answer[kind]} sent after the answer to the revocation"
              for kind in ("exchange", "redemption", "introspection")),
            f"stale acceptances: {len(self.stale)}", *self.stale,
        ]  # fmt: skip


class Stage:
    """A club that is served by two processes, an owner who revokes, and a member of staff who goes on."""

    def __init__(self, arena: Arena, *, seed: int) -> None:
        self.arena, self.world = arena, arena.world
        parties = parties_of(self.world)
        self.portal, self.mypage = parties["agency-portal"], parties["mypage"]
        self.owner, self.chance, self.tally = self.world.browser(HANAKO), random.Random(seed), Tally()  # noqa: S311
        self.desk, self.token = self.world.browser(MANAGER), ""

    def play(self, interleavings: int) -> Tally:
        """Play rounds until there were so many interleavings."""
        end(self.world, self.world.grant(HANAKO).id)
        while self.tally.interleavings < interleavings:
            if self.tally.rounds % ROUNDS_A_SIGN_IN == 0:
                self.owner, self.desk = self.world.browser(HANAKO), self.world.browser(MANAGER)
                self.token = self.portal.sign_in(browser=self.desk).access_token
            self.round()
        return self.tally

    def round(self) -> None:
        """Give a grant, let everybody run at once, and look at what came of it."""
        grant_id = ask(self.world, HANAKO)
        answer(self.world, grant_id)
        *tickets, running = self._exchanged(grant_id, [TICKET] * REDEMPTIONS + [ACCESS_TOKEN])
        racing = [
            *[("exchange", self._exchange(grant_id, number)) for number in range(EXCHANGES)],
            *[("redemption", self._redemption(ticket)) for ticket in tickets],
            *[("introspection", self._introspection(running)) for _ in range(INTROSPECTIONS)],
        ]
        revocation, *answers = self.arena.at_once([
            in_browser(self.owner, f"/account/delegations/{grant_id}/end", self._end_form(grant_id),
                       delay=self._offset()),
            *(message for _kind, message in racing),
        ])  # fmt: skip
        assert revocation.status == 303, revocation
        self.tally.rounds += 1
        issued: list[str] = [running]
        for (kind, _message), answered in zip(racing, answers, strict=True):
            issued += self._count(kind, answered, revoked_at=revocation.answered_at)
        self._expect_worthless(issued)

    def _count(self, kind: str, answered: Answer, *, revoked_at: float) -> list[str]:
        """Count one answer, and return what it issued."""
        code = answered.parameters.get("code", "") if kind == "redemption" else ""
        body = json.loads(answered.body) if kind != "redemption" else {}
        accepted = bool(code or body.get("access_token") or body.get("active"))
        refused = {"exchange": body.get("error") == "invalid_request",
                   "redemption": answered.parameters.get("error") == "login_required",
                   "introspection": body == {"active": False}}[kind]  # fmt: skip
        assert accepted is not refused, (kind, answered)
        late = answered.sent_at > revoked_at
        self.tally.interleavings += 1
        self.tally.accepted[kind] += accepted
        self.tally.refused[kind] += refused
        self.tally.sent_after_the_answer[kind] += late
        if accepted and late:
            self.tally.stale.append(f"{kind} sent {answered.sent_at - revoked_at:.4f} s after the answer")
        return [one for one in (code, body.get("access_token", "")) if one]

    def _expect_worthless(self, issued: list[str]) -> None:
        """Try what was issued before, now that the revocation is answered."""
        tried = [self._use(one) for one in issued]
        for one, answered in zip(issued, self.arena.at_once(tried), strict=True):
            worthless = (
                answered.parameters.get("error") == "login_required"
                if one.startswith("oct_")
                else json.loads(answered.body) == {"active": False} or "error" in json.loads(answered.body)
            )
            if not worthless:
                self.tally.stale.append(f"worth something after the revocation: {one[:4]}… {answered.status}")

    # --- requests -----------------------------------------------------------------------------------------

    def _offset(self) -> float:
        return self.chance.uniform(0, SPREAD)

    def _asked(self, grant_id: UUID, kind: str) -> dict[str, object]:
        return {"grant_type": TOKEN_EXCHANGE, "subject_token": grant_id, "subject_token_type": GRANT_TOKEN,
                "actor_token": self.token, "actor_token_type": ACCESS_TOKEN, "audience": "mypage",
                "scope": "mypage.read", "requested_token_type": kind}  # fmt: skip

    def _exchange(self, grant_id: UUID, number: int) -> Message:
        kind = ACCESS_TOKEN if number % 2 else TICKET
        return to_token_endpoint(self.portal, self._asked(grant_id, kind), delay=self._offset())

    def _exchanged(self, grant_id: UUID, kinds: Sequence[str]) -> list[str]:
        """Return what the portal is given for a grant that stands."""
        answers = self.arena.at_once(
            [to_token_endpoint(self.portal, self._asked(grant_id, one)) for one in kinds]
        )
        return [json.loads(one.body)["access_token"] for one in answers]

    def _use(self, issued: str) -> Message:
        """Return the request that would make something of what was issued: a ticket, a code or a token."""
        if issued.startswith("oct_"):
            return self._redemption(issued, delay=0)
        if not issued.startswith("occ_"):
            return self._introspection(issued, delay=0)
        redeeming = {"grant_type": "authorization_code", "code": issued, "code_verifier": VERIFIER,
                     "redirect_uri": self.mypage.redirect_uri}  # fmt: skip
        return to_token_endpoint(self.mypage, redeeming)

    def _redemption(self, ticket: str, *, delay: float | None = None) -> Message:
        query = urlencode(self.mypage.request(login_hint=ticket))
        return in_browser(
            self.desk, f"/oauth/authorize?{query}", delay=self._offset() if delay is None else delay
        )

    def _introspection(self, token: str, *, delay: float | None = None) -> Message:
        body, headers = self.mypage.message({"token": token}, path="/oauth/introspect")
        return Message("POST", "/oauth/introspect", body, headers, self._offset() if delay is None else delay)

    def _end_form(self, grant_id: UUID) -> dict[str, object]:
        address = f"/account/delegations/{grant_id}/end"
        [form] = [form for form in forms_of(self.owner.get(address)) if form.action in {"", address}]
        return dict(form.fields)


def play(arena: Arena, interleavings: int, *, seed: int = 20261124) -> Tally:
    """Play so many interleavings on a running server."""
    return Stage(arena, seed=seed).play(interleavings)


@click.command()
@click.argument("interleavings", type=int, default=10_000)
@click.option("--database", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
def main(interleavings: int, database: str) -> None:
    """Race revocations with everything that a revocation must stop."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as name:
        folder, databases = Path(name), Databases(Path(name) / "postgres")
        (folder / "served").mkdir()
        try:
            template = make_template(databases, database, folder)
            world = World.copied(template, folder / "served")
            arena = Arena(world, folder)
            try:
                arena.await_start()
                tally = play(arena, interleavings)
                failures = arena.failures()
            finally:
                arena.close()
                world.close()
        finally:
            databases.close()
    for line in (database, *tally.lines(), f"errors in the server's log: {len(failures)}"):
        click.echo(line)
    if tally.stale or failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
