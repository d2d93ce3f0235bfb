"""The colours of the one style sheet keep WCAG 2.2 AA in the light and in the dark theme."""

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "idp" / "static" / "club.css").read_text("utf-8")
TEXT, SIGN = 4.5, 3.0  # WCAG 2.2 §1.4.3 for text, §1.4.11 for borders, icons and lines of a chart

PAIRS = [
    *[(ink, ground, TEXT) for ink in ("ink", "ink-soft", "heading", "link", "link-hover")
      for ground in ("ground", "surface", "surface-tint")],
    *[(tone, f"{tone}-ground", TEXT) for tone in ("success", "info", "warning", "error", "ended")],
    *[("ink", f"{tone}-ground", TEXT) for tone in ("success", "info", "warning", "error")],
    *[(f"{tone}-line", f"{tone}-ground", SIGN) for tone in ("success", "info", "warning", "error", "ended")],
    *[(sign, ground, TEXT) for sign in ("error", "success") for ground in ("surface", "ground")],
    ("on-primary", "primary", TEXT), ("on-primary", "primary-hover", TEXT),
    ("on-danger", "danger", TEXT), ("on-danger", "danger-hover", TEXT),
    ("on-footer", "footer", TEXT), ("on-footer-soft", "footer", TEXT),
    ("on-acting", "acting", TEXT), ("acting", "on-acting", TEXT), ("white", "on-acting", TEXT),
    ("line-control", "surface", SIGN), ("line-control", "ground", SIGN), ("primary", "surface", SIGN),
    ("danger", "surface", SIGN), ("error-line", "surface", SIGN), ("focus", "ground", SIGN),
    ("focus", "surface", SIGN),
    *[(f"chart-{line}", "surface", SIGN) for line in ("generation", "storage", "use")],
]  # fmt: skip


def read_theme(theme: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\n *\}", CSS, re.DOTALL)[:2]
    values = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    return values if theme == "light" else values | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark))


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_gives_the_known_contrasts() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_pair_of_text_and_ground_can_be_read(theme: str) -> None:
    values = read_theme(theme)
    measured = {(text, ground): contrast(values[text], values[ground]) for text, ground, _ in PAIRS}
    weak = {f"{t} on {g}": round(measured[t, g], 2) for t, g, least in PAIRS if measured[t, g] < least}
    assert weak == {}
