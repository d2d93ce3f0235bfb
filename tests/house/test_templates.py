"""Templates: an opening comment, one heading a page, no inline code, CSRF tokens in forms."""

import re

import pytest

from tests.house.page_shape import Count, count, pages
from tests.house.tree import template_files, text_of, told

COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
INLINE = re.compile(
    r"<style\b|<script\b(?![^>]*\bsrc=)|<[a-z][^>]*\s(?:style|on[a-z]+)\s*=|javascript:", re.IGNORECASE
)
FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.IGNORECASE | re.DOTALL)
MACRO = re.compile(r"\{%-?\s*macro\s+(\w+)(.*?)endmacro", re.DOTALL)
TOKEN = 'name="csrf_token"'
ELSEWHERE = "templates/oauth/form_post.html"
"""Its form goes to a relying party, which must never learn a form token of ours."""
POST = re.compile(r"""\bmethod\s*=\s*["']?post""", re.IGNORECASE)


def sources() -> dict[str, str]:
    """Return the text of every template by its path."""
    return {path: text_of(path) for path in template_files()}


def inline_code(text: str) -> list[str]:
    """Return each inline style, script or handler in a template's text."""
    markup = EXPRESSION.sub("X", COMMENT.sub("", text))
    return [found.group(0)[:80] for found in INLINE.finditer(markup)]


def token_carriers(texts: dict[str, str]) -> set[str]:
    """Return the names of the macros that write the token into a form of their caller."""
    macros = [found for text in texts.values() for found in MACRO.finditer(text)]
    return {found.group(1) for found in macros if TOKEN in found.group(2) and "<form" not in found.group(2)}


def forms_without_csrf(text: str, carriers: set[str]) -> list[str]:
    """Return the attributes of each POST form that carries no token, itself or by a macro."""
    found = []
    for form in FORM.finditer(COMMENT.sub("", text)):
        attributes, inside = form.groups()
        calls = set(re.findall(r"\b(\w+)\(", inside))
        if POST.search(attributes) and TOKEN not in inside and not calls & carriers:
            found.append(attributes.strip())
    return found


def wrong_headings(texts: dict[str, str]) -> list[str]:
    """Return every page that can have another number of first-level headings than one."""
    tallies = {path: count("<h1", path, texts) for path in pages(texts)}
    return [f"{path} has {tally}" for path, tally in tallies.items() if tally != Count(1, 1)]


def test_each_template_opens_with_its_purpose_and_variables() -> None:
    found = [path for path in template_files() if not text_of(path).startswith("{#")]
    assert not found, told(found, rule="Open with {# purpose. Variables: … #}:")


def test_each_page_has_one_first_level_heading() -> None:
    found = wrong_headings(sources())
    assert not found, told(found, rule="A page has exactly one <h1> in every branch:")


def test_no_template_has_inline_styles_scripts_or_handlers() -> None:
    # Mail programs know no style sheets: the styles of a mail are written into its elements when it is sent.
    screens = [path for path in template_files() if not path.startswith("templates/mail/")]
    found = [f"{path} {code}" for path in screens for code in inline_code(text_of(path))]
    assert not found, told(found, rule="The Content-Security-Policy blocks these:")


def test_each_post_form_carries_its_csrf_token() -> None:
    carriers = token_carriers(sources())
    found = [
        f"{path} <form {form}>"
        for path, text in sources().items()
        if path != ELSEWHERE
        for form in forms_without_csrf(text, carriers)
    ]
    assert not found, told(found, rule='Put <input type="hidden" name="csrf_token" …> into each:')
    assert TOKEN not in text_of(ELSEWHERE)


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ('<p style="color:red">', '<p class="style">'),
        ("<script>go()</script>", '<script type="module" src="{{ url }}"></script>'),
        ('<a href="#" onclick="go()">', '<a href="#on=1">'),
        ("<style>p{}</style>", '<link rel="stylesheet" href="x.css">'),
    ],
)
def test_inline_code_is_seen_and_its_like_is_not(bad: str, good: str) -> None:
    assert inline_code(bad)
    assert not inline_code(good)


def test_a_post_form_without_its_token_is_seen() -> None:
    carriers = token_carriers({"x": f"{{% macro hidden(x) %}}<input {TOKEN}>{{% endmacro %}}"})
    assert forms_without_csrf('<form method="post" action="{{ url(1) }}"><button>x</button></form>', carriers)
    assert not forms_without_csrf('<form method="post"><input name="csrf_token"></form>', carriers)
    assert not forms_without_csrf('<form method="post">{{ hidden(x) }}</form>', carriers)
    assert not forms_without_csrf('<form method="get"><input name="q"></form>', carriers)


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("{% block heading %}{% endblock %}", "{% block main %}<p>x</p>{% endblock %}"),
        ("{% block main %}<h1>second</h1>{% endblock %}", "{% block main %}<h2>below</h2>{% endblock %}"),
        (
            "{% block heading %}{% if x %}<h1>x</h1>{% endif %}{% endblock %}",
            "{% block main %}{% endblock %}",
        ),
        (
            "{% block heading %}{{ super() }}<h1>x</h1>{% endblock %}",
            "{% block heading %}{{ super() }}{% endblock %}",
        ),
        (
            "{% block main %}{% for x in y %}<h1>x</h1>{% endfor %}{% endblock %}",
            "{% block heading %}{% if x %}<h1>x</h1>{% else %}<h1>y</h1>{% endif %}{% endblock %}",
        ),
    ],
)
def test_a_page_with_no_or_two_headings_is_seen(bad: str, good: str) -> None:
    frame = "<html>{% block heading %}<h1>x</h1>{% endblock %}{% block main %}{% endblock %}</html>"
    extends = '{% extends "base.html" %}'
    assert wrong_headings({"templates/base.html": frame, "templates/page.html": extends + bad})
    assert not wrong_headings({"templates/base.html": frame, "templates/page.html": extends + good})
