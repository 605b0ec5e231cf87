"""Jobs steered from the page, in a real Chromium on a real Reverie."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.studio import Studio
from tests.test_page import newest, open_advanced, open_page, pixels, png_of, set_number


def test_a_job_is_paused_found_again_resumed_and_loses_a_picture(page: Page, studio: str) -> None:
    open_page(page, studio)
    open_advanced(page)
    set_number(page, "num_inference_steps", 150)
    set_number(page, "num_images_per_prompt", 3)
    page.locator("#prompt textarea").fill("a red circle on a blue background")
    page.locator("#dream").click()
    row = page.locator("article.row.live")
    expect(row.locator(".tile img:visible")).to_have_count(3)
    row.get_by_role("button", name="Pause").click()
    expect(row.locator(".row-note")).to_contain_text("Paused")

    open_page(page, studio)

    expect(row.locator(".row-note")).to_contain_text("Paused")
    expect(row.locator(".tile")).to_have_count(3)
    row.locator(".tile").nth(1).hover()
    row.locator(".tile").nth(1).get_by_role("button", name="Skip this picture").click()
    expect(row.locator(".tile")).to_have_count(2)
    step = row.locator(".tile figcaption").first.inner_text()
    assert step.startswith("Step ")
    assert row.locator(".tile figcaption").first.inner_text() == step
    row.get_by_role("button", name="Resume").click()
    expect(row.locator(".row-note")).to_contain_text("Step ")
    expect(row).to_have_count(0, timeout=60_000)
    seeds = [int(tile.get_attribute("data-seed") or -1) for tile in newest(page).locator(".tile").all()]
    assert len(seeds) == 2
    assert seeds[1] == seeds[0] + 2


def test_a_picture_that_is_done_before_the_page_hears_of_it_is_shown(page: Page, studio: str) -> None:
    open_page(page, studio)
    open_advanced(page)
    set_number(page, "num_inference_steps", 30)
    set_number(page, "num_images_per_prompt", 1)
    page.locator("#prompt textarea").fill("a yellow star on a green background")
    page.locator("#dream").click()
    page.locator("article.row.live").get_by_role("button", name="Pause").click()
    expect(page.locator("article.row.live .row-note")).to_contain_text("Paused")
    held: list[Route] = []
    free: list[bool] = []
    page.route("**/reverie/live", lambda route: route.continue_() if free else held.append(route))
    open_page(page, studio)
    finished = page.locator("article.row[data-row]")
    count = finished.count()

    other = page.context.new_page()
    open_page(other, studio)
    other.locator("article.row.live").get_by_role("button", name="Resume").click()
    expect(other.locator("article.row[data-row]")).to_have_count(count + 1, timeout=60_000)
    expect(finished).to_have_count(count)
    free.append(True)
    for route in held:
        route.continue_()
    expect(finished).to_have_count(count + 1)


@pytest.mark.parametrize(
    ("times", "pictures", "side"),
    [(4, 8, 128), pytest.param(50, 8, 256, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])],
)
def test_a_page_opened_again_and_again_shows_the_same_job_and_then_its_picture(
    page: Page, studio: str, times: int, pictures: int, side: int
) -> None:
    open_page(page, studio)
    open_advanced(page)
    set_number(page, "num_inference_steps", 150)
    set_number(page, "num_images_per_prompt", pictures)
    page.get_by_role("button", name="Set width and height").first.click()
    for name in ("Width", "Height"):
        page.get_by_label(name).first.fill(str(side))
        page.get_by_label(name).first.press("Tab")
    page.locator("#prompt textarea").fill("a green square on a white background")
    page.locator("#dream").click()
    row = page.locator("article.row.live")
    expect(row.locator(".tile img:visible")).to_have_count(pictures)
    job, step = row.get_attribute("data-job"), 0

    for _ in range(times):
        open_page(page, studio)
        expect(row.locator(".tile img:visible")).to_have_count(pictures)
        assert row.get_attribute("data-job") == job
        reached = int(row.locator(".tile figcaption").first.inner_text().split()[1])
        assert reached >= step, "the job went on while nobody watched"
        step = reached

    expect(row).to_have_count(0, timeout=900_000)
    assert step > 1
    expect(newest(page).locator(".tile")).to_have_count(pictures)
    assert pixels(png_of(page, newest(page).locator(".tile").first)).shape == (side, side, 3)


def test_a_waiting_job_goes_first_and_a_failed_one_is_tried_again(
    page: Page, new_studio: Callable[..., Studio], tiny_model_dir: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_model_dir, tmp_path / "models" / "tiny")
    weights = tmp_path / "models" / "tiny" / "unet" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    studio = new_studio("--at-once", "1", "--models-dir", str(tmp_path / "models"))
    try:
        open_page(page, studio.url)
        open_advanced(page)
        set_number(page, "num_images_per_prompt", 8)
        set_number(page, "num_inference_steps", 150)
        for prompt in ("first", "second", "third"):
            page.locator("#prompt textarea").fill(prompt)
            page.locator("#dream").click()
            expect(page.locator("article.row.live .row-prompt").first).to_have_text(prompt)
            set_number(page, "num_images_per_prompt", 1)
            set_number(page, "num_inference_steps", 4)

        def row(prompt: str) -> Locator:
            return page.locator("article.row", has=page.locator(".row-prompt", has_text=prompt))

        expect(row("third").locator(".row-note")).to_contain_text("Waiting, 1 ahead")
        row("third").get_by_role("button", name="Go first").click()
        expect(row("third").locator(".row-note")).to_contain_text("Next in line")
        expect(row("second").locator(".row-note")).to_contain_text("Waiting, 1 ahead")
        row("first").get_by_role("button", name="Stop").click()
        for prompt in ("second", "third"):
            expect(page.locator("article.row[data-row]", has_text=prompt)).to_have_count(1)

        page.locator("#model input").click()
        page.get_by_role("option", name="tiny").click()
        page.locator("#prompt textarea").fill("with a damaged model")
        page.locator("#dream").click()
        failed = page.locator("article.row.failed")
        expect(failed.locator(".failure")).to_contain_text("Model 'tiny' in tiny cannot be loaded")
        weights.write_bytes(whole)
        failed.get_by_role("button", name="Try again").click()
        expect(failed).to_have_count(0)
        expect(newest(page).locator(".row-prompt")).to_have_text("with a damaged model")
    finally:
        studio.stop()


def test_a_double_click_is_one_wish_and_stop_takes_what_was_begun_last(page: Page, studio: str) -> None:
    open_page(page, studio)
    open_advanced(page)
    set_number(page, "num_inference_steps", 150)
    set_number(page, "num_images_per_prompt", 4)
    live = page.locator("article.row.live")
    page.locator("#prompt textarea").fill("a red circle, asked for first")
    page.locator("#dream").dblclick()
    expect(live).to_have_count(1)
    page.locator("#prompt textarea").fill("a blue square, asked for second")
    page.locator("#dream").click()
    expect(live).to_have_count(2)

    page.locator("#stop").click()

    expect(live).to_have_count(1)
    expect(live.locator(".row-prompt")).to_have_text("a red circle, asked for first")
    page.keyboard.press("Escape")
    expect(live).to_have_count(0)


COUNT_STREAMS = """window.streams = 0; window.EventSource = class extends EventSource {
  constructor(...how) { super(...how); window.streams += 1; }
  close() { if (this.readyState !== EventSource.CLOSED) window.streams -= 1; super.close(); } };
window.out_of_sight = (so) => { Object.defineProperty(document, "hidden", { configurable: true, get: () => so });
  document.dispatchEvent(new Event("visibilitychange")); };"""


def test_of_the_tabs_that_nobody_sees_one_listens(page: Page, studio: str) -> None:
    page.context.add_init_script(COUNT_STREAMS)
    open_page(page, studio)
    page.locator("#prompt textarea").fill("a grey circle on a white background")
    page.locator("#dream").click()
    page.locator("article.row.live").get_by_role("button", name="Pause").click()
    expect(page.locator("article.row.live .row-note")).to_contain_text("Paused")
    other = page.context.new_page()
    open_page(other, studio)
    expect(other.locator("article.row.live .row-note")).to_contain_text("Paused")
    for tab in (page, other):
        assert tab.evaluate("window.streams") == 1
        tab.evaluate("window.out_of_sight(true)")
    other.wait_for_function("window.streams === 0")
    assert page.evaluate("window.streams") == 1

    other.evaluate("window.out_of_sight(false)")
    other.wait_for_function("window.streams === 1")
    other.locator("article.row.live").get_by_role("button", name="Stop").click()
    expect(page.locator("article.row.live")).to_have_count(0)
