"""The Library room: all pictures side by side, without the panel, and the way back to it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.test_page import dream, newest, open_advanced, open_page, set_number


def test_the_library_is_a_room_of_its_own(page: Page, studio: str) -> None:
    open_page(page, studio)
    open_advanced(page)
    set_number(page, "num_inference_steps", 3)
    for prompt in ("a red circle", "a chartreuse circle"):
        dream(page, prompt)
    page.locator(".rooms").get_by_role("button", name="Library").click()
    expect(page.locator("#panel")).to_be_hidden()
    assert page.locator(".rooms [aria-current=page]").inner_text() == "Library"
    boxes = [
        page.locator("article.row[data-row]").nth(number).locator(".tile").last.bounding_box() for number in (0, 1)
    ]
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["y"] == boxes[1]["y"], "two requests in one line"
    assert boxes[0]["width"] == boxes[0]["height"]

    page.get_by_role("searchbox", name="Search your pictures").fill("chartr")
    expect(page.locator("article.row[data-row]")).to_have_count(1)
    tile = newest(page).locator(".tile").first
    tile.hover()
    tile.get_by_role("button", name="Reuse everything").click()
    expect(page.locator("#panel")).to_be_visible()
    expect(page.locator("#prompt textarea")).to_have_value("a chartreuse circle")
