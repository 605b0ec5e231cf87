"""axe-core finds nothing serious at any place of the page; the light look has other colours, and nothing else."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.test_page import open_advanced, open_page, set_number, wait_for_new
from tests.tour import places


def serious(page: Page, where: str, **options: object) -> list[str]:
    """What axe-core calls serious or critical, in words; ``options`` are its own."""
    found = Axe().run(page, options=options or None).response["violations"]
    return [
        f"{where}: {one['id']} at {node['target']}: {node.get('failureSummary', '')[:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.fixture
def at(page: Page, studio: str) -> Page:
    """The page, open, with pictures in the feed and the advanced settings unfolded."""
    open_page(page, studio)
    open_advanced(page)
    set_number(page, "num_inference_steps", 4)
    set_number(page, "num_images_per_prompt", 2)
    page.locator("#prompt textarea").fill("a red circle")
    wait_for_new(page, page.locator("#dream").click)
    return page


@pytest.mark.parametrize("look", ["dark", "light"])
def test_nothing_serious_stands_in_anybodys_way(at: Page, look: str) -> None:
    if look == "light":
        at.locator(".topbar .look").click()
    assert at.locator("html").get_attribute("data-look") == look
    rules = {"runOnly": ["color-contrast"]} if look == "light" else {}
    troubles = [trouble for place in places(at) for trouble in serious(at, place, **rules)]
    assert troubles == []
