"""The HTTP API of delegation: an agency's list and answers, an owner's own grants and proxy logins.

Whoever calls was identified from an access token by ``oauth`` and is asked of the live records here. A
grant of another agency and one that does not exist give the same 404. Consent itself is not given here:
only on this server's own pages, by a signed-in owner.
"""

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request

from idp import clock
from idp.accounts.api import product_json
from idp.accounts.models import Member
from idp.delegation import service
from idp.delegation.activities.models import Activity
from idp.delegation.api_callers import calling_agency, calling_member
from idp.delegation.api_problems import ParameterRefused, answer_refusals, parameter_problem
from idp.delegation.apps import registered_apps
from idp.delegation.assignments.service import Named, find_assignee, may_serve
from idp.delegation.cursors import CursorUnreadable
from idp.delegation.history import (
    Change,
    ProxyLogin,
    page_of_proxy_logins,
    running_proxy_logins,
)
from idp.delegation.listing import Query, Sort, StateFilter, counts_by_state, page_of_grants
from idp.delegation.models import Grant
from idp.delegation.permissions.products import visible_products
from idp.delegation.permissions.service import PermissionWords, granted_words, words_by_name
from idp.delegation.rules import GrantUnknown
from idp.unit_of_work import current_session
from idp.web import require_scope

DELEGATION_API = Blueprint("delegation_api", __name__, url_prefix="/api")
answer_refusals(DELEGATION_API)


_USER_ID = re.compile(r"[0-9]{0,9}")


@DELEGATION_API.get("/delegations")
def list_delegations() -> Response:
    """List grants to the caller's agency."""
    agency_id, member = calling_agency("delegations.read")
    session = current_session()
    try:
        page = page_of_grants(session, agency_id, _query(), member=member)
    except (ParameterRefused, CursorUnreadable) as error:
        return parameter_problem(error)
    known = words_by_name(session)
    return jsonify(
        items=[_grant(grant, known) for grant in page.grants], next_cursor=page.next_cursor,
        counts=counts_by_state(session, agency_id, member=member),
    )  # fmt: skip


@DELEGATION_API.get("/delegations/<uuid:grant_id>")
def show_delegation(grant_id: uuid.UUID) -> Response:
    """Show one grant to the caller's agency, with the owner's data while it stands."""
    agency_id, member = calling_agency("delegations.read")
    grant = service.get_grant_of_agency(current_session(), agency_id, grant_id)
    _check_serves(member, grant_id)
    return _shown(grant)


@DELEGATION_API.post("/delegations/<uuid:grant_id>/approve")
def approve_delegation(grant_id: uuid.UUID) -> Response:
    """Approve an owner's request."""
    return _decide(grant_id, lambda member: service.answer(current_session(), member, grant_id, approve=True))


@DELEGATION_API.post("/delegations/<uuid:grant_id>/deny")
def deny_delegation(grant_id: uuid.UUID) -> Response:
    """Refuse an owner's request."""
    return _decide(
        grant_id, lambda member: service.answer(current_session(), member, grant_id, approve=False)
    )


@DELEGATION_API.post("/delegations/<uuid:grant_id>/release")
def release_delegation(grant_id: uuid.UUID) -> Response:
    """End an active grant from the agency's side."""
    return _decide(grant_id, lambda member: service.release(current_session(), member, grant_id))


@DELEGATION_API.get("/me/delegations")
def my_delegations() -> Response:
    """List the owner's own grants. Never under act: consents are not the agency's business."""
    identity = require_scope(own="delegations.read")
    session = current_session()
    grants, known = service.grants_of_owner(session, identity.subject), words_by_name(session)
    return jsonify(items=[_own_grant(grant, known) for grant in grants])


@DELEGATION_API.get("/me/proxy-logins")
def my_proxy_logins() -> Response:
    """List who signed in for the owner, when, where, why, and what they changed."""
    identity = require_scope(own="delegations.read")
    if request.args.get("running", "") == "true":
        running = running_proxy_logins(
            current_session(), identity.subject, find_apps=registered_apps(), now=clock.now()
        )
        return jsonify(items=[_proxy_login(login) for login in running], next_cursor=None)
    try:
        page = page_of_proxy_logins(
            current_session(),
            identity.subject,
            find_apps=registered_apps(),
            cursor=_cursor(),
            limit=_limit(request.args.get("limit")),
        )
    except (ParameterRefused, CursorUnreadable) as error:
        return parameter_problem(error)
    return jsonify(items=[_proxy_login(login) for login in page.logins], next_cursor=page.next_cursor)


def _decide(grant_id: uuid.UUID, decide: Callable[[Member], Grant]) -> Response:
    member = calling_member("delegations.manage")
    _check_serves(member, grant_id)
    return _shown(decide(member))


def _check_serves(member: Member | None, grant_id: uuid.UUID) -> None:
    """Let nobody who serves only what is assigned to them learn of the agency's other grants.

    :raises GrantUnknown: it is not assigned to this member, who sees and serves no others.
    """
    if member is not None and not may_serve(current_session(), grant_id, member):
        raise GrantUnknown


