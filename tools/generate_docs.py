"""Writes the tables of docs/ that come from the code itself: settings.md, routes.md, specifications.md.

usage: .venv/bin/python -m tools.generate_docs [--check]

With ``--check`` nothing is written; the exit status is 1 if a table is not what the code says. tests/house
asks the same question.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import getclosurevars, unwrap
from pathlib import Path
from typing import Any

from flask import Flask
from pydantic_settings import BaseSettings
from werkzeug.routing import Rule

from clients.agency_portal.app import create_app as create_portal
from clients.agency_portal.settings import PortalSettings
from clients.mypage.app import create_app as create_mypage
from clients.mypage.settings import MyPageSettings
from clients.relying_party import RelyingPartySettings
from idp.app import create_app
from idp.settings import PREFIX, Settings
from tools import specification_table

DOCS = Path(__file__).resolve().parent.parent / "docs"
NOTE = "<!-- Written by tools/generate_docs.py from the code. Do not edit: run it again. -->"
RELYING_PARTY = {
    "base_url": "http://localhost:8001", "issuer": "http://localhost:8000", "client_id": "client",
    "client_secret": "not a secret: nothing is asked of a server", "database_url": "sqlite://",
    "secret_key": "only to build the URL map, and then forgotten",
}  # fmt: skip

# --- settings -------------------------------------------------------------------------------------------


def settings_page() -> str:
    """Return docs/settings.md: every setting of the server and of the relying parties."""
    return _page(
        "Settings",
        """
        Read from the environment when a process starts. A process that finds a name under its prefix which no
        setting has does not start. Every setting can be given as a file instead: put `_FILE` behind its name
        and the path as its value, which keeps secrets out of the environment. Durations are in seconds unless
        the text says otherwise.
        """,
        {
            "The authorization server: `IDP_…`": _settings_table(Settings, PREFIX, Settings.model_fields),
            "Every relying party: `MYPAGE_…` and `PORTAL_…`": _settings_table(
                RelyingPartySettings, "…_", RelyingPartySettings.model_fields
            ),
            "Only マイページ": _own_settings_table(MyPageSettings),
            "Only the agencies' portal": _own_settings_table(PortalSettings),
        },
    )


def _own_settings_table(settings: type[RelyingPartySettings]) -> Iterator[str]:
    """Return the rows of what an application adds to every relying party's settings, or sets otherwise."""
    base = RelyingPartySettings.model_fields
    names = [
        name
        for name, field in settings.model_fields.items()
        if name not in base or field.default != base[name].default
    ]
    return _settings_table(settings, settings.prefix, names)


def _settings_table(settings: type[BaseSettings], prefix: str, names: Iterable[str]) -> Iterator[str]:
    yield "| variable | default | what it is for |"
    yield "|---|---|---|"
    for name in names:
        field = settings.model_fields[name]
        variable = field.alias or f"{prefix}{name.upper()}"
        yield f"| `{variable}` | {_default(field)} | {_cell(field.description or '')} |"


def _default(field: Any) -> str:
    if field.is_required():
        return "none: must be set"
    return "empty" if field.default == "" else f"`{field.default}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# --- routes ---------------------------------------------------------------------------------------------


def routes_page() -> str:
    """Return docs/routes.md: every address of the three applications and the guard that its code names."""
    mypage = MyPageSettings.model_validate(
        {**RELYING_PARTY, "agency_portal_url": "http://localhost:8002"},
    )
    portal = PortalSettings.model_validate(
        {
            **RELYING_PARTY,
            "mypage_initiate_login_uri": "http://localhost:8001/oidc/initiate",
            "mypage_home_uri": "http://localhost:8001/home",
        }
    )
    return _page(
        "Routes",
        """
        The column “who” says what the code of a view demands before it does anything: a decorator, a scope,
        or a mailed link in the address. “–” means that no guard is named there; what such a page does may
        still depend on who asks. A POST from a page needs that page's form token as well.
        """,
        {
            "The authorization server (`idp/`)": _routes_table(
                create_app(Settings(database_url="sqlite://"))
            ),
            "マイページ (`clients/mypage/`)": _routes_table(create_mypage(mypage)),
            "The agencies' portal (`clients/agency_portal/`)": _routes_table(create_portal(portal)),
        },
    )


def _routes_table(app: Flask) -> Iterator[str]:
    yield "| address | methods | who | view |"
    yield "|---|---|---|---|"
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ()))):
        methods = ", ".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        view = app.view_functions[rule.endpoint]
        yield f"| `{rule.rule}` | {methods} | {_who(rule, view)} | `{rule.endpoint}` |"


