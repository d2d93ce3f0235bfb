"""What the portal asks the authorization server: one function for each question or decision."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from clients.agency_portal import decoding
from clients.agency_portal.rules import Agency, Conditions, Decision, Grant, GrantPage, Query, Staff, Tab
from clients.relying_party import ActAsTicket, ApiResponse, Refusal, RelyingParty

MOST_AT_ONCE = 200
"""Owners that the server decides about in one call."""
PAGE_SIZE = 50
"""Owners on one page of the list."""
REASON_LENGTH = 200
"""Most characters of the reason that staff may give the owner for a proxy login."""


class GrantUnknown(Refusal):
    """There is no such owner or grant, or it is another agency's: nobody can tell which."""


class RoleMayNot(Refusal):
    """The member's role does not allow what was asked."""


class NotStaff(Refusal):
    """The person who is signed in belongs to no agency, as an owner does."""


class AssigneeUnknown(Refusal):
    """The chosen member or group is not (any longer) there."""


class GrantMoved(Refusal):
    """The grant no longer stands where the decision found it: somebody was faster.

    :ivar grant: how it stands now.
    """

    def __init__(self, grant: Grant) -> None:
        super().__init__(grant.state)
        self.grant = grant


class CursorStale(Refusal):
    """The server no longer knows the place in the list that was asked for."""


def load_agency(rp: RelyingParty) -> Agency:
    """Return the agency of the person who is signed in, and what the person's role allows.

    :raises NotStaff: the person belongs to no agency. Every reading function raises it.
    """
    return decoding.agency(_read(rp, "/api/agency").object)


def load_conditions(rp: RelyingParty) -> Conditions:
    """Return what is demanded of the agency's proxy logins, by itself and by the operator."""
    return decoding.conditions(_read(rp, "/api/agency/rules").object)


def load_grants(rp: RelyingParty, query: Query) -> GrantPage:
    """Return one page of the list of owners.

    :raises CursorStale: the page asked for cannot be found any more; the first one can.
    """
    wanted = {
        "state": query.tab.value,
        "q": query.text,
        "sort": query.sort.value,
        "cursor": query.cursor,
        "limit": str(PAGE_SIZE),
    }
    answer = _read(rp, "/api/delegations", wanted)
    if answer.status == 400 and query.cursor:
        raise CursorStale
    return decoding.grant_page(answer.object)


def get_latest_grant(rp: RelyingParty, user_id: int) -> Grant:
    """Return the grant that the page about an owner shows: the open one, else the one that ended last.

    An owner has at most one open grant for an agency, and any number of earlier ones.

    :raises GrantUnknown: the owner never turned to this agency, or does not exist.
    """
    for tab in (Tab.OPEN, Tab.ENDED):
        # Newest first: should an owner have asked again after an end, the later story is the one to tell.
        wanted = {"state": tab.value, "user_id": str(user_id), "sort": "-requested_at", "limit": "1"}
        found = decoding.grant_page(_known(_read(rp, "/api/delegations", wanted)).object).grants
        if found:
            return get_grant(rp, found[0].id)
    raise GrantUnknown


def get_grant(rp: RelyingParty, grant_id: UUID) -> Grant:
    """Return one grant with all that the agency may know of it.

    :raises GrantUnknown: there is none, or it is another agency's.
    """
    return decoding.grant(_known(_read(rp, f"/api/delegations/{grant_id}")).object)


def decide(rp: RelyingParty, grant_id: UUID, decision: Decision) -> Grant:
    """Carry out a decision of the member of staff and return how the grant stands then.

    :raises GrantMoved: the state no longer allows it, because somebody was faster.
    :raises RoleMayNot: the member's role does not allow it.
    :raises GrantUnknown: there is no such grant, or it is another agency's.
    """
    answer = _known(rp.api("POST", f"/api/delegations/{grant_id}/{decision.value}"))
    if answer.status == 409:
        raise GrantMoved(get_grant(rp, grant_id))
    if answer.status == 403:
        raise RoleMayNot
    return decoding.grant(answer.object)


def decide_many(
    rp: RelyingParty, grant_ids: Sequence[UUID], *, decision: Decision, key: str
) -> dict[UUID, str]:
    """Decide about many at once; return for each the code of the problem, empty where it was done.

    :param key: the same key again carries nothing out again and gets the same answer.
    :raises RoleMayNot: the member's role does not allow it.
    """
    ids = [str(grant_id) for grant_id in grant_ids]
    answer = rp.api("POST", f"/api/delegations/{decision.value}", json={"ids": ids}, idempotency_key=key)
    if answer.status == 403:
        raise RoleMayNot
    return decoding.results(answer.object)


def load_staff(rp: RelyingParty) -> Staff:
    """Return the members and groups of the agency that owners can be assigned to."""
    return decoding.staff(_read(rp, "/api/agency/staff").object)


def assign(rp: RelyingParty, grant_id: UUID, *, member: str | None, group: str | None) -> bool:
    """Assign an owner to a member, to a group, or to nobody; tell whether the grant still stood.

    :raises RoleMayNot: the member's role does not assign owners.
    :raises AssigneeUnknown: no such member or group is there (any more).
    """
    return not assign_many(rp, [grant_id], member=member, group=group)[grant_id]


def assign_many(
    rp: RelyingParty, grant_ids: Sequence[UUID], *, member: str | None, group: str | None
) -> dict[UUID, str]:
    """Assign many owners; return for each ``ended`` or ``not_found``, empty where it was done.

    :raises RoleMayNot: the member's role does not assign owners.
    :raises AssigneeUnknown: no such member or group is there (any more).
    """
    to = {"group": group} if group is not None else {"member": member}
    ids = [str(grant_id) for grant_id in grant_ids]
    answer = rp.api("POST", "/api/delegations/assign", json={"ids": ids, **to})
    if answer.status == 403:
        raise RoleMayNot
    if answer.status == 400:
        raise AssigneeUnknown
    return decoding.assignments(answer.object)


def start_proxy_login(rp: RelyingParty, grant: Grant, *, audience: str, reason: str) -> ActAsTicket:
    """Exchange the member's sign-in for a ticket to the owner's マイページ, for all that the owner allowed.

    :param audience: client id of マイページ.
    :param reason: shown to the owner; may be empty.
    :raises ExchangeRefused: the server does not let this member act for this owner now.
    """
    return rp.exchange(str(grant.id), audience=audience, scope=sorted(grant.permissions), reason=reason)


def _read(rp: RelyingParty, path: str, params: Mapping[str, str] | None = None) -> ApiResponse:
    """Ask for something that every member of staff may read."""
    answer = rp.api("GET", path, params={name: value for name, value in (params or {}).items() if value})
    if answer.status == 403:
        raise NotStaff
    return answer


def _known(answer: ApiResponse) -> ApiResponse:
    """Pass an answer on unless it says that there is nothing there."""
    if answer.status == 404:
        raise GrantUnknown
    return answer
