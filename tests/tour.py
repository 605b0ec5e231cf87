"""A tour of the page: every place somebody can come to, one after another, for whatever looks at all of them."""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import ElementHandle, Locator, Page, expect

TABS = ("Text to image", "Image to image", "Inpainting", "Picture info")
ROOMS = ("Library", "Models", "Settings")


def places(page: Page) -> Iterator[str]:
    """Goes from place to place and names each; the feed must hold two pictures or more.

    The page may be read, photographed or judged at each, but must be left as it is found.
    """
    for tab in TABS:
        chosen = page.locator(".tab-container[role=tablist]").get_by_role("tab").nth(TABS.index(tab))
        chosen.click()
        expect(chosen).to_have_attribute("aria-selected", "true")
        yield tab.lower().replace(" ", "-")
        if tab == "Picture info":
            continue
        opened_here = unfold_all(page)
        yield f"{tab.lower().replace(' ', '-')}-unfolded"
        for head in reversed(opened_here):
            head.click()
    page.locator(".tab-container[role=tablist]").get_by_role("tab").first.click()
    opened(page)
    yield "viewer"
    for name, icon in (("print", "print"), ("upscale", "larger"), ("download", "more")):
        action(opened(page), icon).click()
        dialog = page.locator("dialog[open]:not(.viewer)")
        expect(dialog).to_be_visible()
        if name == "print":
            expect(dialog.locator(".print-facts strong")).to_be_visible()
        yield name
        page.keyboard.press("Escape")
        expect(page.locator("dialog[open]:not(.viewer)")).to_have_count(0)
    page.keyboard.press("Escape")
    for number in (0, 1):
        tile = page.locator("article.row[data-row] .tile").nth(number)
        tile.scroll_into_view_if_needed()
        tile.hover()
        tile.locator(".pick").click()
    yield "selected"
    page.locator(".chosen button").first.click()
    yield "compare"
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.locator("dialog.palette")).to_be_visible()
    yield "actions"
    page.keyboard.press("Escape")
    for room in ROOMS:
        page.locator(f".rooms button[data-to={room.lower()}]").click()
        if room == "Library":
            expect(page.locator("#panel")).to_be_hidden()
        if room == "Models":
            expect(page.locator(".models-list > *").first).to_be_visible()
        yield room.lower()
    page.locator(".rooms button[data-to=studio]").click()


def unfold_all(page: Page) -> list[ElementHandle]:
    """Opens every folded section of the panel, of which one may hold others; returns what folds them again."""
    folded = page.locator("#panel .label-wrap:not(.open):visible")
    heads: list[ElementHandle] = []
    while folded.count():
        heads.append(folded.first.element_handle())
        heads[-1].click()
    return heads


def opened(page: Page) -> Locator:
    """The viewer, with the newest picture in it."""
    viewer = page.locator("dialog.viewer")
    if not viewer.count():
        page.locator("article.row[data-row] .tile .open").first.click()
    expect(viewer.locator("dl dd").first).to_be_visible()
    return viewer


def action(viewer: Locator, icon: str) -> Locator:
    """The viewer's button with an icon, whatever language its words are in."""
    paths = {"print": "M7 8V3h10v5", "larger": "M4 10V4h6M20", "more": "M6 12h.01", "mask": "M4 20c3"}
    return viewer.locator("button.chip", has=viewer.page.locator(f'path[d^="{paths[icon]}"]'))


def send(page: Page, icon: str) -> None:
    """Sends the newest picture to a task by its tile's button."""
    page.locator("article.row[data-row] .tile .open").first.click()
    action(page.locator("dialog.viewer"), icon).click()
    expect(page.locator("#source img")).to_be_visible()


def brush(page: Page) -> None:
    """Brushes a stroke over the picture on the easel."""
    page.wait_for_function("document.querySelector('#easel canvas').width > 1")
    page.locator("#easel canvas").scroll_into_view_if_needed()
    box = page.locator("#easel canvas").bounding_box()
    assert box
    x, y = box["x"] + box["width"] * 0.35, box["y"] + box["height"] * 0.4
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] * 0.3, y + box["height"] * 0.15, steps=8)
    page.mouse.up()
