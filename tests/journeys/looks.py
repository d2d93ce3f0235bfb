"""What can be measured about how a page looks: axe's rules, and the few that axe does not have."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.journeys.person import Person

WIDE, NARROW = 1280, 320
AXE_RULES = {
    "resultTypes": ["violations"],
    "iframes": False,  # a mail is looked at as a page of its own
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
_CONTRAST = {**AXE_RULES, "runOnly": {"type": "rule", "values": ["color-contrast"]}}
_OWN_RULES = """({narrow, touch}) => {
  const found = [];
  const name = (element) => element.outerHTML.replace(/\\s+/g, " ").slice(0, 120);
  const shown = (element) => element.checkVisibility({visibilityProperty: true}) && element.offsetWidth > 1;
  const headings = document.querySelectorAll("h1").length;
  if (headings !== 1) found.push(`${headings} h1`);
  const over = document.documentElement.scrollWidth - window.innerWidth;
  if (narrow && over > 0) found.push(`${over} px wider than the screen`);
  if (!touch) return found;
  for (const control of document.querySelectorAll("button, .button, .input, .select, .choice label")) {
    const height = control.getBoundingClientRect().height;
    if (shown(control) && height < 43.5) found.push(`only ${height} px high: ${name(control)}`);
  }
  const banner = document.querySelector("section.act-as");
  for (const control of document.querySelectorAll("a[href], button, input:not([type=hidden]), select")) {
    if (!shown(control)) continue;
    const before = getComputedStyle(control).boxShadow;
    control.focus({focusVisible: true});
    if (document.activeElement !== control) continue;
    const style = getComputedStyle(control);
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    if (!outlined && style.boxShadow === before) found.push(`focus is not visible: ${name(control)}`);
    if (!banner || banner.contains(control)) continue;
    const stuck = banner.getBoundingClientRect();
    const behind = stuck.top <= 0 && control.getBoundingClientRect().bottom <= stuck.bottom;
    if (behind) found.push(`focus is behind the banner: ${name(control)}`);
  }
  document.activeElement?.blur();
  return found;
}"""


@dataclass(frozen=True)
class Look:
    """A width and a colour scheme."""

    width: int
    dark: bool

    def __str__(self) -> str:
        return f"{self.width}-{'dark' if self.dark else 'light'}"


LOOKS = tuple(Look(width, dark) for width in (WIDE, NARROW) for dark in (False, True))


@cache
def axe() -> Axe:
    """Return axe with its script, which is read once."""
    return Axe()


@contextmanager
def looking(page: Page, look: Look) -> Iterator[None]:
    """Show a page at a width in a colour scheme, without loading it again, and then as it was before."""
    before = page.viewport_size
    page.set_viewport_size({"width": look.width, "height": 900})
    page.emulate_media(color_scheme="dark" if look.dark else "light")
    yield
    page.emulate_media(color_scheme=None)
    if before:
        page.set_viewport_size(before)


def shortcomings(person: Person, *, is_page: bool) -> list[str]:
    """Return everything that is wrong with a page in any look; ``is_page`` is false for a mail."""
    page, found = person.page, []
    page.evaluate(axe().axe_script)
    for look in LOOKS:
        with looking(page, look):
            rules = _CONTRAST if look.dark else AXE_RULES  # the dark changes colours and nothing else
            violations: list[dict[str, Any]] = page.evaluate("rules => axe.run(rules)", rules)["violations"]
            for violation in violations:
                places = [" ".join(map(str, node["target"])) for node in violation["nodes"]]
                found.append(f"{look} {violation['id']}: {violation['help']}: {', '.join(places[:3])}")
            own = {"narrow": look.width == NARROW, "touch": is_page and not look.dark}
            found += [f"{look} {problem}" for problem in page.evaluate(_OWN_RULES, own)]
    return found
