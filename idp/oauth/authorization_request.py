"""Checking a request to the authorization endpoint (OIDC Core §3.1.2.1, RFC 6749 §4.1.1, RFC 9700 §2.1).

A table of checks in the order in which they may be told: first client and redirect URI, whose errors are
a page and never a redirect; then everything else, whose errors go back to the client with ``state`` and
``iss`` (RFC 9207). The result is stored once; later steps carry only its id. A pushed request (RFC 9126)
meets the same checks, and its errors are the answer.
"""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from idp import credentials
from idp.credentials import SecretKind
from idp.oauth.authorization_response import QUERY, RESPONSE_MODES, ReplyTo
from idp.oauth.claims_parameter import (
    ClaimsMalformed,
    is_acr_within_reach,
    names_in,
    read_claims,
    required_sub,
    within,
)
from idp.oauth.models import Client, ClientProfile
from idp.oauth.parameters import Parameters
from idp.oauth.resource_indicators import InvalidTargetError, check_resources
from idp.oauth.scopes import grantable
from idp.oauth.tokens import ACR_PASSWORD, Mint, TokenUnreadable, read_id_token_hint

_LOOPBACK = re.compile(r"http://(?P<host>127\.0\.0\.1|\[::1\])(?::(?P<port>[0-9]{1,5}))?(?P<rest>.*)")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_THUMBPRINT = _CHALLENGE
"""Both are a SHA-256 in base64url (RFC 7638 §3, RFC 7636 §4.2)."""
PROMPTS = ("none", "login", "consent", "select_account")
DISPLAYS = ("page", "popup", "touch", "wap")
"""OIDC Core §3.1.2.1. Every page fits every window, so none of them changes anything."""
LONGEST_TEXT = 4096
ACR_VALUES = (ACR_PASSWORD,)
"""Ways of signing in that can be asked for."""


class NoRedirect(Exception):
    """Client or redirect URI cannot be trusted: a page, never a redirect (RFC 6749 §4.1.2.1)."""

    def __init__(self, field_name: str, reason: str) -> None:
        super().__init__(reason)
        self.field_name = field_name
        self.reason = reason


@dataclass(eq=False)
class RedirectError(Exception):
    """An error for the client, sent to its own redirect URI."""

    error: str
    description: str
    to: ReplyTo


@dataclass(frozen=True)
class AskedFor:
    """A checked authorization request."""

    redirect_uri: str
    redirect_uri_was_sent: bool
    scope: str
    state: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    response_mode: str = QUERY
    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    ui_locales: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    """The ``claims`` parameter, as far as it means something here."""
    jkt: str | None = None
    """Thumbprint of the DPoP key that the code is bound to (RFC 9449 §10)."""
    resources: tuple[str, ...] = ()
    """APIs that the tokens are for (RFC 8707 §2.1)."""
    pushed_digest: str | None = None
    """Digest of the ``request_uri`` that it came by; used up together with the request (RFC 9126 §4)."""
    allowed_by: str | None = None
    """Account of the person who allowed the client this very request, or …"""
    refused_by: str | None = None
    """… refused it."""
    login_hint: str | None = None
    ticket_digest: str | None = None
    """Digest of an act-as ticket that came as login_hint; the ticket itself is never stored."""
    id_token_hint: dict[str, str] | None = None
    """``sub``, ``sid`` and whether it had ``act``, of a hint that we signed."""
    ticket: str | None = field(default=None, repr=False)
    """The ticket itself, for this very request only."""

    def as_json(self) -> dict[str, Any]:
        """Return what is stored: everything but the ticket."""
        return {name: value for name, value in asdict(self).items() if name != "ticket"}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "AskedFor":
        """Return the request as it was checked."""
        lists = {name: tuple(stored.get(name, ())) for name in ("prompt", "resources")}
        return cls(**{**stored, **lists})

    @property
    def reply_to(self) -> ReplyTo:
        """Where the answer goes."""
        return ReplyTo(self.redirect_uri, self.state, self.response_mode)

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes as a set."""
        return frozenset(self.scope.split())

    @property
    def claim_names(self) -> frozenset[str]:
        """Names of the person's claims that were asked for one by one."""
        return names_in(self.claims)

    @property
    def required_sub(self) -> frozenset[str]:
        """Whom alone the request may be answered for, as the client knows them; empty means anybody."""
        named = required_sub(self.claims)
        hinted = frozenset({self.id_token_hint["sub"]} if self.id_token_hint is not None else ())
        return (named & hinted or frozenset({""})) if named and hinted else named | hinted


