"""The life of delegation as sections 3 and 4 of the protocol tell it, without a line of the server's code.

Two owners, two agencies, three staff, who leave and join the other agency. A state is a row of small numbers;
``steps`` names everything that anybody can do in it, and ``Model.after`` what comes of it. ``explore`` goes
through every state that so many steps can lead to, and asks of each that nobody acts for anybody without all
that allows it. Owners are alike: of two states that differ in which owner is which, one is looked at.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import click

OWNERS, AGENCIES, STAFF = (0, 1), (0, 1), (0, 1, 2)

OK, SUSPENDED, GONE = 0, 1, 2
"""Standing of an owner or an agency."""
NO_GRANT, REQUESTED, ACTIVE, RESTING = 0, 1, 2, 3
"""Between an owner and an agency; a grant that has ended is as none, but for the records."""
LEFT, MANAGER, APPROVER, PROXY, VIEWER = 0, 1, 2, 3, 4
"""Role of a member of staff."""
OUT, IN = 0, 1
"""Whether a member of staff is signed in."""
NOTHING, TICKET, ACTING = 0, 1, 3
"""What a member of staff has in hand for an owner, plus the agency under whose grant: a ticket, or an act-as
session with its token."""

_OWNER, _AGENCY, _GRANT, _ROLE, _SIGN_IN, _HAND, _HOME, _SIZE = 0, 2, 4, 8, 11, 14, 20, 23
State = bytes
Step = tuple[str, int, int]
"""What is done, to which owner (or agency, where no owner is concerned), by or to which agency or member."""


def first_state() -> State:
    """Return the club on its first day: no grants, nobody signed in."""
    row = bytearray(_SIZE)
    row[_ROLE : _ROLE + 3] = bytes((MANAGER, PROXY, MANAGER))
    row[_HOME : _HOME + 3] = bytes((0, 0, 1))
    return bytes(row)


def busy_state() -> State:
    """Return the club at noon: every grant is active, everybody is signed in, and two act for owners."""
    row = bytearray(first_state())
    row[_GRANT : _GRANT + 4], row[_SIGN_IN : _SIGN_IN + 3] = bytes((ACTIVE,) * 4), bytes((IN,) * 3)
    row[_HAND], row[_HAND + 4], row[_HAND + 2] = ACTING, ACTING, TICKET + 1
    return bytes(row)


def owner(row: bytes | bytearray, one: int) -> int:
    """Return the standing of an owner."""
    return row[_OWNER + one]


def agency(row: bytes | bytearray, one: int) -> int:
    """Return the standing of an agency."""
    return row[_AGENCY + one]


def grant(row: bytes | bytearray, one: int, of: int) -> int:
    """Return what stands between an owner and an agency."""
    return row[_GRANT + 2 * one + of]


def role(row: bytes | bytearray, staff: int) -> int:
    """Return the role of a member of staff."""
    return row[_ROLE + staff]


def home(row: bytes | bytearray, staff: int) -> int:
    """Return the agency that a member of staff is in, or was in last."""
    return row[_HOME + staff]


def signed_in(row: bytes | bytearray, staff: int) -> bool:
    """Tell whether a member of staff is signed in."""
    return row[_SIGN_IN + staff] == IN


def hand(row: bytes | bytearray, one: int, staff: int) -> int:
    """Return what a member of staff has in hand for an owner."""
    return row[_HAND + 3 * one + staff]


def may_act(row: bytes | bytearray, one: int, staff: int, *, under: int) -> bool:
    """Answer the one question: may they act for this owner now, under this agency's grant? (section 4)."""
    return (
        grant(row, one, under) == ACTIVE
        and owner(row, one) == OK
        and agency(row, under) == OK
        and home(row, staff) == under
        and role(row, staff) in (MANAGER, APPROVER, PROXY)
        and signed_in(row, staff)
    )


def may_decide(row: bytes | bytearray, staff: int) -> bool:
    """Tell whether a member of staff answers requests and gives grants back."""
    return (
        role(row, staff) in (MANAGER, APPROVER)
        and agency(row, home(row, staff)) == OK
        and signed_in(row, staff)
    )


def is_last_manager(row: bytes | bytearray, staff: int) -> bool:
    """Tell whether nobody else manages the agency."""
    others = (one for one in STAFF if one != staff and home(row, one) == home(row, staff))
    return role(row, staff) == MANAGER and all(role(row, one) != MANAGER for one in others)


