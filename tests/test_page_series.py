"""Grids, lists of prompts, variations and upscaling on the page, in a real Chromium on a real Reverie."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.test_page import dream, newest, open_advanced, open_page, png_of, set_number, wait_for_new
from webui.library.infotext import read_infotext

PROMPT = "a red circle on a blue background"


@pytest.fixture
def at(page: Page, studio: str) -> Iterator[Page]:
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    open_page(page, studio)
    open_advanced(page)
    set_number(page, "num_inference_steps", 4)
    set_number(page, "num_images_per_prompt", 1)
    page.locator("#prompt textarea").fill(PROMPT)
    yield page
    assert troubles == []


def unfold(page: Page, section: str) -> None:
    head = page.locator(f"#{section} .label-wrap").first
    if "open" not in (head.get_attribute("class") or ""):
        head.click()


def choose(page: Page, axis: str, what: str, values: str) -> None:
    page.locator(f"#{axis} input").click()
    page.get_by_role("option", name=what, exact=True).click()
    page.locator(f"#{axis}_values textarea, #{axis}_values input").first.fill(values)


def rows(page: Page, words: str) -> Locator:
    return page.locator("article.row[data-row]", has=page.locator(".row-note", has_text=re.compile(words)))


def forming(page: Page, words: str) -> Locator:
    """Rows still forming whose prompt line says the words: for a moment a finished row stays beside the next one."""
    said = page.locator(".row-prompt", has_text=re.compile(words))
    return page.locator("article.row.live", has=said)


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def test_a_grid_is_counted_made_found_again_and_ends_in_a_sheet_with_its_recipe(at: Page, studio: str) -> None:
    unfold(at, "grid-section")
    choose(at, "grid_x", "Steps", "3, 60")
    expect(at.locator("#grid-count")).to_have_text("2 pictures will be made.")
    choose(at, "grid_y", "Prompt S/R", "red, green")
    expect(at.locator("#grid-count")).to_have_text("4 pictures will be made.")
    at.locator("#grid_y_values textarea, #grid_y_values input").first.fill("purple, green")
    at.locator("#dream").click()
    expect(at.locator(".toast-body")).to_contain_text("Y axis (Prompt S/R) looks for 'purple', which is in neither")
    at.locator(".toast-close").first.click()
    choose(at, "grid_y", "Prompt S/R", "red, green")
    expect(at.locator("#grid-count")).to_have_text("4 pictures will be made.")
    at.locator("#dream").click()
    expect(forming(at, "Grid · 2 of 4")).to_have_count(1, timeout=120_000)

    open_page(at, studio)

    expect(forming(at, "Grid · [234] of 4").first).to_be_visible()
    expect(rows(at, "Grid sheet")).to_have_count(1, timeout=120_000)
    expect(at.locator("article.row.live")).to_have_count(0)
    cells = rows(at, "Grid ·").first.locator(".tile")
    expect(cells).to_have_count(4)
    cells.nth(3).locator(".open").click()
    expect(at.locator(".viewer-prompt")).to_have_text(PROMPT.replace("red", "green"))
    expect(at.locator(".viewer dl")).to_contain_text("Generation steps60")
    at.keyboard.press("Escape")
    sheet = rows(at, "Grid sheet")
    png = png_of(at, sheet.locator(".tile"))
    with opened(png) as image:
        assert image.width > 2 * 128
        assert image.height > 2 * 128
        told = read_infotext(image.info["parameters"])
    assert told["unknown"]["X Type"] == "Steps"
    assert told["unknown"]["Y Values"] == "red, green"
    assert (told["width"], told["height"]) == (128, 128)
    sheet.locator(".tile .open").click()
    expect(at.get_by_role("dialog", name="Picture").get_by_role("button", name="Prove it")).to_have_count(0)
    at.keyboard.press("Escape")


def test_stop_ends_the_rest_of_a_series(at: Page) -> None:
    unfold(at, "prompts-section")
    at.get_by_label("Prompts from a list").check()
    lines = "first of many\nsecond of many --steps 150\nthird of many\nfourth of many"
    at.locator("#prompt-lines textarea").fill(lines)
    expect(at.locator("#grid-count")).to_have_text("4 pictures will be made.")
    at.locator("#dream").click()
    second = forming(at, "Prompts from a list · 2 of 4 second of many")
    expect(second).to_have_count(1, timeout=120_000)
    second.get_by_role("button", name="Stop").click()
    expect(at.locator("article.row.live")).to_have_count(0)
    expect(newest(at).locator(".row-prompt")).to_have_text("first of many")
    at.wait_for_function("!document.body.classList.contains('dreaming')")
    assert at.locator("article.row", has_text="third of many").count() == 0


def test_a_matrix_makes_every_combination_and_a_sheet(at: Page) -> None:
    at.locator("#prompt textarea").fill("a circle|red|large")
    unfold(at, "prompts-section")
    at.get_by_label("Prompt matrix").check()
    expect(at.locator("#grid-count")).to_have_text("4 pictures will be made.")
    before = rows(at, "Grid sheet").count()
    at.locator("#dream").click()
    expect(rows(at, "Grid sheet")).to_have_count(before + 1, timeout=120_000)
    made = rows(at, "Prompt matrix").first.locator(".tile img")
    expect(made).to_have_count(4)
    told = [image.get_attribute("alt") for image in made.all()]
    assert told == [
        "a circle",
        "a circle, red",
        "a circle, large",
        "a circle, red, large",
    ]


def test_a_picture_is_upscaled_and_varied_and_they_know_where_they_come_from(at: Page) -> None:
    row = dream(at, PROMPT)
    tile = row.locator(".tile").first
    parent, seed = tile.get_attribute("data-picture"), tile.get_attribute("data-seed")
    tile.locator(".open").click()
    viewer = at.get_by_role("dialog", name="Picture")
    viewer.get_by_role("button", name="Upscale…").click()
    asked = at.get_by_role("dialog", name="Upscale")
    expect(asked.get_by_role("combobox")).to_have_value("Lanczos")
    asked.get_by_text("×4").click()
    larger = wait_for_new(at, asked.get_by_role("button", name="Upscale").click)
    expect(larger.locator(".row-note")).to_contain_text("Upscaled")
    assert larger.locator(".tile").get_attribute("data-seed") == seed
    with opened(png_of(at, larger.locator(".tile"))) as image:
        assert image.size == (512, 512)
        told = read_infotext(image.info["parameters"])
    assert told["prompt"] == PROMPT
    larger.locator(".tile .open").click()
    expect(viewer.locator(".origins h4").first).to_have_text("Made from (Upscaled)")
    expect(viewer.locator(".thumb").first).to_be_visible()
    viewer.get_by_role("button", name="Prove it").click()
    expect(viewer.locator(".verdict")).to_contain_text("Proven: the same picture, every pixel alike.")
    at.keyboard.press("Escape")

    first = at.locator(f'.tile[data-picture="{parent}"]')
    for label, words in (("Vary subtly", "Subtle variation"), ("Vary strongly", "Strong variation")):
        first.locator(".open").click()
        varied = wait_for_new(at, viewer.get_by_role("button", name=label).click)
        expect(varied.locator(".row-note")).to_contain_text(words)
        assert {tile.get_attribute("data-seed") for tile in varied.locator(".tile").all()} == {seed}
