"""The page in a real Chromium, on a real Reverie with its starter model: each journey ends in a checked picture."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.studio import Studio, free_port
from webui.library.embed import read_parameters, read_recipe

WATCH_PREVIEWS = """
window.previews = new Set();
new MutationObserver(() => {
  for (const image of document.querySelectorAll('.tile.forming img'))
    if (image.src.startsWith('data:image/jpeg')) window.previews.add(image.src);
}).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['src']});
"""


@pytest.fixture
def at(page: Page, studio: str) -> Iterator[Page]:
    """The page, open, with every request to somewhere else noted; there must be none."""
    strangers: list[str] = []
    troubles: list[str] = []
    page.on("request", lambda request: strangers.append(request.url) if is_elsewhere(request.url, studio) else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    open_page(page, studio)
    yield page
    assert strangers == []
    assert troubles == []


def is_elsewhere(url: str, studio: str) -> bool:
    return not url.startswith((studio.rstrip("/"), "data:", "blob:"))


def open_page(page: Page, studio: str) -> None:
    page.goto(studio)
    expect(page.locator("#dream")).to_be_visible()
    page.wait_for_function("document.body.matches('.restored') && document.querySelector('.results[data-loaded]')")
    page.evaluate(WATCH_PREVIEWS)


def set_number(page: Page, field: str, value: float) -> None:
    box = page.locator(f"#{field} input[type=number]")
    expect(box).not_to_have_value("")  # its section may just have been opened
    box.fill(str(value))
    box.press("Tab")


def open_advanced(page: Page) -> None:
    head = page.locator("#advanced > .label-wrap")
    if "open" not in (head.get_attribute("class") or ""):
        head.click()


def newest(page: Page) -> Locator:
    return page.locator("article.row[data-row]").first


def wait_for_new(page: Page, start: Callable[[], Any]) -> Locator:
    """Does what starts a job and waits for the row of its finished pictures."""
    before = newest(page).get_attribute("data-row") if newest(page).count() else None
    start()
    page.wait_for_function(
        "before => { const row = document.querySelector('article.row[data-row]');"
        " return row && row.dataset.row !== before && !document.querySelector('article.row.live'); }",
        arg=before,
        timeout=180_000,  # the first picture waits for torch and the model
    )
    return newest(page)


def png_of(page: Page, tile: Locator) -> bytes:
    """What the Download button of a tile gives."""
    tile.hover()
    with page.expect_download() as download:
        tile.get_by_role("button", name="Download").click()
    return Path(download.value.path()).read_bytes()


def pixels(png: bytes) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def dream(page: Page, prompt: str, *, count: int = 1) -> Locator:
    page.locator("#prompt textarea").fill(prompt)
    set_number(page, "num_images_per_prompt", count)
    return wait_for_new(page, page.locator("#dream").click)


def test_words_become_pictures_then_another_picture_then_a_repainted_one(at: Page) -> None:
    prompt = "a red circle on a <b onclick=alert(1)>blue</b> background"
    row = dream(at, prompt, count=2)
    assert at.evaluate("window.previews.size") >= 5
    expect(row.locator(".row-prompt")).to_have_text(prompt)  # as text, never as HTML
    expect(row.locator(".tile")).to_have_count(2)
    first = row.locator(".tile").first
    png = png_of(at, first)
    recipe = read_recipe(png)
    assert recipe is not None
    assert pixels(png).shape == (128, 128, 3)
    assert pixels(png).std() > 5
    assert (recipe.request["prompt"], recipe.seed) == (prompt, int(first.get_attribute("data-seed") or -1))
    assert re.search(r"Steps: 20, Sampler: Euler, .*CFG scale: ", read_parameters(png) or "")

    first.hover()
    first.get_by_role("button", name="Send to image to image").click()
    expect(at.get_by_role("tab", name="Image to image")).to_have_attribute("aria-selected", "true")
    expect(at.locator("#source img")).to_be_visible()
    row = dream(at, "a yellow circle on a blue background")
    changed = png_of(at, row.locator(".tile").first)
    recipe = read_recipe(changed)
    assert recipe is not None
    assert (recipe.task, recipe.request["strength"]) == ("image_to_image", 0.65)
    assert 1 < np.abs(pixels(changed) - pixels(png)).mean() < 120

    row.locator(".tile").first.hover()
    row.locator(".tile").first.get_by_role("button", name="Send to inpainting").click()
    canvas = at.locator("#easel canvas")
    expect(canvas).to_be_visible()
    at.wait_for_function("document.querySelector('#easel canvas').width > 1")
    box = canvas.bounding_box()
    assert box
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    at.mouse.move(middle[0] - 40, middle[1])
    at.mouse.down()
    at.mouse.move(middle[0] + 40, middle[1], steps=6)
    at.mouse.up()
    open_page(at, at.url)  # opened again, it still has the mask, and sends it
    expect(at.locator(".easel.painted")).to_be_visible()
    row = dream(at, "a green star on a blue background")
    assert at.evaluate("window.previews.size") >= 5
    painted = png_of(at, row.locator(".tile").first)
    difference = np.abs(pixels(painted) - pixels(changed)).sum(axis=2)
    assert difference[:20].max() == difference[-20:].max() == difference[:, :10].max() == 0
    assert difference[54:74, 44:84].mean() > 1


def test_a_page_opened_again_goes_on_watching_and_remembers_the_form(at: Page, studio: str) -> None:
    open_advanced(at)
    set_number(at, "num_inference_steps", 150)
    at.locator("#seed input, #seed textarea").first.fill("4242")
    at.locator("#prompt textarea").fill("a purple square on a white background")
    at.locator("#negative-section .label-wrap").click()
    at.locator("#negative-prompt textarea").fill("blurry")
    set_number(at, "num_images_per_prompt", 8)  # long enough to be met again on any machine
    at.keyboard.press("Control+Enter")
    expect(at.locator("article.row.live .tile img:visible").first).to_be_visible()
    open_page(at, studio)
    expect(at.locator("article.row.live .row-prompt")).to_have_text("a purple square on a white background")
    at.wait_for_function("window.previews.size >= 3")
    expect(at.locator("#prompt textarea")).to_have_value("a purple square on a white background")
    expect(at.locator("#negative-prompt textarea")).to_have_value("blurry")
    open_advanced(at)
    expect(at.locator("#num_inference_steps input[type=number]")).to_have_value("150")
    expect(at.locator("#seed input, #seed textarea").first).to_have_value("4242")
    expect(at.locator("#seed-chip")).to_contain_text("Seed 4242")

    before = at.locator("article.row[data-row]").count()
    at.locator("#prompt textarea").press("Escape")
    expect(at.locator("article.row.live")).to_have_count(0)
    assert at.locator("article.row[data-row]").count() == before
    set_number(at, "num_inference_steps", 8)
    row = dream(at, "a purple square on a white background")
    png = png_of(at, row.locator(".tile").first)
    recipe = read_recipe(png)
    assert recipe is not None
    assert (recipe.seed, recipe.request["num_inference_steps"]) == (4242, 8)

    open_page(at, studio)
    expect(newest(at).locator(".tile").first).to_have_attribute("data-seed", "4242")
    open_advanced(at)
    at.get_by_role("button", name="Use a random seed again").press("Enter")
    expect(at.locator("#seed input, #seed textarea").first).to_have_value("")
    expect(at.locator("#seed-chip")).to_be_hidden()
    newest(at).locator(".tile").first.hover()
    newest(at).locator(".tile .seed").first.click()
    said(at, "Seed 4242 is used from now on; Auto in Advanced ends that.")
    expect(at.locator("#seed-chip")).to_contain_text("Seed 4242")
    at.locator("#seed input, #seed textarea").first.fill("")
    expect(at.locator("#seed-chip")).to_be_hidden()
    newest(at).locator(".tile").first.hover()
    newest(at).locator(".tile").first.get_by_role("button", name="Reuse everything").click()
    expect(at.locator("#seed input, #seed textarea").first).to_have_value("4242")
    again = wait_for_new(at, at.locator("#dream").click)
    assert np.array_equal(pixels(png_of(at, again.locator(".tile").first)), pixels(png))


def said(page: Page, words: str) -> None:
    """Exactly one message has the words, in upper and lower case as they are."""
    message = page.locator(".toast-body", has_text=re.compile(re.escape(words)))
    expect(message).to_have_count(1)
    expect(message).to_be_visible()
    page.evaluate("document.querySelectorAll('.toast-close').forEach((close) => close.click())")
    expect(page.locator(".toast-body")).to_have_count(0)


def test_changes_that_follow_each_other_closely_are_all_remembered(at: Page, studio: str) -> None:
    at.evaluate(
        "() => { const fetched = window.fetch; window.asked = 0;"
        " window.fetch = (...what) => { window.asked += 1; return fetched(...what); }; }"
    )
    prompt = at.locator("#prompt textarea")
    for words in ("a boat at dusk, ", "two boats at dusk, "):
        prompt.fill("")
        prompt.press_sequentially(words)
        at.evaluate("() => { window.kept = localStorage.getItem('reverie-form'); }")
        at.keyboard.insert_text("in fog")
        at.wait_for_function("localStorage.getItem('reverie-form') !== window.kept")
        at.wait_for_function(  # all that was asked while somebody typed is answered, and nobody asks any more
            """() => { const now = performance.now();
            if (window.asked !== window.seen) { window.seen = window.asked; window.since = now; }
            return now - window.since > 1000; }"""
        )
    other = at.context.new_page()
    open_page(other, studio)
    expect(other.locator("#prompt textarea")).to_have_value("two boats at dusk, in fog")
    other.close()


def test_what_cannot_be_used_is_said_in_a_sentence_and_the_form_is_kept(at: Page, tmp_path: Path) -> None:
    open_advanced(at)
    set_number(at, "num_images_per_prompt", 1)
    set_number(at, "num_inference_steps", 6)
    at.locator("#dream").click()
    said(at, "Prompt is empty")
    at.locator("#prompt textarea").fill("a blue star on a black background")
    at.locator("#seed input, #seed textarea").first.fill("12.5")
    at.locator("#dream").click()
    said(at, "Seed is '12.5'; it must be a whole number from 0 to 4294967295, or empty")
    expect(at.locator("#prompt textarea")).to_have_value("a blue star on a black background")
    at.locator("#seed input, #seed textarea").first.fill("7")
    at.locator("#finer-sampling > .label-wrap").click()
    at.locator("#eta input, #eta textarea").first.fill("<img src=x onerror=alert(1)>")
    at.locator("#dream").click()
    said(at, "Eta is '<img src=x onerror")
    at.locator("#eta input, #eta textarea").first.fill("")
    at.get_by_role("button", name="Set width and height").first.click()
    at.get_by_label("Width").first.fill("130")
    at.get_by_label("Width").first.press("Tab")
    at.locator("#dream").click()
    said(at, "Width is 130")
    at.get_by_role("button", name="Use ratios").first.click()

    at.get_by_role("tab", name="Inpainting").click()
    at.locator("#dream").click()
    said(at, "Image is missing")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"this is no picture")
    at.locator("#source input[type=file]").set_input_files(broken)
    said(at, "Image is not a picture")
    cut = tmp_path / "cut.png"
    Image.effect_noise((300, 300), 90).save(cut)
    cut.write_bytes(cut.read_bytes()[:9000])
    at.locator("#source input[type=file]").set_input_files(cut)
    said(at, "Image is damaged or incomplete; save it again")
    huge = tmp_path / "huge.png"
    Image.new("1", (20_000, 20_000)).save(huge)
    at.locator("#source input[type=file]").set_input_files(huge)
    said(at, "Image has")

    animated = tmp_path / "animated.gif"
    frames = [Image.new("RGB", (160, 96), colour) for colour in ("red", "blue")]
    frames[0].save(animated, save_all=True, append_images=frames[1:])
    at.locator("#source input[type=file]").set_input_files(animated)
    expect(at.locator("#source-note")).to_contain_text("160 × 96 px")
    said(at, "animated with 2 frames")
    at.locator("#dream").click()
    said(at, "Mask is empty")
    at.get_by_role("tab", name="Text to image").click()
    row = wait_for_new(at, at.locator("#dream").click)
    recipe = read_recipe(png_of(at, row.locator(".tile").first))
    assert recipe is not None
    assert (recipe.seed, recipe.request["prompt"]) == (7, "a blue star on a black background")


def test_pictures_people_really_have_become_pictures_to_go_on_from(at: Page, studio: str, tmp_path: Path) -> None:
    see_through = Image.new("RGBA", (200, 100), (255, 0, 0, 0))
    see_through.save(tmp_path / "rgba.png")
    turned = Image.new("RGB", (100, 200), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    Image.new("CMYK", (64, 64), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg")
    deep = np.full((80, 80), 40_000, np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    at.get_by_role("tab", name="Image to image").click()
    for name, size in (
        ("cmyk.jpg", "64 × 64"),
        ("deep.png", "80 × 80"),
        ("turned.jpg", "200 × 100"),
        ("rgba.png", "200 × 100"),
    ):
        at.locator("#source input[type=file]").set_input_files(tmp_path / name)
        expect(at.locator("#source-note")).to_contain_text(f"{size} px")
        expect(at.locator("#source img")).to_be_visible()
        if name != "rgba.png":
            expect(at.locator("#background")).to_be_hidden()
    expect(at.locator("#background")).to_be_visible()
    expect(at.locator("#source-note")).to_contain_text("worked on at")
    open_page(at, studio)  # opened again, it still has the picture
    expect(at.get_by_role("tab", name="Image to image")).to_have_attribute("aria-selected", "true")
    expect(at.locator("#source img")).to_be_visible()
    expect(at.locator("#source-note")).to_contain_text("200 × 100 px")
    open_advanced(at)
    set_number(at, "num_inference_steps", 8)
    set_number(at, "image-strength", 87)
    row = dream(at, "a white background")
    picture = pixels(png_of(at, row.locator(".tile").first))
    assert picture.shape[1] > picture.shape[0]
    assert picture.mean() > 150  # transparent parts lie on white
    assert picture.shape[0] % 8 == picture.shape[1] % 8 == 0


def test_a_phone_has_everything_in_reach(chromium: Browser, studio: str) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.set_default_timeout(60_000)
    page = context.new_page()
    open_page(page, studio)
    for tab in ("Inpainting", "Image to image", "Text to image"):
        page.get_by_role("tab", name=tab).tap()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        expect(page.locator("#dream")).to_be_in_viewport(ratio=1)
    open_advanced(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    set_number(page, "num_inference_steps", 6)
    page.locator("#prompt textarea").fill("a red square on a green background")
    set_number(page, "num_images_per_prompt", 1)
    row = wait_for_new(page, page.locator("#dream").tap)
    row.locator(".tile .open").tap()
    viewer = page.get_by_role("dialog")
    expect(viewer.locator(".viewer-prompt")).to_have_text("a red square on a green background")
    with page.expect_download() as download:
        viewer.get_by_role("button", name="Download", exact=True).tap()
    assert pixels(Path(download.value.path()).read_bytes()).shape == (128, 128, 3)
    expect(viewer.locator("dl div", has_text="Sampler")).to_contain_text("K Euler")  # as the panel calls it
    viewer.get_by_role("button", name="Send to inpainting").tap()
    expect(page.locator("#easel canvas")).to_be_in_viewport(ratio=0.9)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_a_very_flat_picture_has_room_for_its_buttons(at: Page) -> None:
    open_advanced(at)
    set_number(at, "num_inference_steps", 3)
    at.get_by_role("button", name="Set width and height").first.click()
    for name, side in (("Width", "1024"), ("Height", "64")):
        at.get_by_label(name).first.fill(side)
        at.get_by_label(name).first.press("Tab")
    tile = dream(at, "a yellow moon").locator(".tile").first
    assert pixels(png_of(at, tile)).shape == (64, 1024, 3)
    box, seed, actions = (part.bounding_box() for part in (tile, tile.locator(".seed"), tile.locator(".tile-actions")))
    assert box and seed and actions
    assert box["width"] / box["height"] == pytest.approx(3, abs=0.1)
    assert box["y"] < actions["y"] and actions["y"] + actions["height"] <= seed["y"]
    assert seed["y"] + seed["height"] <= box["y"] + box["height"]


def test_a_page_whose_studio_is_gone_says_so_and_finds_it_again(page: Page, new_studio: Callable[..., Studio]) -> None:
    port = str(free_port())
    first = new_studio("--port", port)
    open_page(page, first.url)
    ready, status = page.locator("body.ready"), page.locator("#status-text")
    expect(ready).to_have_count(1)
    first.stop()
    page.evaluate("window.dispatchEvent(new Event('offline'))")  # rather than wait for the next question
    expect(status).to_have_text("Connection lost, trying again…")
    expect(ready).to_have_count(0)
    second = new_studio("--port", port)
    expect(status).not_to_have_text("Connection lost, trying again…")
    second.stop()
