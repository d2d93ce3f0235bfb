"""The HTTP API of delegation: an agency's list and answers, an owner's own grants and proxy logins.

Whoever calls was identified from an access token by ``oauth`` and is asked of the live records here. A
grant of another agency and one that does not exist give the same 404. Consent itself is not given here:
only on this server's own pages, by a signed-in owner.
"""

import re
import uuid
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from idp import clock
from idp.accounts.models import Member, Product
from idp.accounts.people import find_member
from idp.accounts.rules import AgencyStatus, NotAMember, RoleMayNot
from idp.delegation import service
from idp.delegation.listing import CursorUnreadable, Query, Sort, StateFilter, counts_by_state, page_of_grants
from idp.delegation.models import ActAsSession, Grant
from idp.delegation.proxy_logins import proxy_logins_of_owner
from idp.delegation.rules import GrantState, GrantUnknown, OwnRequest, TransitionRefused
from idp.unit_of_work import current_session
from idp.web import problem, require_scope

DELEGATION_API = Blueprint("delegation_api", __name__, url_prefix="/api")


_USER_ID = re.compile(r"[0-9]{0,9}")


class ParameterRefused(ValueError):
    """A query parameter has a value that the API does not know."""


@DELEGATION_API.get("/delegations")
def list_delegations() -> Response:
    """List grants to the caller's agency."""
    member = _member("delegations.read")
    session = current_session()
    try:
        page = page_of_grants(session, member.agency_id, _query())
    except (ParameterRefused, CursorUnreadable) as error:
        return problem(400, "invalid_parameter", detail=str(error) or "cursor")
    return jsonify(
        items=[_grant(grant) for grant in page.grants], next_cursor=page.next_cursor,
        counts=counts_by_state(session, member.agency_id),
    )  # fmt: skip


@DELEGATION_API.get("/delegations/<uuid:grant_id>")
def show_delegation(grant_id: uuid.UUID) -> Response:
    """Show one grant to the caller's agency, with the owner's data while it stands."""
    member = _member("delegations.read")
    return _shown(service.get_grant_of_agency(current_session(), member.agency_id, grant_id))


@DELEGATION_API.post("/delegations/<uuid:grant_id>/approve")
def approve_delegation(grant_id: uuid.UUID) -> Response:
    """Approve an owner's request."""
    return _decide(lambda member: service.answer(current_session(), member, grant_id, approve=True))


@DELEGATION_API.post("/delegations/<uuid:grant_id>/deny")
def deny_delegation(grant_id: uuid.UUID) -> Response:
    """Refuse an owner's request."""
    return _decide(lambda member: service.answer(current_session(), member, grant_id, approve=False))


@DELEGATION_API.post("/delegations/<uuid:grant_id>/release")
def release_delegation(grant_id: uuid.UUID) -> Response:
    """End an active grant from the agency's side."""
    return _decide(lambda member: service.release(current_session(), member, grant_id))


@DELEGATION_API.get("/me/delegations")
def my_delegations() -> Response:
    """List the owner's own grants. Never under act: consents are not the agency's business."""
    identity = require_scope(own="delegations.read")
    grants = service.grants_of_owner(current_session(), identity.subject)
    return jsonify(items=[_own_grant(grant) for grant in grants])


@DELEGATION_API.get("/me/proxy-logins")
def my_proxy_logins() -> Response:
    """List who signed in for the owner, when, where and why."""
    identity = require_scope(own="delegations.read")
    found = proxy_logins_of_owner(current_session(), identity.subject)
    return jsonify(items=[_proxy_login(act_as) for act_as in found])


@DELEGATION_API.errorhandler(TransitionRefused)
def _transition_refused(error: TransitionRefused) -> Response:
    return problem(
        409, "transition_refused", detail=f"the grant is {error.state}; {error.transition} is not possible",
        state=error.state,
    )  # fmt: skip


@DELEGATION_API.errorhandler(GrantUnknown)
def _grant_unknown(_error: GrantUnknown) -> Response:
    return problem(404, "not_found", detail="there is no such delegation grant for this agency")


@DELEGATION_API.errorhandler(RoleMayNot)
def _role_may_not(_error: RoleMayNot) -> Response:
    return problem(403, "role_may_not", detail="the member's role does not answer or end delegation grants")


