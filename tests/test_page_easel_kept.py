"""The easel with large pictures, masks that are kept, and comparing with what was there before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.test_page import open_advanced, open_page, pixels, png_of, set_number, wait_for_new
from tests.test_page_easel import at, drag, lay, sheet
from tests.test_page_editing import painted_box

__all__ = ["at"]

FILL = """() => { localStorage.removeItem('reverie-mask');
for (let size = 2 ** 20; size; size = Math.floor(size / 2)) for (let i = 0; i < 12; i++)
  try { localStorage.setItem(`full-${size}-${i}`, 'x'.repeat(size)); } catch { break; } }"""
"""Leaves the browser no room."""


def test_a_large_picture_is_brushed_on_a_small_copy_and_repainted_itself(at: Page, tmp_path: Path) -> None:
    large = Image.effect_noise((1024, 1024), 90).convert("RGB").resize((4096, 4096), Image.Resampling.NEAREST)
    before = at.locator(".easel-frame img").get_attribute("src")
    large.save(tmp_path / "large.png", compress_level=1)
    at.locator("#source input[type=file]").set_input_files(tmp_path / "large.png")
    expect(at.locator("#source-note")).to_contain_text("4096 × 4096 px", timeout=120_000)
    at.wait_for_function(
        "(old) => { const i = document.querySelector('.easel-frame img'), c = document.querySelector('#easel canvas');"
        " return i.getAttribute('src') !== old && i.complete && c.width === c.height; }",
        arg=before,
    )
    shown = at.locator(".easel-frame img").evaluate("(i) => Math.max(i.naturalWidth, i.naturalHeight)")
    canvas = at.locator("#easel canvas").evaluate("(c) => Math.max(c.width, c.height)")
    assert shown <= 1536 and canvas <= 1024
    box = sheet(at)
    x, y = box["left"] + box["width"] * 0.4, box["top"] + box["height"] * 0.5
    drag(at, (x, y), (x + 60, y))

    brushed = [side * 4096 for side in painted_box(at)]
    open_advanced(at)
    set_number(at, "num_inference_steps", 3)
    set_number(at, "num_images_per_prompt", 1)
    set_number(at, "mask_blur", 0)
    padding = at.locator("#padding-mask-crop input").first
    at.locator("#finer-mask > .label-wrap").click()
    padding.fill("32")
    padding.press("Tab")
    at.locator("#prompt textarea").fill("a red circle")
    row = wait_for_new(at, at.locator("#dream").click)
    viewer_png = png_of(at, row.locator(".tile").first)
    result, start = pixels(viewer_png), np.asarray(large).astype(int)
    assert result.shape == (4096, 4096, 3)
    changed = (result != start).any(axis=2)
    rows, columns = np.nonzero(changed)
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert np.abs(np.array(found) - np.array(brushed)).max() <= 8, "what was brushed, and nothing outside it"
    middle = (
        slice(int((brushed[1] + brushed[3]) / 2) - 40, int((brushed[1] + brushed[3]) / 2) + 40),
        slice(*map(int, (brushed[0] + 300, brushed[2] - 300))),
    )
    assert changed[middle].mean() > 0.9


def test_a_mask_outlives_a_reload_and_a_full_store_is_said(at: Page) -> None:
    box = sheet(at)
    y = box["top"] + box["height"] / 2
    drag(at, (box["left"] + 100, y), (box["left"] + 200, y))
    where = painted_box(at)
    open_page(at, at.url)  # at once: nothing waits for the mask to be handed over
    expect(at.locator(".easel.painted")).to_be_visible()
    assert np.allclose(painted_box(at), where, atol=0.003)
    at.evaluate(FILL)
    box = sheet(at)
    no_room = at.locator("#notices .notice", has_text="no room to keep this mask")
    for down in (80, 120):
        drag(at, (box["left"] + 40, box["top"] + down), (box["left"] + 200, box["top"] + down))
        at.wait_for_timeout(600)
        expect(no_room).to_have_count(1)
        assert not at.evaluate("localStorage.getItem('reverie-mask')"), "an older mask would come back instead"
    at.evaluate("localStorage.clear()")
    drag(at, (box["left"] + 40, box["top"] + 160), (box["left"] + 200, box["top"] + 160))
    at.wait_for_function("localStorage.getItem('reverie-mask')")


def test_a_result_that_is_sent_on_keeps_the_mask_and_is_compared_with_what_was_before(at: Page, tmp_path: Path) -> None:
    lay(at, tmp_path, (128, 128))
    open_advanced(at)
    set_number(at, "num_inference_steps", 3)
    set_number(at, "num_images_per_prompt", 1)
    box = sheet(at)
    drag(at, (box["left"] + 100, box["top"] + 100), (box["left"] + 200, box["top"] + 120))
    where, upload_shown = painted_box(at), at.locator(".easel-frame img").get_attribute("src") or ""
    at.locator("#prompt textarea").fill("a red circle")
    row = wait_for_new(at, at.locator("#dream").click)
    tile = row.locator(".tile").first
    first = tile.get_attribute("data-picture")
    tile.locator(".open").click()
    viewer, compare = at.get_by_role("dialog", name="Picture"), at.get_by_role("dialog", name="Compare two pictures")
    viewer.get_by_role("button", name="Compare").click()
    assert (compare.locator(".below").get_attribute("src") or "").endswith(upload_shown), "an upload, too"
    expect(compare.get_by_role("slider")).to_be_focused()
    at.keyboard.press("ArrowRight")
    expect(compare.locator(".compare-frame")).to_have_attribute("style", "--cut: 50.5%; --shape: 1;")
    at.keyboard.press("Escape")
    expect(compare).to_have_count(0)
    at.keyboard.press("Escape")
    expect(viewer).to_have_count(0)

    tile.hover()
    tile.get_by_role("button", name="Send to inpainting").click()
    at.wait_for_function(
        "(old) => document.querySelector('.easel-frame img').getAttribute('src') !== old", arg=upload_shown
    )
    expect(at.locator(".easel.painted")).to_be_visible()
    assert np.allclose(painted_box(at), where)
    row = wait_for_new(at, at.locator("#dream").click)
    row.locator(".tile .open").first.click()
    expect(viewer.get_by_role("button", name="Compare")).to_be_visible()
    at.keyboard.press("c")
    assert (compare.locator(".below").get_attribute("src") or "").endswith(f"/reverie/picture/{first}")
