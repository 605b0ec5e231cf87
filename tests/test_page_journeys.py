"""Ten journeys through the studio, by the keyboard alone, or on a phone; each ends in a picture that is looked at."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.studio import Studio
from tests.test_page import newest, open_page, wait_for_new
from webui.library.embed import read_recipe

RED, GREEN = "a red circle on a blue background", "a green circle on a blue background"
MOST_TABS = 400


@pytest.fixture(scope="module")
def studio(new_studio: Callable[..., Studio]) -> str:
    """A Reverie for these alone: by Tab one comes past everything that others have made."""
    return new_studio().url


@pytest.fixture
def at(page: Page, studio: str) -> Iterator[Page]:
    """The page, open, asking for one quick picture; no script of it may fail, and the mouse is never moved."""
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    open_page(page, studio)
    for field, value in (("go to image count", "1"), ("go to generation steps", "8"), ("go to seed", "7")):
        run(page, field)
        write(page, value)
    yield page
    assert troubles == []


def run(page: Page, words: str) -> None:
    """Does what the palette calls by these words; a field gets the caret."""
    page.keyboard.press("Control+k")
    palette = page.locator("dialog.palette")
    page.keyboard.type(words)
    expect(palette.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(palette).to_have_count(0)
    page.evaluate("() => new Promise((done) => setTimeout(done))")  # what was chosen is done next


def write(page: Page, text: str) -> None:
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Presses Tab until it has the focus, as somebody would who has no mouse."""
    node = target.element_handle()  # found once: by its role and name that takes longer than the key
    for _ in range(MOST_TABS):
        if not node.evaluate("(node) => node.isConnected"):  # drawn anew meanwhile
            node = target.element_handle()
        if node.evaluate("(node) => node === document.activeElement || node.contains(document.activeElement)"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{target} cannot be reached by {key}")


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    tab_to(page, target)
    page.keyboard.press(key)


def dreamt(page: Page, prompt: str | None = None) -> np.ndarray[Any, Any]:
    """Writes a prompt, dreams by Ctrl+Enter, and gives what came."""
    run(page, "go to prompt")
    expect(page.locator("#prompt textarea")).to_be_focused()
    if prompt is not None:
        write(page, prompt)
    wait_for_new(page, lambda: page.keyboard.press("Control+Enter"))
    return looked_at(page)


def file_of(page: Page) -> bytes:
    """The newest picture's file, by the viewer's own key for downloads."""
    press(page, newest(page).locator(".tile .open").first)
    expect(page.locator("dialog.viewer")).to_be_visible()
    with page.expect_download() as download:
        page.keyboard.press("s")
    page.keyboard.press("Escape")
    return Path(download.value.path()).read_bytes()


def looked_at(page: Page) -> np.ndarray[Any, Any]:
    return pixels(file_of(page))


def pixels(png: bytes) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def middle(picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    high, wide = picture.shape[:2]
    return picture[high * 2 // 5 : high * 3 // 5, wide * 2 // 5 : wide * 3 // 5].mean((0, 1))


def is_red(colour: np.ndarray[Any, Any]) -> bool:
    return bool(colour[0] > colour[1] + 60 and colour[0] > colour[2] + 40)


def in_viewer(page: Page, name: str) -> None:
    """Presses one of the viewer's buttons of the newest picture."""
    press(page, newest(page).locator(".tile .open").first)
    press(page, page.locator("dialog.viewer").get_by_role("button", name=name, exact=True))


def test_first_picture(at: Page) -> None:
    assert is_red(middle(dreamt(at, RED)))


def test_refined_by_its_prompt_with_the_seed_kept(at: Page) -> None:
    first = dreamt(at, RED)
    second = dreamt(at, GREEN)
    recipe = read_recipe(file_of(at))
    assert recipe is not None
    assert recipe.seed == 7
    assert middle(second)[1] > middle(second)[0]
    edge = (slice(0, 16), slice(0, 16))
    assert np.abs(first[edge].mean((0, 1)) - second[edge].mean((0, 1))).max() < 60, "the background is the same blue"


def test_image_to_image_from_an_upload(at: Page, tmp_path: Path) -> None:
    halves = np.zeros((128, 128, 3), np.uint8)
    halves[:64], halves[64:] = (250, 210, 40), (30, 60, 200)
    Image.fromarray(halves).save(tmp_path / "halves.png")
    run(at, "tab image to image")
    upload = at.locator("#source button.upload-container")
    tab_to(at, upload)
    upload.element_handle().wait_for_element_state("stable")
    tab_to(at, upload)
    with at.expect_file_chooser() as chooser:
        at.keyboard.press("Enter")
    chooser.value.set_files(tmp_path / "halves.png")
    expect(at.locator("#source img")).to_be_visible()
    run(at, "go to image strength")
    write(at, "85")
    picture = dreamt(at, RED)
    recipe = read_recipe(file_of(at))
    assert recipe is not None
    assert recipe.request["strength"] == pytest.approx(0.15)
    assert np.corrcoef(picture.ravel(), halves.ravel())[0, 1] > 0.6, "yellow above, blue below, as it was"
    assert (picture != halves).any()
    run(at, "tab text to image")


def test_inpainting_by_brush(at: Page) -> None:
    before = dreamt(at, RED)
    in_viewer(at, "Send to inpainting")
    easel = at.locator(".easel-frame")
    expect(easel).to_be_visible()
    at.wait_for_function("document.querySelector('#easel canvas').width > 1")
    tab_to(at, easel)
    for _ in range(6):
        at.keyboard.press("]")
    at.keyboard.press("Space")
    expect(at.locator(".easel.painted")).to_have_count(1)
    run(at, "go to image strength")
    write(at, "0")
    after = dreamt(at, "a yellow square on a blue background")
    changed = (before != after).any(2)
    assert changed[64, 64]
    assert not changed[:8].any()
    assert not changed[-8:].any()
    assert 0.01 < changed.mean() < 0.6
    run(at, "tab text to image")


def test_outpainting(at: Page) -> None:
    before = dreamt(at, RED)
    in_viewer(at, "Send to inpainting")
    at.wait_for_function("document.querySelector('#easel canvas').width > 1")
    run(at, "go to grow, right")
    write(at, "64")
    at.keyboard.press("Tab")
    press(at, at.locator("#grow"))
    at.wait_for_function("document.querySelector('#easel img').naturalWidth === 192")
    after = dreamt(at)
    assert after.shape == (128, 192, 3)
    assert (after[:, :96] == before[:, :96]).all(), "far from the seam it stays, bit for bit"
    assert after[:, 140:].std() > 3
    run(at, "tab text to image")


def test_variations(at: Page) -> None:
    before = dreamt(at, RED)
    wait_for_new(at, lambda: in_viewer(at, "Vary subtly"))
    after = looked_at(at)
    assert (before != after).any()
    assert is_red(middle(after))
    assert np.abs(before - after).mean() < 40


def test_a_branch_from_a_step(at: Page) -> None:
    before = dreamt(at, RED)
    press(at, newest(at).locator(".tile .open").first)
    steps = at.locator(".viewer .steps input[type=range]")
    tab_to(at, steps)
    for _ in range(3):
        at.keyboard.press("ArrowLeft")
    expect(at.locator(".viewer .steps output")).to_have_text("Step 5 of 8")
    press(at, at.locator(".viewer").get_by_role("button", name="Branch from here"))
    expect(at.locator("#branch-chip")).to_contain_text("Branch after step 5")
    wait_for_new(at, lambda: at.keyboard.press("Control+Enter"))
    assert (looked_at(at) == before).all(), "nothing was changed"
    after = dreamt(at, GREEN)
    assert (after != before).any()
    press(at, at.get_by_role("button", name="End the branch"))


def test_an_old_picture_is_found_and_made_again(at: Page) -> None:
    before = dreamt(at, "a white star on a purple background")
    dreamt(at, GREEN)
    run(at, "search your pictures")
    at.keyboard.type("purple star")
    expect(at.locator("article.row[data-row]")).to_have_count(1)
    in_viewer(at, "Reuse everything")
    expect(at.locator("#prompt textarea")).to_have_value("a white star on a purple background")
    run(at, "search your pictures")
    write(at, " ")
    expect(at.locator("article.row[data-row]").nth(1)).to_be_visible()
    assert (dreamt(at) == before).all()


def test_a_print(at: Page) -> None:
    dreamt(at, RED)
    in_viewer(at, "Print…")
    desk = at.locator("dialog.print")
    expect(desk.locator(".print-facts strong")).to_be_visible()
    tab_to(at, desk.locator("select[name=product]"))
    at.keyboard.type("Sticker")
    expect(desk.locator(".print-facts")).to_contain_text("5 × 5 cm")
    tab_to(at, desk.locator("select[name=format]"))
    at.keyboard.type("PNG")
    expect(desk.locator("select[name=format]")).to_have_value("png")
    with at.expect_download() as download:
        press(at, desk.get_by_role("button", name="Save the file"))
    with Image.open(download.value.path()) as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert image.width == image.height == round((50 + 2 * 2) / 25.4 * 300)
        assert is_red(middle(np.asarray(image.convert("RGB")).astype(int)))
    at.keyboard.press("Escape")


def test_a_phone(chromium: Browser, studio: str) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = context.new_page()
    open_page(page, studio)
    page.locator("#prompt textarea").tap()
    page.keyboard.type(RED)
    box = page.locator("#dream").bounding_box()
    assert box
    assert box["y"] + box["height"] <= 740, "Dream is in reach of the thumb"
    wait_for_new(page, page.locator("#dream").tap)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    newest(page).locator(".tile .open").first.tap()
    with page.expect_download() as download:
        page.locator(".viewer").get_by_role("button", name="Download", exact=True).tap()
    assert is_red(middle(pixels(Path(download.value.path()).read_bytes())))
    context.close()
