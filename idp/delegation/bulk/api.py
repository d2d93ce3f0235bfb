"""``POST /api/delegations/approve``, ``deny`` and ``release``: up to 200 at once, with a result for each."""

import uuid
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, ValidationError

from idp import credentials
from idp.delegation.api_callers import calling_member
from idp.delegation.api_problems import answer_refusals, refusal_body
from idp.delegation.bulk.idempotency import (
    Keyed,
    KeyMissing,
    KeyReused,
    StillRunning,
    find_answer,
    read_key,
    store_answer,
)
from idp.delegation.bulk.service import MOST_AT_ONCE, Decision, decide_each
from idp.unit_of_work import current_session
from idp.web import current_settings, problem

BULK_API = Blueprint("delegation_bulk_api", __name__, url_prefix="/api/delegations")
answer_refusals(BULK_API)


class IdsRefused(ValueError):
    """The body does not name between one and 200 grants, each once."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ids: list[uuid.UUID]


@BULK_API.post("/approve")
def approve_many() -> Response:
    """Approve many requests."""
    return _decide(Decision.APPROVE)


@BULK_API.post("/deny")
def deny_many() -> Response:
    """Refuse many requests."""
    return _decide(Decision.DENY)


@BULK_API.post("/release")
def release_many() -> Response:
    """End many active grants from the agency's side."""
    return _decide(Decision.RELEASE)


def _decide(decision: Decision) -> Response:
    member, session = calling_member("delegations.manage"), current_session()
    content = request.get_data()
    digest = credentials.digest(f"{request.method} {request.path} {content.hex()}")
    call = Keyed(member.account_id, read_key(request.headers.get("Idempotency-Key")), digest)
    ids = _read_ids(content)
    body = find_answer(session, call)
    if body is None:
        results = decide_each(session, member, ids, decision=decision)
        body = {"results": [_shown(one.grant_id, decision, one.refusal) for one in results]}
        store_answer(session, call, body, lifetime=current_settings().idempotency_key_lifetime)
    return jsonify(body)


def _read_ids(content: bytes) -> list[uuid.UUID]:
    try:
        ids = _Body.model_validate_json(content).ids
    except ValidationError as error:
        raise IdsRefused from error
    if not 1 <= len(ids) <= MOST_AT_ONCE or len(set(ids)) != len(ids):
        raise IdsRefused
    return ids


def _shown(grant_id: uuid.UUID, decision: Decision, refusal: Any) -> dict[str, Any]:
    if refusal is None:
        return {"id": str(grant_id), "status": decision.outcome}
    return {"id": str(grant_id), "status": "refused", "problem": refusal_body(refusal)}


@BULK_API.errorhandler(IdsRefused)
def _ids_refused(_error: IdsRefused) -> Response:
    detail = _(
        '{"ids": [...]} に、連携の識別子を重複なく1件から%(most)s件までお送りください。', most=MOST_AT_ONCE
    )
    return problem(400, "invalid_parameter", detail=detail, parameter="ids")


@BULK_API.errorhandler(KeyMissing)
def _key_missing(_error: KeyMissing) -> Response:
    detail = _('Idempotency-Key: "…" に、要求ごとに新しい値(UUID など、255文字まで)をお送りください。')
    return problem(400, "idempotency_key_missing", detail=detail)


@BULK_API.errorhandler(KeyReused)
def _key_reused(_error: KeyReused) -> Response:
    detail = _("別の要求には新しい値を使い、送り直すときは同じ値と同じ本文をお使いください。")
    return problem(422, "idempotency_key_reused", detail=detail)


@BULK_API.errorhandler(StillRunning)
def _still_running(_error: StillRunning) -> Response:
    detail = _("少し待ってから、同じ値と同じ本文でお送りください。処理が済んでいれば、その結果が返ります。")
    answer = problem(409, "idempotency_request_in_progress", detail=detail)
    answer.headers["Retry-After"] = "1"
    return answer
