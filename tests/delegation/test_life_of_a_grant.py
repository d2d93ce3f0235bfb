"""The table of docs/delegation.md, line by line, played on the server: state, event, mails, proxy logins."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from idp import clock
from idp.credentials import new_id
from idp.delegation.models import ActAsSession, Grant
from idp.delegation.reminders import send_reminders
from idp.delegation.rules import TRANSITIONS, GrantState, Party
from idp.demo import ICHIRO, MINORU, MIRAI, UNCLAIMED
from tests.databases import SQLITE
from tests.delegation.steps import (
    answer,
    ask,
    end,
    end_term_at,
    let_time_pass,
    operate,
    release,
    state_of,
    suspend,
)
from tests.house.tree import text_of
from tests.world import World

HEAD = "| step | by | from | to | event | mail to the owner | mail to the agency | proxy logins |"
Operate = Callable[..., str]


@dataclass(frozen=True)
class Line:
    """What the table says of one step."""

    step: str
    by: str
    before: str
    after: str
    event: str
    to_owner: str
    to_agency: str
    proxy_logins: str


def lines() -> list[Line]:
    """Read the table."""
    rows = text_of("docs/delegation.md").partition(HEAD)[2].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return [Line(*row) for row in cells[: next(i for i, row in enumerate(cells) if len(row) != 8)]]


def suspend_owner(world: World, operate: Operate) -> None:
    operate("account", "suspend", MINORU.email)


def due(world: World, grant_id: UUID, **values: object) -> None:
    """Store another moment of a grant."""
    world.write(
        lambda session: session.execute(update(Grant).where(Grant.id == grant_id).values(**values)).close()
    )


def pass_over(world: World, grant_id: UUID) -> None:
    end_term_at(world, grant_id, clock.now())
    let_time_pass(world)


def lapse(world: World, grant_id: UUID) -> None:
    due(world, grant_id, lapses_at=clock.now())
    let_time_pass(world)


def remind(world: World) -> None:
    soon = {"request_notice": timedelta(days=30), "term_notice": timedelta(days=400)}
    world.write(lambda session: send_reminders(session, **soon))


def sell(operate: Operate) -> None:
    operate("product", "transfer", "--yes", UNCLAIMED[0], "--release")


STEPS: dict[str, Callable[[World, UUID, Operate], object]] = {
    "approve": lambda w, g, _: answer(w, g),
    "deny": lambda w, g, _: answer(w, g, approve=False),
    **dict.fromkeys(["withdraw", "revoke", "revoke while suspended"], lambda w, g, _: end(w, g)),
    **dict.fromkeys(
        ["withdraw by telephone", "revoke by telephone", "revoke by telephone while suspended"],
        lambda w, g, _: end(w, g, by=Party.OPERATOR),
    ),
    "lapse after 30 days": lambda w, g, _: lapse(w, g),
    **dict.fromkeys(["give back", "give back while the owner is suspended"], lambda w, g, _: release(w, g)),
    **dict.fromkeys(
        ["reminder of a request, 7 days before it lapses", "reminder of a term, 30 days before its end"],
        lambda w, g, _: remind(w),
    ),
    **dict.fromkeys(["end of the term", "end of the term while suspended"], lambda w, g, _: pass_over(w, g)),
    "agency suspended": lambda w, g, _: suspend(w),
    "owner suspended": lambda w, g, o: suspend_owner(w, o),
    "agency welcome again": lambda w, g, _: suspend(w, suspended=False),
    "owner welcome again": lambda w, g, o: o("account", "reinstate", MINORU.email),
    **dict.fromkeys(
        ["owner leaves", "owner leaves, request waiting"],
        lambda w, g, o: o("account", "delete", MINORU.email, "--yes"),
    ),
    **dict.fromkeys(["house sold", "house sold, request waiting"], lambda w, g, o: sell(o)),
    **dict.fromkeys(
        ["agency closes", "agency closes, request waiting"],
        lambda w, g, o: o("agency", "close", str(w.agency().id), "--yes"),
    ),
}


def prepare(world: World, line: Line, operate: Operate) -> UUID:
    """Bring a grant to where the step begins."""
    if "reminder" in line.step:
        end(world, world.grant(ICHIRO).id)  # or the agency would be reminded of that too
    if "house" in line.step:
        operate("product", "transfer", "--yes", UNCLAIMED[0], "--to", MINORU.email)
    grant_id = ask(world)
    if line.before != "requested":
        answer(world, grant_id)
    if line.before == "suspended" and "owner" in line.step:
        suspend_owner(world, operate)
    elif line.before == "suspended":
        suspend(world)
    return grant_id


def act(world: World, grant_id: UUID) -> UUID:
    """Let an agency's system act under a grant; return the session."""
    now, sid = clock.now(), new_id()
    world.write(
        lambda session: session.add(
            ActAsSession(id=sid, grant_id=grant_id, client_id="agency-portal", audience="mypage", kind="api",
                         scope="mypage.read", started_at=now, expires_at=now + timedelta(minutes=5))
        )
    )  # fmt: skip
    return sid


@pytest.mark.parametrize("line", [line for line in lines() if line.step != "ask"], ids=lambda line: line.step)
@pytest.mark.parametrize("database_kind", [SQLITE], scope="session")
def test_each_line_of_the_table_is_what_the_server_does(
    world: World, monkeypatch: pytest.MonkeyPatch, line: Line
) -> None:
    def by_operator(*command: str) -> str:
        return operate(world, monkeypatch, *command)

    grant_id = prepare(world, line, by_operator)
    sid = act(world, grant_id) if line.before == "active" else None
    letters, events = len(world.letters()), len(world.events(grant_id=grant_id))
    STEPS[line.step](world, grant_id, by_operator)
    grant = state_of(world, grant_id)
    assert grant.state == line.after
    [written] = [
        one for one in world.events(grant_id=grant_id)[events:] if one.event.startswith("delegation.")
    ]
    assert (written.event, written.data.get("by", "clock")) == (line.event, line.by)
    assert grant.ended_by == (None if GrantState(line.after).is_open else line.by)
    sent = [(one.name, one.to) for one in world.letters()[letters:]]
    for address, named in ((MINORU.email, line.to_owner), (MIRAI.email, line.to_agency)):
        got = [name for name, to in sent if to == address]
        assert (got[:1] if "reminder" in line.step else got) == ([] if named == "–" else [named])
    if sid is not None:
        ended = world.read(lambda session: session.get_one(ActAsSession, sid)).end_reason
        assert ended == ("grant_ended" if line.proxy_logins == "end" else None)
        assert (("mypage", str(sid)) in world.logout_calls()) is (line.proxy_logins == "end")


@pytest.mark.parametrize("database_kind", [SQLITE], scope="session")
def test_asking_is_as_the_table_says(world: World) -> None:
    [line] = [line for line in lines() if line.step == "ask"]
    letters = len(world.letters())
    grant_id = ask(world)
    assert state_of(world, grant_id).state == line.after
    assert [one.event for one in world.events(grant_id=grant_id)] == [line.event]
    assert [(one.name, one.to) for one in world.letters()[letters:]] == [(line.to_agency, MIRAI.email)]


def test_the_table_has_every_transition_of_the_rules_and_no_other() -> None:
    told = {(line.before, line.after, line.by) for line in lines() if line.before not in {"–", line.after}}
    possible = {
        (str(before), str(after), str(party))
        for (before, _transition), (after, parties) in TRANSITIONS.items()
        for party in parties
    }
    assert told == possible
    assert set(STEPS) == {line.step for line in lines()} - {"ask"}
