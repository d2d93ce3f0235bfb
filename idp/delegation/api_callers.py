"""Who calls the agencies' API: a member of an agency's staff, or the agency's own system."""

import uuid

from idp.accounts.models import Member
from idp.accounts.people import get_member_in_good_standing
from idp.errors import Forbidden
from idp.unit_of_work import current_session
from idp.web import ClientIdentity, ScopeMissing, caller, require_scope


class PeopleDecide(Forbidden):
    """A system called for what only a member of the agency's staff answers for."""


def calling_member(scope: str) -> Member:
    """Return the caller as a member of an agency in good standing.

    :raises PeopleDecide: an agency's system calls.
    :raises NotAMember: the person is none.
    :raises AgencyNotActive: the agency is suspended.
    """
    if _system_agency() is not None:
        raise PeopleDecide
    return get_member_in_good_standing(current_session(), require_scope(own=scope).subject)


def calling_agency(scope: str) -> tuple[uuid.UUID, Member | None]:
    """Return the agency that calls, and the member of its staff; None where its own system calls.

    A system sees what its agency may see, whichever member an owner is assigned to. Its agency is in
    business, or its token would not have been taken.

    :raises ScopeMissing: the token does not reach so far.
    """
    agency_id = _system_agency()
    if agency_id is None:
        member = calling_member(scope)
        return member.agency_id, member
    if scope not in caller().scope:
        raise ScopeMissing(scope)
    return agency_id, None


def _system_agency() -> uuid.UUID | None:
    identity = caller()
    return identity.agency_id if isinstance(identity, ClientIdentity) else None
