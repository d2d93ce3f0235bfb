"""The HTTP API of assignments: who can look after owners, and giving up to 200 owners to one of them."""

import uuid
from typing import Self

from flask import Blueprint, Response, jsonify, request
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from idp.accounts.rules import MemberRole, RoleMayNot
from idp.accounts.staff import places
from idp.delegation.api_callers import calling_member
from idp.delegation.assignments import groups
from idp.delegation.assignments.assigning import assign
from idp.delegation.assignments.rules import MOST_AT_ONCE, Assignee, AssigneeUnknown
from idp.unit_of_work import current_session
from idp.web import problem

ASSIGNMENTS_API = Blueprint("assignments_api", __name__, url_prefix="/api")


class AssignmentBody(BaseModel):
    """``{"ids": […], "member": "…"}``, or ``"group"``, or neither of the two with ``null``: nobody."""

    model_config = ConfigDict(extra="forbid")

    ids: list[uuid.UUID] = Field(min_length=1, max_length=MOST_AT_ONCE)
    member: uuid.UUID | None = None
    group: uuid.UUID | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        given = self.model_fields_set & {"member", "group"}
        if not given or (self.member is not None and self.group is not None):
            raise ValueError("name a member, a group, or null")
        return self


@ASSIGNMENTS_API.get("/agency/staff")
def list_staff() -> Response:
    """List members and groups of the caller's agency, those that owners can be assigned to."""
    member = calling_member("agency.read")
    session = current_session()
    return jsonify(
        assigned_only=member.agency.assigned_only, can_assign=MemberRole(member.role).sees_every_owner,
        members=[
            {"id": str(place.member.id), "name": place.member.account.name, "role": place.member.role}
            for place in places.list_places(session, member.agency_id)
        ],
        groups=[
            {"id": str(group.id), "name": group.name, "members": len(group.members)}
            for group in groups.list_groups(session, member.agency_id)
        ],
    )  # fmt: skip


@ASSIGNMENTS_API.post("/delegations/assign")
def assign_delegations() -> Response:
    """Assign grants to a member, to a group or to nobody, with a result for each."""
    member = calling_member("delegations.manage")
    try:
        wanted = AssignmentBody.model_validate_json(request.get_data())
    except ValidationError:
        return problem(
            400, "invalid_request",
            detail=_(
                '{"ids": [%(most)s件まで], "member": 識別子} か、"group": 識別子か、null をお送りください。',
                most=MOST_AT_ONCE,
            ),
        )  # fmt: skip
    results = assign(
        current_session(), member, wanted.ids, to=Assignee(member_id=wanted.member, group_id=wanted.group)
    )
    return jsonify(results=[{"id": str(grant_id), "result": outcome} for grant_id, outcome in results])


@ASSIGNMENTS_API.errorhandler(RoleMayNot)
def _role_may_not(_error: RoleMayNot) -> Response:
    return problem(403, "role_may_not", detail=_("担当を決められるのは、管理者と承認担当の方です。"))


@ASSIGNMENTS_API.errorhandler(AssigneeUnknown)
def _assignee_unknown(error: AssigneeUnknown) -> Response:
    detail = _("この販売店・業者様に、この担当者またはグループはありません。")
    return problem(error.status, "assignee_unknown", detail=detail)
