"""``grant_type=authorization_code`` (RFC 6749 §4.1.3, RFC 7636 §4.5, OIDC Core §3.1.3)."""

import base64
import hashlib
import re
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from sqlalchemy import update

from idp import clock, credentials
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.credentials import SecretKind
from idp.oauth.client_metadata import AUTHORIZATION_CODE
from idp.oauth.issuing import issue, live_scope, revoke_family, standing_to_issue
from idp.oauth.models import AuthorizationCode, Client
from idp.oauth.parameters import Parameters
from idp.oauth.resource_indicators import audience_of
from idp.oauth.server import Grant

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")


class AuthorizationCodeGrant(Grant):
    """Redeem a code: everything is checked before it is used up, so a wrong request does not burn it."""

    GRANT_TYPE = AUTHORIZATION_CODE
    code: AuthorizationCode
    audience: str

    def check_request(self, client: Client, parameters: Parameters) -> None:
        """Find the code and check that this client, this redirect URI and this verifier belong to it."""
        presented = parameters.get("code")
        if presented is None:
            raise InvalidRequestError("code is missing")
        if not credentials.is_kind(presented, SecretKind.AUTHORIZATION_CODE):
            raise _refused()
        code = self.server.session.get(AuthorizationCode, credentials.digest(presented))
        if code is None or code.family.client_id != client.client_id:
            raise _refused()
        if code.used_at is not None:
            self._revoke_replayed(code)
        if clock.now() >= code.expires_at:
            raise _refused()
        if (
            parameters.get("redirect_uri", None if code.redirect_uri_was_sent else code.redirect_uri)
            != code.redirect_uri
        ):
            raise _refused()
        if code.family.jkt not in {None, self.jkt}:  # RFC 9449 §10
            raise _refused()
        _check_verifier(code, parameters.get("code_verifier"))
        issuer = self.server.mint.settings.issuer
        self.audience = audience_of(code.family, parameters.get("resource"), issuer=issuer)
        self.code = code

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Use the code up and issue; of parallel requests exactly one gets here with a row."""
        session, now = self.server.session, clock.now()
        standing = standing_to_issue(session, self.code.family, settings=self.server.mint.settings)
        if standing is None:
            raise _refused()
        used = session.execute(
            update(AuthorizationCode)
            .where(AuthorizationCode.digest == self.code.digest, AuthorizationCode.used_at.is_(None))
            .values(used_at=now)
            .returning(AuthorizationCode.digest),
        ).first()
        if used is None:
            self._revoke_replayed(self.code)
        scope = live_scope(standing.family)
        body = issue(
            session, self.server.mint, standing, scope=scope, nonce=self.code.nonce, jkt=self.jkt,
            audience=self.audience,
        )  # fmt: skip
        return 200, body, []

    def _revoke_replayed(self, code: AuthorizationCode) -> None:
        """RFC 6749 §4.1.2: a second use revokes what the first one issued."""
        session = self.server.session
        revoke_family(session, code.family_id, clock.now())
        record_event(
            session, Event.CODE_REPLAYED, client_id=code.family.client_id, session_id=code.family.session_id
        )
        raise _refused()


def _check_verifier(code: AuthorizationCode, verifier: str | None) -> None:
    """RFC 7636 §4.6, S256 only. A verifier without a challenge is refused too (RFC 9700 §2.1.1)."""
    if code.code_challenge is None:
        if verifier is not None:
            raise _refused()
        return
    if verifier is None:
        raise InvalidRequestError("code_verifier is missing (RFC 7636 4.5)")
    if not _VERIFIER.match(verifier):
        raise _refused()
    hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=")
    if not credentials.equal(hashed.decode(), code.code_challenge):
        raise _refused()


def _refused() -> InvalidGrantError:
    return InvalidGrantError(
        "code is unknown, over, used, or not for this client, redirect_uri, code_verifier or key"
    )
