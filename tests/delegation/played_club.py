"""The people of the model in a real club: each step of theirs over HTTP, or by the operator's commands."""

from dataclasses import dataclass, field
from itertools import product

from click.testing import CliRunner
from sqlalchemy import select, update

from idp import clock
from idp.cli import cli
from idp.delegation import passing_time
from idp.delegation.models import ActAsSession, Grant
from idp.delegation.rules import GrantState
from idp.demo import MINORU, MIRAI, PASSWORD, SAKURA, TADASHI
from tests.accounts.visitor import Visitor, forms_of
from tests.delegation import model
from tests.delegation.model import State, Step
from tests.delegation.steps import end_term_at, register_owner
from tests.oauth.relying_party import TICKET, Tokens, parties_of
from tests.world import LOGIN_ONLY, MANAGER, RIVAL, World

OWNERS, AGENCIES, STAFF = (MINORU, TADASHI), (MIRAI, SAKURA), (MANAGER, LOGIN_ONLY, RIVAL)
STATES = {
    GrantState.REQUESTED: model.REQUESTED, GrantState.ACTIVE: model.ACTIVE,
    GrantState.SUSPENDED: model.RESTING,
}  # fmt: skip


@dataclass
class Hand:
    """What a member of staff was given, whether it is worth anything or not."""

    browser: Visitor | None = None
    staff: Tokens | None = None
    tickets: dict[int, str] = field(default_factory=dict)
    acting: dict[int, Tokens] = field(default_factory=dict)


