"""Prompts and styles on the page, in a real Chromium on a real Reverie."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.test_page import dream, newest, open_advanced, open_page, set_number


@pytest.fixture
def at(page: Page, studio: str) -> Page:
    open_page(page, studio)
    open_advanced(page)
    set_number(page, "num_inference_steps", 3)
    return page


def test_the_line_follows_the_words_and_dream_refuses_what_cannot_be_read(at: Page) -> None:
    prompt, line = at.locator("#prompt textarea"), at.locator("#prompt-line")
    prompt.press_sequentially("a red boat")
    expect(line.locator(".count")).to_have_text("3 / 38 tokens")
    prompt.fill("a red boat {at sea|at sea}")
    expect(line.locator(".runs")).to_have_text("For example a red boat at sea")
    before = newest(at).get_attribute("data-row") if newest(at).count() else None
    prompt.fill("a (red boat")
    expect(line.locator(".trouble")).to_contain_text("Prompt has a '(' at character 3 that is never closed")
    at.locator("#dream").click()
    expect(at.locator(".toast-body")).to_contain_text("that is never closed")
    expect(prompt).to_have_value("a (red boat")
    assert (newest(at).get_attribute("data-row") if newest(at).count() else None) == before


def test_a_style_is_saved_worn_with_another_and_deleted(at: Page, tmp_path: Path) -> None:
    at.locator("#manage-styles button").first.click()
    at.locator("#prompt textarea").fill("ink on grey paper")
    at.locator("#style-name input, #style-name textarea").first.fill("My ink")
    at.locator("#save-style").click()
    expect(at.get_by_text("My ink is in the Style list now")).to_be_visible()
    (tmp_path / "styles.csv").write_text("name,prompt,negative_prompt\nGlass,made of glass,wood\n")
    at.locator("#styles-file input[type=file]").set_input_files(tmp_path / "styles.csv")
    expect(at.get_by_text("1 style came in")).to_be_visible()
    for label in ("My ink", "Glass"):
        at.locator("#style input").click()
        at.get_by_role("option", name=label, exact=True).click()
    at.keyboard.press("Escape")
    row = dream(at, "an amber lamp", count=1)
    expect(row).to_have_attribute("aria-label", "an amber lamp")

    at.reload()
    at.wait_for_function("document.body.classList.contains('restored')")
    expect(at.locator("#style .token")).to_have_text(["My ink", "Glass"])
    at.locator("#manage-styles button").first.click()
    at.locator("#remove-styles").click()
    expect(at.locator("#style .token")).to_have_count(0)
