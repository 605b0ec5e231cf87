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
        studio = start_studio(Path(home), "--at-once", "1")
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
    take_queue(wide, folder)
    take_library(wide, folder)

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
    phone.get_by_role("button", name="Send to inpainting").tap()
    phone.wait_for_function("scrollY > 100")
    brush(phone, 120)
    phone.screenshot(path=folder / "inpainting-sent-390.png")
    phone.get_by_role("tab", name="Text to image").tap()
    phone.screenshot(path=folder / "all-390.png", full_page=True)
    take_queue(phone, folder)


def take_queue(page: Page, folder: Path) -> None:
    """Three jobs, of which two wait, with a seed that is set; then Advanced, and what cannot be used."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    page.get_by_role("tab", name="Text to image").click()
    page.locator("#advanced > .label-wrap").click()
    page.locator("#seed input, #seed textarea").first.fill("4294967295")
    page.screenshot(path=folder / f"advanced-{width}.png")
    page.locator("#seed input, #seed textarea").first.fill("12345678901")
    page.locator("#prompt textarea").fill("too much")
    page.locator("#dream").click()
    expect(page.locator(".toast-body")).to_have_css("opacity", "1")
    page.screenshot(path=folder / f"refused-{width}.png")
    page.locator(".toast-close").click()
    page.locator("#seed input, #seed textarea").first.fill("4294967280")
    page.locator("#num_inference_steps input[type=number]").fill("150")
    page.locator("#num_inference_steps input[type=number]").press("Tab")
    page.locator("#advanced > .label-wrap").click()
    rows = page.locator("article.row.live")
    for number in (1, 2, 3):
        page.locator("#prompt textarea").fill(f"{number} yellow moons in a dark night sky above a quiet lake")
        page.locator("#dream").click()
        expect(rows).to_have_count(number)
    expect(rows.last.locator(".tile img:visible").first).to_be_visible()
    rows.first.evaluate("(row) => row.scrollIntoView({ block: 'center' })")
    page.screenshot(path=folder / f"queue-{width}.png")
    for _ in range(3):
        count = rows.count()
        rows.last.get_by_role("button", name="Stop").click()
        expect(rows).to_have_count(count - 1)
    page.get_by_role("button", name="Use a random seed again").click()


def take_library(page: Page, folder: Path) -> None:
    """A variation beside what it was made from, chosen pictures, how they are taken away, and a recipe that is read."""
    tiles = page.locator("article.row[data-row]").first.locator(".tile")
    tiles.first.hover()
    tiles.first.get_by_role("button", name="Variations").click()
    expect(page.locator("article.row.live")).to_have_count(1)
    expect(page.locator("article.row.live")).to_have_count(0)
    tiles.first.locator(".open").click()
    viewer = page.get_by_role("dialog", name="Picture")
    expect(viewer.locator(".thumb img").first).to_be_visible()
    page.screenshot(path=folder / "viewer-1440.png")
    viewer.get_by_role("button", name="Compare").click()
    page.screenshot(path=folder / "compare-1440.png")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    for number in (0, 1):
        tiles.nth(number).hover()
        tiles.nth(number).get_by_role("checkbox").click()
    page.screenshot(path=folder / "selected-1440.png")
    page.get_by_role("button", name="Download ZIP").click()
    page.screenshot(path=folder / "download-1440.png")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Clear", exact=True).click()


def open_page(page: Page, url: str) -> None:
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.wait_for_function("document.body.classList.contains('ready') && document.querySelector('#results .results')")


def send(page: Page, label: str) -> None:
    tile = page.locator("article.row[data-row] .tile").first
    tile.hover()
    tile.get_by_role("button", name=label).click()
    expect(page.locator("#source img")).to_be_visible()


def brush(page: Page, length: int = 160) -> None:
    page.wait_for_function("document.querySelector('#easel canvas').width > 1")
    box = page.locator("#easel canvas").bounding_box()
    assert box
    x, y = box["x"] + box["width"] * 0.35, box["y"] + box["height"] * 0.4
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + length, y + 60, steps=8)
    page.mouse.up()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screenshots"))
