"""The server may live under a path: pages, scripts and Python name its own pages by ``url_for`` alone."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from idp.app import create_app
from idp.settings import Settings
from tests.house.tree import Finding, files, offenders, template_files, text_of, told

COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
IN_MARKUP = re.compile(r"""\b(?:href|action|formaction|src|value|data-[\w-]+)\s*=\s*["']/(?!/)[^"']*""")
IN_SCRIPT = re.compile(r"""["'`]/[a-z.][^"'`]*""")
COMPARING = {"startswith", "endswith", "removeprefix"}
REGISTERING = {"get", "post", "put", "patch", "delete", "route", "Blueprint", "add_url_rule"}
LEADING = {"redirect", "own_path"}
COMPARED = {
    "idp/failures.py": "which answers are for machines, by the path inside of the application",
    "idp/log.py": "which paths end in a secret",
    "idp/mounting.py": "where the issuer's path is cut off",
    "idp/demo/processes.py": "the demo is at the root of its own ports",
}
"""Files that name paths to compare with, never to link to."""


@cache
def routes() -> frozenset[str]:
    """Return the beginning of every address of the server, up to its first variable part."""
    rules = create_app(Settings(database_url="sqlite://")).url_map.iter_rules()
    return frozenset(str(rule).partition("<")[0] for rule in rules) - {"/"}


def paths_in_markup(text: str) -> list[str]:
    """Return each attribute of a template that begins with a path of ours."""
    return [found.group(0) for found in IN_MARKUP.finditer(COMMENT.sub("", text))]


def paths_in_code(tree: ast.Module) -> Iterator[Finding]:
    """Yield each text that is a path of ours, other than where a route is registered or a path compared."""
    spared: set[int] = set()
    leading: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            inside = {id(part) for argument in given for part in ast.walk(argument)}
            spared |= inside if name in COMPARING | REGISTERING else set()
            leading |= inside if name in LEADING else set()
        elif isinstance(node, ast.JoinedStr) and not isinstance(node.values[0], ast.Constant):
            # It begins with an address, such as the issuer's or a relying party's.
            spared.update(id(part) for part in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in spared:
            path = node.value.partition("?")[0]
            if path in routes() or (path == "/" and id(node) in leading):
                yield node.lineno, node.value


def issuer_paths(tree: ast.Module) -> Iterator[Finding]:
    """Yield each place that puts the issuer's path before something by hand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "issuer_path":
            yield node.lineno, "issuer_path"


def test_no_template_names_a_path_of_its_own() -> None:
    screens = [path for path in template_files() if not path.startswith("templates/mail/")]
    found = [f"{path} {what}" for path in screens for what in paths_in_markup(text_of(path))]
    assert not found, told(found, rule='Write {{ url_for("blueprint.view") }}:')


def test_no_script_names_a_path() -> None:
    scripts = files("idp/static", "clients", suffixes=(".mjs", ".js"))
    assert scripts
    found = [f"{path} {what}" for path in scripts for what in IN_SCRIPT.findall(text_of(path))]
    assert not found, told(found, rule="Hand the address over in a data- attribute:")


def test_no_view_names_a_path_of_its_own() -> None:
    assert all(Path(path).is_file() for path in COMPARED)
    found = offenders([path for path in files("idp") if path not in COMPARED], paths_in_code)
    assert not found, told(found, rule='Write url_for("blueprint.view"):')


def test_only_the_mounting_knows_the_path_of_the_issuer() -> None:
    allowed = {"idp/settings.py", "idp/mounting.py", "idp/web.py"}
    found = offenders([path for path in files("idp") if path not in allowed], issuer_paths)
    assert not found, told(found, rule="url_for puts the issuer's path in front; leave it to that:")


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ('<a href="/">x</a>', '<a href="{{ url_for("entrance.menu") }}">x</a>'),
        ("<form action='/language'>", '<form action="">'),
        ('<div data-url="/postal-codes/">', '<div data-url="{{ url }}">'),
        ('<script src="/static/x.mjs">', '<script src="//cdn.example/x.mjs">'),
    ],
)
def test_a_path_in_a_template_is_seen(bad: str, good: str) -> None:
    assert paths_in_markup(bad)
    assert not paths_in_markup(good)


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ('redirect("/sign-in")', 'redirect(url_for("sign_in.owner_sign_in"))'),
        ('HOME = "/account"', 'HOME = "customer.show"'),
        ('redirect(f"/password/reset/{token}")', 'redirect(f"{portal}/agency/login")'),
        ('own_path(target, default="/")', 'blueprint.get("/account")(view)'),
        ('path = "/sign-in?next=x"', 'request.path.startswith("/oauth/token")'),
    ],
)
def test_a_path_in_a_view_is_seen(bad: str, good: str) -> None:
    assert list(paths_in_code(ast.parse(bad)))
    assert not list(paths_in_code(ast.parse(good)))
