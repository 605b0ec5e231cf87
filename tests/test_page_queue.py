"""Jobs steered from the page, in a real Chromium on a real Reverie."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Page, expect

from tests.test_page import newest, open_advanced, open_page, set_number

expect.set_options(timeout=30_000)


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
