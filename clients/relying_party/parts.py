"""What the modules of the kit share: the application as it describes itself, and its instruments."""

from dataclasses import dataclass

from clients.relying_party.credentials import Vault
from clients.relying_party.provider import Provider
from clients.relying_party.reporting import Reporter
from clients.relying_party.sessions import SessionStore
from clients.relying_party.settings import RelyingPartySettings
from clients.relying_party.token_endpoint import TokenEndpoint


@dataclass(frozen=True, kw_only=True)
class Application:
    """How one application uses the kit."""

    name: str
    """Prefix of its cookies: ``mypage`` makes ``mypage_session``."""
    title: str
    """What its header says beside the club's name; may be a lazy text."""
    scope: str
    """Scopes asked for at sign-in, separated by spaces."""
    home_endpoint: str
    """Flask endpoint of the page after sign-in, where no other was asked for."""
    after_sign_out: str
    """Own path that the server returns to after a logout, as registered."""
    act_as_supported: bool
    """Whether the registration says so. Otherwise an ID token that carries ``act`` is refused."""
    agency_portal_url: str
    """Where those who act for an owner come from and return to; empty where nobody can act."""
    form_action_origins: tuple[str, ...]
    """Foreign origins that a form's redirect chain passes, besides the issuer's."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """One application and its instruments."""

    application: Application
    settings: RelyingPartySettings
    provider: Provider
    tokens: TokenEndpoint
    sessions: SessionStore
    sign_in_vault: Vault
    reporter: Reporter

    def cookie(self, suffix: str) -> str:
        """Return the name of one of the application's cookies.

        On https the ``__Host-`` prefix ties it to this very host (RFC 6265bis §4.1.3.2). Without it the name
        alone keeps applications apart: browsers share cookies between the ports of a host.
        """
        prefix = "__Host-" if self.settings.cookies_are_secure else ""
        return f"{prefix}{self.application.name}_{suffix}"