def _query() -> Query:
    """Read the query parameters.

    :raises ParameterRefused: a value is unknown; says which parameter.
    """
    arguments = request.args
    text, user_id = arguments.get("q", "").strip()[:254], arguments.get("user_id", "")
    if "\0" in text or not _USER_ID.fullmatch(user_id):
        raise ParameterRefused("q, user_id")
    try:
        return Query(
            state=StateFilter(arguments.get("state", "")), text=text,
            user_id=int(user_id) if user_id else None,
            sort=Sort(arguments.get("sort") or Sort.NEWEST), cursor=_cursor(),
            limit=_limit(arguments.get("limit")),
        )  # fmt: skip
    except ParameterRefused:
        raise
    except ValueError as error:
        raise ParameterRefused("state, sort") from error


def _cursor() -> str:
    return request.args.get("cursor", "")[:1024]


def _limit(text: str | None) -> int:
    """Read how many rows a page has; the lists themselves keep it within bounds.

    :raises ParameterRefused: it is no number.
    """
    try:
        return 50 if text is None else int(text)
    except ValueError as error:
        raise ParameterRefused("limit") from error


def _shown(grant: Grant) -> Response:
    """Return one grant in full: the owner's data and products only while it is requested or active."""
    session = current_session()
    body, visible = _grant(grant, words_by_name(session)), service.owner_is_visible(grant, clock.now())
    profile = grant.owner.owner
    if visible and profile is not None:
        body["owner"] |= {"furigana": grant.owner.furigana, "prefecture": profile.prefecture,
                          "city": profile.city, "street": profile.street}  # fmt: skip
    products = visible_products(session, grant) if visible else []
    body["assignee"] = _assignee(find_assignee(session, grant.id))
    return jsonify({**body, "products": [product_json(product) for product in products]})


def _assignee(named: Named | None) -> dict[str, Any] | None:
    if named is None:
        return None
    return {"kind": named.kind, "id": str(named.id), "name": named.name, "has_left": named.has_left}


def _allowed(grant: Grant, known: Mapping[str, PermissionWords]) -> dict[str, Any]:
    """Return what the owner allowed, as scopes and as relying parties' words for them."""
    words = granted_words(known, grant.permission_set)
    return {
        "permissions": grant.permissions.split(), "all_products": grant.all_products,
        "permissions_words": [{"title": one.title, "title_en": one.title_en} for one in words],
        "term_months": grant.term_months,
    }  # fmt: skip


def _grant(grant: Grant, known: Mapping[str, PermissionWords]) -> dict[str, Any]:
    visible = service.owner_is_visible(grant, clock.now())
    profile = grant.owner.owner
    return {
        "id": str(grant.id), "state": grant.state, **_allowed(grant, known),
        "requested_at": clock.iso(grant.requested_at), "decided_at": _iso(grant.decided_at),
        "expires_at": _iso(grant.expires_at), "ended_at": _iso(grant.ended_at),
        "last_used_at": _iso(grant.last_used_at),
        "owner": {
            "user_id": profile.user_id if profile else 0,
            "email": grant.owner.email if visible else None, "name": grant.owner.name if visible else None,
            "registered_at": clock.iso(grant.owner.created_at),
        },
    }  # fmt: skip


def _own_grant(grant: Grant, known: Mapping[str, PermissionWords]) -> dict[str, Any]:
    return {
        "id": str(grant.id), "state": grant.state, **_allowed(grant, known),
        "requested_at": clock.iso(grant.requested_at),
        "expires_at": _iso(grant.expires_at), "ended_at": _iso(grant.ended_at),
        "last_used_at": _iso(grant.last_used_at),
        "agency": {"name": grant.agency.name, "email": grant.agency.email,
                   "prefecture": grant.agency.prefecture},
    }  # fmt: skip


def _proxy_login(login: ProxyLogin) -> dict[str, Any]:
    act_as = login.session
    return {
        "sid": str(act_as.id), "kind": act_as.kind, "agency": act_as.grant.agency.name,
        "member": act_as.actor_name if act_as.member_id else None, "audience": act_as.audience,
        "scope": act_as.scope.split(), "reason": act_as.reason,
        "started_at": clock.iso(act_as.started_at), "ended_at": _iso(act_as.ended_at),
        "expires_at": clock.iso(act_as.expires_at), "end_reason": login.end_reason,
        "changes": [_change(change) for change in login.changes], "delegation": str(act_as.grant_id),
        "app": login.app.name,
        "system": None if act_as.member_id else act_as.system_name or login.system.name,
        "address": act_as.address, "activities": [_activity(one) for one in login.activities],
        "logout": _logout(login),
    }  # fmt: skip


def _activity(activity: Activity) -> dict[str, Any]:
    return {
        "at": clock.iso(activity.at), "action": activity.action, "item": activity.item,
        "description": activity.description, "description_en": activity.description_en,
    }  # fmt: skip


def _logout(login: ProxyLogin) -> dict[str, Any] | None:
    if login.confirmation is None:
        return None
    return {"answer": login.confirmation.answer, "at": _iso(login.confirmation.at)}


def _change(change: Change) -> dict[str, Any]:
    return {
        "at": clock.iso(change.at), "product_id": change.product_id, "model": change.model,
        "joined": list(change.joined), "left": list(change.left),
    }  # fmt: skip


def _iso(moment: Any) -> str | None:
    return clock.iso(moment) if moment is not None else None
