"""Brushing a mask: how long the slowest frame takes on a picture of 4096², against one of 192 × 128."""

from __future__ import annotations

import io
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image

from tests.benchmarks.figures import Figure, Result, Spread
from tests.benchmarks.page import visit
from tests.chromium import ARGUMENTS, find_chromium
from tests.studio import start_studio

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BAR: Final = 2.0

SMALL: Final = (192, 128)
LARGE: Final = (4096, 4096)

LAID: Final = """(note) => { const image = document.querySelector('.easel-frame img');
return document.querySelector('#source-note').textContent.includes(note) && image?.complete
  && document.querySelector('#easel canvas').width > 1; }"""

WATCH: Final = """() => { window.frames_seen = []; window.watching = true; let last = performance.now();
const see = (now) => { frames_seen.push(now - last); last = now; if (window.watching) requestAnimationFrame(see); };
requestAnimationFrame(see); }"""
"""Notes how long each frame takes."""


@dataclass(frozen=True)
class Settings:
    """How often, and with how many moves of the pointer."""

    strokes: int = 7
    moves: int = 60
    large: tuple[int, int] = LARGE


FULL, QUICK = Settings(), Settings(strokes=3)


def measure(settings: Settings) -> Result:
    """Starts ``launch.py`` and a Chromium, lays pictures on the easel, and brushes."""
    path = find_chromium()
    if path is None:
        return Result(skipped="no Chromium is installed")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        studio = start_studio(Path(name))
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            return measure_easel(settings, browser, studio.url)
        finally:
            browser.close()
            studio.stop()


def measure_easel(settings: Settings, browser: Browser, url: str) -> Result:
    """Brushes on a studio that is running already; small and large take turns."""
    pages = [_lay(visit(browser, url)[0], size) for size in (SMALL, settings.large)]
    small, large = [], []
    for number in range(settings.strokes + 1):
        for page, slowest in zip(pages, (small, large), strict=True):
            page.bring_to_front()
            slowest.append(_slowest_frame(page, settings.moves, number))
    for page in pages:
        page.context.close()
    spread = Spread.of([big / little for little, big in zip(small[1:], large[1:], strict=True)])
    words = f"{settings.large[0]} × {settings.large[1]}"
    return Result(
        (Figure(f"slowest frame while brushing {words} ÷ a small picture", spread.median, at_most=BAR, spread=spread),),
        {"small_milliseconds": Spread.of(small[1:]), "large_milliseconds": Spread.of(large[1:])},
    )


def _lay(page: Page, size: tuple[int, int]) -> Page:
    """Puts a picture of that size on the easel."""
    noise = Image.effect_noise((size[0] // 4, size[1] // 4), 90).convert("RGB").resize(size, Image.Resampling.NEAREST)
    file = io.BytesIO()
    noise.save(file, "PNG", compress_level=1)
    page.locator(".tab-container[role=tablist]").get_by_role("tab").nth(2).click()
    picture = {"name": "picture.png", "mimeType": "image/png", "buffer": file.getvalue()}
    page.locator("#source input[type=file]").set_input_files(picture)  # type: ignore[arg-type]
    page.wait_for_function(LAID, arg=f"{size[0]} × {size[1]} px")
    page.wait_for_timeout(1500)  # the panel's own look at it has been drawn
    return page


def _slowest_frame(page: Page, moves: int, number: int) -> float:
    """Milliseconds of the slowest frame while one stroke is brushed."""
    box = page.evaluate("document.querySelector('.easel-sheet').getBoundingClientRect().toJSON()")
    x, y = box["left"] + box["width"] * 0.3, box["top"] + box["height"] * (0.3 + 0.05 * number)
    page.evaluate(WATCH)
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(moves):
        page.mouse.move(x + step, y + 10 * math.sin(step / 5))
    page.mouse.up()
    seen: list[float] = page.evaluate("(window.watching = false, window.frames_seen)")
    page.wait_for_timeout(800)  # the mask is handed over, and its soft edge drawn
    return max(seen)
