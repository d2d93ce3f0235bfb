"""Settings of a relying party, read from the environment under the application's own prefix.

Every secret can be given as a file instead: ``MYPAGE_SECRET_KEY_FILE=/run/secrets/key``. A name under the
prefix that no setting has refuses to start, because a misspelt setting is a setting that silently does
nothing.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from clients.relying_party.algorithms import FAPI2


class Profile(StrEnum):
    """How strictly the application and the server deal with each other."""

    BASELINE = "baseline"
    FAPI2 = "fapi2"


LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class SettingsRefused(Exception):
    """The settings are wrong; the message says which and what to write instead."""


class RelyingPartySettings(BaseSettings):
    """Everything that an installation of a relying party may choose. Durations are in seconds."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    prefix: ClassVar[str] = "RP_"

    base_url: str
    """Public address of this application, without a slash at the end."""
    issuer: str
    """Issuer of the authorization server, exactly as its discovery document says."""
    client_id: str
    """As registered at the server."""
    profile: Profile = Profile.BASELINE
    """`fapi2`: pushed requests, `private_key_jwt`, and tokens bound to a key (FAPI 2.0 Security Profile)."""
    client_secret: str = ""
    """For `client_secret_basic`. Either this or `private_key`."""
    private_key: str = ""
    """For `private_key_jwt`: an EC P-256, RSA or Ed25519 key as JWK or PEM."""
    id_token_alg: str = "RS256"  # noqa: S105 - the name of an algorithm
    """`id_token_signed_response_alg` of the registration: the only algorithm accepted."""
    database_url: str
    """SQLAlchemy URL of the session database."""
    secret_key: str
    """At least 32 characters. Cookies and stored tokens are sealed with keys derived from it."""
    session_idle: int = 3600
    """A session ends after so long without a request."""
    session_lifetime: int = 12 * 3600
    """A session ends at the latest after so long."""
    reports_by_thread: bool = True
    """Send reports of proxy logins to the server in a thread beside the pages; off only in tests."""
    timeout_connect: float = 3.0
    """Longest wait for a connection to the server."""
    timeout_read: float = 10.0
    """Longest wait for the server's answer."""

    brand_name: str = "ニチコンオーナーズ倶楽部"
    """Name of the club on every page."""
    contact_company: str = "ニチコン株式会社"
    """Company in the contact block."""
    contact_department: str = "オーナーズ倶楽部運営事務局"
    """Department in the contact block."""
    contact_phone: str = "0120-000-000"
    """Telephone number that a person in difficulty calls."""
    contact_hours: str = "9:00〜17:00（土日祝日を除く）"
    """When the telephone is answered."""
    contact_hours_en: str = "9:00–17:00, except weekends and public holidays"
    """The same for those who read English."""
    contact_email: str = "support@ownersclub.example"
    """Mail address in the contact block."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the settings.

        :raises SettingsRefused: a name is unknown, a value is missing or wrong.
        """
        given = _read(
            os.environ if environ is None else environ, cls.prefix, known=frozenset(cls.model_fields)
        )
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            lines = [
                f"{cls.prefix}{str(problem['loc'][0]).upper() if problem['loc'] else ''}: {problem['msg']}"
                for problem in error.errors(include_input=False, include_url=False)
            ]
            raise SettingsRefused("\n".join(lines)) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_others: PydanticBaseSettingsSource,
        **_named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values only from ``from_environment``, which refuses names that it does not know."""
        return (init_settings,)

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        for name in ("base_url", "issuer"):
            parts = urlsplit(getattr(self, name))
            if parts.hostname is None or parts.query or parts.fragment or getattr(self, name).endswith("/"):
                raise ValueError(f"{name} must be an address without ? and #, not ending with a slash")
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL_HOSTS):
                raise ValueError(f"{name} must be https unless it is localhost")
        if bool(self.client_secret) == bool(self.private_key):
            raise ValueError("give either client_secret or private_key")
        if self.is_fapi2 and not (self.private_key and self.id_token_alg in FAPI2):
            raise ValueError("profile fapi2 needs private_key, and id_token_alg one of " + ", ".join(FAPI2))
        if len(self.secret_key) < 32:
            raise ValueError("secret_key must have at least 32 characters")
        return self

    @property
    def is_fapi2(self) -> bool:
        """Whether the application speaks the FAPI 2.0 Security Profile."""
        return self.profile is Profile.FAPI2

    @property
    def cookies_are_secure(self) -> bool:
        """Whether cookies carry ``Secure`` and ``__Host-``: always, except for http on localhost."""
        return self.base_url.startswith("https://")

    @property
    def timeouts(self) -> tuple[float, float]:
        """Longest waits for a connection and for an answer, in seconds."""
        return self.timeout_connect, self.timeout_read

    @property
    def origin(self) -> str:
        """Scheme and host of this application, as browsers send it in the Origin header (RFC 6454 §6.2)."""
        return origin_of(self.base_url)


def origin_of(url: str) -> str:
    """Return scheme and host of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _read(environ: Mapping[str, str], prefix: str, *, known: frozenset[str]) -> dict[str, str]:
    """Collect the variables under the prefix, following ``*_FILE``, and refuse a name that no setting has."""
    given: dict[str, str] = {}
    for variable, text in environ.items():
        if not variable.startswith(prefix):
            continue
        name = variable.removeprefix(prefix).lower()
        value = text
        if name not in known and name.endswith("_file"):
            name = name.removesuffix("_file")
            try:
                value = Path(text).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsRefused(f"{variable}: cannot read {text}: {error.strerror}") from error
        if name not in known:
            raise SettingsRefused(f"{variable} is not a setting")
        given[name] = value
    return given
