"""``grant_type=refresh_token`` (RFC 6749 §6) with rotation and reuse detection (RFC 9700 §4.14.2)."""

from datetime import datetime
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError
from sqlalchemy import update

from idp import clock, credentials
from idp.accounts.sessions.service import touch
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.credentials import SecretKind
from idp.mail import messages
from idp.oauth.client_metadata import REFRESH_TOKEN
from idp.oauth.issuing import issue, live_scope, refresh_token_end, revoke_family, standing_to_issue
from idp.oauth.models import Client, ClientProfile, RefreshToken
from idp.oauth.parameters import Parameters
from idp.oauth.resource_indicators import audience_of
from idp.oauth.server import Grant


class RefreshTokenGrant(Grant):
    """Rotate: each token is used once; the second use of one revokes its whole family.

    Clients of the fapi2 profile keep theirs, which is bound to their key (FAPI 2.0 Security Profile
    §5.3.2.1); docs/decisions/0015-dpop-nonces.md says why nobody else has a second try.
    """

    GRANT_TYPE = REFRESH_TOKEN
    token: RefreshToken
    scope: frozenset[str]
    audience: str

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
        if clock.now() >= token.expires_at or token.jkt not in {None, self.jkt}:  # RFC 9449 §5
            raise _refused()
        granted = live_scope(token.family)
        asked = frozenset(parameters["scope"].split(" ")) - {""} if "scope" in parameters else granted
        if not asked or not asked <= granted:
            raise InvalidScopeError("scope is wider than what was granted (RFC 6749 6)")
        issuer = self.server.mint.settings.issuer
        self.audience = audience_of(token.family, parameters.get("resource"), issuer=issuer)
        self.token, self.scope = token, asked

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Use the token, up or once more, and issue from the records as they are now."""
        session, settings, family = self.server.session, self.server.mint.settings, self.token.family
        standing, now = standing_to_issue(session, family, settings=settings), clock.now()
        if standing is None:
            raise _refused()
        rotates = family.client.profile != ClientProfile.FAPI2
        if rotates:
            self._use(used_at=now)
        else:
            self._use(expires_at=refresh_token_end(settings, family, now))
        if not family.offline:
            # Whoever works at a relying party is not idle here: it refreshes only for a person who is there.
            touch(session, family.session_id, now=now)
        body = issue(
            session, self.server.mint, standing, scope=self.scope, nonce=None, jkt=self.jkt,
            audience=self.audience, with_refresh_token=rotates,
        )  # fmt: skip
        return 200, body, []

    def _use(self, **values: datetime) -> None:
        """Note the use on a token that nobody has used up; of parallel rotations one gets past here."""
        used = self.server.session.execute(
            update(RefreshToken)
            .where(RefreshToken.digest == self.token.digest, RefreshToken.used_at.is_(None))
            .values(**values)
            .returning(RefreshToken.digest)
        ).first()
        if used is None:
            self._revoke_reused(self.token)

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
    return InvalidGrantError("refresh_token is unknown, over, revoked, used, or of another client or key")
