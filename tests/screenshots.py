"""Takes pictures of the page: ``python -m tests.screenshots [FOLDER]`` starts Reverie, dreams, and looks at each tab.

Each tab is taken 1440 and 390 pixels wide; the files land in ``docs/screenshots`` unless another folder is named.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.chromium import ARGUMENTS, SENTENCE, find_chromium
from tests.studio import ROOT, start_studio

PROMPTS = (
    "a yellow moon in a dark night sky",
    "a green tree on a hill at sunset",
    "a red circle on a blue background",
)
PATIENCE = 300_000


def main(folder: Path) -> int:
    """Takes every picture; returns the exit code."""
    path = find_chromium()
    if path is None:
        print(SENTENCE, file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        studio = start_studio(Path(home))
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            photograph(browser, studio.url, folder)
        finally:
            browser.close()
            studio.stop()
    return 0


def photograph(browser: Browser, url: str, folder: Path) -> None:
    """Dreams on a wide page, taking each tab on the way, then looks at the same from a phone."""
    wide = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    open_page(wide, url)
    wide.screenshot(path=folder / "welcome-1440.png")
    for number, prompt in enumerate(PROMPTS, start=1):
        wide.locator("#prompt textarea").fill(prompt)
        wide.locator("#dream").click()
        expect(wide.locator("article.row.live .tile img:visible").first).to_be_visible()
        if number == len(PROMPTS):
            wide.wait_for_function("/Step ([6-9]|1\\d) of/.test(document.querySelector('.row.live')?.textContent)")
            wide.screenshot(path=folder / "text-to-image-1440.png")
        expect(wide.locator("article.row[data-row]")).to_have_count(number)
    send(wide, "Send to image to image")
    wide.screenshot(path=folder / "image-to-image-1440.png")
    send(wide, "Send to inpainting")
    brush(wide)
    wide.screenshot(path=folder / "inpainting-1440.png")

    phone = browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, has_touch=True, is_mobile=True
    ).new_page()
    open_page(phone, url)
    for tab, name in (
        ("Text to image", "text-to-image"),
        ("Image to image", "image-to-image"),
        ("Inpainting", "inpainting"),
    ):
        phone.get_by_role("tab", name=tab).tap()
        phone.screenshot(path=folder / f"{name}-390.png")
    phone.get_by_role("tab", name="Text to image").tap()
    phone.locator(".tile .open").first.tap()
    phone.screenshot(path=folder / "picture-390.png")


def open_page(page: Page, url: str) -> None:
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.wait_for_function("document.body.classList.contains('ready') && document.querySelector('#results .results')")


def send(page: Page, label: str) -> None:
    tile = page.locator("article.row[data-row] .tile").first
    tile.hover()
    tile.get_by_role("button", name=label).click()
    expect(page.locator("#source img")).to_be_visible()


def brush(page: Page) -> None:
    page.wait_for_function("document.querySelector('#easel canvas').width > 1")
    box = page.locator("#easel canvas").bounding_box()
    assert box
    x, y = box["x"] + box["width"] * 0.35, box["y"] + box["height"] * 0.4
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 160, y + 60, steps=8)
    page.mouse.up()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screenshots"))
