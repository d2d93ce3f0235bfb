"""One frozen ``Settings``, read from the environment as ``IDP_*``; a misspelt name refuses to start.

Every secret can be given as a file instead: ``IDP_SECRET_KEY_FILE=/run/secrets/key``.
"""

import os
import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "IDP_"
DEVELOPMENT_SECRET = "for development only, never for people's homes"  # noqa: S105 - refused in production
THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_SHORTEST_SECRET = 32
_EXAMPLES = ("contact_phone", "contact_email", "mail_sender")
"""Settings whose default is an example that helps nobody in production."""
_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9_~-]+)*")
_CONTACT = re.compile(r"(https://|mailto:)[\x21-\x7e]+")
_UNIX = "unix"
_ADDRESSES = ("issuer", "mypage_url", "agency_portal_url")


class SettingsRefused(Exception):
    """The settings are wrong; the message says which and what to write instead, a line for each."""


class Environment(StrEnum):
    """Where the server runs."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """Everything that an installation may choose. Durations are in seconds unless a name says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True
    )

    environment: Environment = Environment.DEVELOPMENT
    """`development` allows http, the mail page and published secrets, for this machine alone; `production`
    refuses all three."""
    issuer: str = "http://localhost:8000"
    """Public address of this server, without a slash at the end. Every link and token is built from it."""
    mypage_url: str = "http://localhost:8001"
    """Public address of マイページ."""
    agency_portal_url: str = "http://localhost:8002"
    """Public address of the agencies' portal."""
    database_url: str = "sqlite:///idp.sqlite3"
    """The database: `sqlite:///idp.sqlite3`, or `postgresql://user:password@host/name` (PostgreSQL 14 or
    newer), with libpq's parameters behind a `?`, such as `sslmode=verify-full`."""
    secret_key: str = DEVELOPMENT_SECRET
    """Signs the browser cookie and makes DPoP nonces and digests of devices' numbers. At least 32
    characters outside development."""
    encryption_key: str = DEVELOPMENT_SECRET
    """Encrypts signing keys, waiting mails and unfinished registrations in the database; needed to check a
    password. Pairwise subjects are derived from it, so it stays the same as long as the club exists."""

    brand_name: str = "ニチコンオーナーズ倶楽部"
    """Name of the club on every page and mail."""
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
    security_contact: str = ""
    """Where a weakness is reported, for `security.txt`: `https://…` or `mailto:…`. Empty: the mail address
    of the contact block."""

    service_documentation: str = ""
    """Page for developers of relying parties, for the metadata (RFC 8414); empty for none."""
    policy_uri: str = ""
    """Page that says what relying parties may do with people's data, for the metadata; empty for none."""
    terms_uri: str = ""
    """Terms for relying parties, for the metadata; empty for none."""

    mail_sender: str = "account-noreply@ownersclub.example"
    """Address in the From header."""
    smtp_host: str = ""
    """SMTP server. Empty: mails are kept for the mail page (development) or wait (production)."""
    smtp_port: int = 587
    """Port of the SMTP server."""
    smtp_username: str = ""
    """User name for SMTP authentication; empty for none."""
    smtp_password: str = ""
    """Password for SMTP authentication."""
    smtp_timeout: int = 20
    """Longest wait for the SMTP server."""
    mail_attempts: int = 12
    """Deliveries tried (waiting 5 s, 10 s, 20 s … at most an hour) before an item becomes a dead letter."""
    mails_per_recipient_hour: int = 5
    """Registration and password mails that one address can be sent in an hour."""
    mails_per_recipient_day: int = 20
    """The same in a day."""

    registration_link_lifetime: int = 3600
    """Life of the link in the registration mail."""
    password_link_lifetime: int = 600
    """Life of the link in the forgotten-password mail."""
    session_idle: int = 1800
    """A sign-in session ends after so long without a request."""
    session_lifetime: int = 12 * 3600
    """A sign-in session ends at the latest after so long."""
    authorization_request_lifetime: int = 3600
    """An authorization request waits so long for the person to sign in."""
    authorization_code_lifetime: int = 60
    """Life of an authorization code."""
    access_token_lifetime: int = 300
    """Life of an access token."""
    id_token_lifetime: int = 300
    """Life of an ID token."""
    refresh_token_lifetime: int = 12 * 3600
    """Life of a refresh token family."""
    offline_refresh_idle: int = 30 * 24 * 3600
    """With `offline_access`, a refresh token that is not used for so long is over."""
    offline_refresh_lifetime: int = 90 * 24 * 3600
    """With `offline_access`, the person is asked again at the latest after so long."""
    pushed_request_lifetime: int = 60
    """Life of a pushed authorization request (RFC 9126)."""
    device_code_lifetime: int = 600
    """Life of the code that a device shows (RFC 8628)."""
    device_poll_interval: int = 5
    """A device may ask so often whether it was let in."""
    dpop_nonce_required: bool = True
    """A DPoP proof must carry a nonce of this server (RFC 9449 §8), so that none can be made in advance."""
    act_as_ticket_lifetime: int = 60
    """Life of the ticket that carries a proxy login into a browser."""
    act_as_session_lifetime: int = 1800
    """A proxy login ends at the latest after so long."""
    delegation_request_days: int = 30
    """Days that an agency has to answer an owner's request."""
    request_reminder_days: int = 7
    """The agency is reminded so many days before a request lapses."""
    term_reminder_days: int = 30
    """Owner and agency are reminded so many days before a term is over."""
    daily_mail_hour: int = 7
    """Hour of the day in Japan from which the daily mails about proxy logins are sent."""
    staff_invitation_lifetime: int = 7 * 24 * 3600
    """Life of the link in the mail that invites a member of staff."""
    agency_lookups_per_hour: int = 20
    """Addresses of agencies that one owner can look up, and requests they can send, in an hour."""
    exchanges_per_minute: int = 30
    """Token exchanges that one member of staff may ask for in a minute, refused ones too."""
    system_exchanges_per_minute: int = 600
    """The same for an agency's own system."""
    agency_exchanges_per_minute: int = 900
    """The same for all of an agency together."""
    disclosure_record_years: int = 3
    """Years that a record of a disclosure is kept after its day (個人情報保護法施行規則 21条, 25条)."""
    idempotency_key_lifetime: int = 24 * 3600
    """A call with the same Idempotency-Key is answered so long from what was stored."""

    trusted_proxies: str = ""
    """Networks of the proxies whose X-Forwarded-For is believed, such as `10.0.0.0/8, 127.0.0.1`; `unix` for
    one that comes by a Unix socket. Empty: the address of whoever connects counts."""
    outgoing_authorities: str = ""
    """PEM file of the certificate authorities that outgoing calls (jwks_uri, sector_identifier_uri,
    back-channel logout) believe, in place of those that browsers know."""

    INSECURE_public_development: bool = Field(default=False, alias="IDP_INSECURE_PUBLIC_DEVELOPMENT")
    """Allow development although other machines reach the issuer: whoever reads the published secrets can
    sign in as anybody. Refused in production."""
    INSECURE_internal_calls: bool = Field(default=False, alias="IDP_INSECURE_INTERNAL_CALLS")
    """Let outgoing calls (jwks_uri, sector_identifier_uri, back-channel logout) reach internal addresses and
    use http: for test set-ups, because a registered address could then make this server speak to machines
    behind the firewall. Refused in production."""
    INSECURE_smtp_without_tls: bool = Field(default=False, alias="IDP_INSECURE_SMTP_WITHOUT_TLS")
    """Send mails, with the links in them, without STARTTLS. Refused in production."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the settings.

        :raises SettingsRefused: a name is unknown, a value is wrong, or a secret is still the default one.
        """
        given = _read(os.environ if environ is None else environ)
        try:
            return cls(**given)  # type: ignore[arg-type]  # pydantic converts the texts
        except ValidationError as error:
            lines = [
                f"{PREFIX}{_name(problem['loc'])}: {problem['msg']}" if problem["loc"]
                else problem["msg"].removeprefix("Value error, ")
                for problem in error.errors()
            ]  # fmt: skip
            raise SettingsRefused("\n".join(lines)) from error

    @classmethod
    def settings_customise_sources(cls, settings_cls: object, init_settings: object, **_: object) -> tuple:  # type: ignore[type-arg,override]
        """Take values only from ``from_environment``, which refuses names that it does not know."""
        return (init_settings,)

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        parts = urlsplit(self.issuer)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("IDP_ISSUER must be an address like https://id.example.jp, without ? and #")
        if self.issuer.endswith("/"):
            raise ValueError("IDP_ISSUER must not end with a slash")
        if not _PLAIN_PATH.fullmatch(parts.path):
            raise ValueError("IDP_ISSUER may have a path of A-Z a-z 0-9 - _ ~ and single slashes only")
        self._check_proxies()
        if self.security_contact and not _CONTACT.fullmatch(self.security_contact):
            raise ValueError("IDP_SECURITY_CONTACT must begin with https:// or mailto: and hold no spaces")
        for name in ("service_documentation", "policy_uri", "terms_uri"):
            if getattr(self, name) and not getattr(self, name).startswith(("https://", "http://")):
                raise ValueError(f"{PREFIX}{name.upper()} must be an address like https://www.example.jp/api")
        if self.outgoing_authorities and not Path(self.outgoing_authorities).is_file():
            raise ValueError(f"IDP_OUTGOING_AUTHORITIES {self.outgoing_authorities} is no file")
        if not self.is_development:
            problems = [*self._list_insecure(), *self._list_missing()]
            if problems:
                raise ValueError("\n".join(problems))
        elif parts.hostname not in THIS_MACHINE and not self.INSECURE_public_development:
            raise ValueError(
                f"IDP_ISSUER {self.issuer} is not on this machine, and development is for this machine only: "
                "everybody knows its secrets and can read its mails. Set IDP_ENVIRONMENT=production."
            )
        return self

    def _check_proxies(self) -> None:
        """Refuse what is no network, a number of hops among it, and a network that everybody is in."""
        try:
            networks = self.proxy_networks
        except ValueError as error:
            raise ValueError(
                "IDP_TRUSTED_PROXIES must be networks like 10.0.0.0/8, 127.0.0.1, or the word unix"
            ) from error
        if any(network.prefixlen == 0 for network in networks):
            raise ValueError("IDP_TRUSTED_PROXIES must not name every address: anybody would be believed")

    def _list_insecure(self) -> list[str]:
        """Say what may not be in production, however it was set."""
        allowed = [
            field.alias for name, field in type(self).model_fields.items()
            if name.startswith("INSECURE_") and getattr(self, name)
        ]  # fmt: skip
        plain = [name for name in _ADDRESSES if not getattr(self, name).startswith("https://")]
        return [
            *(f"{alias} is refused in production." for alias in allowed),
            *(f"{PREFIX}{name.upper()} must be an https address in production." for name in plain),
        ]

    def _list_missing(self) -> list[str]:
        """Say what production needs and only its operator knows."""
        secrets = [
            name for name in ("secret_key", "encryption_key")
            if getattr(self, name) == DEVELOPMENT_SECRET or len(getattr(self, name)) < _SHORTEST_SECRET
        ]  # fmt: skip
        examples = [
            name for name in _EXAMPLES if getattr(self, name) == type(self).model_fields[name].default
        ]
        return [
            *(f"{PREFIX}{name.upper()} must be a secret of at least {_SHORTEST_SECRET} characters."
              for name in secrets),
            *(f"{PREFIX}{name.upper()} must be set in production; its default is an example."
              for name in examples),
        ]  # fmt: skip

    @property
    def is_development(self) -> bool:
        """Whether default secrets, http and the mail page are allowed."""
        return self.environment is Environment.DEVELOPMENT

    @property
    def cookies_are_secure(self) -> bool:
        """Whether cookies carry ``Secure`` and ``__Host-``: always, except for http on localhost."""
        return self.issuer.startswith("https://")

    @property
    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Networks whose X-Forwarded-For is believed."""
        return tuple(ip_network(word, strict=False) for word in self._proxy_words() if word != _UNIX)

    @property
    def trusts_unix_sockets(self) -> bool:
        """Whether X-Forwarded-For is believed from a Unix socket."""
        return _UNIX in self._proxy_words()

    def _proxy_words(self) -> list[str]:
        return self.trusted_proxies.replace(",", " ").split()

    def cookie_name(self, name: str) -> str:
        """Return the name of a cookie that only this very host can have set (RFC 6265bis §4.1.3.2).

        ``__Host-`` asks for ``Path=/``. A narrower path would keep nobody out (RFC 6265 §8.6), and without
        the prefix any sibling of the host could plant a cookie; so the name, not the path, tells two servers
        of one host apart.
        """
        own = name + self.issuer_path.replace("/", "-")
        return f"__Host-{own}" if self.cookies_are_secure else own

    @property
    def issuer_origin(self) -> str:
        """Scheme and host of the issuer, as browsers send it in the Origin header (RFC 6454 §6.2)."""
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def issuer_path(self) -> str:
        """Path under which the server is mounted (`idp/mounting.py`); empty for the root."""
        return urlsplit(self.issuer).path


def _name(location: tuple[int | str, ...]) -> str:
    return str(location[0]).removeprefix(PREFIX).upper() if location else ""


def _read(environ: Mapping[str, str]) -> dict[str, str]:
    """Collect ``IDP_*``, following ``*_FILE``, and refuse a name that no setting has."""
    known = {(field.alias or PREFIX + name.upper()): (field.alias or name)
             for name, field in Settings.model_fields.items()}  # fmt: skip
    given: dict[str, str] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX):
            continue
        target = variable
        if variable not in known and variable.endswith("_FILE"):
            target = variable.removesuffix("_FILE")
        if target not in known:
            raise SettingsRefused(f"{variable} is not a setting. `idp config` lists all settings.")
        if target != variable:
            try:
                value = Path(value).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsRefused(f"{variable}: cannot read {value}: {error.strerror}") from error
        given[known[target]] = value
    return given
