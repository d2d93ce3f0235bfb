"""Settings of the portal: those of every relying party, and where マイページ is."""

from typing import ClassVar, Self

from pydantic import model_validator

from clients.relying_party import RelyingPartySettings
from clients.relying_party.settings import origin_of


class PortalSettings(RelyingPartySettings):
    """Everything that an installation of the portal may choose, as ``PORTAL_…``."""

    prefix: ClassVar[str] = "PORTAL_"

    mypage_initiate_login_uri: str
    """The `initiate_login_uri` of マイページ, exactly as registered: proxy logins begin there."""
    mypage_home_uri: str
    """Page of マイページ that a proxy login opens."""
    mypage_client_id: str = "mypage"
    """Client id of マイページ: the audience of proxy logins."""

    @model_validator(mode="after")
    def _check_mypage(self) -> Self:
        # The ticket travels in the address. It must never cross an unprotected network.
        secure = self.base_url.startswith("https://")
        for name in ("mypage_initiate_login_uri", "mypage_home_uri"):
            if not getattr(self, name).startswith("https://" if secure else ("https://", "http://")):
                raise ValueError(f"{name} must be an address that starts with https://")
        return self

    @property
    def mypage_origin(self) -> str:
        """Scheme and host of マイページ, for the Content-Security-Policy."""
        return origin_of(self.mypage_initiate_login_uri)
