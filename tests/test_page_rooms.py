"""The Library room: all pictures side by side, without the panel, and the way back to it."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.studio import Studio
from tests.test_page import dream, newest, open_advanced, open_page, said, set_number


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


def test_back_leads_out_of_the_viewer_and_from_room_to_room(page: Page, studio: str) -> None:
    open_page(page, studio)
    dream(page, "a cerulean circle", count=1)
    rooms = page.locator(".rooms")
    rooms.get_by_role("button", name="Library").click()
    newest(page).locator(".open").first.click()
    viewer = page.locator("dialog.viewer")
    expect(viewer).to_be_visible()
    page.go_back()
    expect(viewer).to_have_count(0)
    expect(rooms.locator("[aria-current=page]")).to_have_text("Library")

    newest(page).locator(".open").first.click()
    page.keyboard.press("Escape")  # closed by hand it leaves nothing behind that Back would have to pass
    expect(viewer).to_have_count(0)
    page.wait_for_function("history.state === null")
    page.go_back()
    expect(page.locator("#panel")).to_be_visible()
    expect(rooms.locator("[aria-current=page]")).to_have_text("Dream")
    page.go_forward()
    expect(page.locator("#panel")).to_be_hidden()

    newest(page).locator(".open").first.click()
    viewer.get_by_role("button", name="Upscale").click()  # one dialog after the other
    expect(page.get_by_role("dialog", name="Upscale")).to_be_visible()
    page.wait_for_function("history.state === null")
    expect(page.get_by_role("dialog", name="Upscale")).to_be_visible()
    page.keyboard.press("Escape")

    newest(page).locator(".open").first.click()
    viewer.get_by_role("button", name="Reuse everything").click()
    expect(page.locator("#panel")).to_be_visible()
    page.go_back()
    expect(rooms.locator("[aria-current=page]")).to_have_text("Library")


def test_a_room_is_kept_over_a_reload_and_by_another_language(page: Page, studio: str) -> None:
    open_page(page, studio)
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.locator(".rooms").get_by_role("button", name="Library").click()
    page.reload()
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator(".results[data-loaded]")).to_be_visible()
    assert troubles == []
    page.locator(".rooms").get_by_role("button", name="Models").click()
    page.reload()
    expect(page.locator(".models-list > *").first).to_be_visible()
    page.locator(".rooms").get_by_role("button", name="Settings").click()
    page.locator("#settings-room select").select_option("de")
    expect(page.locator(".rooms [aria-current=page]")).to_have_text("Einstellungen")
    expect(page.locator("#settings-room h2")).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").last.fill("english")
    page.keyboard.press("Enter")
    expect(page.locator(".rooms [aria-current=page]")).to_have_text("Settings")


def test_a_search_does_not_hide_what_was_just_made_without_a_word(page: Page, studio: str) -> None:
    open_page(page, studio)
    dream(page, "a vermilion circle", count=1)
    page.get_by_role("searchbox", name="Search your pictures").fill("vermilion")
    expect(page.locator("article.row[data-row]")).to_have_count(1)
    page.get_by_label("Prompt", exact=True).fill("a saffron square")
    page.locator("#dream").click()
    clear = page.get_by_role("button", name="Clear the search")
    expect(clear).to_be_visible()
    expect(page.locator("article.row[data-row]")).to_have_count(1)
    clear.click()
    expect(newest(page)).to_contain_text("a saffron square")
    expect(page.get_by_role("searchbox", name="Search your pictures")).to_have_value("")


def test_numbers_on_their_way_are_no_trouble(page: Page, running: Studio) -> None:
    open_page(page, running.url)
    count = page.locator("#num_images_per_prompt input[type=number]")
    page.get_by_label("Prompt", exact=True).fill("a teal circle")
    for number in ("-3", "1000", "1000000000", "2.5"):
        with page.expect_response(lambda answer: "/run/predict" in answer.url):
            count.fill(number)
    count.fill("2.5")
    page.keyboard.press("Control+Enter")
    said(page, "2.5")
    assert "Traceback" not in running.text


def test_a_size_that_cannot_be_stays_as_it_was_typed(page: Page, studio: str) -> None:
    open_page(page, studio)
    page.get_by_label("Prompt", exact=True).fill("a teal circle")
    page.get_by_role("button", name="Set width and height").first.click()
    height = page.locator('#size [data-part="height"]')
    height.fill("-7")
    height.press("Tab")
    expect(page.locator('#size [data-part="pixels"]')).to_have_text("64 to 2048, in steps of 8")
    expect(height).to_have_value("-7")
    page.locator("#dream").click()
    said(page, "-7")
    expect(height).to_have_value("-7")
    height.fill("99999999")
    height.press("Tab")
    expect(height).to_have_value("99999999")
    height.fill("1024")
    height.press("Tab")
    expect(page.locator('#size [data-part="pixels"]')).to_contain_text("best near 128 × 128")


def test_what_is_dreamt_on_one_device_is_seen_on_another(page: Page, chromium: Browser, studio: str) -> None:
    phone = chromium.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce").new_page()
    open_page(phone, studio)
    before = newest(phone).get_attribute("data-row") if phone.locator("article.row[data-row]").count() else ""
    open_page(page, studio)
    row = dream(page, "a lavender circle", count=1)
    expect(newest(phone)).to_contain_text("a lavender circle")
    assert newest(phone).get_attribute("data-row") == row.get_attribute("data-row") != before
    phone.context.close()
