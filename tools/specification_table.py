"""The table specification → code → tests, made from what docstrings and comments cite."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CITED = re.compile(
    r"RFC (?P<rfc>\d{4})\b|(?P<openid>OIDC [A-Z][A-Za-z-]+(?: Logout)?|FAPI 2\.0|Form Post Response Mode)"
)
OPENID = {
    "OIDC Core": "OpenID Connect Core 1.0",
    "OIDC Discovery": "OpenID Connect Discovery 1.0",
    "OIDC Registration": "OpenID Connect Dynamic Client Registration 1.0",
    "OIDC Back-Channel Logout": "OpenID Connect Back-Channel Logout 1.0",
    "OIDC RP-Initiated Logout": "OpenID Connect RP-Initiated Logout 1.0",
    "FAPI 2.0": "FAPI 2.0 Security Profile",
    "Form Post Response Mode": "OAuth 2.0 Form Post Response Mode",
}
RFCS = {
    "6749": "OAuth 2.0",
    "6750": "Bearer tokens",
    "7009": "Token revocation",
    "7515": "JSON Web Signature",
    "7517": "JSON Web Key",
    "7518": "JSON Web Algorithms",
    "7519": "JSON Web Token",
    "7521": "Assertions for client authentication",
    "7523": "JWT client authentication",
    "7591": "Dynamic client registration",
    "7592": "Management of registered clients",
    "7636": "PKCE",
    "7638": "JWK thumbprint",
    "7662": "Token introspection",
    "8176": "Authentication methods (`amr`)",
    "8252": "Native apps",
    "8414": "Server metadata",
    "8417": "Security Event Tokens",
    "8628": "Device authorization",
    "8693": "Token exchange",
    "8705": "Mutual TLS",
    "8707": "Resource indicators",
    "8725": "JWT best practice",
    "8935": "Push delivery of Security Event Tokens",
    "9068": "JWT access tokens",
    "9101": "Signed request objects",
    "9116": "security.txt",
    "9126": "Pushed authorization requests",
    "9207": "Issuer in the authorization response",
    "9449": "DPoP",
    "9457": "Problem details",
    "9493": "Subject identifiers",
    "9700": "OAuth security best practice",
    "9701": "Introspection answers as JWT",
}
"""OAuth, JOSE and HTTP APIs; RFCs about mail, cookies and URIs are not this table's subject."""


def rows() -> Iterator[str]:
    """Return the table: each specification with the files that obey it and the tests that hold it."""
    code, tests = _citations("idp", "clients"), _citations("tests")
    yield "| specification | code | tests |"
    yield "|---|---|---|"
    for name, title in [*((f"RFC {number}", title) for number, title in RFCS.items()), *OPENID.items()]:
        if name in code:
            label = f"{name} {title}" if name.startswith("RFC") else title
            yield f"| {label} | {_links(code[name])} | {_links(tests.get(name, []))} |"


def _citations(*folders: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" in path.parts:
                continue
            for name in sorted({_name(match) for match in CITED.finditer(path.read_text(encoding="utf-8"))}):
                found.setdefault(name, []).append(path.relative_to(ROOT).as_posix())
    return found


def _name(match: re.Match[str]) -> str:
    return f"RFC {match['rfc']}" if match["rfc"] else match["openid"]


def _links(paths: list[str]) -> str:
    shown = [path for path in paths if path.startswith("tests/specs/")] or paths
    return ", ".join(f"[{Path(path).stem}](../{path})" for path in shown) or "–"
