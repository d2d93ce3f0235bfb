"""The real server beside the model: whatever is done to one is done to the other, and both must agree.

Owners use the server's own forms, staff the portal's sign-in, the API, the exchange and a browser, the
operator the commands; nothing is sent anywhere, and time stands still but for what a step takes. After each
step every grant and every token that was ever issued must be as the model says.
``python -m tests.delegation.stateful 1 2 3`` plays these seeds.
"""

import logging
import random
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import click
import structlog
import time_machine
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from idp import clock
from idp.delegation.rules import GrantState
from idp.demo import MINORU, MIRAI, SAKURA, TADASHI
from tests.databases import Databases
from tests.delegation import model
from tests.delegation.model import RIGHT, State, Step
from tests.delegation.played_club import Club
from tests.world import LOGIN_ONLY, MANAGER, RIVAL, Template, World, make_template

OWNERS, AGENCIES, STAFF = (MINORU, TADASHI), (MIRAI, SAKURA), (MANAGER, LOGIN_ONLY, RIVAL)
SECONDS_A_STEP = 3
T = TypeVar("T")
STATES = {
    GrantState.REQUESTED: model.REQUESTED, GrantState.ACTIVE: model.ACTIVE,
    GrantState.SUSPENDED: model.RESTING,
}  # fmt: skip
OFTEN = {
    "ask": 6,
    "approve": 10,
    "sign in": 8,
    "exchange": 10,
    "redeem": 14,
    "lift owner": 6,
    "lift agency": 6,
}
"""How much likelier than others a step is: proxy logins have to begin before they can be ended."""
SELDOM = {"close agency", "delete owner", "remove", "make viewer"}
MOST_REGISTRATIONS = 3
"""An address is sent no more than five mails in an hour."""
MORNING = (
    ("sign in", 0, 0), ("sign in", 1, 1), ("sign in", 2, 2), ("ask", 0, 0), ("ask", 1, 0), ("ask", 1, 1),
    ("approve", 0, 0), ("approve", 1, 2), ("exchange", 0, 0), ("redeem", 0, 0), ("exchange", 0, 1),
    ("redeem", 0, 1), ("exchange", 1, 2),
)  # fmt: skip
NOT_PLAYED = {"join"}
"""Needs an account of its own each time; the model alone plays it."""
TRIED = ("ask", "owner ends", "operator ends", "suspend owner", "lift owner", "suspend agency", "lift agency")
TRIED_BY_STAFF = ("approve", "deny", "release", "exchange", "redeem")


class Beside(RuleBasedStateMachine):
    """Draws steps, possible ones and others, and takes them in the club and in the model."""

    template: ClassVar[Template]
    folder: ClassVar[Path]
    played: ClassVar[list[list[str]]]
    taken: list[str]

    def __init__(self) -> None:
        super().__init__()
        place = Path(tempfile.mkdtemp(dir=self.folder))
        self.taken = []
        type(self).played.append(self.taken)
        self.travel = time_machine.travel(clock.now(), tick=False)
        self.clock = self.travel.start()
        self.club, self.row = Club(World.copied(self.template, place)), model.first_state()

    @initialize()
    def morning(self) -> None:
        """Let everybody be signed in and somebody act, so that there is something to end."""
        for step in MORNING:
            self._take(step, expected=True)

    @rule(data=st.data())
    def go_on(self, data: Any) -> None:
        """Take a step that is possible or, less often, try one whatever the model says of it."""
        if self._draw(data, (True, True, True, False)):
            self._possible(data)
        else:
            self._anything(data)

    def _draw(self, data: Any, choices: Sequence[T]) -> T:
        """Choose one. Hypothesis likes small numbers, and would do the first thing again and again."""
        number = data.draw(st.integers(0, 2**16))
        return random.Random(number * 1000 + len(self.taken)).choice(choices)  # noqa: S311 - a game

    def _possible(self, data: Any) -> None:
        """Take a step that the model says is possible: the server lets it happen."""
        few = ("delete owner",) if self.taken.count("register again") >= MOST_REGISTRATIONS else ()
        step = self._draw(data, [one for one in _weighted(self.row) if one[0] not in few])
        self._take(step, expected=True)

    def _anything(self, data: Any) -> None:
        """Try a step whether it is possible or not: the server says what the model says."""
        tried = [*product(TRIED, model.OWNERS, model.AGENCIES),
                 *product(TRIED_BY_STAFF, model.OWNERS, model.STAFF)]  # fmt: skip
        what, one, other = self._draw(data, tried)
        step = (what, one, one if what.split()[0] in {"suspend", "lift"} else other)
        if what == "exchange":
            self.clock.shift(SECONDS_A_STEP)
            allowed = model.may_act(self.row, one, other, under=model.home(self.row, other))
            assert self.club._exchange(one, other, forget=True) is allowed, step
            return
        self._take(step, expected=step in set(model.steps(self.row)))

    def _take(self, step: Step, *, expected: bool) -> None:
        self.clock.shift(SECONDS_A_STEP)
        after = RIGHT.after(self.row, step) if expected else self.row
        if step[0] == "redeem" and expected:
            expected = model.hand(after, step[1], step[2]) >= model.ACTING
        assert self.club.attempt(step) is expected, step
        self.row = after
        self.taken.append(step[0] if expected else f"{step[0]}, refused")

    @invariant()
    def agree(self) -> None:
        """Compare the two."""
        self.club.compare(self.row)

    def teardown(self) -> None:
        """Look into the outbox, and let go of the club."""
        try:
            self.club.check_told()
        finally:
            self.club.world.close()
            self.travel.stop()


def _weighted(row: State) -> Iterator[Step]:
    for step in model.steps(row):
        if step[0] not in NOT_PLAYED:
            yield from [step] * (1 if step[0] in SELDOM else OFTEN.get(step[0], 2))


def play(template: Template, folder: Path, number: int, *, clubs: int, steps: int) -> list[str]:
    """Play some clubs with this seed; return the steps that were taken.

    The first club of each seed is one in which hypothesis draws the simplest of everything.
    """
    played: list[list[str]] = []
    machine = type("Beside", (Beside,), {"template": template, "folder": folder, "played": played})
    run_state_machine_as_test(
        seed(number)(machine),
        settings=settings(
            max_examples=clubs, stateful_step_count=steps, database=None, deadline=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    return [step for taken in played for step in taken]


@click.command()
@click.argument("seeds", type=int, nargs=-1)
@click.option("--database", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
def main(seeds: tuple[int, ...], database: str) -> None:
    """Play seeds, 1 to 20 unless others are named, and say how many steps each took."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as name:
        folder, databases = Path(name), Databases(Path(name) / "postgres")
        try:
            template = make_template(databases, database, folder)
            for number in seeds or range(1, 21):
                taken = play(template, folder, number, clubs=3, steps=60)
                refused, acted = sum(one.endswith("refused") for one in taken), taken.count("redeem")
                click.echo(f"seed {number}: {len(taken)} steps, {refused} refused, {acted} proxy logins")
        finally:
            databases.close()
    click.echo("no divergence")


if __name__ == "__main__":
    main()
