"""What nobody has to do: requests that nobody answered lapse, and terms end."""

import logging
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import InstrumentedAttribute, Session

from idp import clock
from idp.delegation import notices
from idp.delegation.models import Grant
from idp.delegation.rules import GrantState, Party, Transition, TransitionRefused
from idp.delegation.transitions import move

log = logging.getLogger(__name__)
FREE: Any = {"of": Grant, "key_share": True, "skip_locked": True}
"""Never wait for a grant: this locks many, one after the other, and two that wait could wait in a circle."""
Due = InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]


def let_time_pass(session: Session, *, limit: int = 200) -> int:
    """Lapse requests that nobody answered and expire grants whose term is over; return how many moved.

    The longest overdue come first, each in a savepoint of its own: one that cannot be moved is logged and
    passed over, so that it keeps nobody else's term from ending. At most ``limit`` of each kind are moved.
    Exchange and introspection do not wait for this: they look at the clock themselves.
    """
    now = clock.now()
    unanswered = and_(Grant.state == GrantState.REQUESTED, Grant.lapses_at <= now)
    over = and_(Grant.state.in_([GrantState.ACTIVE, GrantState.SUSPENDED]), Grant.expires_at <= now)
    return sum(
        _move_due(session, condition, due, transition=transition, limit=limit)
        for condition, due, transition in (
            (unanswered, Grant.lapses_at, Transition.LAPSE),
            (over, Grant.expires_at, Transition.EXPIRE),
        )
    )


def _move_due(
    session: Session, condition: ColumnElement[bool], due: Due, *, transition: Transition, limit: int
) -> int:
    moved = 0
    for grant_id in overdue(session, condition, due, batch=limit):
        moved += _move_one(session, grant_id, transition)
        if moved == limit:
            break
    return moved


def overdue(session: Session, condition: ColumnElement[bool], due: Due, *, batch: int) -> Iterator[uuid.UUID]:
    """Yield ids of what is due, also beyond a whole batch that could not be moved."""
    beyond: ColumnElement[bool] | None = None
    while rows := session.execute(
        select(Grant.id, due)
        .where(condition, *([] if beyond is None else [beyond]))
        .order_by(due, Grant.id)
        .limit(batch)
    ).all():
        for grant_id, _moment in rows:
            yield grant_id
        last_id, last = rows[-1]
        beyond = or_(due > last, and_(due == last, Grant.id > last_id))


def _move_one(session: Session, grant_id: uuid.UUID, transition: Transition) -> int:
    """Move one grant and return 1, or 0 if it stays as it is."""
    try:
        with session.begin_nested():
            grant = session.get(Grant, grant_id, populate_existing=True, with_for_update=FREE)
            if grant is None:
                return (
                    0  # somebody is changing it, perhaps another worker: the next run sees what became of it
                )
            move(session, grant, transition, party=Party.CLOCK, actor_id=None)
            notices.tell_both_of_end(session, grant, party=Party.CLOCK)
    except TransitionRefused:
        return 0  # somebody was quicker
    except OperationalError:
        raise  # it is the database that fails, and the next grant would fare no better
    except Exception:
        log.exception("grant passed over: %s of %s failed", transition, grant_id)
        return 0
    return 1
