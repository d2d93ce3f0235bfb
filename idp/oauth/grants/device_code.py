"""``grant_type=urn:ietf:params:oauth:grant-type:device_code`` (RFC 8628 §3.4, §3.5).

A device asks again and again, so that a second use of its code is no sign of a theft: it is refused and
revokes nothing. docs/decisions/0017-user-codes-are-eight-digits.md
"""

from typing import Any

from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc6749.errors import AccessDeniedError

from idp import clock
from idp.oauth.client_metadata import DEVICE_CODE
from idp.oauth.device.models import DeviceAnswer, DeviceRequest
from idp.oauth.device.service import lock_by_device_code, note_poll, use_up
from idp.oauth.issuing import issue, live_scope, standing_to_issue
from idp.oauth.models import Client
from idp.oauth.parameters import Parameters
from idp.oauth.resource_indicators import audience_of
from idp.oauth.server import Grant


class AuthorizationPendingError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """RFC 8628 §3.5: nobody has answered yet."""

    error = "authorization_pending"


class SlowDownError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """RFC 8628 §3.5: nobody has answered yet, and the device asks too often."""

    error = "slow_down"


class ExpiredTokenError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """RFC 8628 §3.5: the device code has expired."""

    error = "expired_token"


class DeviceCodeGrant(Grant):
    """Tell a device what became of its request; give it its tokens once."""

    GRANT_TYPE = DEVICE_CODE
    device: DeviceRequest
    audience: str

    def check_request(self, client: Client, parameters: Parameters) -> None:
        """Find the request and say whether there is something to fetch."""
        presented = parameters.get("device_code")
        if presented is None:
            raise InvalidRequestError("device_code is missing (RFC 8628 3.4)")
        session, now = self.server.session, clock.now()
        device = lock_by_device_code(session, presented)
        if device is None or device.client_id != client.client_id or device.used_at is not None:
            raise _refused()
        if device.jkt not in {None, self.jkt}:
            raise _refused()
        if device.answer == DeviceAnswer.DENIED:
            raise AccessDeniedError("the person did not let the device in")
        if now >= device.expires_at:
            raise ExpiredTokenError("device_code is over; begin again at the device authorization endpoint")
        if device.answer == DeviceAnswer.PENDING:
            if note_poll(session, device, now=now):
                raise SlowDownError("wait 5 seconds longer between requests, from now on (RFC 8628 3.5)")
            raise AuthorizationPendingError("nobody has answered yet; ask again after the interval")
        if device.family is None:
            raise _refused()
        issuer = self.server.mint.settings.issuer
        self.audience = audience_of(device.family, parameters.get("resource"), issuer=issuer)
        self.device = device

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Use the code up and issue from the records as they are now."""
        session = self.server.session
        standing = standing_to_issue(session, self.device.family, settings=self.server.mint.settings)
        if standing is None or not use_up(session, self.device, now=clock.now()):
            raise _refused()
        scope = live_scope(standing.family)
        body = issue(
            session, self.server.mint, standing, scope=scope, nonce=None, jkt=self.jkt, audience=self.audience
        )
        return 200, body, []


def _refused() -> InvalidGrantError:
    return InvalidGrantError("device_code is unknown, used, revoked, or of another client or key")
