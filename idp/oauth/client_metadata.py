"""What a client registers (RFC 7591 §2, OIDC Registration §2): reading it, and refusing what is unsafe."""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from idp.errors import Refusal
from idp.oauth.models import ApplicationType, ClientProfile, SignInPage, SubjectType

AUTHORIZATION_CODE = "authorization_code"
REFRESH_TOKEN = "refresh_token"
CLIENT_CREDENTIALS = "client_credentials"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
GRANT_TYPES = (AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS, TOKEN_EXCHANGE, DEVICE_CODE)
AUTH_METHODS = ("private_key_jwt", "client_secret_basic", "client_secret_post", "none")


@dataclass(eq=False)
class ClientMetadataRefused(Refusal):
    """The metadata of a client cannot be accepted (RFC 7591 §3.2.2): which field, and why."""

    field_name: str
    reason: str
    status = 400

    def __str__(self) -> str:
        """Name the field and the remedy."""
        return f"{self.field_name}: {self.reason}"


@dataclass(frozen=True)
class ClientMetadata:
    """What an operator registers; names are those of RFC 7591 §2 and OIDC Registration §2."""

    client_id: str
    client_name: str
    token_endpoint_auth_method: str
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = (AUTHORIZATION_CODE,)
    scope: str = "openid"
    client_uri: str | None = None
    jwks: dict[str, Any] | None = None
    id_token_signed_response_alg: str | None = None
    """None: RS256 (OIDC Core §15.1), or ES256 for the profile that forbids it."""
    initiate_login_uri: str | None = None
    backchannel_logout_uri: str | None = None
    sign_in_page: SignInPage = SignInPage.OWNERS
    act_as_supported: bool = False
    act_as_permissions: tuple[str, ...] = ()
    act_as_audiences: tuple[str, ...] = ()
    profile: ClientProfile = ClientProfile.BASELINE
    first_party: bool = False
    require_pkce: bool = True
    application_type: ApplicationType = ApplicationType.WEB
    subject_type: SubjectType = SubjectType.PUBLIC
    sector_identifier_uri: str | None = None
    jwks_uri: str | None = None
    require_pushed_authorization_requests: bool = False
    require_signed_request_object: bool = False
    request_object_signing_alg: str | None = None
    token_endpoint_auth_signing_alg: str | None = None
    dpop_bound_access_tokens: bool = False
    userinfo_signed_response_alg: str | None = None
    introspection_signed_response_alg: str | None = None
    default_max_age: int | None = None
    require_auth_time: bool = False
    default_acr_values: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    allowed_resources: tuple[str, ...] = ()
    backchannel_logout_session_required: bool = False
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    contacts: tuple[str, ...] = ()
    software_id: str | None = None
    software_version: str | None = None
    localized: dict[str, str] = field(default_factory=dict)
    secret: str | None = field(default=None, repr=False)
    """A secret that exists already; otherwise one is made where the method needs it."""


_CHOICES: dict[str, type[StrEnum]] = {
    "sign_in_page": SignInPage, "profile": ClientProfile, "application_type": ApplicationType,
    "subject_type": SubjectType,
}  # fmt: skip
_KINDS: dict[str, type] = {"dict": dict, "bool": bool, "int": int}


def metadata_of(document: object) -> ClientMetadata:
    """Return the metadata that a JSON document describes.

    :raises ClientMetadataRefused: it is no object, or a field is unknown, missing or of another type.
    """
    if not isinstance(document, dict):
        raise ClientMetadataRefused("document", "must be one JSON object")
    known = {one.name: one for one in fields(ClientMetadata)}
    values: dict[str, Any] = {}
    for name, value in document.items():
        if name not in known:
            raise ClientMetadataRefused(name, "is not a field; known are " + ", ".join(known))
        values[name] = _typed(name, value, wanted=str(known[name].type))
    for name in ("client_id", "client_name", "token_endpoint_auth_method"):
        if name not in values:
            raise ClientMetadataRefused(name, "is missing")
    return ClientMetadata(**values)


def _typed(name: str, value: Any, *, wanted: str) -> Any:
    """Return a JSON value in the type that a field has."""
    if "tuple" in wanted:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ClientMetadataRefused(name, "must be a list of texts")
        return tuple(value)
    if name in _CHOICES:
        if not isinstance(value, str) or value not in set(_CHOICES[name]):
            raise ClientMetadataRefused(name, "must be one of " + ", ".join(_CHOICES[name]))
        return _CHOICES[name](value)
    if name == "localized" and not (
        isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
    ):
        raise ClientMetadataRefused(name, "must hold texts alone, each under a name")
    kind = next((kind for word, kind in _KINDS.items() if word in wanted), str)
    if kind is bool and not isinstance(value, bool):
        raise ClientMetadataRefused(name, "must be true or false")
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ClientMetadataRefused(name, "has a value of the wrong type")
    return value
