"""What a client is told of a token exchange that is refused (RFC 8693 §2.2.2): one table.

Everything about grant or actor looks alike. What is told apart is told only to somebody who may act for this
very owner, at this relying party, with this scope: which condition of the agency's or the operator's is not
met. A limit on how often is reached before anything about a grant is looked at.
"""

from datetime import timedelta
from typing import Any

from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc6749.errors import UnauthorizedClientError

from idp.delegation.authority import NoAuthority
from idp.delegation.conditions.rules import ConditionRefusal
from idp.delegation.exchange_limits import LimitRefusal
from idp.delegation.exchange_rules import ExchangeRefusal
from idp.oauth.resource_indicators import InvalidTargetError

_R = ExchangeRefusal
_INVALID_TARGET = {
    _R.AUDIENCE_UNKNOWN,
    _R.AUDIENCE_NOT_ALLOWED,
    _R.AUDIENCE_CANNOT_ACT,
    _R.AUDIENCE_NOT_GRANTED,
}
_DENIED = {
    ConditionRefusal.OUTSIDE_HOURS: "this agency's proxy logins may not begin at this hour",
    ConditionRefusal.OTHER_NETWORK: "this agency's proxy logins may not begin from this network",
}
_SLOW_DOWN = {
    ConditionRefusal.TOO_MANY_IN_HOUR: "this actor has begun as many proxy logins as it may in an hour",
    LimitRefusal.TOO_MANY_OF_ACTOR: "this actor asks for too many exchanges in a minute",
    LimitRefusal.TOO_MANY_OF_AGENCY: "this agency asks for too many exchanges in a minute",
}


class AccessDeniedError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """A condition is not met, and asking again now is of no use."""

    error = "access_denied"


class SlowDownError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """429 ``slow_down``, the token endpoint's word for "not so often" (RFC 8628 §3.5), with Retry-After."""

    error = "slow_down"
    status_code = 429

    def __init__(self, description: str, wait: timedelta) -> None:
        super().__init__(description)
        self.wait = wait

    def get_headers(self) -> list[tuple[str, str]]:
        """Return whole seconds until it is worth asking again (RFC 9110 §10.2.3)."""
        return [("Retry-After", str(max(-(-self.wait // timedelta(seconds=1)), 1)))]


class SignInTooOldError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """The member has to sign in again; error and ``max_age`` as in a challenge of RFC 9470 §3."""

    error = "insufficient_user_authentication"

    def __init__(self, max_age: timedelta) -> None:
        super().__init__("More recent authentication is required")
        self.max_age = max_age

    def get_body(self) -> list[tuple[str, Any]]:
        """Return the error with the seconds that a new authorization request has to name."""
        return [*super().get_body(), ("max_age", int(self.max_age.total_seconds()))]


def oauth_error_for(answer: NoAuthority) -> OAuth2Error:
    """Return the OAuth error for a refusal."""
    refusal = answer.reason
    if isinstance(refusal, ConditionRefusal | LimitRefusal):
        return _condition_error(refusal, answer)
    if refusal is _R.CLIENT_MAY_NOT_ACT:
        return UnauthorizedClientError("The client is not registered to act for owners")
    if refusal in _INVALID_TARGET:
        return InvalidTargetError(
            "audience is not a relying party that this client may act at for this grant"
        )
    if refusal is _R.SCOPE_BEYOND_GRANT:
        return InvalidScopeError("scope is beyond what the grant permits at this audience")
    return InvalidRequestError("subject_token or actor_token is not acceptable")


def _condition_error(refusal: ConditionRefusal | LimitRefusal, answer: NoAuthority) -> OAuth2Error:
    if refusal in _SLOW_DOWN:
        return SlowDownError(_SLOW_DOWN[refusal], answer.retry_after or timedelta(seconds=1))
    if refusal is ConditionRefusal.REASON_MISSING:
        return InvalidRequestError("reason is missing: this agency's proxy logins need one")
    if refusal is ConditionRefusal.SIGN_IN_TOO_OLD:
        return SignInTooOldError(answer.max_age or timedelta(0))
    return AccessDeniedError(_DENIED[ConditionRefusal(refusal)])
