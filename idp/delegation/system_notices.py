"""Telling agencies' own systems that grants changed; how they are told is ``oauth``'s (``oauth.systems``).

One outbox row for each agency and step, in the transaction of the step. It carries ids and nothing personal:
what a system may know of an owner it asks the API, which looks at the grant as it is then.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from idp.delegation.rules import GrantState, Transition
from idp.mail.models import Topic
from idp.mail.outbox import enqueue_delivery

MOST_NAMED = 200
"""Grants that are named one by one; where more change at once, a system is told to read its list again."""


class GrantChange(StrEnum):
    """What a system is told of a grant."""

    REQUESTED = "requested"
    GRANTED = "granted"
    SUSPENDED = "suspended"
    RESTORED = "restored"
    ENDED = "ended"
    """However it ended: the state says how."""
    MANY = "many-changed"
    """More than ``MOST_NAMED`` of the agency's grants are in another state from now on."""


_CHANGES = {
    Transition.APPROVE: GrantChange.GRANTED, Transition.SUSPEND: GrantChange.SUSPENDED,
    Transition.REINSTATE: GrantChange.RESTORED,
}  # fmt: skip


def tell_of_request(session: Session, agency_id: uuid.UUID, grant_id: uuid.UUID, *, at: datetime) -> None:
    """Tell an agency's systems that an owner asks."""
    _tell(session, agency_id, [grant_id], change=GrantChange.REQUESTED, state=GrantState.REQUESTED, at=at)


def tell_of_step(
    session: Session, moved: Iterable[tuple[uuid.UUID, uuid.UUID]], transition: Transition, *,
    state: GrantState, at: datetime,
) -> None:  # fmt: skip
    """Tell systems of a step of these grants, each with its agency (grant, agency)."""
    by_agency: dict[uuid.UUID, list[uuid.UUID]] = {}
    for grant_id, agency_id in moved:
        by_agency.setdefault(agency_id, []).append(grant_id)
    for agency_id in sorted(by_agency):
        change = _CHANGES.get(transition, GrantChange.ENDED)
        _tell(session, agency_id, by_agency[agency_id], change=change, state=state, at=at)


def _tell(
    session: Session, agency_id: uuid.UUID, grants: list[uuid.UUID], *, change: GrantChange,
    state: GrantState, at: datetime,
) -> None:  # fmt: skip
    subjects = grants if len(grants) <= MOST_NAMED else [agency_id]
    enqueue_delivery(
        session, Topic.GRANT_CHANGED, name=change, recipient=str(agency_id),
        payload={"agency_id": agency_id, "subjects": subjects, "state": state, "at": at,
                 "change": change if subjects is grants else GrantChange.MANY},
    )  # fmt: skip
