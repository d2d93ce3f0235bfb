"""A scene for attacks on delegation: an owner, an agency with its manager at a desk, a grant between them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from idp.audit.models import AuditEvent
from idp.delegation.models import Grant
from idp.demo import AgencyPart, MemberPart, OwnerPart
from tests.accounts.visitor import Visitor
from tests.attacks.stage import Stage
from tests.delegation.steps import end
from tests.oauth.relying_party import TICKET, RelyingParty, TokenAnswer, Tokens
from tests.personas import Casting

Request = Callable[[], TokenAnswer]
SCENES_OF_AGENCY = 3
"""Tests that share one agency: a member may ask for thirty exchanges in a minute."""


@dataclass
class Company:
    """Agencies that tests share, and how many scenes the present one has had."""

    agency: AgencyPart | None = None
    scenes: int = 0

    def take(self, casting: Casting) -> AgencyPart:
        """Return an agency for one more scene."""
        if self.agency is None or self.scenes >= SCENES_OF_AGENCY:
            self.agency, self.scenes = casting.agency(), 0
        self.scenes += 1
        return self.agency


@dataclass
class Scene:
    """What one test plays with. The owner is its own; the agency is shared unless it is harmed."""

    stage: Stage
    parties: dict[str, RelyingParty]
    casting: Casting
    agency: AgencyPart
    owner: OwnerPart = field(init=False)
    grant_id: UUID = field(init=False)
    staff: Tokens = field(init=False)

    def __post_init__(self) -> None:
        self.owner = self.casting.owner()
        self.grant_id = self.casting.consent(self.owner, self.agency)
        self.staff = self.portal.sign_in(browser=self.desk)

    @property
    def portal(self) -> RelyingParty:
        """The portal of all agencies."""
        return self.parties["agency-portal"]

    @property
    def mypage(self) -> RelyingParty:
        """マイページ, where people act."""
        return self.parties["mypage"]

    @property
    def manager(self) -> MemberPart:
        """Whoever acts."""
        return self.agency.members[0]

    @property
    def desk(self) -> Visitor:
        """The manager's browser."""
        return self.stage.at_home(self.manager)

    def exchange(self, actor: object = "", grant_id: object = "", /, **deviation: Any) -> TokenAnswer:
        """Exchange; an argument that is not given is the right one."""
        token = self.staff.access_token if actor == "" else actor
        return self.portal.exchange(
            token, self.grant_id if grant_id == "" else grant_id, **deviation
        )  # attacks send what they like

    def reference(self) -> Any:
        """Return what everybody is answered about a grant that never existed."""
        return self.exchange("", uuid4()).expect_error("invalid_request").face

    def ticket(self, **deviation: Any) -> str:
        """Return a ticket of the manager's."""
        return self.exchange(requested_token_type=TICKET, **deviation).tokens().access_token

    def act(self) -> Tokens:
        """Act at マイページ in the manager's browser."""
        return self.mypage.redeem(self.mypage.code_for(self.desk, login_hint=self.ticket())).tokens()

    def revoke(self) -> None:
        """Let the owner take the permission back."""
        end(self.stage, self.grant_id)

    def state(self) -> str:
        """Return where the grant stands."""
        return self.stage.read(lambda session: session.get_one(Grant, self.grant_id).state)

    def last_row(self) -> AuditEvent:
        """Return the newest row of the audit log."""
        newest = select(AuditEvent).order_by(AuditEvent.number.desc()).limit(1)
        return self.stage.read(lambda session: session.scalars(newest).one())
