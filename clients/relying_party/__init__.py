"""The kit that every relying party of the club uses: sign-in, sessions, proxy login, logout and the look.

Owns: discovery and keys of the authorization server, the code flow, verification of ID and logout tokens, the
session store, refresh, calls to the server's API, token exchange, the banner, error pages, headers and the
language switch. Does not own: any page of an application, and any decision about who may act for whom; those
are the server's.
"""

from clients.relying_party.errors import (
    ApiRefused,
    ExchangeRefused,
    ProviderUnavailable,
    ProxyLoginIsOver,
    Refusal,
    SessionIsOver,
)
from clients.relying_party.kit import RelyingParty
from clients.relying_party.settings import RelyingPartySettings, SettingsRefused
from clients.relying_party.values import ActAsTicket, Actor, ApiResponse, EndReason, Session

__all__ = [
    "ActAsTicket",
    "Actor",
    "ApiRefused",
    "ApiResponse",
    "EndReason",
    "ExchangeRefused",
    "ProviderUnavailable",
    "ProxyLoginIsOver",
    "Refusal",
    "RelyingParty",
    "RelyingPartySettings",
    "Session",
    "SessionIsOver",
    "SettingsRefused",
]
