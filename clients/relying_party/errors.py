"""The ways in which the kit says no. Each becomes one calm page in ``web.py``."""


class Refusal(Exception):
    """Something asked for is not allowed, not there or no longer true."""


class ProviderUnavailable(Refusal):
    """The authorization server cannot be reached, or what it answers makes no sense."""


class TokenRefused(Refusal):
    """The token endpoint answered with an error (RFC 6749 §5.2).

    :ivar error: its ASCII code, for the log and for decisions, never for a page.
    :ivar description: what the server says about it to developers, for the same; empty where it says nothing.
    """

    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(error)
        self.error, self.description = error, description


class ExchangeRefused(TokenRefused):
    """The server does not let this member of staff act for this owner now (RFC 8693 §2.2.2)."""


class TokenNotGenuine(Refusal):
    """A signed token failed verification.

    :ivar reason: which check failed, for the log.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SignInFailed(Refusal):
    """A sign-in did not come to its end.

    :ivar reason: what went wrong, for the log; the error code of the server where it sent one.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SessionIsOver(Refusal):
    """The person's own session has ended, and the request was not carried out."""


class ProxyLoginIsOver(Refusal):
    """Somebody acted for an owner, and may no longer.

    :ivar time_is_over: whether it was the clock, and not a permission that ended.
    :ivar was_ended_here: whether it was the button, in this tab or another one of the browser.
    """

    def __init__(self, *, time_is_over: bool = False, was_ended_here: bool = False) -> None:
        super().__init__(time_is_over, was_ended_here)
        self.time_is_over = time_is_over
        self.was_ended_here = was_ended_here


class RenewalIsDue(Refusal):
    """The act-as access token has run out; the browser must make the round by the server first."""


class ApiRefused(Refusal):
    """The server's API answered with a problem that no view expected.

    :ivar status: the HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ProofRefused(Refusal):
    """A DPoP proof is missing or not good (RFC 9449 §4.3).

    :ivar error: ``invalid_dpop_proof`` or ``use_dpop_nonce`` (§7.1, §9).
    :ivar reason: which check failed, for the log.
    """

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(error, reason)
        self.error = error
        self.reason = reason
