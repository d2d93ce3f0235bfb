"""The metadata documents (OIDC Discovery 1.0 §3, RFC 8414 §2), made from what the code itself accepts."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from idp.oauth.algorithms import CLIENT_ASSERTION, DPOP_PROOF, REQUEST_OBJECT, SERVER_SIGNING
from idp.oauth.authorization_request import ACR_VALUES, DISPLAYS, PROMPTS
from idp.oauth.authorization_response import RESPONSE_MODES
from idp.oauth.client_metadata import AUTH_METHODS
from idp.oauth.models import SubjectType
from idp.oauth.scopes import PERSON_CLAIMS
from idp.settings import Settings

ADDRESSES = {
    "authorization_endpoint": "oauth_pages.authorize",
    "token_endpoint": "oauth.token",
    "userinfo_endpoint": "oauth.userinfo_endpoint",
    "jwks_uri": "oauth.jwks",
    "device_authorization_endpoint": "oauth.device_authorization",
    "introspection_endpoint": "oauth.introspection",
    "revocation_endpoint": "oauth.revocation",
    "registration_endpoint": "oauth_registration.register",
    "pushed_authorization_request_endpoint": "oauth.par",
    "end_session_endpoint": "oauth_pages.end_session",
}
"""Each address by the name of what is served there."""
_PAGES = {
    "service_documentation": "service_documentation",
    "op_policy_uri": "policy_uri",
    "op_tos_uri": "terms_uri",
}


def metadata(
    settings: Settings,
    *,
    scopes: Iterable[str],
    grant_types: Sequence[str],
    address_of: Callable[[str], str],
) -> dict[str, Any]:
    """Return the metadata of this server.

    :param scopes: those that a client may register.
    :param grant_types: those that the token endpoint dispatches to.
    :param address_of: tells where something is served, by its name in ``ADDRESSES``.
    """
    pages = {name: getattr(settings, setting) for name, setting in _PAGES.items()}
    return {
        "issuer": settings.issuer,
        **{name: address_of(endpoint) for name, endpoint in ADDRESSES.items()},
        **{name: page for name, page in pages.items() if page},
        "require_pushed_authorization_requests": False,
        "scopes_supported": sorted(scopes),
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": list(grant_types),
        "subject_types_supported": list(SubjectType),
        "id_token_signing_alg_values_supported": list(SERVER_SIGNING),
        "userinfo_signing_alg_values_supported": list(SERVER_SIGNING),
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(CLIENT_ASSERTION),
        "introspection_endpoint_auth_methods_supported": [name for name in AUTH_METHODS if name != "none"],
        "introspection_endpoint_auth_signing_alg_values_supported": list(CLIENT_ASSERTION),
        "introspection_signing_alg_values_supported": list(SERVER_SIGNING),
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(CLIENT_ASSERTION),
        "dpop_signing_alg_values_supported": list(DPOP_PROOF),
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid",
                             *sorted(PERSON_CLAIMS), "act", "delegation", "session_expiry"],
        "claim_types_supported": ["normal"],
        "acr_values_supported": list(ACR_VALUES),
        "display_values_supported": list(DISPLAYS),
        "prompt_values_supported": list(PROMPTS),
        "ui_locales_supported": ["ja", "en"],
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_object_signing_alg_values_supported": list(REQUEST_OBJECT),
        "require_signed_request_object": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }  # fmt: skip
