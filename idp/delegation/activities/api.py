"""The call with which a relying party reports what was done under a proxy login at itself."""

import uuid

from flask import Blueprint, Response, jsonify, request
from flask_babel import gettext as _

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
    return problem(404, "not_found", detail=_("このアプリに、この識別子の代理ログインはありません。"))


@ACTIVITIES_API.errorhandler(ReportsTooLate)
def _too_late(error: ReportsTooLate) -> Response:
    until = clock.iso(error.until)
    return problem(409, "too_late", detail=_("報告は %(until)s までです。破棄してください。", until=until))


@ACTIVITIES_API.errorhandler(ReportsTooMany)
def _too_many(_error: ReportsTooMany) -> Response:
    detail = _("1回の代理ログインの報告は%(most)s件までです。項目ごとに1件へまとめてください。",
               most=MOST_OF_A_LOGIN)  # fmt: skip
    return problem(409, "too_many", detail=detail)