def manager_is_there(row: bytes | bytearray, of: int) -> bool:
    """Tell whether somebody is signed in who manages the staff of an agency."""
    return agency(row, of) == OK and any(
        role(row, one) == MANAGER and home(row, one) == of and signed_in(row, one) for one in STAFF
    )


def steps(row: State) -> Iterator[Step]:
    """Name everything that somebody can do, or that happens by itself, in this state."""
    for one in OWNERS:
        yield from _about_owner(row, one)
    for of in AGENCIES:
        if agency(row, of) != GONE:
            yield ("close agency", of, of)
            yield ("suspend agency" if agency(row, of) == OK else "lift agency", of, of)
    for staff in STAFF:
        yield from _about_staff(row, staff)


def _about_owner(row: State, one: int) -> Iterator[Step]:
    standing = owner(row, one)
    if standing == GONE:
        yield ("register again", one, one)
        return
    yield ("delete owner", one, one)
    yield ("suspend owner" if standing == OK else "lift owner", one, one)
    for of in AGENCIES:
        stands = grant(row, one, of)
        if stands == NO_GRANT:
            if standing == OK and agency(row, of) == OK:
                yield ("ask", one, of)
            continue
        yield ("operator ends", one, of)
        yield ("lapse" if stands == REQUESTED else "expire", one, of)
        if standing == OK:
            yield ("owner ends", one, of)


def _about_staff(row: State, staff: int) -> Iterator[Step]:
    if role(row, staff) == LEFT:
        yield from (("join", staff, of) for of in AGENCIES if manager_is_there(row, of))
        return
    if not signed_in(row, staff):
        if agency(row, home(row, staff)) == OK:
            yield ("sign in", staff, staff)
    else:
        yield ("sign out", staff, staff)
    if manager_is_there(row, home(row, staff)) and not is_last_manager(row, staff):
        yield ("remove", staff, staff)
        yield from (
            (f"make {name}", staff, staff)
            for name, new in (("viewer", VIEWER), ("approver", APPROVER))
            if role(row, staff) != new
        )
    for one in OWNERS:
        if may_decide(row, staff):
            stands = grant(row, one, home(row, staff))
            if stands == REQUESTED and owner(row, one) == OK:
                yield ("approve", one, staff)
                yield ("deny", one, staff)
            if stands in (ACTIVE, RESTING):
                yield ("release", one, staff)
        held = hand(row, one, staff)
        if held == NOTHING and may_act(row, one, staff, under=home(row, staff)):
            yield ("exchange", one, staff)
        if TICKET <= held < ACTING:
            yield ("redeem", one, staff)
        if held != NOTHING:
            yield ("let go", one, staff)


