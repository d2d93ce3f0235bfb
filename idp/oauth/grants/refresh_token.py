"""``grant_type=refresh_token`` (RFC 6749 §6) with rotation and reuse detection (RFC 9700 §4.14.2)."""

from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError
from sqlalchemy import update

from idp import clock, credentials
from idp.accounts.sessions.service import touch
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.credentials import SecretKind
from idp.mail import messages
from idp.oauth.issuing import issue, revoke_family, standing_of
from idp.oauth.models import Client, RefreshToken
from idp.oauth.parameters import Parameters
from idp.oauth.server import Grant


class RefreshTokenGrant(Grant):
    """Rotate: each token is used once; the second use of one revokes its whole family."""

    GRANT_TYPE = "refresh_token"
    token: RefreshToken
    scope: frozenset[str]

    def check_request(self, client: Client, parameters: Parameters) -> None:
        """Find the token, check that it is this client's, fresh, and that no wider scope is asked."""
        presented = parameters.get("refresh_token")
        if presented is None:
            raise InvalidRequestError("refresh_token is missing")
        if not credentials.is_kind(presented, SecretKind.REFRESH_TOKEN):
            raise _refused()
        token = self.server.session.get(RefreshToken, credentials.digest(presented))
        if token is None or token.family.client_id != client.client_id:
            raise _refused()
        if token.used_at is not None:
            self._revoke_reused(token)
        if clock.now() >= token.expires_at:
            raise _refused()
        granted = frozenset(token.family.scope.split())
        asked = frozenset(parameters["scope"].split()) if "scope" in parameters else granted
        if not asked or not asked <= granted:
            raise InvalidScopeError("scope is wider than what was granted (RFC 6749 6)")
        self.token, self.scope = token, asked

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Use the token up and issue its successor from the records as they are now."""
        session = self.server.session
        standing = standing_of(session, self.token.family, settings=self.server.mint.settings)
        if standing is None:
            raise _refused()
        used = session.execute(
            update(RefreshToken)
            .where(RefreshToken.digest == self.token.digest, RefreshToken.used_at.is_(None))
            .values(used_at=clock.now())
            .returning(RefreshToken.digest)
        ).first()
        if used is None:
            self._revoke_reused(self.token)
        # Whoever works at a relying party is not idle here: it refreshes only for a person who is there.
        touch(session, self.token.family.session_id, now=clock.now())
        return 200, issue(session, self.server.mint, standing, scope=self.scope, nonce=None), []

    def _revoke_reused(self, token: RefreshToken) -> None:
        """One of the two who have the token is a thief, and nobody can tell which: both are out."""
        session, family, now = self.server.session, token.family, clock.now()
        if revoke_family(session, family.id, now) and family.account.email is not None:
            messages.signed_out_of_app(
                session, email=family.account.email, name=family.account.name,
                app_name=family.client.client_name, at=now,
            )  # fmt: skip
        record_event(
            session, Event.TOKEN_REUSED, client_id=family.client_id, session_id=family.session_id,
            account=str(family.account_id),
        )  # fmt: skip
        raise _refused()


def _refused() -> InvalidGrantError:
    return InvalidGrantError("refresh_token is unknown, over, revoked, used, or of another client")
