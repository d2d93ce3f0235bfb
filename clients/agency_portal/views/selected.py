"""Many owners at once: choose on the list, look once more, and read what became of each.

The list sends ids and numbers of the rows; the page in between carries a key, so that a button that is
pressed twice, or a page that is loaded again, decides nothing twice and shows the same results.
"""

from dataclasses import dataclass
from uuid import UUID

from flask import Flask, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from werkzeug.exceptions import NotFound

from clients.agency_portal import service
from clients.agency_portal.rules import Chosen, Decision
from clients.agency_portal.views.decisions import render_role_may_not
from clients.relying_party import RelyingParty
from clients.relying_party.credentials import mint_secret

REFUSALS = {
    "transition_refused": _l("状態が変わっていました。詳細で現在の状態をご確認ください。"),
    "not_found": _l("この連携は見つかりませんでした。一覧を開き直してご確認ください。"),
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
        for path in ("/agency_admin/selected", "/agency_admin/selected/decide"):
            app.add_url_rule(path, f"opened_{path.rsplit('/', 1)[1]}", guard(self.lead_back))
        app.add_url_rule("/agency_admin/selected", "selected", guard(self.confirm), methods=["POST"])
        app.add_url_rule("/agency_admin/selected/decide", "decide_selected", guard(self.decide),
                         methods=["POST"])  # fmt: skip

    def lead_back(self) -> ResponseReturnValue:
        """Answer a GET, which comes from sign-in after a form was sent too late."""
        return redirect(url_for("owners"))

    def confirm(self) -> ResponseReturnValue:
        """Ask once more, and say about how many."""
        decision, everybody = self._wanted()
        chosen = _read_chosen("everybody" if everybody else "chosen")
        if not service.load_agency(self.rp).member.can_decide:
            return render_role_may_not(None)
        if not chosen:
            return render_template("agency_portal/selected_nobody.html", decision=decision), 400
        return render_template(
            "agency_portal/selected_confirm.html", decision=decision, chosen=chosen, key=mint_secret()
        )

    def decide(self) -> ResponseReturnValue:
        """Decide, and show what became of each."""
        decision, chosen = self._wanted()[0], _read_chosen("chosen")
        key = request.form.get("key", "")
        if not chosen or not key.isascii() or not 1 <= len(key) <= 100:
            raise NotFound
        try:
            results = service.decide_many(
                self.rp, [one.grant_id for one in chosen], decision=decision, key=key
            )
        except service.RoleMayNot:
            return render_role_may_not(None)
        return render_template(
            "agency_portal/selected_done.html", decision=decision, refusals=REFUSALS,
            results=[(one, results.get(one.grant_id, "not_found")) for one in chosen],
        )  # fmt: skip

    def _wanted(self) -> tuple[Decision, bool]:
        word, _dash, everybody = request.form.get("decision", "").partition("-")
        try:
            return Decision(word), everybody == "everybody"
        except ValueError as error:
            raise NotFound from error


def _read_chosen(field: str) -> list[Chosen]:
    """Read ``id:number`` of each row; what no form of ours sends is no page.

    :raises NotFound: a value is not one of ours, or there are more than the server decides about at once.
    """
    try:
        pairs = [given.split(":") for given in dict.fromkeys(request.form.getlist(field))]
        chosen = [Chosen(UUID(grant_id), int(user_id[:9])) for grant_id, user_id in pairs]
    except ValueError as error:
        raise NotFound from error
    if len(chosen) > service.MOST_AT_ONCE:
        raise NotFound
    return chosen