@dataclass(frozen=True)
class Model:
    """What comes of a step; ``forgets`` names those that leave proxy logins running, as a broken one does."""

    forgets: frozenset[str] = field(default=frozenset())

    def after(self, before: State, step: Step) -> State:
        """Return the state that follows."""
        row, (what, one, other) = bytearray(before), step
        if what in {"ask", "approve", "deny", "release", "owner ends", "operator ends", "lapse", "expire"}:
            of = home(row, other) if what in {"approve", "deny", "release"} else other
            row[_GRANT + 2 * one + of] = {"ask": REQUESTED, "approve": ACTIVE}.get(what, NO_GRANT)
            if what not in {"ask", "approve"} and what not in self.forgets:
                self._let_go(row, owners=(one,), agencies=(of,))
        elif what == "exchange":
            row[_HAND + 3 * one + other] = TICKET + home(row, other)
        elif what == "redeem":
            under = hand(row, one, other) - TICKET
            allowed = may_act(row, one, other, under=under)
            row[_HAND + 3 * one + other] = ACTING + under if allowed else NOTHING
            if allowed and hand(row, 1 - one, other) >= ACTING:  # for one owner at a time in one browser
                row[_HAND + 3 * (1 - one) + other] = NOTHING
        elif what == "join":
            row[_ROLE + one], row[_HOME + one] = PROXY, other
        elif what == "let go":
            row[_HAND + 3 * one + other] = NOTHING
        elif what.endswith("owner") or what == "register again":
            self._owner(row, what, one)
        elif what.endswith("agency"):
            self._agency(row, what, one)
        else:
            self._staff(row, what, one)
        return bytes(row)

    def _owner(self, row: bytearray, what: str, one: int) -> None:
        row[_OWNER + one] = {"suspend owner": SUSPENDED, "delete owner": GONE}.get(what, OK)
        for of in AGENCIES:
            self._follow(row, one, of)
        if owner(row, one) != OK and what not in self.forgets:
            self._let_go(row, owners=(one,), agencies=AGENCIES)

    def _agency(self, row: bytearray, what: str, of: int) -> None:
        row[_AGENCY + of] = {"suspend agency": SUSPENDED, "close agency": GONE}.get(what, OK)
        for one in OWNERS:
            self._follow(row, one, of)
        if agency(row, of) != OK and what not in self.forgets:
            self._let_go(row, owners=OWNERS, agencies=(of,))
        if agency(row, of) == GONE:
            for staff in STAFF:
                if home(row, staff) == of:
                    row[_ROLE + staff], row[_SIGN_IN + staff] = LEFT, OUT

    def _follow(self, row: bytearray, one: int, of: int) -> None:
        """Let a grant rest, return or end with the standing of its two sides."""
        stands = grant(row, one, of)
        if GONE in (owner(row, one), agency(row, of)):
            row[_GRANT + 2 * one + of] = NO_GRANT
        elif stands in (ACTIVE, RESTING):
            both = owner(row, one) == OK and agency(row, of) == OK
            row[_GRANT + 2 * one + of] = ACTIVE if both else RESTING

    def _staff(self, row: bytearray, what: str, staff: int) -> None:
        if what == "sign in":
            row[_SIGN_IN + staff] = IN
            return
        if what in {"sign out", "remove"}:
            row[_SIGN_IN + staff] = OUT
        if what != "sign out":
            row[_ROLE + staff] = {"remove": LEFT, "make viewer": VIEWER, "make approver": APPROVER}[what]
        if what != "make approver" and what not in self.forgets:
            for one in OWNERS:
                row[_HAND + 3 * one + staff] = NOTHING

    def _let_go(self, row: bytearray, *, owners: tuple[int, ...], agencies: tuple[int, ...]) -> None:
        """End what hangs on grants: the proxy logins and tickets under them."""
        for one in owners:
            for staff in STAFF:
                held = hand(row, one, staff)
                if held != NOTHING and (held - TICKET) % 2 in agencies:
                    row[_HAND + 3 * one + staff] = NOTHING


RIGHT = Model()


def canonical(row: State) -> State:
    """Return which of the two states that differ in the names of the owners stands for both."""
    other = bytes((
        row[1], row[0], row[2], row[3], row[6], row[7], row[4], row[5], *row[8:14], *row[17:20], *row[14:17],
        *row[20:],
    ))  # fmt: skip
    return min(row, other)


class SomebodyActsWithoutLeave(AssertionError):
    """A state in which somebody holds a live act-as session that nothing allows; says how it came about."""


def check(row: State) -> None:
    """Ask of a state that nobody acts without grant, owner, agency, role and sign-in.

    :raises SomebodyActsWithoutLeave: somebody does.
    """
    for one in OWNERS:
        for staff in STAFF:
            under = hand(row, one, staff) - ACTING
            if under >= 0 and not may_act(row, one, staff, under=under):
                raise SomebodyActsWithoutLeave(f"staff {staff} acts for owner {one}: {row.hex(' ', 1)}")


@dataclass(frozen=True)
class Explored:
    """How far an exploration went."""

    states: int
    transitions: int
    acting: int
    """States in which somebody acts, so that the question was not an idle one."""
    seconds: float


def explore(
    depth: int, *, start: State | None = None, model: Model = RIGHT, look: Callable[[State], None] = check
) -> Explored:
    """Go through every state that at most so many steps lead to, and look at each."""
    begun, transitions, acting = time.monotonic(), 0, 0
    frontier = {canonical(start or first_state())}
    seen = set(frontier)
    for _ in range(depth):
        following: set[State] = set()
        for row in frontier:
            for step in steps(row):
                transitions += 1
                after = canonical(model.after(row, step))
                if after not in seen:
                    seen.add(after)
                    following.add(after)
                    look(after)
                    acting += max(after[_HAND:_HOME]) >= ACTING
        frontier = following
    return Explored(len(seen), transitions, acting, time.monotonic() - begun)


def main() -> None:
    """Explore as deep as the command line says, and print how far that was."""
    depth = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    for name, start, deep in (
        ("the first day", first_state(), depth),
        ("a busy noon", busy_state(), depth - 3),
    ):
        found = explore(deep, start=start)
        click.echo(
            f"from {name}, depth {deep}: {found.states} states, {found.transitions} transitions; somebody "
            f"acts in {found.acting} of them, in none without leave; {found.seconds:.1f} s"
        )


if __name__ == "__main__":
    main()
