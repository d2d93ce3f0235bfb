"""The kit that every relying party of the club uses: sign-in, sessions, proxy login, logout and the look.

Owns: discovery and keys of the authorization server, the code flow, verification of ID and logout tokens, the
session store, refresh, calls to the server's API, token exchange, the banner, error pages, headers and the
language switch; and, for APIs, verification of access tokens. Does not own: any page of an application, and
any decision about who may act for whom; those are the server's.
"""

from clients.relying_party.access_token import AccessToken
from clients.relying_party.api_tokens import ApiTokens
from clients.relying_party.errors import (
    ApiRefused,
    ExchangeRefused,
    ProviderUnavailable,
    ProxyLoginIsOver,
    Refusal,
    SessionIsOver,
)
from clients.relying_party.introspection import Introspection
from clients.relying_party.kit import RelyingParty
from clients.relying_party.settings import RelyingPartySettings, SettingsRefused
from clients.relying_party.values import ActAsTicket, Actor, ApiResponse, EndReason, Session

__all__ = [
    "AccessToken",
    "ActAsTicket",
    "Actor",
    "ApiRefused",
    "ApiResponse",
    "ApiTokens",
    "EndReason",
    "ExchangeRefused",
    "Introspection",
    "ProviderUnavailable",
    "ProxyLoginIsOver",
    "Refusal",
    "RelyingParty",
    "RelyingPartySettings",
    "Session",
    "SessionIsOver",
    "SettingsRefused",
]
