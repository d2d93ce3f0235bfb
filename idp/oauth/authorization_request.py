"""Checking a request to the authorization endpoint (OIDC Core §3.1.2.1, RFC 6749 §4.1.1, RFC 9700 §2.1).

A table of checks in the order in which they may be told: first client and redirect URI, whose errors are
a page and never a redirect; then everything else, whose errors go back to the client with ``state`` and
``iss`` (RFC 9207). The result is stored once; later steps carry only its id.
"""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from idp import credentials
from idp.credentials import SecretKind
from idp.oauth.models import Client
from idp.oauth.parameters import Parameters
from idp.oauth.scopes import grantable

_LOOPBACK = re.compile(r"http://(?P<host>127\.0\.0\.1|\[::1\])(?::(?P<port>[0-9]{1,5}))?(?P<rest>.*)")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
PROMPTS = frozenset({"none", "login", "select_account"})
"""``consent`` would need a page: all clients are the maker's own, and people are not asked about those."""
LONGEST_TEXT = 4096


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
    redirect_uri: str
    state: str | None


@dataclass(frozen=True)
class AskedFor:
    """A checked authorization request."""

    redirect_uri: str
    redirect_uri_was_sent: bool
    scope: str
    state: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    prompt: tuple[str, ...] = ()
    max_age: int | None = None
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
        return cls(**{**stored, "prompt": tuple(stored["prompt"])})


HintReader = Callable[[str], dict[str, Any] | None]


def check_redirect_uri(parameters: Parameters, client: Client) -> str:
    """Return the redirect URI of this request: one that is registered, character by character.

    :raises NoRedirect: it is missing where several are registered, or not registered; or ``state``, which
        every answer has to bring back, is too long.
    """
    if len(parameters.get("state", "")) > LONGEST_TEXT:
        raise NoRedirect("state", "longer than 4096 characters, so that no answer can carry it back")
    asked = parameters.get("redirect_uri")
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


def check_request(
    parameters: Parameters, client: Client, *, redirect_uri: str, read_hint: HintReader
) -> AskedFor:
    """Check everything after client and redirect URI.

    :raises RedirectError: the first thing that is wrong.
    """

    def refuse(error: str, description: str) -> RedirectError:
        return RedirectError(error, description, redirect_uri, parameters.get("state"))

    if any(len(value) > LONGEST_TEXT for value in parameters.values()):
        raise refuse("invalid_request", "a parameter is longer than 4096 characters")
    for name, error in (("request", "request_not_supported"), ("request_uri", "request_uri_not_supported"),
                        ("registration", "registration_not_supported")):  # fmt: skip
        if name in parameters:
            raise refuse(error, f"{name} is not supported")
    _check_response(parameters, refuse)
    prompt = frozenset(parameters.get("prompt", "").split())
    if "consent" in prompt:
        raise refuse("consent_required", "people are not asked about the maker's own clients")
    if prompt - PROMPTS or ("none" in prompt and len(prompt) > 1):
        raise refuse("invalid_request", "prompt is unknown, or none together with others (OIDC Core 3.1.2.1)")
    scope = grantable(parameters.get("scope", ""), client.scopes)
    if not scope:
        raise refuse("invalid_scope", "scope names nothing that is registered for this client")
    hint = _check_hint(parameters, refuse, read_hint)
    login_hint = parameters.get("login_hint")
    ticket = login_hint if login_hint and credentials.is_kind(login_hint, SecretKind.ACT_AS_TICKET) else None
    return AskedFor(
        redirect_uri=redirect_uri, redirect_uri_was_sent="redirect_uri" in parameters,
        scope=" ".join(sorted(scope)), state=parameters.get("state"), nonce=parameters.get("nonce"),
        code_challenge=_check_challenge(parameters, client, refuse), prompt=tuple(sorted(prompt)),
        max_age=_check_max_age(parameters, refuse), login_hint=None if ticket else login_hint,
        ticket_digest=credentials.digest(ticket) if ticket else None, ticket=ticket, id_token_hint=hint,
    )  # fmt: skip


Refuse = Callable[[str, str], RedirectError]


def _check_response(parameters: Parameters, refuse: Refuse) -> None:
    response_type = parameters.get("response_type")
    if response_type is None:
        raise refuse("invalid_request", "response_type is missing (RFC 6749 3.1.1)")
    if response_type != "code":
        raise refuse("unsupported_response_type", "response_type must be code")
    if parameters.get("response_mode", "query") != "query":
        raise refuse("invalid_request", "response_mode must be query")


def _check_challenge(parameters: Parameters, client: Client, refuse: Refuse) -> str | None:
    """RFC 7636 §4.3 with S256 only; a missing method would mean plain (§4.3), which we refuse."""
    challenge, method = parameters.get("code_challenge"), parameters.get("code_challenge_method")
    if challenge is None:
        if method is not None:
            raise refuse("invalid_request", "code_challenge_method without code_challenge")
        if client.require_pkce or not client.is_confidential:
            raise refuse("invalid_request", "code_challenge is missing (RFC 7636 4.4.1)")
        return None
    if method != "S256":
        raise refuse("invalid_request", "code_challenge_method must be S256 (RFC 9700 2.1.1)")
    if not _CHALLENGE.match(challenge):
        raise refuse("invalid_request", "code_challenge must be 43 characters of base64url (RFC 7636 4.2)")
    return challenge


def _check_max_age(parameters: Parameters, refuse: Refuse) -> int | None:
    text = parameters.get("max_age")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise refuse("invalid_request", "max_age must be whole seconds")
    return int(text)


def _check_hint(parameters: Parameters, refuse: Refuse, read_hint: HintReader) -> dict[str, str] | None:
    text = parameters.get("id_token_hint")
    if text is None:
        return None
    claims = read_hint(text)
    if claims is None:
        raise refuse("invalid_request", "id_token_hint is not an ID token of this server")
    return {"sub": str(claims["sub"]), "sid": str(claims["sid"]), "aud": str(claims["aud"]),
            "act": "yes" if "act" in claims else ""}  # fmt: skip
