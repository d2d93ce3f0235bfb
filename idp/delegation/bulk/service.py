"""Up to 200 decisions at once: each stands or falls for itself, by the same rules as a single one."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from idp.accounts.models import Member
from idp.accounts.rules import AgencyNotActive, MemberRole, RoleMayNot
from idp.delegation import service
from idp.errors import Refusal

MOST_AT_ONCE = 200


class Decision(StrEnum):
    """What is decided; the value is the last part of the address."""

    APPROVE = "approve"
    DENY = "deny"
    RELEASE = "release"

    @property
    def outcome(self) -> str:
        """What a grant is called of which it was decided."""
        return {"approve": "approved", "deny": "denied", "release": "released"}[self.value]


@dataclass(frozen=True)
class Result:
    """What became of one of them; ``refusal`` is why nothing did."""

    grant_id: uuid.UUID
    refusal: Refusal | None = None


def decide_each(
    session: Session, member: Member, grant_ids: Sequence[uuid.UUID], *, decision: Decision
) -> list[Result]:
    """Decide about each, in a savepoint of its own; the results come in the order that was asked.

    All owners are held first, then the grants in the order of their ids: two lists at once that share owners
    wait for each other, and never in a circle. Each owner gets the mail, and the log the event, of a single
    decision.

    :raises RoleMayNot: the member's role decides nothing.
    :raises AgencyNotActive: the agency is being suspended.
    """
    if not MemberRole(member.role).can_decide:
        raise RoleMayNot
    if decision is not Decision.RELEASE:
        service.hold_owners(session, member.agency_id, grant_ids)
    results = {
        grant_id: _decide(session, member, grant_id, decision=decision) for grant_id in sorted(grant_ids)
    }
    return [results[grant_id] for grant_id in grant_ids]


def _decide(session: Session, member: Member, grant_id: uuid.UUID, *, decision: Decision) -> Result:
    try:
        with session.begin_nested():
            if decision is Decision.RELEASE:
                service.release(session, member, grant_id)
            else:
                service.answer(session, member, grant_id, approve=decision is Decision.APPROVE)
    except AgencyNotActive:
        raise
    except Refusal as refusal:
        return Result(grant_id, refusal)
    return Result(grant_id)
