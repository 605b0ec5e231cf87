"""Editing on the page, in a real Chromium on a real Reverie: growing, transparency, loopback and many pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.test_page import newest, open_advanced, open_page, pixels, png_of, said, set_number, wait_for_new
from webui.library.embed import read_recipe

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def at(page: Page, studio: str) -> Iterator[Page]:
    """The page, open, with few steps; nothing in it may go wrong unseen."""
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    open_page(page, studio)
    head = page.get_by_role("button", name="Advanced", exact=False).first
    head.click()
    set_number(page, "num_inference_steps", 6)
    set_number(page, "num_images_per_prompt", 1)
    head.click()
    page.locator("#prompt textarea").fill("a red circle on a blue background")
    yield page
    assert troubles == []


def look(page: Page, name: str) -> None:
    """Takes the page at both widths where somebody wants to look at it: ``LOOK=folder``."""
    folder = os.environ.get("LOOK")
    if folder:
        wide = page.viewport_size
        page.screenshot(path=Path(folder) / f"{name}-1440.png")
        page.set_viewport_size(PHONE)
        page.screenshot(path=Path(folder) / f"{name}-390.png", full_page=True)
        assert wide
        page.set_viewport_size(wide)


def unfold(page: Page, section: str) -> Locator:
    head = page.locator(f"#{section} .label-wrap")
    if "open" not in (head.get_attribute("class") or ""):
        head.click()
    return page.locator(f"#{section}")


def upload(page: Page, image: Image.Image, folder: Path) -> Path:
    image.save(folder / "start.png")
    page.locator("#source input[type=file]").set_input_files(folder / "start.png")
    expect(page.locator("#source-note")).to_contain_text(f"{image.width} × {image.height} px")
    return folder / "start.png"


def painted_box(page: Page) -> list[float]:
    """Left, top, right and bottom of the mask on the easel, each as a share of the picture."""
    box: list[float] = page.evaluate(
        """() => { const c = document.querySelector('#easel canvas'), { width: w, height: h } = c;
        const data = c.getContext('2d').getImageData(0, 0, w, h).data; let [l, t, r, b] = [w, h, 0, 0];
        for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) if (data[4 * (y * w + x) + 3] > 127) {
          l = Math.min(l, x); r = Math.max(r, x + 1); t = Math.min(t, y); b = Math.max(b, y + 1); }
        return [l / w, t / h, r / w, b / h]; }"""
    )
    return box


def test_a_picture_grows_on_the_easel_and_dream_paints_what_is_new(at: Page, tmp_path: Path) -> None:
    old = Image.effect_noise((128, 128), 70).convert("RGB")
    at.get_by_role("tab", name="Inpainting").click()
    rows = unfold(at, "grow-section")
    rows.get_by_role("button", name="Grow", exact=True).click()
    said(at, "Image is missing")
    upload(at, old, tmp_path)
    rows.get_by_label("Right").fill("13")
    rows.get_by_role("button", name="Grow", exact=True).click()
    said(at, "must be a multiple of 8 from 0 to 512")
    rows.get_by_label("Right").fill("64")
    rows.get_by_role("button", name="Grow", exact=True).click()
    said(at, "The new room is masked; press Dream to paint it")
    expect(at.locator("#source-note")).to_contain_text("192 × 128 px")
    expect(at.locator(".easel.painted")).to_be_visible()
    at.wait_for_function("() => { const c = document.querySelector('#easel canvas'); return c.width > c.height; }")
    box = painted_box(at)
    assert box == pytest.approx([112 / 192, 0, 1, 1], abs=0.01), "the new room and the seam"
    expect(rows.get_by_label("Right")).to_have_value("0")
    expect(at.locator("#mask_blur input[type=number]")).to_have_value("16")

    canvas = at.locator("#easel canvas").bounding_box()
    assert canvas
    x, y = canvas["x"] + canvas["width"] * 0.12, canvas["y"] + canvas["height"] / 2
    at.mouse.move(x, y)
    at.mouse.down()
    at.mouse.move(x + 20, y, steps=4)
    at.mouse.up()  # the artist can still brush
    assert painted_box(at)[0] < 0.15
    look(at, "grown")
    row = wait_for_new(at, at.locator("#dream").click)
    png = png_of(at, row.locator(".tile").first)
    result, before = pixels(png), np.asarray(old).astype(int)
    assert result.shape == (128, 192, 3)
    assert (result[:20, :111] == before[:20, :111]).all() and (result[-20:, :111] == before[-20:, :111]).all()
    assert (result[64, 30] != before[64, 30]).any(), "what was brushed has changed, too"
    assert result[:, 128:].std() > 5
    recipe = read_recipe(png)
    assert recipe is not None and recipe.task == "inpaint" and recipe.request["mask_blur"] == 16
    upload(at, Image.new("RGB", (128, 128), "red"), tmp_path)  # the next one is worked on at its own size again
    expect(at.locator("#picture-size .follow input")).to_be_checked()


def test_what_was_erased_from_an_upload_becomes_the_mask(at: Page, tmp_path: Path) -> None:
    image = Image.new("RGBA", (128, 128), (200, 120, 30, 255))
    at.get_by_role("tab", name="Inpainting").click()
    upload(at, image.convert("RGB"), tmp_path)
    button = at.get_by_role("button", name="Mask from transparency")
    expect(button).to_be_hidden()
    image.paste((0, 0, 0, 0), (32, 64, 96, 128))
    upload(at, image, tmp_path)
    expect(at.locator("#background")).to_be_visible()
    button.click()
    expect(at.locator(".easel.painted")).to_be_visible()
    assert painted_box(at) == pytest.approx([0.25, 0.5, 0.75, 1], abs=0.01)
    look(at, "transparent")
    at.get_by_role("tab", name="Image to image").click()
    expect(button).to_be_hidden()
    at.get_by_role("tab", name="Inpainting").click()
    row = wait_for_new(at, at.locator("#dream").click)
    result = pixels(png_of(at, row.locator(".tile").first))
    assert (result[:63] == (200, 120, 30)).all()
    assert (result[80:, 48:80] != (200, 120, 30)).any()


def test_loopback_goes_on_while_the_page_is_opened_again_and_stop_ends_it(at: Page, tmp_path: Path) -> None:
    at.get_by_role("tab", name="Image to image").click()
    upload(at, Image.effect_noise((128, 128), 70).convert("RGB"), tmp_path)
    section = unfold(at, "loop-section")
    for name, value in (("loops", "3"), ("strength_factor", "0.8")):
        section.locator(f"#{name} input[type=number]").fill(value)
        section.locator(f"#{name} input[type=number]").press("Tab")
    look(at, "loopback")
    count = at.locator("article.row[data-row]").count()
    at.locator("#dream").click()
    expect(at.locator("article.row.live")).to_have_count(1)
    open_page(at, at.url)
    expect(at.locator("article.row[data-row]")).to_have_count(count + 1, timeout=180_000)
    expect(at.locator("article.row.live")).to_have_count(0)
    tiles = at.locator("article.row[data-row]").first.locator(".tile")
    expect(tiles).to_have_count(3)
    recipes = [read_recipe(png_of(at, tiles.nth(index))) for index in range(3)]
    assert [recipe.request["strength"] for recipe in recipes if recipe] == pytest.approx([0.65, 0.52, 0.416])
    assert [recipe.edit for recipe in recipes if recipe] == ["loopback 1/3", "loopback 2/3", "loopback 3/3"]
    ids = [tiles.nth(index).get_attribute("data-picture") for index in range(3)]
    assert [recipe.parent for recipe in recipes if recipe] == [None, *ids[:2]]
    seeds = [recipe.seed for recipe in recipes if recipe]
    assert seeds == [(seeds[0] + turn) % 2**32 for turn in range(3)]

    section = unfold(at, "loop-section")
    for name, value in (("loops", "32"), ("strength_factor", "1")):  # both were remembered
        section.locator(f"#{name} input[type=number]").fill(value)
        section.locator(f"#{name} input[type=number]").press("Tab")
    open_advanced(at)
    set_number(at, "num_inference_steps", 60)  # so that it has not ended before it is stopped
    at.locator("#dream").click()
    expect(at.locator("article.row[data-row]")).to_have_count(count + 2, timeout=180_000)
    at.locator("#stop").click()
    expect(at.locator("body.dreaming")).to_have_count(0)
    made = at.locator("article.row[data-row]").first.locator(".tile")
    stopped = made.count()
    open_page(at, at.url)
    expect(at.locator("article.row.live")).to_have_count(0)
    expect(made.first).to_be_visible()
    assert made.count() == stopped < 20


def test_many_pictures_are_gone_through_and_a_bad_one_is_named(at: Page, tmp_path: Path) -> None:
    for name, colour in (("red.png", "red"), ("green.png", "green")):
        Image.new("RGB", (128, 128), colour).save(tmp_path / name)
    (tmp_path / "words.png").write_bytes(b"these are words")
    at.get_by_role("tab", name="Text to image").click()
    expect(at.locator("#many-section")).to_be_hidden()
    at.get_by_role("tab", name="Image to image").click()
    section = unfold(at, "many-section")
    section.locator("input[type=file]").set_input_files(
        [tmp_path / f"{name}.png" for name in ("red", "words", "green")]
    )
    expect(section).to_contain_text("green")
    look(at, "many")
    set_number(at, "image-strength", 83)  # one of six steps
    count = at.locator("article.row[data-row]").count()
    at.locator("#dream").click()
    said(at, "Left out: words.png")
    made = newest(at).locator(".tile")
    expect(at.locator("article.row[data-row]")).to_have_count(count + 1, timeout=180_000)
    expect(made).to_have_count(2, timeout=180_000)
    expect(at.locator("article.row.live")).to_have_count(0)
    seen = [pixels(png_of(at, made.nth(number))) for number in (0, 1)]
    assert [int(one.mean((0, 1)).argmax()) for one in seen] == [0, 1], "red first, then green"


def test_a_phone_has_room_for_all_of_it(chromium: Browser, studio: str) -> None:
    context: Any = chromium.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    open_page(page, studio)
    for tab, sections in (
        ("Inpainting", ("grow-section", "many-section")),
        ("Image to image", ("loop-section", "many-section")),
    ):
        page.get_by_role("tab", name=tab).tap()
        for section in sections:
            unfold(page, section)
            expect(page.locator(f"#{section} input").first).to_be_attached()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
