"""Takes pictures of the page: ``python -m tests.screenshots [FOLDER]`` starts Reverie, dreams, and looks at each place.

Every place of the :mod:`tests.tour` is taken at each width in both looks, as ``viewer-1440-dark.png``; besides them the
first page of a new visitor, pictures that are forming, and what cannot be used. They land in ``outputs/screenshots``
unless another folder is named.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.chromium import ARGUMENTS, SENTENCE, find_chromium
from tests.studio import ROOT, start_studio
from tests.tour import brush, places, send

PROMPTS: Final = (
    "a yellow moon in a dark night sky",
    "a green tree on a hill at sunset",
    "a red circle on a blue background",
)
SIZES: Final = ((1440, 900), (820, 1180), (360, 740))
LOOKS: Final = ("dark", "light")
PATIENCE: Final = 300_000
"""Milliseconds; a busy machine may take its time."""


def main(folder: Path) -> int:
    """Takes every picture; returns the exit code."""
    path = find_chromium()
    if path is None:
        print(SENTENCE, file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        studio = start_studio(Path(home), "--at-once", "1")
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            dream_first(browser, studio.url, folder)
            for size in SIZES:
                for look in LOOKS:
                    photograph(open_page(browser, studio.url, size, look), folder, f"{size[0]}-{look}")
        finally:
            browser.close()
            studio.stop()
    return 0


def dream_first(browser: Browser, url: str, folder: Path) -> None:
    """What a new visitor sees at each width, then the first pictures, the last of them while it forms."""
    for size in SIZES:
        open_page(browser, url, size).screenshot(path=folder / f"welcome-{size[0]}-dark.png")
    page = open_page(browser, url, SIZES[0])
    for number, prompt in enumerate(PROMPTS, start=1):
        page.locator("#prompt textarea").fill(prompt)
        page.locator("#dream").click()
        if number == len(PROMPTS):
            page.wait_for_function("/Step ([6-9]|1\\d) of/.test(document.querySelector('.row.live')?.textContent)")
            page.screenshot(path=folder / "forming-1440-dark.png")
        expect(page.locator("article.row[data-row]")).to_have_count(number)
    page.locator("#prompt textarea").fill("")
    page.locator("#dream").click()
    expect(page.locator(".toast-body")).to_have_css("opacity", "1")
    page.screenshot(path=folder / "refused-1440-dark.png")


def photograph(page: Page, folder: Path, name: str) -> None:
    """Takes each place, and the easel with a stroke on it."""
    for place in places(page):
        page.screenshot(path=folder / f"{place}-{name}.png")
    send(page, "mask")
    brush(page)
    page.screenshot(path=folder / f"easel-{name}.png")


def open_page(browser: Browser, url: str, size: tuple[int, int], look: str = "dark") -> Page:
    """A visitor's page, ready, in a look; a narrow one is a phone's."""
    phone = size[0] < 500
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, device_scale_factor=2 if phone else 1, has_touch=phone,
        reduced_motion="reduce",
    )  # fmt: skip
    context.add_init_script(f"localStorage.setItem('reverie-look', '{look}')")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.wait_for_function(
        "document.body.matches('.restored.ready') && document.querySelector('.results[data-loaded]')"
    )
    return page


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "outputs" / "screenshots"))
