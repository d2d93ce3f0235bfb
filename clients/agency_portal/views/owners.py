"""登録ユーザー一覧 and the page about one owner."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound

from clients.agency_portal import service
from clients.agency_portal.rules import (
    Decision,
    Grant,
    Query,
    ReasonProblem,
    Sort,
    Tab,
    decisions_for,
    may_proxy_login,
)
from clients.relying_party import RelyingParty

C = TypeVar("C", bound=StrEnum)

OWNER_PAGE = "/agency_admin/<int(max=2147483647):user_id>"
"""Page about one owner. A larger number is no user id, and no question for the server."""
REASON_PROBLEMS = {
    ReasonProblem.TOO_LONG: _l("%(count)s文字以内でご入力ください。"),
    ReasonProblem.MISSING: _l("代理ログインの理由をご入力ください。"),
}
CHOICES = {Tab.REQUESTED: (Decision.APPROVE, Decision.DENY), Tab.ACTIVE: (Decision.RELEASE,)}
"""What the list offers for many at once, by tab."""
LONGEST_SEARCH = 254
"""No e-mail address is longer (RFC 5321 §4.5.3.1.3)."""


@dataclass(frozen=True)
class OwnerViews:
    """The list of owners and the page about one of them."""

    rp: RelyingParty

    def install(self, app: Flask) -> None:
        """Give the pages their addresses."""
        app.add_url_rule("/agency_admin", "owners", self.rp.login_required(self.owners))
        app.add_url_rule(OWNER_PAGE, "owner", self.rp.login_required(self.owner))

    def owners(self) -> ResponseReturnValue:
        """Show 登録ユーザー一覧."""
        query = read_query(request.args)
        try:
            page = service.load_grants(self.rp, query)
        except service.CursorStale:
            return redirect(list_url(query.page()))
        # Asked only where the page needs it: the ordinary list is one question to the server.
        decisions = CHOICES.get(query.tab, ()) if page.grants else ()
        agency = service.load_agency(self.rp) if decisions or page.counts.total == 0 else None
        if agency is None or not agency.member.can_decide:
            decisions = ()
        return render_template(
            "agency_portal/owners.html",
            query=query,
            page=page,
            agency=agency,
            tabs=tuple(Tab),
            list_url=list_url,
            decisions=decisions,
            all_marked=request.args.get("mark") == "all",
            mark_url=url_for("owners", **_arguments(query), mark="all", _anchor="list"),
        )

    def owner(self, user_id: int) -> ResponseReturnValue:
        """Show ユーザー情報編集."""
        try:
            grant = service.get_latest_grant(self.rp, user_id)
            return render_owner(self.rp, grant, reason=read_reason(request.args)[: service.REASON_LENGTH])
        except service.GrantUnknown as unknown:
            raise NotFound from unknown


def lead_to_owner(user_id: int) -> ResponseReturnValue:
    """Answer a GET to the address of a button, which comes from sign-in after a form was sent too late."""
    return redirect(url_for("owner", user_id=user_id))


def render_owner(
    rp: RelyingParty, grant: Grant, *, reason: str = "", problem: ReasonProblem | None = None
) -> str:
    """Return the page about an owner, with what the member may do.

    :param reason: what was typed as the reason of a proxy login, when the form is shown again.
    """
    member = service.load_agency(rp).member
    may_act = may_proxy_login(grant, member)
    needs_reason = may_act and service.load_conditions(rp).reason_required
    return render_template(
        "agency_portal/owner.html",
        grant=grant,
        decisions=decisions_for(grant, member),
        may_proxy_login=may_act,
        may_assign=member.can_decide,
        reason=reason,
        needs_reason=needs_reason,
        reason_error=REASON_PROBLEMS[problem] % {"count": service.REASON_LENGTH} if problem else "",
    )


def read_reason(fields: MultiDict[str, str]) -> str:
    """Return the reason of a proxy login as one line."""
    return re.sub(r"\s+", " ", fields.get("reason", "")).strip()


def read_query(arguments: MultiDict[str, str]) -> Query:
    """Read which part of the list is wanted; what makes no sense counts as not given.

    Full-width characters are folded, because staff search with the Japanese keyboard on.
    """
    text = unicodedata.normalize("NFKC", arguments.get("q", "")).strip()
    return Query(
        tab=_choice(Tab, arguments.get("state", ""), Tab.OPEN),
        text=text[:LONGEST_SEARCH],
        sort=_choice(Sort, arguments.get("sort", ""), Sort.NEWEST),
        cursor=arguments.get("cursor", ""),
    )


def list_url(query: Query) -> str:
    """Return the address of a part of the list, without what is the default anyway."""
    return url_for("owners", **_arguments(query))


def _arguments(query: Query) -> dict[str, Any]:
    given = {
        "state": query.tab.value,
        "q": query.text,
        "sort": "" if query.sort is Sort.NEWEST else query.sort.value,
        "cursor": query.cursor,
    }
    return {name: value for name, value in given.items() if value}


def _choice(choices: type[C], given: str, otherwise: C) -> C:
    try:
        return choices(given)
    except ValueError:
        return otherwise
