"""What the APIs of delegation answer when they refuse: one row for each refusal, in both languages."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response
from flask_babel import gettext as _

from idp.accounts.rules import AgencyNotActive, NotAMember, RoleMayNot
from idp.delegation.api_callers import PeopleDecide
from idp.delegation.cursors import CursorUnreadable
from idp.delegation.rules import GrantUnknown, OwnerNotActive, OwnRequest, TransitionRefused
from idp.errors import Refusal
from idp.problems import code_of, problem_body
from idp.web import problem


class ParameterRefused(ValueError):
    """A query parameter has a value that the API does not know; names the parameter."""


@dataclass(frozen=True)
class Told:
    """Status and code of a refusal, and what a developer is told of it."""

    status: int
    code: str
    detail: str


def told_of(error: Refusal) -> Told:
    """Return what is answered to a refusal."""
    for kind, status, code, detail in _ROWS:
        if isinstance(error, kind):
            return Told(status, code, detail())
    return Told(error.status, code_of(type(error).__name__), "")


_ROWS: tuple[tuple[type[Refusal], int, str, Callable[[], str]], ...] = (
    (TransitionRefused, 409, "transition_refused",
     lambda: _("連携の状態が変わっています。state をご確認のうえ、必要な場合だけもう一度お送りください。")),
    (GrantUnknown, 404, "not_found", lambda: _("この販売店・業者様に、この識別子の連携はありません。")),
    (RoleMayNot, 403, "role_may_not",
     lambda: _("申請への回答と連携の終了は、管理者または承認担当の方が行えます。")),
    (PeopleDecide, 403, "people_decide",
     lambda: _("システムは読み取りだけができます。回答と終了は担当者の方が行ってください。")),
    (OwnerNotActive, 409, "owner_not_active",
     lambda: _("オーナー様のアカウントは停止されています。解除されたあとに回答できます。")),
    (OwnRequest, 403, "own_request", lambda: _("申請したご本人以外の担当者の方が回答してください。")),
    (AgencyNotActive, 403, "agency_not_active",
     lambda: _("販売店・業者様のアカウントが停止されています。運営事務局へお問い合わせください。")),
    (NotAMember, 403, "not_a_member",
     lambda: _("販売店・業者様の担当者のアクセストークンをお使いください。")),
)  # fmt: skip


def refusal_problem(error: Refusal) -> Response:
    """Answer a refusal."""
    told = told_of(error)
    return problem(told.status, told.code, detail=told.detail, **_extra(error))


def refusal_body(error: Refusal) -> dict[str, object]:
    """Return a refusal as the result of one of many."""
    told = told_of(error)
    return problem_body(told.status, told.code, detail=told.detail, **_extra(error))


def parameter_problem(error: ParameterRefused | CursorUnreadable) -> Response:
    """Answer a query that cannot be understood."""
    name = str(error) if isinstance(error, ParameterRefused) else "cursor"
    detail = _("%(name)s の値をご確認ください。使える値は /api/openapi.json にあります。", name=name)
    return problem(400, "invalid_parameter", detail=detail, parameter=name)


def answer_refusals(blueprint: Blueprint) -> None:
    """Let an API answer the refusals that have a row here."""
    for kind, *_rest in _ROWS:
        blueprint.register_error_handler(kind, refusal_problem)


def _extra(error: Refusal) -> dict[str, str]:
    return {"state": error.state.value} if isinstance(error, TransitionRefused) else {}
