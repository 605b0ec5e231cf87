"""The easel in a real Chromium: the brush is exact at every zoom, by mouse, by finger and by keyboard alone."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.test_page import open_page, pixels, png_of, set_number, wait_for_new
from tests.test_page_editing import painted_box, upload

SMALL_PHONE = {"width": 360, "height": 740}
MASK = """() => { const c = document.querySelector('#easel canvas');
const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
return data.reduce((sum, value, i) => sum + (i % 4 === 3 ? value * (i % 9973) : 0), 0); }"""


@pytest.fixture
def at(page: Page, studio: str, tmp_path: Path) -> Iterator[Page]:
    """The page with a picture on the easel; nothing in it may go wrong unseen."""
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    open_page(page, studio)
    lay(page, tmp_path, (192, 128))
    yield page
    assert troubles == []


def lay(page: Page, folder: Path, size: tuple[int, int]) -> Image.Image:
    """Puts a picture of that size on the easel."""
    image = Image.effect_noise(size, 60).convert("RGB")
    page.get_by_role("tab", name="Inpainting").click()
    upload(page, image, folder)
    page.wait_for_function("document.querySelector('#easel canvas').width > 1")
    return image


def sheet(page: Page) -> dict[str, float]:
    """Where the picture is on the page, also where the frame cuts it off."""
    box: dict[str, float] = page.evaluate("document.querySelector('.easel-sheet').getBoundingClientRect().toJSON()")
    return box


def frame(page: Page) -> dict[str, float]:
    box: dict[str, float] = page.evaluate("document.querySelector('.easel-frame').getBoundingClientRect().toJSON()")
    return box


def shared(box: dict[str, float], x: float, y: float) -> tuple[float, float]:
    """A place of the page as a share of the picture."""
    return (x - box["left"]) / box["width"], (y - box["top"]) / box["height"]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=6)
    page.mouse.up()


def wheel(page: Page, turns: int) -> None:
    page.keyboard.down("Control")
    for _ in range(abs(turns)):
        page.mouse.wheel(0, -100 if turns > 0 else 100)
    page.keyboard.up("Control")


def middle_of_mask(page: Page) -> tuple[float, float]:
    left, top, right, bottom = painted_box(page)
    return (left + right) / 2, (top + bottom) / 2


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_the_picture_zooms_around_the_pointer_and_the_brush_stays_exact(at: Page, direction: str) -> None:
    at.evaluate("(dir) => { document.documentElement.dir = dir; }", direction)
    fitted = sheet(at)
    x, y = fitted["left"] + fitted["width"] * 0.8, fitted["top"] + fitted["height"] * 0.3
    at.mouse.move(x, y)
    wheel(at, 6)
    at.wait_for_function(
        "(old) => document.querySelector('.easel-sheet').getBoundingClientRect().width > old * 2", arg=fitted["width"]
    )
    zoomed = sheet(at)
    assert shared(zoomed, x, y) == pytest.approx((0.8, 0.3), abs=0.005)
    assert at.evaluate("visualViewport.scale") == 1
    at.locator(".brush-size input").fill("4")
    at.mouse.move(x, y)
    at.mouse.down()
    at.mouse.up()
    assert middle_of_mask(at) == pytest.approx((0.8, 0.3), abs=0.004)
    ring, box = at.locator(".easel .ring").bounding_box(), painted_box(at)
    assert ring
    assert ring["width"] == pytest.approx((box[2] - box[0]) * zoomed["width"], rel=0.1), (
        "the ring is as large as the dab"
    )

    at.keyboard.down("Space")
    drag(at, (x, y), (x - 60, y + 40))
    at.keyboard.up("Space")
    moved = sheet(at)
    assert (moved["left"] - zoomed["left"], moved["top"] - zoomed["top"]) == pytest.approx((-60, 40), abs=1)
    at.mouse.move(x, y)
    at.mouse.down(button="middle")
    at.mouse.move(x + 60, y - 40, steps=3)
    at.mouse.up(button="middle")
    assert (sheet(at)["left"], sheet(at)["top"]) == pytest.approx((zoomed["left"], zoomed["top"]), abs=1)
    assert middle_of_mask(at) == pytest.approx((0.8, 0.3), abs=0.004), "neither has painted"
    at.keyboard.press("0")
    assert sheet(at) == pytest.approx(fitted, abs=0.5)
    at.get_by_role("button", name="Zoom in (+)").click()
    assert sheet(at)["width"] == pytest.approx(fitted["width"] * 1.5, abs=1)
    expect(at.locator("[data-part=zoom]")).to_have_text("1.5×")
    at.keyboard.press("-")
    assert sheet(at)["width"] == pytest.approx(fitted["width"], abs=1)


def test_what_was_undone_can_be_done_again_and_history_stays_small(at: Page) -> None:
    box = sheet(at)
    marks = [at.evaluate(MASK)]
    for row in (0.2, 0.5, 0.8):
        y = box["top"] + box["height"] * row
        drag(at, (box["left"] + 40, y), (box["left"] + 200, y))
        marks.append(at.evaluate(MASK))
    at.keyboard.press("i")
    marks.append(at.evaluate(MASK))
    for mark in marks[-2::-1]:
        at.keyboard.press("Control+z")
        assert at.evaluate(MASK) == mark
    assert not at.locator(".easel.painted").count()
    for key, mark in zip(("Control+Shift+Z", "Control+y", "Control+y", "Control+Shift+Z"), marks[1:], strict=True):
        at.keyboard.press(key)
        assert at.evaluate(MASK) == mark
    expect(at.get_by_role("button", name="Redo (Ctrl+Shift+Z)")).to_have_attribute("aria-disabled", "true")
    used = at.evaluate(
        """() => { const mask = reverie.easelMask(document.createElement('canvas')); mask.fit(4096, 4096);
        const line = (y) => { mask.stroke({ x: 100, y }, { x: 400, y }, 40, false); mask.end(); };
        for (let i = 0; i < 20; i++) line(50 * i); const strokes = mask.historyBytes();
        for (let i = 0; i < 40; i++) mask.invert(); return [strokes, mask.historyBytes()]; }"""
    )
    assert used[0] < 500_000 and used[1] <= 8 * 2**20, used


def test_a_mask_is_painted_and_dreamt_by_keyboard_alone(at: Page, tmp_path: Path) -> None:
    image = lay(at, tmp_path, (128, 128))
    set_number(at, "mask_blur", 0)
    at.locator("#prompt textarea").fill("a red circle")
    at.locator(".brush-size input").focus()
    for _ in range(24):
        at.keyboard.press("ArrowLeft")
    at.keyboard.press("Tab")
    expect(at.locator(".easel-frame")).to_be_focused()
    expect(at.locator(".ring.by-keys")).to_be_visible()
    box = sheet(at)
    for _ in range(3):
        at.keyboard.press("Shift+ArrowUp")
    at.keyboard.press("Enter")
    x, y = 0.5, 0.5 - 96 / box["height"]
    assert middle_of_mask(at) == pytest.approx((x, y), abs=0.01)
    at.keyboard.down("Space")
    for _ in range(10):
        at.keyboard.press("ArrowRight")
    at.keyboard.up("Space")
    assert painted_box(at)[2] == pytest.approx(x + 40 / box["width"] + 0.05, abs=0.02), "a held key paints on"
    at.keyboard.press("Shift+ArrowDown")
    before = painted_box(at)
    at.keyboard.press("Shift+Enter")
    assert painted_box(at)[3] > before[3] + 0.04, "a straight line from there"

    for _ in range(4):
        at.keyboard.press("+")
    assert sheet(at)["width"] > 4 * box["width"]
    near = sheet(at)
    for _ in range(30):
        at.keyboard.press("Shift+ArrowRight")
    assert sheet(at)["left"] < near["left"], "the picture follows the brush"
    ring, shown = at.locator(".ring").bounding_box(), frame(at)
    assert ring and shown["left"] <= ring["x"] + ring["width"] / 2 <= shown["right"]
    at.keyboard.press("h")
    old, mask = sheet(at)["left"], at.evaluate(MASK)
    at.keyboard.press("Shift+ArrowLeft")
    assert sheet(at)["left"] > old
    at.keyboard.press("Enter")
    assert at.evaluate(MASK) == mask, "the hand does not paint"
    described = at.locator(".easel-frame").get_attribute("aria-describedby")
    assert "Arrow keys move the brush" in at.locator(f"#{described}").inner_text()

    at.keyboard.press("b")
    area = painted_box(at)
    row = wait_for_new(at, lambda: at.keyboard.press("Control+Enter"))
    result, start = pixels(png_of(at, row.locator(".tile").first)), np.asarray(image).astype(int)
    left, top, right, bottom = (round(side * 128) for side in area)
    changed = (result != start).any(axis=2)
    assert changed[top:bottom, left:right].mean() > 0.3
    changed[top - 1 : bottom + 1, left - 1 : right + 1] = False
    assert not changed.any()


def test_the_soft_edge_is_seen_and_lies_inside_the_mask(at: Page) -> None:
    box = sheet(at)
    set_number(at, "mask_blur", 0)
    at.locator(".brush-size input").fill("50")
    centre = (box["left"] + box["width"] / 2, box["top"] + box["height"] / 2)
    bare = look(at)
    at.mouse.move(*centre)
    at.mouse.down()
    at.mouse.up()
    at.mouse.move(5, 5)
    hard = look(at)
    set_number(at, "mask_blur", 16)
    expect(at.locator(".easel-frame:not(.moving) .easel-sheet.soft")).to_be_visible()
    at.mouse.move(5, 5)
    soft = look(at)
    height, width = bare.shape[:2]
    inside = (slice(height // 2 - 3, height // 2 + 3), slice(width // 2 - 3, width // 2 + 3))
    rim = int(height * 0.25)  # of the dab
    edge = (slice(height // 2 - rim + 3, height // 2 - rim + 7), inside[1])
    beyond = (slice(height // 2 - rim - 30, height // 2 - rim - 6), inside[1])
    assert np.abs(soft[inside] - bare[inside]).mean() > 15
    assert np.abs(soft[edge] - bare[edge]).mean() < np.abs(hard[edge] - bare[edge]).mean() / 2
    assert np.abs(soft[beyond] - bare[beyond]).max() <= 2, "nothing outside the mask looks as if it would change"
    legend = at.locator(".easel-legend")
    expect(legend).to_contain_text("Stays exactly as it is")
    expect(legend).to_be_visible()


def look(page: Page) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(page.locator(".easel-sheet").screenshot())) as shot:
        return np.asarray(shot.convert("RGB")).astype(int)


def test_one_finger_paints_and_two_move_the_picture(chromium: Browser, studio: str, tmp_path: Path) -> None:
    context: Any = chromium.new_context(viewport=SMALL_PHONE, has_touch=True, is_mobile=True, locale="en-US")
    context.set_default_timeout(60_000)
    page = context.new_page()
    open_page(page, studio)
    lay(page, tmp_path, (128, 128))
    page.locator("#easel").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#easel').scrollIntoView({ block: 'start' })")
    device = context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        device.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

    box, scrolled = sheet(page), page.evaluate("scrollY")
    x, y = box["left"] + box["width"] / 2, box["top"] + box["height"] / 2
    touch("Start", (x - 30, y))
    touch("Move", (x - 32, y))
    touch("Start", (x - 32, y), (x + 32, y))
    for apart in (40, 60, 80, 96):
        touch("Move", (x - apart, y), (x + apart, y))
    touch("End", (x + 96, y))
    touch("Move", (x - 60, y + 40))
    touch("End")
    near = sheet(page)
    assert near["width"] == pytest.approx(box["width"] * 3, rel=0.1)
    assert not page.locator(".easel.painted").count(), "a pinch paints nothing"
    assert page.evaluate("[visualViewport.scale, scrollY]") == [1, scrolled]
    touch("Start", (x, y))
    for down in range(5, 41, 5):
        touch("Move", (x, y + down))
    touch("End")
    expect(page.locator(".easel.painted")).to_be_visible()
    assert middle_of_mask(page) == pytest.approx(shared(near, x, y + 20), abs=0.01)
    assert page.evaluate("scrollY") == scrolled
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()
