"""Takes a picture of every page into docs/gallery: on a light desk screen, and on a small phone that is dark.

The pages are those that the accessibility tests pass (tests/journeys/tour.py), so none can be forgotten.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

from idp.demo import HANAKO, MIRAI
from tests.journeys.club import Club, running_club
from tests.journeys.delegating import act_for
from tests.journeys.looks import NARROW, WIDE, Look, looking
from tests.journeys.person import Crowd, running_browser
from tests.journeys.stops import Chapter
from tests.journeys.tour import CHAPTERS
from tools.small_png import shrink

DOCS = Path(__file__).resolve().parent.parent / "docs"
GALLERY = DOCS / "gallery"
DESK, PHONE = Look(WIDE, dark=False), Look(NARROW, dark=True)
SCALES = {DESK: 0.625, PHONE: 1.0}
"""Pictures of the desk are made smaller: they show how a page looks, and their words are in the templates."""
LONGEST = 3200
"""Pages are cut off here, in pixels of the page."""
PAINTING = 100
"""Milliseconds."""
INTRODUCTION = """# Every page

Taken by `make gallery` while the tour of `tests/journeys/tour.py` passes all of them. On the left a desk,
1280 pixels wide and light; on the right a phone, 320 pixels wide and dark.
"""


@dataclass(frozen=True)
class Camera:
    """The club, the browser to look at it, and an empty page to work on pictures."""

    club: Club
    browser: Browser
    workbench: Page

    def take(self, page: Page, file: Path, *, scale: float, height: int | None = None) -> None:
        """Write a picture of the whole page, or of its top."""
        width = page.viewport_size["width"] if page.viewport_size else WIDE
        shown = height or min(int(page.evaluate("document.documentElement.scrollHeight")), LONGEST)
        # Frames are painted only where the window reaches.
        page.set_viewport_size({"width": width, "height": shown})
        page.wait_for_timeout(PAINTING)
        clip = {"x": 0, "y": 0, "width": width, "height": shown, "scale": scale}
        session = page.context.new_cdp_session(page)
        taken = session.send("Page.captureScreenshot", {"format": "png", "clip": clip})
        session.detach()
        file.write_bytes(shrink(taken["data"], self.workbench))


def take_chapter(name: str, chapter: Chapter, camera: Camera) -> Iterator[str]:
    """Take the pictures of one chapter, and return the lines of the index."""
    yield f"\n## {chapter.title}\n"
    with Crowd(camera.browser, camera.club) as crowd:
        for number, stop in enumerate(chapter.walk(camera.club, crowd), start=1):
            page = stop.person.page
            heading = page.locator("h1").inner_text().replace("\n", " ")
            pictures = []
            for look in (DESK, PHONE):
                file = GALLERY / f"{name}-{number:02}-{stop.name}-{look}.png"
                with looking(page, look):
                    page.evaluate("window.scrollTo(0, 0)")
                    camera.take(page, file, scale=SCALES[look])
                pictures.append(f"![{heading}, {look}]({file.name})")
            yield f"### {heading}\n\n`{stop.name}`\n\n{' '.join(pictures)}\n"
            sys.stdout.write(f"{name}: {stop.name}\n")


def take_proxy_login(camera: Camera) -> None:
    """Take the picture of the README: マイページ during a proxy login of the demo's cast."""
    with Crowd(camera.browser, camera.club) as crowd:
        staff = act_for(crowd().enter_portal(MIRAI.email), HANAKO)
        staff.open(f"{camera.club.mypage}/home")
        camera.take(staff.page, DOCS / "proxy-login.png", scale=1.0, height=760)


def main() -> None:
    """Take every picture anew."""
    GALLERY.mkdir(exist_ok=True)
    for old in GALLERY.glob("*.png"):
        old.unlink()
    lines = [INTRODUCTION]
    with (
        tempfile.TemporaryDirectory() as folder,
        running_club(Path(folder)) as club,
        running_browser() as browser,
    ):
        camera = Camera(club, browser, browser.new_page())
        take_proxy_login(camera)
        for name, chapter in CHAPTERS.items():
            lines += take_chapter(name, chapter, camera)
    (GALLERY / "README.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
