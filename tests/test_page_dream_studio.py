"""The table of Dream Studio's controls against ours says what the running page has."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.studio import ROOT
from tests.test_page import open_advanced, open_page

SLIDERS = {
    "Prompt strength": "guidance_scale",
    "Generation steps": "num_inference_steps",
    "Image count": "num_images_per_prompt",
    "Image strength": "image-strength",
}
MENUS = {"Style": "style", "Sampler": "scheduler", "Model": "model"}


def rows() -> dict[str, list[str]]:
    """The first table's rows by Dream Studio's label."""
    text = (Path(ROOT) / "docs" / "dream-studio.md").read_text(encoding="utf-8")
    table = text.split("Beside the panel")[0]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| ")
    ]
    return {row[0]: row for row in cells[2:]}


def test_the_table_is_what_the_page_has(page: Page, studio: str) -> None:
    open_page(page, studio)
    open_advanced(page)
    told = rows()
    assert set(told) == {*SLIDERS, *MENUS, "Seed", "Ratio"}
    page.get_by_role("tab", name="Image to image", exact=True).click()
    for name, place in SLIDERS.items():
        _, _, _, label, bounds, default, _ = told[name]
        block, box = page.locator(f"#{place}"), page.locator(f"#{place} input[type=number]")
        expect(block).to_contain_text(label)
        assert bounds == f"{box.get_attribute('min')} to {box.get_attribute('max')}", name
        expect(box).to_have_value(default)
    for name, place in MENUS.items():
        _, _, _, label, choices, default, _ = told[name]
        block = page.locator(f"#{place}")
        expect(block).to_contain_text(label)
        expect(block.locator("input").first).to_have_value("" if default == "none" else default)
        count = re.match(r"(\d+) ", choices)
        if count:
            block.locator("input").first.click()
            expect(page.locator("ul[role=listbox] [role=option]")).to_have_count(int(count[1]))
            page.keyboard.press("Escape")
    seed = page.locator("#seed input, #seed textarea").first
    assert seed.get_attribute("placeholder") == told["Seed"][5]
    page.get_by_role("tab", name="Text to image", exact=True).click()
    expect(page.locator("#size output")).to_have_text(told["Ratio"][5])
