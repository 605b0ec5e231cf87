"""In a real browser: a branch from a step, a print with its size inside, the list of actions, and both looks."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.test_page import newest, open_advanced, open_page, png_of, set_number, wait_for_new
from webui.library.embed import read_recipe


@pytest.fixture
def at(page: Page, studio: str) -> Iterator[Page]:
    """The page, open, asking for one quick picture; no script of it may fail."""
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    open_page(page, studio)
    open_advanced(page)
    set_number(page, "num_inference_steps", 6)
    set_number(page, "num_images_per_prompt", 1)
    yield page
    assert troubles == []


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def viewed(page: Page) -> Locator:
    newest(page).locator(".tile .open").first.click()
    expect(page.locator(".viewer .steps")).to_be_visible()
    return page.locator(".viewer")


def go_to_step(viewer: Locator, step: int) -> None:
    viewer.locator(".steps input[type=range]").evaluate(
        "(range, step) => { range.value = step; range.dispatchEvent(new Event('input')); }", step
    )


def test_a_picture_goes_on_from_one_of_its_steps_with_other_words(at: Page) -> None:
    at.locator("#prompt textarea").fill("a red circle on a blue background")
    first = png_of(at, wait_for_new(at, at.locator("#dream").click).locator(".tile").first)
    viewer = viewed(at)
    go_to_step(viewer, 3)
    expect(viewer.locator(".steps output")).to_have_text("Step 3 of 6")
    expect(viewer.locator("img.step")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    viewer.get_by_role("button", name="Branch from here").click()
    expect(at.locator("#branch-chip")).to_contain_text("Branch after step 3")
    expect(at.locator("#seed-chip")).to_be_visible()

    same = png_of(at, wait_for_new(at, at.locator("#dream").click).locator(".tile").first)
    assert np.array_equal(pixels(same), pixels(first)), "nothing was changed"

    at.locator("#prompt textarea").fill("a green square on a white background")
    row = wait_for_new(at, at.locator("#dream").click)
    png = png_of(at, row.locator(".tile").first)
    recipe, before = read_recipe(png), read_recipe(first)
    assert recipe is not None and before is not None
    assert (recipe.edit, recipe.seed) == ("branch", before.seed)
    (stage,) = recipe.request["stages"]  # type: ignore[union-attr,misc]
    assert stage["until"] == 3 and stage["prompt"] == before.request["prompt"]  # type: ignore[index,call-overload]
    assert (pixels(png) != pixels(first)).any()

    open_page(at, at.url)
    expect(at.locator("#branch-chip")).to_contain_text("Branch after step 3")
    viewer = viewed(at)
    expect(viewer.locator(".origins")).to_contain_text("Made from (Branch after step 3)")
    at.keyboard.press("c")
    compare = at.get_by_role("dialog", name="Compare two pictures")
    expect(compare.get_by_role("row", name="Branch")).to_contain_text("after step 3")
    at.keyboard.press("Escape")
    viewer.get_by_role("button", name="Prove it").click()
    expect(viewer.locator(".verdict")).to_contain_text("Proven: the same picture, every pixel alike.", timeout=60_000)
    at.keyboard.press("Escape")
    at.get_by_role("button", name="End the branch").click()
    expect(at.locator("#branch-chip")).to_be_hidden()

    viewer = viewed(at)
    go_to_step(viewer, 2)
    viewer.get_by_role("button", name="Branch from here").click()
    expect(at.locator("#branch-chip")).to_contain_text("Branch after step 2")
    newest(at).locator(".tile").first.hover()
    newest(at).get_by_role("button", name="Send to image to image").click()
    expect(at.locator("#source img")).to_be_visible()
    expect(at.locator("#branch-chip")).to_be_hidden()  # what is made of it there is no branch


def test_a_print_says_its_size(at: Page, tmp_path: Path) -> None:
    at.locator("#prompt textarea").fill("an orange moon")
    wait_for_new(at, at.locator("#dream").click)
    viewer = viewed(at)
    viewer.get_by_role("button", name="Print…").click()
    desk = at.locator("dialog.print")
    expect(desk.locator(".print-facts")).to_contain_text("2362 × 3150 pixels for 30 × 40 cm")
    desk.locator("select[name=product]").select_option("sticker")
    expect(desk.locator(".print-facts")).to_contain_text("638 × 638 pixels for 5 × 5 cm and 2 mm of bleed")
    desk.locator("input[name=dpi]").fill("9")
    expect(desk.locator(".print-facts")).to_contain_text("Pixels an inch is 9; give a whole number from 50 to 1200.")
    expect(desk.get_by_role("button", name="Save the file")).to_be_disabled()
    desk.locator("input[name=dpi]").fill("300")
    expect(desk.locator(".print-facts")).to_contain_text("638 × 638")
    desk.locator("select[name=format]").select_option("tiff")
    with at.expect_download() as saved:
        desk.get_by_role("button", name="Save the file").click()
    saved.value.save_as(tmp_path / "print.tif")
    with Image.open(tmp_path / "print.tif") as image:
        assert image.size == (638, 638)
        assert image.info["dpi"] == pytest.approx((300, 300))
    expect(desk).to_have_count(0)


def test_every_action_is_found_by_its_name(at: Page) -> None:
    at.keyboard.press("Control+k")
    palette = at.locator("dialog.palette")
    at.keyboard.type("clip")
    expect(palette.get_by_role("option")).to_have_count(1)
    at.keyboard.press("Enter")
    expect(at.locator("#clip-skip input[type=number]")).to_be_focused()
    at.keyboard.press("Control+k")
    at.keyboard.type("inpainting")
    at.keyboard.press("Enter")
    expect(at.get_by_role("tab", name="Inpainting")).to_have_attribute("aria-selected", "true")
    at.keyboard.press("Control+k")
    at.keyboard.type("no such thing")
    expect(palette).to_contain_text("Nothing is called that.")
    at.keyboard.press("Escape")
    expect(palette).to_have_count(0)


def test_words_are_weighed_by_keys(at: Page) -> None:
    prompt = at.locator("#prompt textarea")
    prompt.fill("a red circle")
    prompt.evaluate("field => field.setSelectionRange(4, 4)")
    prompt.press("Control+ArrowUp")
    prompt.press("Control+ArrowUp")
    expect(prompt).to_have_value("a (red:1.2) circle")
    for _ in range(3):
        prompt.press("Control+ArrowDown")
    expect(prompt).to_have_value("a (red:0.9) circle")
    prompt.press("Control+ArrowUp")
    expect(prompt).to_have_value("a red circle")


def test_the_look_is_chosen_and_remembered(at: Page, studio: str) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = at.evaluate(ground)
    at.locator(".topbar .look").click()
    expect(at.locator(".topbar .look")).to_have_attribute("title", "Look: light")
    light = at.evaluate(ground)
    assert sum(json.loads(f"[{light[4:-1]}]")) > 600 > 150 > sum(json.loads(f"[{dark[4:-1]}]"))
    open_page(at, studio)
    assert at.evaluate(ground) == light
    at.locator(".topbar .look").click()
    at.emulate_media(color_scheme="light")
    assert at.evaluate(ground) == light
    at.emulate_media(color_scheme="dark")
    expect(at.locator("html")).to_have_attribute("data-look", "dark")
    assert at.evaluate(ground) == dark


def test_settings_are_kept_by_the_browser(at: Page, studio: str) -> None:
    at.locator(".rooms").get_by_role("button", name="Settings").click()
    room = at.locator("#settings-room")
    expect(at.locator("#studio")).to_be_hidden()
    room.get_by_label("Light").check()
    assert at.locator("html").get_attribute("data-look") == "light"
    room.get_by_label("Play a sound").check()
    open_page(at, studio)
    at.locator(".rooms").get_by_role("button", name="Settings").click()
    expect(room.get_by_label("Light")).to_be_checked()
    expect(room.get_by_label("Play a sound")).to_be_checked()
    at.evaluate(
        "window.tones = 0; const make = AudioContext.prototype.createOscillator;"
        "AudioContext.prototype.createOscillator = function () { window.tones += 1; return make.call(this); }; 0"
    )
    at.evaluate("reverie.ended('Finished', 9000)")
    assert at.evaluate("window.tones") == 0, "not long"
    at.evaluate("reverie.ended('Finished', 11000)")
    assert at.evaluate("window.tones") == 2
    room.get_by_role("button", name="Forget it, and begin anew").click()
    expect(at.locator("html")).to_have_attribute("data-look", "dark")
