"""Many owners at once: choose on the list, look once more, and read what became of each.

The list sends ids, numbers and names of the rows, and where in the list to come back to. The page in between
carries a key, so that a button that is pressed twice, or a page that is loaded again, decides nothing twice
and shows the same results.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from flask import Flask, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from werkzeug.exceptions import NotFound

from clients.agency_portal import service
from clients.agency_portal.rules import Chosen, Decision
from clients.agency_portal.views.assigning import read_assignee
from clients.agency_portal.views.decisions import render_role_may_not
from clients.agency_portal.views.owners import list_url, read_query
from clients.relying_party import RelyingParty
from clients.relying_party.credentials import mint_secret

LIST = "/agency_admin/selected"
ASSIGN = "assign"
"""What the buttons of 担当 send in place of a decision."""
REFUSALS = {
    "transition_refused": _l("状態が変わっていました。詳細で現在の状態をご確認ください。"),
    "not_found": _l("この連携は見つかりませんでした。一覧を開き直してご確認ください。"),
    "ended": _l("連携が終了していたため、担当は変わりません。"),
    "owner_not_active": _l("お客様のアカウントが停止されています。解除後に、もう一度お試しください。"),
    "own_request": _l("ご自身の申請には回答できません。ほかの担当者の方にご依頼ください。"),
}
"""What to do next, by the code of the problem."""


@dataclass(frozen=True)
class SelectedViews:
    """What staff decide about many at once."""

    rp: RelyingParty

    def install(self, app: Flask) -> None:
        """Give the pages their addresses."""
        guard = self.rp.login_required
        for path in (LIST, f"{LIST}/decide", f"{LIST}/assign"):
            app.add_url_rule(path, f"opened_{path.rsplit('/', 1)[1]}", guard(self.lead_back))
        app.add_url_rule(LIST, "selected", guard(self.confirm), methods=["POST"])
        app.add_url_rule(f"{LIST}/decide", "decide_selected", guard(self.decide), methods=["POST"])
        app.add_url_rule(f"{LIST}/assign", "assign_selected", guard(self.assign), methods=["POST"])

    def lead_back(self) -> ResponseReturnValue:
        """Answer a GET, which comes from sign-in after a form was sent too late."""
        return redirect(url_for("owners"))

    def confirm(self) -> ResponseReturnValue:
        """Ask once more, and say about how many; or ask whom to assign them to."""
        word, _dash, everybody = request.form.get("decision", "").partition("-")
        decision = None if word == ASSIGN else _read_decision(word)
        chosen = _read_chosen("everybody" if everybody else "chosen")
        if not service.load_agency(self.rp).member.can_decide:
            return render_role_may_not(None)
        if not chosen:
            return render_template("agency_portal/selected_nobody.html", back=_back()), 400
        if decision is None:
            return self._ask_assignee(chosen)
        return render_template(
            "agency_portal/selected_confirm.html", decision=decision, chosen=chosen, key=mint_secret(),
            query=read_query(request.form), back=_back(),
        )  # fmt: skip

    def decide(self) -> ResponseReturnValue:
        """Decide, and show what became of each."""
        decision, chosen = _read_decision(request.form.get("decision", "")), _read_chosen("chosen")
        key = request.form.get("key", "")
        if not chosen or not key.isascii() or not 1 <= len(key) <= 100:
            raise NotFound
        try:
            results = service.decide_many(
                self.rp, [one.grant_id for one in chosen], decision=decision, key=key
            )
        except service.RoleMayNot:
            return render_role_may_not(None)
        return _render_done(decision.value, chosen, results)

    def assign(self) -> ResponseReturnValue:
        """Assign the chosen, and show what became of each."""
        chosen = _read_chosen("chosen")
        if not chosen:
            raise NotFound
        try:
            member, group = read_assignee()
            results = service.assign_many(
                self.rp, [one.grant_id for one in chosen], member=member, group=group
            )
        except service.RoleMayNot:
            return render_role_may_not(None)
        except service.AssigneeUnknown:
            return self._ask_assignee(chosen, is_refused=True), 400
        return _render_done(ASSIGN, chosen, results)

    def _ask_assignee(self, chosen: list[Chosen], *, is_refused: bool = False) -> str:
        return render_template(
            "agency_portal/selected_assign.html", chosen=chosen, staff=service.load_staff(self.rp),
            is_refused=is_refused, query=read_query(request.form), back=_back(),
        )  # fmt: skip


def _render_done(decision: str, chosen: list[Chosen], results: Mapping[UUID, str]) -> str:
    return render_template(
        "agency_portal/selected_done.html", decision=decision, refusals=REFUSALS, back=_back(),
        results=[(one, results.get(one.grant_id, "not_found")) for one in chosen],
    )  # fmt: skip


def _back() -> str:
    """Return the address of the list as it was searched and sorted, at its beginning."""
    return list_url(read_query(request.form))


def _read_decision(word: str) -> Decision:
    try:
        return Decision(word)
    except ValueError as error:
        raise NotFound from error


def _read_chosen(field: str) -> list[Chosen]:
    """Read ``id:number:name`` of each row; what no form of ours sends is no page.

    :raises NotFound: a value is not one of ours, or there are more than the server decides about at once.
    """
    try:
        rows = [given.split(":", 2) for given in dict.fromkeys(request.form.getlist(field))]
        chosen = [
            Chosen(UUID(grant_id), int(user_id[:9]), "".join(name)) for grant_id, user_id, *name in rows
        ]
    except ValueError as error:
        raise NotFound from error
    if len(chosen) > service.MOST_AT_ONCE:
        raise NotFound
    return chosen