class Club:
    """The people of the model in a real club; each step is tried and says whether the server let it be."""

    def __init__(self, world: World) -> None:
        self.world, self.parties = world, parties_of(world)
        self.owner_ids = [world.account(owner).id for owner in OWNERS]
        self.agency_ids = [world.agency(agency).id for agency in AGENCIES]
        self.member_ids, self.homes = [world.member(one).id for one in STAFF], [0, 0, 1]
        self.hands = [Hand() for _ in STAFF]
        self.every_token: list[tuple[int, int, str]] = []
        """Owner, member of staff and act-as token, of each that was ever issued."""

    def attempt(self, step: Step) -> bool:
        """Do a step, and tell whether it was possible."""
        what, one, other = step
        name = f"_{what.replace(' ', '_')}"
        if what in {"approve", "deny", "release"}:
            return self._decide(what, one, other)
        if what.endswith(("owner", "agency")):
            return self._operate(what, one)
        return bool(getattr(self, name)(one, other))

    # --- owners -------------------------------------------------------------------------------------------

    def _owner_browser(self, one: int) -> Visitor | None:
        browser = Visitor(self.world.served, self.world.settings)
        answer = browser.sign_in(OWNERS[one].email, PASSWORD, path="/sign-in")
        return browser if answer.status_code == 303 else None

    def _ask(self, one: int, of: int) -> bool:
        browser = self._owner_browser(one)
        if browser is None:
            return False
        page = browser.submit("/account/edit", agency_email=AGENCIES[of].email)
        if page.status_code != 200:
            return False
        chosen = {"step": "complete", "term": "12", "allow-mypage": "mypage.read", "allow-myapp": ""}
        return browser.submit("/account/edit", page=page, **chosen).status_code == 303

    def _owner_ends(self, one: int, of: int) -> bool:
        browser, grant = self._owner_browser(one), self.grant(one, of)
        if browser is None or grant is None or not GrantState(grant.state).is_open:
            return False
        return browser.submit(f"/account/delegations/{grant.id}/end").status_code == 303

    def _register_again(self, one: int, _other: int) -> bool:
        register_owner(self.world, OWNERS[one].email)
        self.owner_ids[one] = self.world.account(OWNERS[one]).id
        return True

    # --- the operator and the clock -----------------------------------------------------------------------

    def run(self, *command: str) -> bool:
        """Run a command of the operator; tell whether it did anything."""
        environment = {"IDP_DATABASE_URL": self.world.settings.database_url}
        return CliRunner().invoke(cli, command, env=environment).exit_code == 0

    def _operate(self, what: str, one: int) -> bool:
        verb, whom = what.split()
        verb = {"lift": "reinstate"}.get(verb, verb)
        subject = OWNERS[one].email if whom == "owner" else str(self.agency_ids[one])
        sure = ["--yes"] if verb in {"delete", "close"} else []
        return self.run("account" if whom == "owner" else whom, verb, subject, *sure)

    def _operator_ends(self, one: int, of: int) -> bool:
        grant = self.grant(one, of)
        return grant is not None and self.run("delegation", "end", str(grant.id))

    def _expire(self, one: int, of: int) -> bool:
        grant = self.grant(one, of)
        assert grant is not None
        end_term_at(self.world, grant.id, clock.now())
        assert not any(
            self._exchange(one, staff, forget=True) for staff in model.STAFF if self._is_in(staff, of)
        )
        return self.world.write(passing_time.let_time_pass) > 0

    def _lapse(self, one: int, of: int) -> bool:
        grant = self.grant(one, of)
        assert grant is not None
        lapse = update(Grant).where(Grant.id == grant.id).values(lapses_at=clock.now())
        self.world.write(lambda session: session.execute(lapse).close())
        assert not any(self._decide("approve", one, staff) for staff in model.STAFF if self._is_in(staff, of))
        return self.world.write(passing_time.let_time_pass) > 0

    def _is_in(self, staff: int, agency: int) -> bool:
        return self.homes[staff] == agency and self.hands[staff].staff is not None

    # --- staff --------------------------------------------------------------------------------------------

    def _sign_in(self, staff: int, _other: int) -> bool:
        hand = self.hands[staff]
        hand.browser = self.world.browser(STAFF[staff])
        hand.staff = self.parties["agency-portal"].sign_in(browser=hand.browser)
        return True

    def _sign_out(self, staff: int, _other: int) -> bool:
        browser = self.hands[staff].browser
        assert browser is not None
        token = forms_of(browser.get("/"))[0].fields["csrf_token"]
        return browser.post("/sign-out", {"csrf_token": token}).status_code == 303

    def _remove(self, staff: int, _other: int) -> bool:
        return self._manage(staff, "remove")

    def _make_viewer(self, staff: int, _other: int) -> bool:
        return self._manage(staff, "role", role="viewer")

    def _make_approver(self, staff: int, _other: int) -> bool:
        return self._manage(staff, "role", role="approver")

    def _manage(self, staff: int, what: str, **typed: str) -> bool:
        """Let the manager of the first agency do something to a colleague, on the server's pages."""
        manager = self.hands[0].browser
        assert manager is not None
        page = f"/agency/staff/{self.member_ids[staff]}/{what}"
        return manager.submit(page, **typed).status_code == 303

    def _decide(self, what: str, one: int, staff: int) -> bool:
        tokens, grant = self.hands[staff].staff, self.grant(one, self.homes[staff])
        if tokens is None or grant is None:
            return False
        answer = self.world.api("POST", f"/api/delegations/{grant.id}/{what}", tokens.access_token)
        return answer.status_code == 200

    def _exchange(self, one: int, staff: int, *, forget: bool = False) -> bool:
        hand, grant = self.hands[staff], self.grant(one, self.homes[staff])
        if hand.staff is None or grant is None:
            return False
        answer = self.parties["agency-portal"].exchange(
            hand.staff.access_token, grant.id, requested_token_type=TICKET
        )
        if answer.response.status_code != 200:
            return False
        if not forget:
            hand.tickets[one] = answer.tokens().access_token
        return True

    def _redeem(self, one: int, staff: int) -> bool:
        hand = self.hands[staff]
        ticket = hand.tickets.get(one)
        if ticket is None or hand.browser is None:
            return False
        answer = self.parties["mypage"].authorize(hand.browser, login_hint=ticket)
        if "code=" not in answer.location:
            return False
        hand.acting[one] = self.parties["mypage"].redeem(answer.expect_code()).tokens()
        self.every_token.append((one, staff, hand.acting[one].access_token))
        return True

    def _let_go(self, one: int, staff: int) -> bool:
        hand = self.hands[staff]
        acting = hand.acting.get(one)
        if hand.tickets.pop(one, None) is None or acting is not None:
            assert acting is not None
            hint = {"id_token_hint": acting.hint}
            assert hand.browser is not None
            assert hand.browser.get("/oauth/end-session", query_string=hint).status_code == 200
        return True

    # --- what there is to see -----------------------------------------------------------------------------

    def grant(self, one: int, of: int) -> Grant | None:
        """Return the latest grant between an owner, as they are registered now, and an agency."""
        query = (
            select(Grant)
            .where(Grant.owner_id == self.owner_ids[one], Grant.agency_id == self.agency_ids[of])
            .order_by(Grant.requested_at.desc())
        )
        return self.world.read(lambda session: session.scalars(query).unique().first())

    def compare(self, row: State) -> None:
        """Compare everything that can be seen with the model."""
        for one, of in product(model.OWNERS, model.AGENCIES):
            grant = self.grant(one, of)
            state = model.NO_GRANT if grant is None else STATES.get(GrantState(grant.state), model.NO_GRANT)
            assert state == model.grant(row, one, of), (one, of, grant and grant.state)
        for one, staff, token in self.every_token:
            current = self.hands[staff].acting.get(one)
            is_live = model.hand(row, one, staff) >= model.ACTING and current is not None
            expected = is_live and current is not None and current.access_token == token
            told = self.parties["mypage"].introspect(token).response.get_json()["active"]
            answered = self.world.api("GET", "/oauth/userinfo", token).status_code
            assert (told, answered) == (expected, 200 if expected else 401), (one, staff)

    def check_told(self) -> None:
        """Check that each proxy login that others ended is in the outbox for its relying party."""
        ended = select(ActAsSession.id).where(ActAsSession.end_reason == "grant_ended")
        sids = {str(sid) for sid in self.world.read(lambda session: session.scalars(ended).all())}
        assert sids <= {sid for _client, sid in self.world.logout_calls()}
