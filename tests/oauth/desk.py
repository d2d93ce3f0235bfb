"""The desk of a staff member: one browser, signed in at the portal, from which proxy logins begin."""

from tests.accounts.visitor import Visitor
from tests.oauth.relying_party import TICKET, AuthorizationAnswer, RelyingParty, Tokens
from tests.world import MANAGER, World

Parties = dict[str, RelyingParty]
EVERYTHING = "mypage.read mypage.write"


class Desk:
    """A staff member at their browser, signed in at the portal, about to sign in for an owner."""

    def __init__(self, world: World, parties: Parties) -> None:
        self.world, self.parties = world, parties
        self.portal, self.mypage = parties["agency-portal"], parties["mypage"]
        self.browser = world.browser(MANAGER)
        self.staff = self.portal.sign_in(browser=self.browser)

    def ticket(self, **deviation: object) -> str:
        """Let the portal exchange for a ticket."""
        asked = {"scope": EVERYTHING, "requested_token_type": TICKET, **deviation}
        tokens = self.portal.exchange(self.staff.access_token, self.world.grant().id, **asked).tokens()
        assert tokens.body["token_type"] == "N_A"
        assert (tokens.body["issued_token_type"], tokens.body["expires_in"]) == (TICKET, 60)
        return tokens.access_token

    def act(self, ticket: str | None = None) -> Tokens:
        """Sign in for the owner at マイページ, in this browser."""
        code = self.mypage.code_for(self.browser, login_hint=ticket or self.ticket())
        return self.mypage.redeem(code).tokens()

    def renew(
        self, acting: Tokens, browser: Visitor | None = None, **deviation: object
    ) -> AuthorizationAnswer:
        """Let マイページ ask silently for the proxy login that it has."""
        asked = {"prompt": "none", "id_token_hint": acting.hint, **deviation}
        return self.mypage.authorize(browser or self.browser, **asked)