@DELEGATION_API.errorhandler(OwnRequest)
def _own_request(_error: OwnRequest) -> Response:
    return problem(403, "own_request", detail="a request is answered by another person than its owner")


def _member(scope: str) -> Member:
    """Return the caller as a member of an agency in good standing.

    :raises NotAMember: it is none.
    """
    identity = require_scope(own=scope)
    member = find_member(current_session(), identity.subject)
    if member is None or member.agency.status != AgencyStatus.ACTIVE:
        raise NotAMember
    return member


def _decide(decide: Callable[[Member], Grant]) -> Response:
    return _shown(decide(_member("delegations.manage")))


def _query() -> Query:
    """Read the query parameters.

    :raises ParameterRefused: a value is unknown; says which parameter.
    """
    arguments = request.args
    text, user_id = arguments.get("q", "").strip()[:254], arguments.get("user_id", "")
    if "\0" in text or not _USER_ID.fullmatch(user_id):
        raise ParameterRefused("q or user_id has a value that is not possible")
    try:
        return Query(
            state=StateFilter(arguments.get("state", "")), text=text,
            user_id=int(user_id) if user_id else None,
            sort=Sort(arguments.get("sort") or Sort.NEWEST), cursor=arguments.get("cursor", "")[:1024],
            limit=int(arguments.get("limit", 50)),
        )  # fmt: skip
    except ValueError as error:
        raise ParameterRefused("state, user_id, sort or limit has a value that is not known") from error


def _shown(grant: Grant) -> Response:
    """Return one grant in full: the owner's data and products only while it is requested or active."""
    body, visible = _grant(grant), _owner_is_visible(grant)
    profile = grant.owner.owner
    if visible and profile is not None:
        body["owner"] |= {"furigana": grant.owner.furigana, "prefecture": profile.prefecture,
                          "city": profile.city, "street": profile.street}  # fmt: skip
    products = service.products_of(current_session(), grant.owner_id) if visible else []
    return jsonify({**body, "products": [product_json(product) for product in products]})


def _owner_is_visible(grant: Grant) -> bool:
    if grant.state not in {GrantState.REQUESTED, GrantState.ACTIVE}:
        return False
    return not service.is_over(grant, clock.now())


def _grant(grant: Grant) -> dict[str, Any]:
    visible = _owner_is_visible(grant)
    profile = grant.owner.owner
    return {
        "id": str(grant.id), "state": grant.state, "permissions": grant.permissions.split(),
        "term_months": grant.term_months, "requested_at": clock.iso(grant.requested_at),
        "decided_at": _iso(grant.decided_at), "expires_at": _iso(grant.expires_at),
        "ended_at": _iso(grant.ended_at), "last_used_at": _iso(grant.last_used_at),
        "owner": {
            "user_id": profile.user_id if profile else 0,
            "email": grant.owner.email if visible else None, "name": grant.owner.name if visible else None,
            "registered_at": clock.iso(grant.owner.created_at),
        },
    }  # fmt: skip


def _own_grant(grant: Grant) -> dict[str, Any]:
    return {
        "id": str(grant.id), "state": grant.state, "permissions": grant.permissions.split(),
        "term_months": grant.term_months, "requested_at": clock.iso(grant.requested_at),
        "expires_at": _iso(grant.expires_at), "ended_at": _iso(grant.ended_at),
        "last_used_at": _iso(grant.last_used_at),
        "agency": {"name": grant.agency.name, "email": grant.agency.email,
                   "prefecture": grant.agency.prefecture},
    }  # fmt: skip


def _proxy_login(act_as: ActAsSession) -> dict[str, Any]:
    return {
        "sid": str(act_as.id), "agency": act_as.grant.agency.name, "member": act_as.member.account.name,
        "audience": act_as.audience, "scope": act_as.scope.split(), "reason": act_as.reason,
        "started_at": clock.iso(act_as.started_at), "ended_at": _iso(act_as.ended_at),
        "expires_at": clock.iso(act_as.expires_at), "end_reason": act_as.end_reason,
    }  # fmt: skip


def _iso(moment: Any) -> str | None:
    return clock.iso(moment) if moment is not None else None


def product_json(product: Product) -> dict[str, Any]:
    """Return a product as both APIs print it."""
    from idp.accounts.api import product_json as shape

    return shape(product)