EXPLAINED = {
    "oauth.token": "a registered client, authenticated",
    "oauth.userinfo_endpoint": "an access token with `openid`",
    "consent": "the browser that began the request, signed in",
    "oauth.par": "a registered client, authenticated",
    "oauth_pages.resume": "the browser that began the request",
    "mail_preview": "everybody, in development without an SMTP server only",
    "rp.backchannel_logout": "the server, by a logout token",
    "rp.callback": "the browser that began the sign-in",
}
"""Guards that are neither a decorator nor a scope."""
CHECKS = {"_check_owner": "a signed-in owner", "current_member": "a signed-in member of an agency"}
"""What the decorators of ``idp.accounts.sessions.access`` check."""


def _who(rule: Rule, view: Callable[..., Any]) -> str:
    for name in (rule.endpoint, rule.endpoint.split(".")[0]):
        if name in EXPLAINED:
            return EXPLAINED[name]
    if "token" in rule.arguments:
        return "the holder of a mailed link"
    return "; ".join([*_guards(view), *_scopes(unwrap(view))]) or "–"


def _guards(view: Callable[..., Any]) -> Iterator[str]:
    """Name the decorators around a view, the outermost first."""
    while (inner := getattr(view, "__wrapped__", None)) is not None:
        maker = view.__code__.co_qualname.partition(".<locals>")[0]
        known = getclosurevars(view).nonlocals
        if maker == "_guard":
            yield CHECKS.get(known["check"].__name__, "anybody signed in")
        elif maker == "RelyingParty.forbidden_under_act":
            yield "never under act"
        elif maker == "RelyingParty.requires_permission":
            yield f"under act only with `{known['permission']}`"
        elif maker == "RelyingParty.login_required":
            yield "signed in"
        view = inner


def _scopes(view: Callable[..., Any]) -> Iterator[str]:
    """Read from the source which scope an API call demands, through the functions that it calls."""
    functions = {
        node.name: node
        for node in ast.parse(inspect.getsource(inspect.getmodule(view) or sys)).body
        if isinstance(node, ast.FunctionDef)
    }
    found = _find_scopes(ast.parse(textwrap.dedent(inspect.getsource(view))), functions, {})
    for own, act in dict.fromkeys(found):
        yield f"an access token with `{own}`" + (f", under act `{act}`" if act else "; never under act")


def _find_scopes(
    node: ast.AST, functions: dict[str, ast.FunctionDef], known: dict[str, str]
) -> Iterator[tuple[str, str]]:
    for call in ast.walk(node):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        named = {keyword.arg: _text(keyword.value, known) for keyword in call.keywords}
        if call.func.id == "require_scope":
            yield named.get("own", ""), named.get("act", "")
        elif call.func.id in functions:
            called = functions[call.func.id]
            parameters = [argument.arg for argument in called.args.args]
            given = dict(zip(parameters, (_text(value, known) for value in call.args), strict=False))
            yield from _find_scopes(ast.Module(called.body, []), functions, given)


def _text(node: ast.expr, known: dict[str, str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return known.get(node.id, "") if isinstance(node, ast.Name) else ""


# --- both -----------------------------------------------------------------------------------------------


def _page(title: str, introduction: str, tables: Mapping[str, Iterable[str]]) -> str:
    lines = [NOTE, f"# {title}", "", *textwrap.dedent(introduction).strip().splitlines()]
    for heading, rows in tables.items():
        lines += ["", f"## {heading}", "", *rows]
    return "\n".join(lines) + "\n"


def specifications_page() -> str:
    """Return docs/specifications.md: which file obeys which specification, and which test holds it."""
    return _page(
        "Specifications",
        """
        Code that obeys a specification cites it, and so does its test; this table is read from those
        citations. Where tests/specs has tests for a specification, only those are listed.
        """,
        {"OAuth 2, OpenID Connect, JOSE": specification_table.rows()},
    )


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page, "routes.md": routes_page, "specifications.md": specifications_page,
}  # fmt: skip


def stale_pages() -> list[str]:
    """Return the names of the pages that are not what the code says."""
    return [
        name
        for name, write in PAGES.items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text(encoding="utf-8") != write()
    ]


def main() -> int:
    """Write what is stale, or only say so; return the exit status."""
    stale = stale_pages()
    for name in stale:
        sys.stdout.write(f"docs/{name}\n")
        if "--check" not in sys.argv[1:]:
            (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