def check_redirect_uri(parameters: Parameters, client: Client) -> str:
    """Return the redirect URI of this request: one that is registered, character by character.

    :raises NoRedirect: it is missing where several are registered, or not registered; or ``state``, which
        every answer has to bring back, is too long.
    """
    if len(parameters.get("state", "")) > LONGEST_TEXT:
        raise NoRedirect("state", "longer than 4096 characters, so that no answer can carry it back")
    asked = parameters.get("redirect_uri")
    if asked is None and client.profile == ClientProfile.FAPI2:
        raise NoRedirect("redirect_uri", "missing (FAPI 2.0 Security Profile 5.3.2.2)")
    if asked is None:
        if len(client.redirect_uris) == 1 and "openid" not in parameters.get("scope", "").split():
            return client.redirect_uris[0]
        raise NoRedirect("redirect_uri", "missing (OIDC Core 3.1.2.1)")
    if asked in client.redirect_uris or any(_same_loopback(asked, one) for one in client.redirect_uris):
        return asked
    raise NoRedirect("redirect_uri", "not registered for this client; it must match exactly (RFC 9700 2.1)")


def _same_loopback(asked: str, registered: str) -> bool:
    """RFC 8252 §7.3: on the loopback address (never a name) the port may differ, no other character."""
    one, other = _LOOPBACK.fullmatch(asked), _LOOPBACK.fullmatch(registered)
    if one is None or other is None or int(one["port"] or 80) > 65535:
        return False
    return (one["host"], one["rest"]) == (other["host"], other["rest"])


def reply_address(parameters: Parameters, redirect_uri: str) -> ReplyTo:
    """Return where an answer goes, as far as the parameters can be believed: an error tells of itself."""
    mode = parameters.get("response_mode", QUERY)
    return ReplyTo(redirect_uri, parameters.get("state"), mode if mode in RESPONSE_MODES else QUERY)


def check_request(
    mint: Mint, parameters: Parameters, client: Client, *, redirect_uri: str, pushed_digest: str | None = None
) -> AskedFor:  # fmt: skip
    """Check everything after client, redirect URI and request object.

    :raises RedirectError: the first thing that is wrong.
    """
    to = reply_address(parameters, redirect_uri)

    def refuse(error: str, description: str) -> RedirectError:
        return RedirectError(error, description, to)

    if too_long := [name for name, value in parameters.items() if len(value) > LONGEST_TEXT]:
        error = "invalid_scope" if too_long == ["scope"] else "invalid_request"
        raise refuse(error, "a parameter is longer than 4096 characters")
    if "registration" in parameters:
        raise refuse("registration_not_supported", "registration is not supported")
    _check_response(parameters, refuse)
    prompt = frozenset(parameters.get("prompt", "").split())
    if prompt - set(PROMPTS) or ("none" in prompt and len(prompt) > 1):
        raise refuse("invalid_request", "prompt is unknown, or none together with others (OIDC Core 3.1.2.1)")
    scope = grantable(parameters.get("scope", ""), client)
    if not scope:
        raise refuse("invalid_scope", "scope names nothing that is registered for this client")
    hint = _check_hint(mint, parameters, refuse)
    try:
        resources = check_resources(client, parameters.get("resource"), issuer=mint.settings.issuer)
    except InvalidTargetError as error:
        raise refuse("invalid_target", error.description) from error
    login_hint = parameters.get("login_hint")
    ticket = login_hint if login_hint and credentials.is_kind(login_hint, SecretKind.ACT_AS_TICKET) else None
    return AskedFor(
        redirect_uri=redirect_uri, redirect_uri_was_sent="redirect_uri" in parameters,
        scope=" ".join(sorted(scope)), state=to.state, nonce=parameters.get("nonce"),
        response_mode=to.mode, code_challenge=_check_challenge(parameters, client, refuse),
        prompt=tuple(sorted(prompt)), max_age=_check_max_age(parameters, client, refuse),
        ui_locales=parameters.get("ui_locales", ""), login_hint=None if ticket else login_hint,
        claims=_check_claims(parameters, client, refuse), jkt=_check_thumbprint(parameters, refuse),
        pushed_digest=pushed_digest, ticket_digest=credentials.digest(ticket) if ticket else None,
        ticket=ticket, id_token_hint=hint, resources=resources,
    )  # fmt: skip


