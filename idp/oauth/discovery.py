"""The metadata documents (OIDC Discovery 1.0 §3, RFC 8414 §2), made from what the code itself accepts."""

from typing import Any

from idp.oauth.algorithms import CLIENT_ASSERTION, DPOP_PROOF, REQUEST_OBJECT, SERVER_SIGNING
from idp.oauth.authorization_request import ACR_VALUES, DISPLAYS, PROMPTS
from idp.oauth.authorization_response import RESPONSE_MODES
from idp.oauth.client_metadata import AUTH_METHODS, GRANT_TYPES
from idp.oauth.models import SubjectType
from idp.oauth.scopes import PERMISSIONS, PERSON_CLAIMS, SCOPES
from idp.settings import Settings


def metadata(settings: Settings) -> dict[str, Any]:
    """Return the metadata of this server."""
    issuer = settings.issuer
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "jwks_uri": f"{issuer}/oauth/jwks",
        "device_authorization_endpoint": f"{issuer}/oauth/device_authorization",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "registration_endpoint": f"{issuer}/oauth/register",
        "pushed_authorization_request_endpoint": f"{issuer}/oauth/par",
        "require_pushed_authorization_requests": False,
        "end_session_endpoint": f"{issuer}/oauth/end-session",
        "scopes_supported": sorted(set(SCOPES) - PERMISSIONS),
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": list(SubjectType),
        "id_token_signing_alg_values_supported": list(SERVER_SIGNING),
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
