"""Settings of マイページ: those of every relying party, and where agencies come from."""

from typing import ClassVar, Self

from pydantic import model_validator

from clients.relying_party import RelyingPartySettings


class MyPageSettings(RelyingPartySettings):
    """Everything that an installation of マイページ may choose, as ``MYPAGE_…``."""

    prefix: ClassVar[str] = "MYPAGE_"

    client_id: str = "mypage"
    """As registered at the server."""
    agency_portal_url: str
    """Public address of the agencies' portal: a proxy login ends there."""

    @model_validator(mode="after")
    def _check_portal(self) -> Self:
        # It becomes part of the Content-Security-Policy and of links.
        if not self.agency_portal_url.startswith(("https://", "http://")) or self.agency_portal_url.endswith(
            "/"
        ):
            raise ValueError("agency_portal_url must be an address that does not end with a slash")
        return self