Refuse = Callable[[str, str], RedirectError]


def _check_response(parameters: Parameters, refuse: Refuse) -> None:
    response_type = parameters.get("response_type")
    if response_type is None:
        raise refuse("invalid_request", "response_type is missing (RFC 6749 3.1.1)")
    if response_type != "code":
        raise refuse("unsupported_response_type", "response_type must be code")
    if parameters.get("response_mode", QUERY) not in RESPONSE_MODES:
        raise refuse("invalid_request", "response_mode must be query or form_post")


def _check_challenge(parameters: Parameters, client: Client, refuse: Refuse) -> str | None:
    """RFC 7636 §4.3 with S256 only; a missing method would mean plain (§4.3), which we refuse."""
    challenge, method = parameters.get("code_challenge"), parameters.get("code_challenge_method")
    if challenge is None:
        if method is not None:
            raise refuse("invalid_request", "code_challenge_method without code_challenge")
        if client.require_pkce or not client.is_confidential or client.profile == ClientProfile.FAPI2:
            raise refuse("invalid_request", "code_challenge is missing (RFC 7636 4.4.1)")
        return None
    if method != "S256":
        raise refuse("invalid_request", "code_challenge_method must be S256 (RFC 9700 2.1.1)")
    if not _CHALLENGE.match(challenge):
        raise refuse("invalid_request", "code_challenge must be 43 characters of base64url (RFC 7636 4.2)")
    return challenge


def _check_claims(parameters: Parameters, client: Client, refuse: Refuse) -> dict[str, Any]:
    """OIDC Core §5.5; of ``acr`` alone it is known beforehand that it cannot be met (§5.5.1.1)."""
    text = parameters.get("claims")
    if text is None:
        return {}
    try:
        claims = within(read_claims(text), client.scopes)
    except ClaimsMalformed as error:
        raise refuse("invalid_request", str(error)) from error
    if not all(is_acr_within_reach(claims, acr) for acr in ACR_VALUES):
        raise refuse("unmet_authentication_requirements", "acr is essential, and no value of it is offered")
    return claims


def _check_thumbprint(parameters: Parameters, refuse: Refuse) -> str | None:
    """RFC 9449 §10."""
    thumbprint = parameters.get("dpop_jkt")
    if thumbprint is not None and not _THUMBPRINT.match(thumbprint):
        raise refuse("invalid_request", "dpop_jkt must be 43 characters of base64url (RFC 9449 10)")
    return thumbprint


def _check_max_age(parameters: Parameters, client: Client, refuse: Refuse) -> int | None:
    """OIDC Core §3.1.2.1; without it the client's own ``default_max_age`` counts (Registration §2)."""
    text = parameters.get("max_age")
    if text is None:
        return client.default_max_age
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise refuse("invalid_request", "max_age must be whole seconds")
    return int(text)


def _check_hint(mint: Mint, parameters: Parameters, refuse: Refuse) -> dict[str, str] | None:
    text = parameters.get("id_token_hint")
    if text is None:
        return None
    try:
        claims = read_id_token_hint(mint, text)
    except TokenUnreadable as error:
        raise refuse("invalid_request", "id_token_hint is not an ID token of this server") from error
    return {"sub": str(claims["sub"]), "sid": str(claims["sid"]), "aud": str(claims["aud"]),
            "act": "yes" if "act" in claims else ""}  # fmt: skip
