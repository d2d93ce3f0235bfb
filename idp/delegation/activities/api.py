"""The call with which a relying party reports what was done under a proxy login at itself."""

import uuid

from flask import Blueprint, Response, jsonify, request

from idp import clock
from idp.delegation.activities import service
from idp.delegation.activities.rules import (
    MOST_OF_A_LOGIN,
    ReportsRefused,
    ReportsTooLate,
    ReportsTooMany,
    read_reports,
)
from idp.delegation.rules import ProxyLoginUnknown
from idp.unit_of_work import current_session
from idp.web import problem, require_client_scope

ACTIVITIES_API = Blueprint("activities_api", __name__, url_prefix="/api")
SCOPE = "proxy_logins.report"


@ACTIVITIES_API.post("/proxy-logins/<uuid:sid>/activities")
def report(sid: uuid.UUID) -> Response:
    """Store reports; 201 where something was new, 200 with the same body where everything was known."""
    client = require_client_scope(SCOPE)
    reports = read_reports(request.get_data())
    known, stored = service.report_activities(current_session(), client.client_id, sid, reports=reports)
    order = dict.fromkeys(one.reference for one in reports)
    response = jsonify(items=[{"id": one, "reported_at": clock.iso(known[one])} for one in order])
    response.status_code = 201 if stored else 200
    return response


@ACTIVITIES_API.errorhandler(ReportsRefused)
def _refused(error: ReportsRefused) -> Response:
    first = error.faults[0]
    return problem(
        400, "invalid_activities", detail=f"activities[{first.index}].{first.field}: {first.remedy}",
        errors=[{"index": one.index, "field": one.field, "detail": one.remedy} for one in error.faults],
    )  # fmt: skip


@ACTIVITIES_API.errorhandler(ProxyLoginUnknown)
def _unknown(_error: ProxyLoginUnknown) -> Response:
    return problem(404, "not_found", detail="there is no such proxy login at this relying party")


@ACTIVITIES_API.errorhandler(ReportsTooLate)
def _too_late(error: ReportsTooLate) -> Response:
    return problem(409, "too_late", detail=f"reports were taken until {clock.iso(error.until)}; drop them")


@ACTIVITIES_API.errorhandler(ReportsTooMany)
def _too_many(_error: ReportsTooMany) -> Response:
    detail = f"a proxy login has at most {MOST_OF_A_LOGIN} activities; report once per item, not per click"
    return problem(409, "too_many", detail=detail)
