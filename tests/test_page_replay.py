"""In a real browser: uploads and masks come back, inpainted pictures are proven and branched, chains are replayed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.studio import Studio
from tests.test_page import newest, open_advanced, open_page, pixels, png_of, set_number, wait_for_new
from tests.test_page_editing import painted_box, upload
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


def test_an_upload_and_its_mask_come_back_and_prove_what_was_inpainted(
    at: Page, running: Studio, tmp_path: Path
) -> None:
    at.get_by_role("tab", name="Inpainting").click()
    upload(at, Image.effect_noise((128, 128), 60).convert("RGB"), tmp_path)
    mask = Image.new("L", (128, 128), 0)
    mask.paste(255, (32, 64, 96, 112))
    mask.save(tmp_path / "mask.png")
    at.locator("#mask-section .label-wrap").click()
    at.locator("#mask-upload input[type=file]").set_input_files(tmp_path / "mask.png")
    expect(at.locator(".easel.painted")).to_be_visible()
    at.locator("#prompt textarea").fill("a green star on a blue background")
    first = png_of(at, wait_for_new(at, at.locator("#dream").click).locator(".tile").first)
    recipe = read_recipe(first)
    assert recipe is not None
    assert {path.stem for path in (running.outputs / ".inputs").glob("*/*.png")} >= {
        str(recipe.request[name]).removeprefix("sha256:") for name in ("image", "mask_image")
    }

    at.evaluate("localStorage.clear()")
    open_page(at, at.url)
    newest(at).locator(".tile .open").first.click()
    viewer = at.locator(".viewer")
    viewer.get_by_role("button", name="Prove it").click()
    expect(viewer.locator(".verdict")).to_contain_text("Proven: the same picture, every pixel alike.", timeout=60_000)
    expect(viewer.get_by_role("button", name="Branch from here")).to_be_visible()
    viewer.get_by_role("button", name="Reuse everything").click()
    expect(at.locator("#source img")).to_be_visible()
    expect(at.locator(".easel.painted")).to_be_visible()
    assert painted_box(at) == pytest.approx([0.25, 0.5, 0.75, 0.875], abs=0.01)
    set_number(at, "num_images_per_prompt", 1)
    again = png_of(at, wait_for_new(at, at.locator("#dream").click).locator(".tile").first)
    assert np.array_equal(pixels(again), pixels(first))

    newest(at).locator(".tile .open").first.click()
    viewer.locator(".steps input[type=range]").evaluate(
        "range => { range.value = 3; range.dispatchEvent(new Event('input')); }"
    )
    viewer.get_by_role("button", name="Branch from here").click()
    expect(at.locator("#branch-chip")).to_contain_text("Branch after step 3")
    branch = png_of(at, wait_for_new(at, at.locator("#dream").click).locator(".tile").first)
    assert np.array_equal(pixels(branch), pixels(first)), "nothing was changed"


def test_a_chain_is_shown_and_replayed_at_another_size_by_the_keyboard(at: Page) -> None:
    at.locator("#prompt textarea").fill("a red circle on a blue background")
    row = wait_for_new(at, at.locator("#dream").click)
    first = str(row.locator(".tile").get_attribute("data-picture"))
    row.locator(".tile").hover()
    row.get_by_role("button", name="Send to image to image").click()
    expect(at.locator("#source img")).to_be_visible()
    at.locator("#prompt textarea").fill("a yellow circle on a blue background")
    row = wait_for_new(at, at.locator("#dream").click)
    before = png_of(at, row.locator(".tile").first)
    row.locator(".tile .open").click()
    viewer = at.locator(".viewer")
    thumbs = viewer.get_by_role("list", name="From the first picture to this one").locator(".thumb")
    expect(thumbs).to_have_count(2)
    expect(thumbs.first.locator("img")).to_have_attribute("src", re.compile(f"/{first}$"))
    expect(thumbs.nth(1)).to_have_attribute("aria-current", "true")
    at.keyboard.press("r")
    dialog = at.get_by_role("dialog", name="Replay this chain")
    expect(dialog).to_contain_text("2 pictures are made again")
    expect(dialog.get_by_label("Prompt of the first picture")).to_have_value("a red circle on a blue background")
    dialog.get_by_label("Width").fill("100")
    dialog.get_by_label("Width").press("Tab")
    expect(dialog.get_by_role("alert")).to_contain_text("Width is 100")
    expect(dialog.get_by_role("button", name="Replay", exact=True)).to_be_disabled()
    dialog.get_by_label("Width").fill("160")
    dialog.get_by_label("Width").press("Tab")
    expect(dialog.locator(".replay-trouble")).to_be_empty()
    dialog.get_by_label("Prompt of the first picture").fill("an orange moon")
    dialog.get_by_label("Prompt of the first picture").press("Tab")
    expect(dialog.get_by_role("button", name="Replay", exact=True)).to_be_enabled()
    dialog.get_by_role("button", name="Replay", exact=True).press("Enter")
    expect(at.locator("dialog[open]")).to_have_count(0)
    rows = at.locator("article.row[data-row]", has=at.locator(".row-note", has_text="Replay"))
    expect(rows.first.locator(".tile")).to_have_count(2, timeout=120_000)
    expect(at.locator("article.row.live")).to_have_count(0)
    tiles = rows.first.locator(".tile")
    pngs = [png_of(at, tiles.nth(number)) for number in range(2)]
    recipes = [read_recipe(png) for png in pngs]
    old = read_recipe(before)
    assert old is not None and recipes[0] is not None and recipes[1] is not None
    assert [pixels(png).shape for png in pngs] == [(128, 160, 3)] * 2
    assert (recipes[0].request["prompt"], recipes[0].edit) == ("an orange moon", "replay 1/2")
    assert (recipes[1].request["prompt"], recipes[1].seed, recipes[1].edit) == (
        "a yellow circle on a blue background",
        old.seed,
        "replay 2/2",
    )
    assert recipes[1].parent == tiles.nth(0).get_attribute("data-picture")
    tiles.nth(1).locator(".open").click()
    viewer.get_by_role("button", name="Replay this chain…").click()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    expect(viewer).to_be_visible()
