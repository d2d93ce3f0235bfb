"""Many owners at once: approving or refusing the requests chosen in the list, and the list as a CSV file."""

from dataclasses import dataclass
from uuid import UUID

from flask import Flask, Response, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound

from clients.agency_portal import service
from clients.agency_portal.export import owners_as_csv
from clients.agency_portal.rules import Decision, Query, Tab
from clients.agency_portal.views.owners import list_url, read_query
from clients.relying_party import RelyingParty

MANY = "/agency_admin/decisions"
MANY_DECISIONS = frozenset({Decision.APPROVE, Decision.DENY})


@dataclass(frozen=True)
class ManyViews:
    """What is done with many owners at once."""

    rp: RelyingParty

    def install(self, app: Flask) -> None:
        """Give the pages their addresses."""
        guard = self.rp.login_required
        app.add_url_rule(MANY, "confirm_many", guard(self.confirm_many))
        app.add_url_rule(MANY, "decide_many", guard(self.decide_many), methods=["POST"])
        app.add_url_rule("/agency_admin/csv", "owners_csv", guard(self.owners_csv))

    def confirm_many(self) -> ResponseReturnValue:
        """Name everybody concerned and ask once more."""
        if not service.load_agency(self.rp).member.can_decide:
            return render_template("agency_portal/role_may_not.html", user_id=None), 403
        decision, chosen = _read(request.args.get("decision", ""), request.args.getlist("grant"))
        grants = service.load_requests(self.rp, chosen)
        if not grants:
            flash(_("申請中のお客様を選んでから、ボタンを押してください。"), "warning")
            return redirect(_requests_url(), code=303)
        return render_template("agency_portal/confirm_many.html", decision=decision, grants=grants)

    def decide_many(self) -> ResponseReturnValue:
        """Decide about each of them; one that cannot be decided does not stop the others."""
        decision, chosen = _read(request.form.get("decision", ""), request.form.getlist("grant"))
        try:
            outcome = service.decide_many(self.rp, chosen, decision)
        except service.RoleMayNot:
            return render_template("agency_portal/role_may_not.html", user_id=None), 403
        if outcome.done:
            flash(_done(decision, outcome.done), "success")
        if outcome.not_done:
            flash(
                _(
                    "%(count)s件は、ほかの操作で状態が変わっていたため、更新されていません。一覧でご確認ください。",
                    count=outcome.not_done,
                ),
                "warning",
            )
        return redirect(_requests_url(), code=303)

    def owners_csv(self) -> ResponseReturnValue:
        """Hand out the list that the same address without ``csv`` shows, all pages of it."""
        query = read_query(request.args)
        text = owners_as_csv(service.load_all_grants(self.rp, query))
        # Excel in Japan takes a file without a byte order mark for Shift_JIS.
        response = Response(text.encode("utf-8-sig"), mimetype="text/csv")
        response.headers["Content-Disposition"] = 'attachment; filename="owners.csv"'
        return response


def _done(decision: Decision, count: int) -> str:
    if decision is Decision.APPROVE:
        return str(_("%(count)s件のオーナー様情報との連携に成功しました!", count=count))
    return str(_("%(count)s件のオーナー様情報との連携を拒否しました", count=count))


def _requests_url() -> str:
    return list_url(Query(tab=Tab.REQUESTED))


def _read(decision: str, grant_ids: list[str]) -> tuple[Decision, list[UUID]]:
    """Read what was chosen.

    :raises NotFound: no form of ours sends such a thing.
    """
    try:
        chosen = list(dict.fromkeys(UUID(grant_id) for grant_id in grant_ids))
        wanted = Decision(decision)
    except ValueError as error:
        raise NotFound from error
    if wanted not in MANY_DECISIONS or len(chosen) > service.PAGE_SIZE:
        raise NotFound
    return wanted, chosen
